"""Arms, states and runs that tests of bodies share."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.motor import (
    LI_TODOROV,
    MOTORNET,
    NIJHOF_KOUWENHOVEN,
    Action,
    ArmState,
)
from jaxbrain.motor.body.hill import kistemaker_hill, mujoco_hill, thelen_hill

ARMS = {"motornet": MOTORNET, "nijhof": NIJHOF_KOUWENHOVEN, "li": LI_TODOROV}
each_arm = pytest.mark.parametrize("arm", ARMS.values(), ids=ARMS)


def states(count=8, seed=0):
    """Angles well within the limits, any velocities."""
    rng = np.random.default_rng(seed)
    angles = np.stack([rng.uniform(0.1, 2.2, count), rng.uniform(0.1, 2.5, count)], 1)
    return ArmState(jnp.asarray(angles), jnp.asarray(3 * rng.normal(size=(count, 2))))


def each(function, *arguments):
    """One program over all states."""
    return jax.jit(jax.vmap(function))(*arguments)


def euler(plant):
    """The same body under the integrator of the peers."""

    def advance(state, action, dt):
        move = lambda s, k: s + jnp.asarray(dt).astype(s.dtype) * k  # noqa: E731
        return jax.tree.map(move, state, plant.physics.flow(state, action))

    def step(params, state, action, *, key=None):
        state = advance(state, action, plant.dt)
        return state, plant.hand(params, state)

    return plant._replace(step=step, physics=plant.physics._replace(advance=advance))


def rolled(plant, state, action, steps):
    """The last state, compiled."""

    def run(state, action):
        body = lambda s, _: (plant.step((), s, action)[0], None)  # noqa: E731
        return jax.lax.scan(body, state, length=steps)[0]

    return jax.jit(run)(state, action)


HILLS = {"thelen": thelen_hill(), "kistemaker": kistemaker_hill(), "mujoco": mujoco_hill()}


each_hill = pytest.mark.parametrize("hill", HILLS.values(), ids=HILLS)


def close(found, wanted, tolerance=1e-12):
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


@partial(jax.jit, static_argnums=0)
def run(body, state, commands):
    """All states and hands under commands ``[time, muscles]``."""

    def one(state, command):
        state, hand = body.step((), state, Action(command, jnp.zeros_like(command, shape=2)))
        return state, (state, hand)

    return jax.lax.scan(one, state, commands)[1]
