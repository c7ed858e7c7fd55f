"""Mechanics of an arm of two links in the horizontal plane, without gravity."""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, as_numbers, require_positive
from jaxbrain.core.types import Params
from jaxbrain.motor.body.links import (
    NIJHOF_KOUWENHOVEN,
    Arm,
    ArmState,
    hand,
    inverse_kinematics,
    load_torque,
    matvec,
    place,
)
from jaxbrain.motor.body.plant import (
    Action,
    Hand,
    Physics,
    Plant,
    center_like,
    require_action,
    runge_kutta,
)
from jaxbrain.networks.parts import no_params

GIVE = 0.1  # rad: at this depth a stop has 3/4 of its stiffness


def mass_matrix(arm: Arm, angles: jax.Array) -> jax.Array:
    """Inertia of the joints, in kg m^2 ``[2, 2]``.

    M_11 = m_1 g_1^2 + I_1 + m_2 (g_2^2 + l_1^2) + I_2 + 2 m_2 l_1 g_2 cos q_2
    M_12 = M_21 = m_2 g_2^2 + I_2 + m_2 l_1 g_2 cos q_2, M_22 = m_2 g_2^2 + I_2

    Examples:
      >>> from jaxbrain.motor import MOTORNET
      >>> mass_matrix(MOTORNET, jnp.array([0.0, 0.0])).round(2).tolist()
      [[0.4..., 0.15...], [0.15..., 0.07...]]
    """
    m11, m12, m22 = _masses(arm, angles)
    return jnp.stack([jnp.stack([m11, m12]), jnp.stack([m12, m22])])


def coriolis(arm: Arm, state: ArmState) -> jax.Array:
    """Centrifugal and Coriolis torques, in N m ``[2]``.

    C = (-h (2 w_1 + w_2) w_2, h w_1^2), h = m_2 l_1 g_2 sin q_2

    Examples:
      >>> from jaxbrain.motor import MOTORNET
      >>> state = ArmState(jnp.array([0.0, 1.0]), jnp.array([1.0, 0.0]))
      >>> coriolis(MOTORNET, state).round(3).tolist()
      [-0.0, 0.07...]
    """
    coupling = _inertias(arm, state.angles)[1]
    h = coupling * jnp.sin(state.angles[1])
    w1, w2 = state.velocities
    return jnp.stack([-h * (2 * w1 + w2) * w2, h * w1**2])


def stop_torque(arm: Arm, state: ArmState) -> jax.Array:
    """Torque of the stops on joints beyond their limits, in N m ``[2]``; zero within them.

    tau = -s(x) (k x + d w), s(x) = 1 - 1 / (1 + (x / 0.1 rad)^2)^2

    x is the angle beyond the limit. The stop is a soft spring with a potential and a damper: energy
    is accounted for, and gradients pass, which a clipped angle would block.

    Examples:
      >>> from jaxbrain.motor import MOTORNET
      >>> state = ArmState(jnp.array([-0.1, 1.0]), jnp.zeros(2))
      >>> stop_torque(MOTORNET, state).round(3).tolist()  # 3/4 of 100 N m/rad * 0.1 rad
      [7.5..., -0.0]
    """
    beyond, grip = _beyond(arm, state.angles)
    stiffness, damping = as_numbers(arm.stops, beyond)
    return -grip * (stiffness * beyond + damping * state.velocities)


def acceleration(arm: Arm, state: ArmState, torque: jax.Array) -> jax.Array:
    """Angular accelerations ``[2]`` in rad/s^2.

    dw/dt = M(q)^-1 (torque - C(q, w) - B w + stops(q, w))

    Examples:
      >>> from jaxbrain.motor import MOTORNET
      >>> state = ArmState(jnp.array([0.0, 1.0]), jnp.zeros(2))
      >>> acceleration(MOTORNET, state, jnp.array([1.0, 0.0])).round(2).tolist()
      [5.2..., -8.7...]
    """
    m11, m12, m22 = _masses(arm, state.angles)
    t1, t2 = torque - _resistance(arm, state)
    determinant = m11 * m22 - m12**2
    return jnp.stack([m22 * t1 - m12 * t2, m11 * t2 - m12 * t1]) / determinant


