"""Descent of activities: backtracking never raises the energy, and leaves a good step as it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning.energy.descent import backtracking, fixed_step
from jaxbrain.learning.energy.predictive import nudged
from jaxbrain.learning.energy.predictive_clamped import clamped
from tests.learning.energy.equations import learn, relaxed
from tests.theory import CE, HALF, mlp, problem

pytestmark = pytest.mark.x64

NET = mlp(jnp.tanh)


def test_backtracking_is_for_each_example_and_keeps_a_step_that_is_small_enough():
    def bowls(z):
        return jnp.array([1.0, 50.0, 5.0]) * jnp.sum(z[0] ** 2, axis=1)

    z = [jnp.array([[1.0, 2.0]] * 3)]
    out = jax.jit(lambda z: backtracking(bowls, z, 0.25))(z)[0]
    np.testing.assert_allclose(out[0], fixed_step(bowls, z, 0.25)[0][0])
    np.testing.assert_allclose(out[0], z[0][0] * (1 - 0.25 * 2))
    size = 0.25 / 2**4  # 1 - 2 c s >= -1 needs s <= 1 / 50
    np.testing.assert_allclose(out[1], (1 - 100 * size) * z[0][1])
    np.testing.assert_allclose(out[2], (1 - 10 * 0.25 / 2) * z[0][2])  # whatever the others do
    stuck = backtracking(lambda a: jnp.sum(jnp.abs(a[0]), axis=1), [0 * z[0]], 1.0)
    assert np.all(stuck[0] == 0)


def test_backtracking_stays_where_no_step_is_small_enough():
    """An energy that rises along its own descent, by a wrong sign of its derivative."""

    @jax.custom_jvp
    def wrong(z):
        return z**2

    wrong.defjvp(lambda z, t: (wrong(*z), -2 * z[0] * t[0]))
    z = [jnp.array([1.0, -3.0])]
    out = jax.jit(lambda z: backtracking(lambda z: wrong(z[0]), z, 1.0))(z)[0]
    np.testing.assert_array_equal(out, z[0])


@pytest.mark.parametrize("make", [nudged, clamped])
@pytest.mark.slow
def test_backtracking_never_raises_the_energy(make):
    options = {"nudge": 0.5} if make is nudged else {}

    def path(descent):
        @jax.jit
        @jax.vmap
        def run(gain, step_size, seed):
            kp, kx, ky = jax.random.split(jax.random.key(seed), 3)
            x = jax.random.normal(kx, (5, 4), "float64")
            params = jax.tree.map(lambda p: gain * p, NET.init(kp, x[0]))
            y = 3 * jax.random.normal(ky, (5, 3), "float64")
            after = [
                relaxed(make, NET, HALF, params, x, y, **options, steps=n, step_size=step_size,
                        descent=descent)[1].energy
                for n in (0, 1, 2, 4, 8)
            ]  # fmt: skip
            return jnp.stack(after)

        gains, sizes = np.meshgrid([0.5, 2.0, 8.0], [0.1, 1.0, 30.0, 1e6])
        return run(jnp.array(gains.ravel()), jnp.array(sizes.ravel()), jnp.arange(12))

    safe, wild = path(backtracking), path(fixed_step)
    assert np.all(np.isfinite(safe)) and np.all(np.diff(safe) <= 1e-12 * safe[:, :1])
    assert np.all(safe[:, -1] < safe[:, 0])  # it does move
    rises = np.any(~(np.diff(wild) <= 0), axis=1)
    assert rises[6:].all() and not rises[0]  # control: step sizes of 30 and more


@pytest.mark.parametrize(
    "name, start",
    [
        ("predictive_coding", 0.01),
        ("centered_predictive_coding", 0),  # the mean over both nudges
        ("clamped_predictive_coding", 1),
        ("incremental_predictive_coding", 1),
    ],
)
def test_every_rule_with_an_energy_takes_a_descent(name, start):
    """The energy starts at a multiple of the loss; a step size of 40 raises it."""
    params, x, y = problem(NET, CE)
    make = getattr(jb.learning, name)
    safe = make(NET, CE, steps=5, step_size=40.0, descent=backtracking)
    wild = make(NET, CE, steps=5, step_size=40.0)
    loss, _, low = jax.jit(safe.grads)(params, None, x, y)
    assert low.energy < start * loss and not learn(wild, params, x, y)[1].energy < start * loss
