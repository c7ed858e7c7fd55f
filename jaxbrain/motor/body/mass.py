"""The simplest body: a mass in the plane, pushed by a force."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_positive
from jaxbrain.core.types import Params
from jaxbrain.motor.body.plant import (
    CENTER,
    Action,
    Hand,
    Physics,
    Plant,
    require_drive,
    runge_kutta,
)


class PointState(NamedTuple):
    """Where a mass is and how it moves.

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

    Steps are of the Runge-Kutta method of order four, exact without friction. It senses its
    position (dm) and its velocity (m/s). To sweep a constant, build it inside of what is vmapped.

    Args:
      mass: in kg.
      friction: in N s/m.
      dt: the time of a step, in s.

    Returns:
      The Plant; the command is a force in N ``[2]``, its state a `PointState`.

    Raises:
      ValueError: if mass or dt is not positive, or friction negative; at a step, if the drive has
        another shape.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> plant = jb.motor.point_mass(mass=2.0)
      >>> state = plant.place((), jnp.array([0.0, 0.4]))
      >>> drive = jb.motor.Action(jnp.array([4.0, 0.0]), force=jnp.zeros(2))
      >>> _, hand = plant.step((), state, drive)
      >>> hand.velocity.round(3).tolist()  # 4 N / 2 kg * 0.01 s
      [0.02..., 0.0]
    """
    require_positive("point_mass", "mass", mass)
    require_positive("point_mass", "friction", friction, zero=True)
    require_positive("point_mass", "dt", dt)

    def flow(state: PointState, drive: Action) -> PointState:
        push = drive.command + drive.force - as_number(friction, state.velocity) * state.velocity
        return PointState(state.velocity, push / as_number(mass, push))

    def advance(state: PointState, drive: Action, dt: Any) -> PointState:
        return runge_kutta(lambda s: flow(s, drive), state, dt)

    def energy(state: PointState) -> jax.Array:
        return as_number(mass, state.velocity) / 2 * jnp.sum(state.velocity**2)

    def power(state: PointState, drive: Action) -> jax.Array:
        push = drive.command + drive.force - as_number(friction, state.velocity) * state.velocity
        return jnp.sum(push * state.velocity)

    def init(key: jax.Array, drive: Any) -> Params:
        return ()

    def carry(params: Params, drive: Any) -> PointState:
        return place(params, jnp.asarray(CENTER).astype(drive.command.dtype))

    def step(
        params: Params, state: PointState, drive: Action, *, key: jax.Array | None = None
    ) -> tuple[PointState, Hand]:
        state = advance(state, require_drive("point_mass", drive, 2), dt)
        return state, Hand(*state)

    def sensory_feedback(params: Params, state: PointState) -> jax.Array:
        return jnp.concatenate([10 * state.position, state.velocity])

    def place(params: Params, position: jax.Array) -> PointState:
        return PointState(position, jnp.zeros_like(position))

    return Plant(
        init,
        carry,
        step,
        sensory_feedback,
        hand=lambda params, state: Hand(*state),
        place=place,
        commands=2,
        dt=dt,
        physics=Physics(flow, advance, energy, power),
    )