def inverse_dynamics(arm: Arm, state: ArmState, acceleration: jax.Array) -> jax.Array:
    """Torques of motors, muscles and loads that make an acceleration, in N m ``[2]``.

    torque = M(q) dw/dt + C(q, w) + B w - stops(q, w)

    Examples:
      >>> from jaxbrain.motor import MOTORNET
      >>> state = ArmState(jnp.array([0.0, 1.0]), jnp.zeros(2))
      >>> inverse_dynamics(MOTORNET, state, jnp.array([0.0, 1.0])).round(2).tolist()
      [0.11..., 0.07...]
    """
    m11, m12, m22 = _masses(arm, state.angles)
    a1, a2 = acceleration
    return jnp.stack([m11 * a1 + m12 * a2, m12 * a1 + m22 * a2]) + _resistance(arm, state)


def kinetic_energy(arm: Arm, state: ArmState) -> jax.Array:
    """Kinetic energy, in J ``[]``: T = 1/2 w' M(q) w.

    Examples:
      >>> from jaxbrain.motor import MOTORNET
      >>> state = ArmState(jnp.array([0.0, 1.0]), jnp.array([0.0, 2.0]))
      >>> float(kinetic_energy(MOTORNET, state))
      0.141...
    """
    m11, m12, m22 = _masses(arm, state.angles)
    w1, w2 = state.velocities
    return m11 * w1**2 / 2 + m12 * w1 * w2 + m22 * w2**2 / 2


def stop_energy(arm: Arm, angles: jax.Array) -> jax.Array:
    """Energy in the springs of the stops, in J ``[]``; 0 within the limits.

    U = sum_j k/2 x_j^4 / (x_j^2 + (0.1 rad)^2)

    Examples:
      >>> from jaxbrain.motor import MOTORNET
      >>> float(stop_energy(MOTORNET, jnp.array([-0.1, 1.0])))
      0.25...
    """
    beyond, _ = _beyond(arm, angles)
    stiffness = as_number(arm.stops, beyond)[0]
    return jnp.sum(stiffness / 2 * beyond**4 / (beyond**2 + GIVE**2))


def dissipation(arm: Arm, state: ArmState) -> jax.Array:
    """Power lost to friction and to the dampers of the stops, in W ``[]``.

    P = w' B w + sum_j s(x_j) d w_j^2

    Examples:
      >>> from jaxbrain.motor import LI_TODOROV
      >>> state = ArmState(jnp.array([0.0, 1.0]), jnp.array([0.0, 2.0]))
      >>> float(dissipation(LI_TODOROV, state))
      0.2...
    """
    _, grip = _beyond(arm, state.angles)
    lost = _friction(arm, state) + grip * as_number(arm.stops, grip)[1] * state.velocities
    return jnp.sum(state.velocities * lost)


