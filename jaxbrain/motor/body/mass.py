"""A point mass in the plane, moved by a force: the simplest body."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_positive
from jaxbrain.core.types import Params
from jaxbrain.motor.body.plant import (
    DECIMETERS,
    Action,
    Hand,
    Physics,
    Plant,
    center_like,
    require_action,
    require_position,
    runge_kutta,
)
from jaxbrain.networks.parts import no_params


class PointState(NamedTuple):
    """Position and velocity of a mass.

    Attributes:
      position: in m ``[2]``.
      velocity: in m/s ``[2]``.
    """

    position: jax.Array
    velocity: jax.Array


@configured
def point_mass(
    *,
    mass: float | jax.Array = 1.0,
    friction: float | jax.Array = 0.0,
    dt: float | jax.Array = 0.01,
) -> Plant:
    """A mass in the plane, without gravity, that is itself the hand.

    mass dv/dt = command + force - friction v, dx/dt = v

    Integrated by the Runge-Kutta method of order four, exact without friction. Sensory feedback is
    its position (dm) and velocity (m/s). To sweep a constant, build it inside of what is vmapped.

    Args:
      mass: in kg.
      friction: in N s/m.
      dt: the time of a step, in s.

    Returns:
      The Plant; the command is a force in N ``[2]``, its state a `PointState`.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> plant = jb.motor.point_mass(mass=2.0)
      >>> state = plant.place((), jnp.array([0.0, 0.4]))
      >>> action = jb.motor.Action(jnp.array([4.0, 0.0]), force=jnp.zeros(2))
      >>> _, hand = plant.step((), state, action)
      >>> hand.velocity.round(3).tolist()  # 4 N / 2 kg * 0.01 s
      [0.02..., 0.0]
    """
    require_positive("point_mass", "mass", mass)
    require_positive("point_mass", "friction", friction, zero=True)
    require_positive("point_mass", "dt", dt)

    def total_force(state: PointState, action: Action) -> jax.Array:
        drag = as_number(friction, state.velocity) * state.velocity
        return action.command + action.force - drag

    def flow(state: PointState, action: Action) -> PointState:
        force = total_force(state, action)
        return PointState(state.velocity, force / as_number(mass, force))

    def advance(state: PointState, action: Action, dt: Any) -> PointState:
        return runge_kutta(lambda s: flow(s, action), state, dt)

    def energy(state: PointState) -> jax.Array:
        return as_number(mass, state.velocity) / 2 * jnp.sum(state.velocity**2)

    def power(state: PointState, action: Action) -> jax.Array:
        return jnp.sum(total_force(state, action) * state.velocity)

    def carry(params: Params, action: Any) -> PointState:
        return place(params, center_like("point_mass", action, 2))

    def step(
        params: Params, state: PointState, action: Action, *, key: jax.Array | None = None
    ) -> tuple[PointState, Hand]:
        state = advance(state, require_action("point_mass", action, 2), dt)
        return state, Hand(*state)

    def sensory_feedback(params: Params, state: PointState) -> jax.Array:
        return jnp.concatenate([DECIMETERS * state.position, state.velocity])

    def place(params: Params, position: jax.Array) -> PointState:
        position = require_position("point_mass", position)
        return PointState(position, jnp.zeros_like(position))

    return Plant(
        no_params,
        carry,
        step,
        sensory_feedback,
        hand=lambda params, state: Hand(*state),
        place=place,
        commands=2,
        dt=dt,
        physics=Physics(flow, advance, energy, power),
    )
