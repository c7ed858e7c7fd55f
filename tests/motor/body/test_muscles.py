"""Muscles: activation, the curves of force, and paths over the bones."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.motor import (
    MOTORNET,
    NIJHOF_KOUWENHOVEN,
    ArmState,
    Muscles,
    first_order_activation,
    path_length,
    runge_kutta,
    thelen_activation,
)
from jaxbrain.motor.body.activation import excitation
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
from jaxbrain.motor.body.muscles import Pull, muscle_forces, muscle_pull

pytestmark = pytest.mark.x64

HILLS = {"thelen": thelen_hill(), "kistemaker": kistemaker_hill(), "mujoco": mujoco_hill()}
each_hill = pytest.mark.parametrize("hill", HILLS.values(), ids=HILLS)
ONE = jnp.float32(1.0)
RNG = np.random.default_rng(0)
L, V, A = RNG.uniform(0.4, 1.7, 40), RNG.uniform(-1.2, 1.2, 40), RNG.uniform(0, 1, 40)


def close(found, wanted, tolerance=1e-12):
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


# ---- activation


def test_first_order_activation_is_an_exponential():
    def after(u, a, seconds, **times):
        rate = jax.jit(lambda a: first_order_activation(u, a, **times))
        for _ in range(100):
            a = runge_kutta(rate, a, seconds / 100)
        return a

    u, a = jnp.array([0.8, 0.1]), jnp.array([0.2, 0.9])
    tau = np.array([0.02, 0.06])
    wanted = u + (a - u) * np.exp(-0.03 / tau)
    close(after(u, a, 0.03, rise=0.02, fall=0.06), wanted, 1e-9)
    assert np.abs(after(u, a, 0.03, rise=0.06, fall=0.02) - wanted).min() > 0.05


def test_thelen_activation_is_its_equation():
    u = RNG.uniform(0, 1, 40)
    tau = np.where(u > A, 0.013 * (0.5 + 1.5 * A), 0.047 / (0.5 + 1.5 * A))
    close(thelen_activation(jnp.asarray(u), jnp.asarray(A), rise=0.013, fall=0.047), (u - A) / tau)
    close(HILLS["mujoco"].activation(ONE, 0 * ONE), 1 / (0.01 * 0.5), 1e-6)
    close(HILLS["mujoco"].activation(0 * ONE, ONE), -1 / (0.04 / 2), 1e-6)
    close(HILLS["thelen"].activation(ONE, 0 * ONE), 1 / (0.015 * 0.5), 1e-6)


def test_thelen_activation_passes_a_level_at_the_time_of_its_integral():
    # From 0 under u = 1: t(a) = 0.015 int (0.5 + 1.5 a) / (1 - a) da
    a, t = 0.7, 0.015 * (-1.5 * 0.7 - 2 * np.log(1 - 0.7))
    rate = jax.jit(lambda a: thelen_activation(jnp.array(1.0), a))
    found = jnp.array(0.0)
    for _ in range(200):
        found = runge_kutta(rate, found, t / 200)
    close(found, a, 1e-8)


def test_an_excitation_counts_within_its_bounds_and_passes_a_gradient_there():
    commands = jnp.array([-0.5, 0.0, 0.4, 1.0, 3.0])
    close(excitation(commands), [0, 0, 0.4, 1, 1])
    close(jax.vmap(jax.grad(excitation))(commands), [0, 1, 1, 1, 0])
    for rate in (thelen_activation, first_order_activation):
        close(rate(commands, jnp.full(5, 0.3)), rate(excitation(commands), jnp.full(5, 0.3)))


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


def test_thelen_curves_are_the_equations_in_metres_per_second():
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


@each_hill
def test_velocity_is_normalised_by_the_optimal_length_too(hill):
    muscles = Muscles((800.0, 400.0), (0.2, 0.1), (0.1, 0.14))
    optimal = np.array(muscles.optimal)
    lengths = np.array(muscles.tendon) + optimal

    def force(velocity):
        pulled = Pull(jnp.asarray(lengths), jnp.asarray(velocity), jnp.zeros((2, 2)))
        return muscle_forces(muscles, hill, jnp.ones(2), pulled)

    passive = np.array(muscles.force) * hill.passive(jnp.ones(2))
    close(force(np.zeros(2)), np.array(muscles.force) + passive, 1e-9)
    close(force(-hill.vmax * optimal), passive, 1e-9)
    # What a velocity over vmax alone would give: force left at the greatest speed.
    forgotten = hill.velocity(-jnp.asarray(optimal), jnp.ones(2), jnp.ones(2))
    assert forgotten.min() > 0.3


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match="thelen_hill: vmax must be positive"):
        thelen_hill(vmax=0.0)
    with pytest.raises(
        ValueError, match=r"kistemaker_hill: slack must be positive and below 1\.66"
    ):
        kistemaker_hill(slack=1.7)
    with pytest.raises(ValueError, match="mujoco_hill: vmax must be positive"):
        mujoco_hill(vmax=-1.5)


# ---- paths

PATHS = (
    [(0, -0.05, 0.02), (1, 0.12, 0.02)],  # trunk to upper arm
    [(1, 0.15, 0.02), (2, 0.05, 0.015)],  # upper arm to forearm
    [(0, -0.02, 0.03), (1, 0.2, 0.03), (2, 0.04, -0.01), (2, 0.1, 0.0)],  # over both joints
)


def by_hand(arm, q):
    def point(link, along, across):
        turn = (0.0, q[0], q[0] + q[1])[link]
        start = arm.lengths[0] * np.array([np.cos(q[0]), np.sin(q[0])]) if link == 2 else 0.0
        bone = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        return start + bone @ np.array([along, across])

    def path(points):
        places = [point(*p) for p in points]
        return sum(np.linalg.norm(b - a) for a, b in pairwise(places))

    return np.array([path(points) for points in PATHS])


@pytest.mark.parametrize("arm", [MOTORNET, NIJHOF_KOUWENHOVEN], ids=["motornet", "nijhof"])
def test_paths_are_straight_and_their_velocity_is_that_of_their_length(arm):
    length = path_length(arm, PATHS)
    q, w = np.array([0.7, 1.3]), np.array([1.7, -2.2])
    close(length(jnp.asarray(q)), by_hand(arm, q))
    pulled = muscle_pull(length, jax.jacfwd(length), ArmState(jnp.asarray(q), jnp.asarray(w)))
    h = 1e-6
    difference = (by_hand(arm, q + h * w) - by_hand(arm, q - h * w)) / (2 * h)
    close(pulled.velocities, difference, 1e-8)
    # MotorNet counts the velocity of the shoulder twice where a point is on the forearm.
    twice = difference + pulled.moment_arms @ np.array([w[0], 0.0])
    assert np.abs(twice - difference)[[0, 2]].min() > 1e-3


def test_a_path_without_length_has_a_finite_derivative():
    length = path_length(MOTORNET, [[(1, 0.309, 0.0), (2, 0.0, 0.0)]])
    q = jnp.array([0.3, 1.0])
    close(length(q), 0)
    assert np.all(np.isfinite(jax.jacrev(length)(q)))


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([[(1, 0.1, 0.0)]], "two points or more each, got 1 in path 0"),
        ([[(1, 0.1, 0.0), (3, 0.1, 0.0)]], r"link 0 .*got \(3, 0.1, 0.0\) in path 0"),
    ],
    ids=["one-point", "link-3"],
)
def test_paths_that_are_none_are_refused(paths, message):
    with pytest.raises(ValueError, match=message):
        path_length(MOTORNET, paths)
