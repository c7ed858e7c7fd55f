"""Curves of Hill muscles: the equations of the sources, continuity, gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.motor.body.hill import (
    hill_force,
    kistemaker_active,
    kistemaker_hill,
    kistemaker_passive,
    kistemaker_velocity,
    mujoco_active,
    mujoco_hill,
    mujoco_passive,
    mujoco_velocity,
    thelen_active,
    thelen_hill,
    thelen_passive,
    thelen_velocity,
)
from tests.motor.body.bodies import HILLS, close, each_hill

pytestmark = pytest.mark.x64
RNG = np.random.default_rng(0)
L, V, A = RNG.uniform(0.4, 1.7, 40), RNG.uniform(-1.2, 1.2, 40), RNG.uniform(0, 1, 40)


# ---- curves


@each_hill
def test_curves_are_one_at_rest_and_force_is_gone_at_vmax(hill):
    one, zero = jnp.ones(()), jnp.zeros(())
    close(hill.active(one), 1)
    close(hill.velocity(zero, one, one), 1)
    close(hill.velocity(-one, one, one), 0)
    assert hill.velocity(-0.95 * one, one, one) > 1e-4
    close(jax.vmap(lambda a: hill_force(hill, a, one, zero))(jnp.asarray(A)), A)


@each_hill
def test_force_over_velocity_is_continuous_and_rises(hill):
    v = jnp.linspace(-1.5, 1.5, 3001)
    for a, length in ((1.0, 1.0), (0.5, 0.8), (0.05, 1.3), (0.0, 0.5), (0.29, 1.6)):
        force = hill.velocity(v, jnp.full_like(v, length), jnp.full_like(v, a))
        steps = np.diff(force)
        assert steps.min() >= -1e-15
        assert force[0] == 0
        assert force[-1] > 1.1
        coarse = np.abs(np.diff(force[::2])).max()
        assert steps.max() < 0.75 * coarse, "a jump does not shrink with the step"


@each_hill
def test_gradients_are_finite_everywhere(hill):
    edges = jnp.array([-10.0, -1.0, -0.25, -1e-9, 0.0, 0.2, 1.0, 10.0])
    lengths = jnp.array([0.0, 0.34, 0.5, 1.0, 1.3, 1.4, 1.6, 1.66, 2.5])
    levels = jnp.array([0.0, 0.3, 1.0])
    grid = jnp.stack(jnp.meshgrid(levels, lengths, edges), -1).reshape(-1, 3)
    slopes = jax.jit(jax.vmap(jax.grad(lambda x: hill_force(hill, *x))))(grid)
    assert np.all(np.isfinite(slopes))
    single = jax.jit(jax.vmap(jax.grad(lambda x: hill_force(hill, *x))))(grid.astype(jnp.float32))
    assert single.dtype == jnp.float32
    assert np.all(np.isfinite(single))


def test_thelen_curves_are_the_equations_in_meters_per_second():
    optimal, af, most = 0.13, 0.25, 1.4
    vm, v = 10 * optimal, V * 10 * optimal
    down = af * (4 * v + vm * (3 * A + 1)) / (af * vm * (3 * A + 1) - 4 * v)
    base = af * vm * (3 * A + 1) * (most - 1)
    up = (base + 8 * v * most * (1 + af)) / (base + 8 * v * (1 + af))
    wanted = np.where(v <= 0, np.maximum(down, 0), up)
    found = thelen_velocity(jnp.asarray(v / (optimal * 10)), jnp.asarray(L), jnp.asarray(A))
    close(found, wanted)
    close(thelen_active(jnp.asarray(L)), np.exp(-((L - 1) ** 2) / 0.45))
    passive = np.maximum((np.exp(5 * (L - 1.1) / 0.6) - 1) / (np.exp(5) - 1), 0)
    close(thelen_passive(jnp.asarray(L), slack=1.1), passive)


def test_kistemaker_curves_are_the_hyperbolas_in_optimal_lengths_per_second():
    active = np.maximum(1 - (L - 1) ** 2 / 0.66**2, 0.01)
    close(kistemaker_active(jnp.asarray(L)), active)
    close(kistemaker_passive(jnp.asarray(L)), (np.maximum(L - 1.4, 0) / 0.26) ** 2)
    v = V * 5.2 / 0.41  # L0/s
    a_rel = np.where(L > 1, 0.41 * active, 0.41)
    b_rel = np.where(A < 0.3, 5.2 * (1 - 0.9 * (A - 0.3) / (0.005 - 0.3)) ** 2, 5.2)
    down = (v * a_rel + active * b_rel) / (b_rel - v) / active
    slope = 2 * (active + a_rel) / b_rel / active  # twice the concentric one at rest
    up = 1.5 - 0.5 / (1 + 2 * slope * v)
    wanted = np.where(v < 0, np.maximum(down, 0), up)
    close(kistemaker_velocity(jnp.asarray(V), jnp.asarray(L), jnp.asarray(A)), wanted)


def test_mujoco_curves_have_its_constants():
    def active(length, lmin=0.5, lmax=1.6):
        a, b = (lmin + 1) / 2, (1 + lmax) / 2
        pieces = (
            (length - lmin) / (a - lmin), (1 - length) / (1 - a),
            (length - 1) / (b - 1), (lmax - length) / (lmax - b),
        )  # fmt: skip
        inner = [x**2 / 2 for x in pieces]
        inside = [inner[0], 1 - inner[1], 1 - inner[2], inner[3]]
        out = (length < lmin) | (length > lmax)
        return np.select([out, length <= a, length <= 1, length <= b], [0, *inside[:3]], inside[3])

    x = (L - 1) / 0.3
    close(mujoco_active(jnp.asarray(L)), active(L))
    close(
        mujoco_passive(jnp.asarray(L)),
        np.select([L <= 1, L <= 1.3], [0, 1.3 * x**2 / 2], 1.3 * (0.5 + (L - 1.3) / 0.3)),
    )
    velocity = np.select(
        [V <= -1, V <= 0, V <= 0.2], [0, (V + 1) ** 2, 1.2 - (0.2 - V) ** 2 / 0.2], 1.2
    )
    close(mujoco_velocity(jnp.asarray(V), jnp.asarray(L), jnp.asarray(A)), velocity)
    assert HILLS["mujoco"].vmax == 1.5
    assert HILLS["thelen"].vmax == 10


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match="thelen_hill: vmax must be positive"):
        thelen_hill(vmax=0.0)
    with pytest.raises(
        ValueError, match=r"kistemaker_hill: slack must be positive and below 1\.66"
    ):
        kistemaker_hill(slack=1.7)
    with pytest.raises(ValueError, match="mujoco_hill: vmax must be positive"):
        mujoco_hill(vmax=-1.5)