@configured
def two_link_arm(*, arm: Arm = NIJHOF_KOUWENHOVEN, dt: float | jax.Array = 0.01) -> Plant:
    """An arm of two links with a motor in each joint, in the horizontal plane without gravity.

    M(q) dw/dt + C(q, w) + B w = command + J(q)' force + stops(q, w), dq/dt = w

    Integrated by the Runge-Kutta method of order four, with command and force held during a step.
    Sensory feedback: its angles (rad) and their velocities (rad/s). To sweep a constant, build it
    inside of what is vmapped: ``two_link_arm(arm=arm._replace(masses=masses))``.

    Args:
      arm: its constants: `NIJHOF_KOUWENHOVEN`, `MOTORNET`, `LI_TODOROV` or your own.
      dt: the time of a step, in s.

    Returns:
      The Plant; commands are the torques of shoulder and elbow, in N m, its state an `ArmState`.

    Source: Li and Todorov 2004, doi 10.5220/0001143902220229.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> plant = jb.motor.two_link_arm()
      >>> state = plant.place((), jnp.array([0.0, 0.4]))
      >>> push = jb.motor.Action(jnp.zeros(2), force=jnp.array([1.0, 0.0]))
      >>> _, hand = plant.step((), state, push)
      >>> bool(hand.velocity[0] > 0)
      True
    """
    _require_arm("two_link_arm", arm)
    require_positive("two_link_arm", "dt", dt)

    def flow(state: ArmState, action: Action) -> ArmState:
        torque = action.command + load_torque(arm, state.angles, action.force)
        return ArmState(state.velocities, acceleration(arm, state, torque))

    def advance(state: ArmState, action: Action, dt: Any) -> ArmState:
        return runge_kutta(lambda s: flow(s, action), state, dt)

    def energy(state: ArmState) -> jax.Array:
        return kinetic_energy(arm, state) + stop_energy(arm, state.angles)

    def power(state: ArmState, action: Action) -> jax.Array:
        external = jnp.sum(action.force * hand(arm, state).velocity)
        return jnp.sum(action.command * state.velocities) + external - dissipation(arm, state)

    def carry(params: Params, action: Any) -> ArmState:
        center = center_like("two_link_arm", action, 2)
        low, high = as_number(arm.limits, center).T
        angles = jnp.clip(inverse_kinematics(arm, center), low, high)
        return ArmState(angles, jnp.zeros_like(angles))

    def step(
        params: Params, state: ArmState, action: Action, *, key: jax.Array | None = None
    ) -> tuple[ArmState, Hand]:
        state = advance(state, require_action("two_link_arm", action, 2), dt)
        return state, hand(arm, state)

    return Plant(
        no_params,
        carry,
        step,
        sensory_feedback=lambda params, state: jnp.concatenate(state),
        hand=lambda params, state: hand(arm, state),
        place=lambda params, position: place(arm, position),
        commands=2,
        dt=dt,
        physics=Physics(flow, advance, energy, power),
    )


def _inertias(arm: Arm, like: jax.Array) -> tuple[jax.Array, ...]:
    """M_11 with the elbow at a right angle, m_2 l_1 g_2 and M_22."""
    (m1, m2), (g1, g2), (i1, i2), l1 = arm.masses, arm.centers, arm.inertias, arm.lengths[0]
    forearm = m2 * g2**2 + i2
    found = m1 * g1**2 + i1 + m2 * l1**2 + forearm, m2 * l1 * g2, forearm
    return tuple(as_numbers(found, like))


def _masses(arm: Arm, angles: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """M_11, M_12, M_22."""
    square, coupling, forearm = _inertias(arm, angles)
    bend = coupling * jnp.cos(angles[1])
    return square + 2 * bend, forearm + bend, forearm


def _friction(arm: Arm, state: ArmState) -> jax.Array:
    return matvec(as_number(arm.friction, state.velocities), state.velocities)


def _resistance(arm: Arm, state: ArmState) -> jax.Array:
    return coriolis(arm, state) + _friction(arm, state) - stop_torque(arm, state)


def _beyond(arm: Arm, angles: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Angles beyond the limits, with sign, and s(x), the part of each stop that is engaged."""
    low, high = as_numbers(zip(*arm.limits, strict=True), angles)
    beyond = angles - jnp.clip(angles, low, high)
    return beyond, 1 - 1 / (1 + (beyond / GIVE) ** 2) ** 2


def _require_arm(name: str, arm: Arm) -> None:
    for field in ("lengths", "masses", "centers", "inertias"):
        value = getattr(arm, field)
        if jax.tree.reduce(lambda a, b: a or isinstance(b, jax.core.Tracer), value, False):
            continue
        if np.shape(value) != (2,) or not np.all(np.asarray(value) > 0):
            raise ValueError(
                f"{name}: {field} must be two positive numbers, of upper arm and forearm, "
                f"got {value!r}"
            )
