"""An arm moved by Hill muscles: lengths from joint angles, forces, and torques.

The moment arms R = dL/dq map joint velocities to muscle velocities and, transposed, muscle forces
to torques: by virtual work the power of muscles is that at the joints, for any geometry.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.config import configured
from jaxbrain.core.eager import loops
from jaxbrain.core.requirements import as_number, is_traced, require_count, require_positive
from jaxbrain.core.types import Numbers, Params
from jaxbrain.motor.body.arm import acceleration, dissipation, kinetic_energy, stop_energy
from jaxbrain.motor.body.hill import Hill, hill_force, positive_part, thelen_hill
from jaxbrain.motor.body.links import Arm, ArmState, hand, load_torque, matvec, place
from jaxbrain.motor.body.plant import (
    Action,
    Hand,
    Physics,
    Plant,
    center_like,
    require_action,
    scanned_runge_kutta,
)
from jaxbrain.networks.parts import no_params

THELEN = thelen_hill()


class Muscles(NamedTuple):
    """Constants of muscles on rigid tendons. Any may be swept.

    Attributes:
      force: greatest isometric force, in N ``[muscles]``.
      tendon: length of the tendon, in m ``[muscles]``.
      optimal: L0, the length of a muscle at its greatest force, in m ``[muscles]``.
      names: one for each muscle.
    """

    force: Numbers
    tendon: Numbers
    optimal: Numbers
    names: tuple[str, ...] = ()


class MuscledArm(NamedTuple):
    """State of an arm and activation of its muscles.

    Attributes:
      arm: angles and velocities of the joints.
      activation: 0..1 ``[muscles]``.
    """

    arm: ArmState
    activation: jax.Array


class Pull(NamedTuple):
    """Geometry of muscles in a posture and a motion.

    Attributes:
      lengths: of the muscles with their tendons, in m ``[muscles]``.
      velocities: d lengths / dt, in m/s ``[muscles]``.
      moment_arms: d lengths / d angles, in m/rad ``[muscles, 2]``.
    """

    lengths: jax.Array
    velocities: jax.Array
    moment_arms: jax.Array


@configured
def muscled_arm(
    arm: Arm,
    muscles: Muscles,
    length: Callable[[jax.Array], jax.Array],
    *,
    moment_arms: Callable[[jax.Array], jax.Array] | None = None,
    hill: Hill = THELEN,
    dt: float | jax.Array = 0.01,
    substeps: int = 2,
) -> Plant:
    """An arm of two links with Hill muscles of your own.

    M(q) dw/dt + C(q, w) + B w = -R(q)' F + J(q)' force + stops(q, w), dq/dt = w
    F = F_max (a f_l(l) f_v(v, l, a) + f_p(l)), da/dt of the excitation, the command
    l = (L(q) - tendon) / L0, v = R(q) w / (L0 vmax), R = dL/dq

    Joints and activations are integrated together by the Runge-Kutta method of order four, in
    substeps: muscles damp joints at some hundred per second, too fast for one step of 10 ms. An
    excitation is clipped to 0..1. Sensory feedback: the deviation of each muscle from its optimal
    length, in L0/10, and its velocity, in L0/s.

    Args:
      arm: constants of the skeleton.
      muscles: constants of the muscles.
      length: L, ``(angles [2]) -> [muscles]``, with tendons, in m: a polynomial, or `path_length`.
      moment_arms: R, ``(angles [2]) -> [muscles, 2]`` in closed form; None: the derivative of
        length.
      hill: the curves of the muscles.
      dt: the time of a step, in s.
      substeps: of the integrator in a step.

    Returns:
      The Plant; commands are excitations, its state a `MuscledArm`.

    Source: Zajac 1989, Critical Reviews in Biomedical Engineering 17, 359 to 411; Thelen 2003,
    doi 10.1115/1.1531112.

    Examples:
      >>> import jax.numpy as jnp
      >>> from jaxbrain.motor import NIJHOF_KOUWENHOVEN, Action, Muscles, muscled_arm
      >>> flexor_and_extensor = Muscles((1000.0, 1000.0), (0.2, 0.2), (0.1, 0.1))
      >>> def length(q):
      ...     return jnp.stack([0.3 - 0.03 * (q[1] - 1.5), 0.3 + 0.03 * (q[1] - 1.5)])
      >>> body = muscled_arm(NIJHOF_KOUWENHOVEN, flexor_and_extensor, length)
      >>> flex = Action(jnp.array([1.0, 0.0]), jnp.zeros(2))
      >>> state, _ = body.step((), body.carry((), flex), flex)
      >>> bool(state.arm.velocities[1] > 0)
      True
    """
    _require_muscles(muscles)
    require_positive("muscled_arm", "dt", dt)
    require_count("muscled_arm", "substeps", substeps)
    rows = jax.jacfwd(length) if moment_arms is None else moment_arms

    def pull(state: MuscledArm) -> Pull:
        return muscle_pull(length, rows, state.arm)

    def tensions(state: MuscledArm, pulled: Pull) -> jax.Array:
        return muscle_forces(muscles, hill, state.activation, pulled)

    def flow(state: MuscledArm, action: Action) -> MuscledArm:
        pulled = pull(state)
        torque = load_torque(arm, state.arm.angles, action.force)
        torque = torque - matvec(pulled.moment_arms.T, tensions(state, pulled))
        moved = ArmState(state.arm.velocities, acceleration(arm, state.arm, torque))
        return MuscledArm(moved, hill.activation(action.command, state.activation))

    def advance(state: MuscledArm, action: Action, dt: Any) -> MuscledArm:
        return scanned_runge_kutta(lambda s: flow(s, action), state, dt, substeps)

    def power(state: MuscledArm, action: Action) -> jax.Array:
        pulled = pull(state)
        external = jnp.sum(action.force * hand(arm, state.arm).velocity)
        worked = -jnp.sum(tensions(state, pulled) * pulled.velocities)
        return worked + external - dissipation(arm, state.arm)

    def energy(state: MuscledArm) -> jax.Array:
        return kinetic_energy(arm, state.arm) + stop_energy(arm, state.arm.angles)

    physics = Physics(
        flow,
        advance,
        energy,
        power,
        lengths=lambda state: pull(state).lengths,
        velocities=lambda state: pull(state).velocities,
        tensions=lambda state: tensions(state, pull(state)),
    )
    return _plant(arm, muscles, pull, physics, dt)


def muscle_pull(
    length: Callable[[jax.Array], jax.Array],
    moment_arms: Callable[[jax.Array], jax.Array],
    state: ArmState,
) -> Pull:
    """Lengths, velocities R w and moment arms R of muscles.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> length = lambda q: jnp.stack([0.3 - 0.03 * q[0]])
      >>> state = ArmState(jnp.array([1.0, 0.0]), jnp.array([2.0, 0.0]))
      >>> muscle_pull(length, jax.jacfwd(length), state).velocities.round(3).tolist()
      [-0.06...]
    """
    rows = moment_arms(state.angles)
    return Pull(length(state.angles), matvec(rows, state.velocities), rows)


def muscle_forces(muscles: Muscles, hill: Hill, activation: jax.Array, pulled: Pull) -> jax.Array:
    """Force of each muscle, in N ``[muscles]``.

    F = F_max (a f_l(l) f_v(v, l, a) + f_p(l)), l = max(L - tendon, 0) / L0, v = dL/dt / (L0 vmax)

    Examples:
      >>> import jax.numpy as jnp
      >>> one = Muscles((800.0,), (0.2,), (0.1,))
      >>> still = Pull(jnp.array([0.3]), jnp.zeros(1), jnp.zeros((1, 2)))
      >>> muscle_forces(one, thelen_hill(), jnp.array([0.5]), still).round(1).tolist()
      [400.0...]
    """
    greatest, tendon, optimal = (
        as_number(value, activation) for value in (muscles.force, muscles.tendon, muscles.optimal)
    )
    length = positive_part(pulled.lengths - tendon) / optimal
    velocity = pulled.velocities / (optimal * as_number(hill.vmax, activation))
    return greatest * hill_force(hill, activation, length, velocity)


def _plant(
    arm: Arm,
    muscles: Muscles,
    pull: Callable[[MuscledArm], Pull],
    physics: Physics,
    dt: Any,
) -> Plant:
    count = np.shape(muscles.force)[0]

    def at_rest(params: Params, position: jax.Array) -> MuscledArm:
        still = place(arm, position)
        return MuscledArm(still, jnp.zeros_like(still.angles, shape=(count,)))

    def carry(params: Params, action: Any) -> MuscledArm:
        return at_rest(params, center_like("muscled_arm", action, count))

    @loops()
    def step(
        params: Params, state: MuscledArm, action: Action, *, key: jax.Array | None = None
    ) -> tuple[MuscledArm, Hand]:
        state = physics.advance(state, require_action("muscled_arm", action, count), dt)
        return state, hand(arm, state.arm)

    def sensory_feedback(params: Params, state: MuscledArm) -> jax.Array:
        pulled = pull(state)
        tendon, optimal = (as_number(v, pulled.lengths) for v in (muscles.tendon, muscles.optimal))
        stretch = (pulled.lengths - tendon) / optimal - 1
        return jnp.concatenate([10 * stretch, pulled.velocities / optimal])

    return Plant(
        no_params,
        carry,
        step,
        sensory_feedback,
        hand=lambda params, state: hand(arm, state.arm),
        place=at_rest,
        commands=count,
        dt=dt,
        physics=physics,
    )


def _require_muscles(muscles: Muscles) -> None:
    count = np.shape(muscles.force)
    for field in ("force", "tendon", "optimal"):
        value = getattr(muscles, field)
        if len(count) != 1 or np.shape(value) != count:
            raise ValueError(
                f"muscled_arm: {field} must be one number for each muscle, as many as force, "
                f"got shape {np.shape(value)} and force of shape {count}"
            )
        if is_traced(value):
            continue
        if not np.all(np.asarray(value) > 0):
            raise ValueError(f"muscled_arm: {field} must be positive, got {value!r}")
