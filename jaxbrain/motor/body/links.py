"""Kinematics of an arm of two links in the plane, and published constants."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.requirements import as_number, as_numbers, is_traced
from jaxbrain.core.types import Numbers
from jaxbrain.motor.body.plant import Hand, require_position


class Arm(NamedTuple):
    """Constants of an arm: upper arm, then forearm with hand. Any may be swept.

    Attributes:
      lengths: of the links, in m ``[2]``.
      masses: of the links, in kg ``[2]``.
      centers: from the joint of a link to its center of mass, in m ``[2]``.
      inertias: of the links about their centers of mass, in kg m^2 ``[2]``.
      friction: of the joints, in N m s/rad ``[2, 2]``.
      limits: least and largest angle of shoulder and elbow, in rad ``[2, 2]``.
      stops: stiffness in N m/rad and damping in N m s/rad of a joint beyond its limits ``[2]``.
        Steps are stable while dt is below 2 sqrt(inertia / stiffness) and
        2 inertia / damping.
    """

    lengths: Numbers
    masses: Numbers
    centers: Numbers
    inertias: Numbers
    friction: Numbers = ((0.0, 0.0), (0.0, 0.0))
    limits: Numbers = ((0.0, 2.443460952792061), (0.0, 2.792526803190927))  # 140 and 160 degrees
    stops: Numbers = (100.0, 2.0)


class ArmState(NamedTuple):
    """Angles and angular velocities of an arm.

    Attributes:
      angles: of the shoulder, from the x axis, and of the elbow, 0 when stretched, in rad ``[2]``.
      velocities: of the angles, in rad/s ``[2]``.
    """

    angles: jax.Array
    velocities: jax.Array


# MotorNet's TwoDofArm: Codol et al. 2024, doi 10.7554/eLife.88591.
MOTORNET = Arm(
    (0.309, 0.26), (1.864572, 1.534315), (0.180496, 0.181479), (0.013193, 0.020062)
)  # fmt: skip
# The skeleton of arm26: Nijhof and Kouwenhoven 2000, limits of 135 and 155 degrees.
NIJHOF_KOUWENHOVEN = Arm(
    (0.309, 0.333), (1.82, 1.43), (0.135, 0.165), (0.051, 0.057),
    limits=((0.0, 2.356194490192345), (0.0, 2.705260340591211)),
)  # fmt: skip
# Li and Todorov 2004: they give 0.025 and 0.045 kg m^2 about the joints, less m g^2 here.
LI_TODOROV = Arm(
    (0.30, 0.33), (1.4, 1.0), (0.11, 0.16), (0.025 - 1.4 * 0.11**2, 0.045 - 1.0 * 0.16**2),
    friction=((0.05, 0.025), (0.025, 0.05)),
)  # fmt: skip


def matvec(matrix: jax.Array, vector: jax.Array) -> jax.Array:
    """matrix @ vector as a sum, faster for a few numbers of each trial."""
    return (matrix * vector[None, :]).sum(1)


def forward_kinematics(arm: Arm, angles: jax.Array) -> jax.Array:
    """Position of the hand, in m from the shoulder ``[2]``.

    p = l_1 (cos q_1, sin q_1) + l_2 (cos(q_1 + q_2), sin(q_1 + q_2))

    Examples:
      >>> forward_kinematics(MOTORNET, jnp.array([0.0, jnp.pi / 2])).round(3).tolist()
      [0.309..., 0.26...]
    """
    x1, y1, x2, y2 = _segments(arm, angles)
    return jnp.stack([x1 + x2, y1 + y2])


def jacobian(arm: Arm, angles: jax.Array) -> jax.Array:
    """Jacobian of the hand position, J = dp / dq ``[2, 2]``.

    Examples:
      >>> jacobian(MOTORNET, jnp.array([0.0, jnp.pi / 2])).round(3).tolist()
      [[-0.26..., -0.26...], [0.309..., -0.0]]
    """
    x1, y1, x2, y2 = _segments(arm, angles)
    return jnp.stack([jnp.stack([-(y1 + y2), -y2]), jnp.stack([x1 + x2, x2])])


def hand(arm: Arm, state: ArmState) -> Hand:
    """Position and velocity of the hand: p(q) and J(q) w.

    Examples:
      >>> state = ArmState(jnp.array([0.0, jnp.pi / 2]), jnp.array([1.0, 0.0]))
      >>> hand(MOTORNET, state).velocity.round(3).tolist()
      [-0.26..., 0.309...]
    """
    x1, y1, x2, y2 = _segments(arm, state.angles)
    (x, y), (w1, w2) = (x1 + x2, y1 + y2), state.velocities
    return Hand(jnp.stack([x, y]), jnp.stack([-y * w1 - y2 * w2, x * w1 + x2 * w2]))


def load_torque(arm: Arm, angles: jax.Array, force: jax.Array) -> jax.Array:
    """Joint torques of a force F on the hand, J(q)' F in N m ``[2]``.
      force: F, in N ``[2]``.

    Examples:
      >>> angles = jnp.array([0.0, jnp.pi / 2])
      >>> load_torque(MOTORNET, angles, jnp.array([0.0, 10.0])).round(2).tolist()
      [3.0..., -0.0]
    """
    x1, y1, x2, y2 = _segments(arm, angles)
    fx, fy = force
    return jnp.stack([(x1 + x2) * fy - (y1 + y2) * fx, x2 * fy - y2 * fx])


def inverse_kinematics(arm: Arm, position: jax.Array) -> jax.Array:
    """Angles that put the hand at a position, with the elbow flexed, q_2 >= 0 ``[2]``.

    cos q_2 = (|p|^2 - l_1^2 - l_2^2) / (2 l_1 l_2)
    q_1 = atan2(p_y, p_x) - atan2(l_2 sin q_2, l_1 + l_2 cos q_2)

    Out of reach the arm points at the position, with finite gradients.

    Examples:
      >>> angles = inverse_kinematics(MOTORNET, jnp.array([0.309, 0.26]))
      >>> angles.round(3).tolist()
      [0.0, 1.57...]
    """
    l1, l2 = as_number(arm.lengths, position)
    x, y = position
    cosine = ((x**2 + y**2) - (l1**2 + l2**2)) / (2 * l1 * l2)
    bent = jnp.abs(cosine) < 1
    inside = jnp.where(bent, cosine, 0)  # so that the branch not taken has a finite gradient
    elbow = jnp.where(bent, jnp.arccos(inside), jnp.where(cosine < 0, jnp.pi, 0))
    away = (x != 0) | (y != 0)
    direction = jnp.arctan2(y, jnp.where(away, x, 1))
    return jnp.stack(
        [direction - jnp.arctan2(l2 * jnp.sin(elbow), l1 + l2 * jnp.cos(elbow)), elbow]
    )


def place(arm: Arm, position: jax.Array) -> ArmState:
    """The arm at rest with the hand at a position.

    Raises:
      ValueError: if the position is of another shape, or known and out of reach of the links or
        the joints.

    Examples:
      >>> place(MOTORNET, jnp.array([0.0, 0.4])).velocities.tolist()
      [0.0, 0.0]
    """
    position = require_position("arm", position)
    angles = inverse_kinematics(arm, position)
    if not is_traced((arm, position, angles)):
        _require_in_reach(arm, position, angles)
    return ArmState(angles, jnp.zeros_like(angles))


def _require_in_reach(arm: Arm, position: jax.Array, angles: jax.Array) -> None:
    found = np.asarray(angles, float)
    reached = np.asarray(forward_kinematics(arm, angles), float)
    wanted = np.asarray(position, float)
    shown = f"({wanted[0]:.3g}, {wanted[1]:.3g}) m"
    l1, l2 = np.asarray(arm.lengths, float).tolist()
    if not np.linalg.norm(reached - wanted) < 1e-3:
        raise ValueError(
            f"position must be from {abs(l1 - l2):.3g} to {l1 + l2:.3g} m from the shoulder at "
            f"(0, 0), got {shown}"
        )
    low, high = np.asarray(arm.limits, float).T
    if np.any(found < low - 1e-3) or np.any(found > high + 1e-3):
        angles_shown, bounds = np.degrees(found).round(), np.degrees(np.stack([low, high], 1))
        raise ValueError(
            f"position must be within the limits of the joints, {bounds.round().tolist()} degrees; "
            f"{shown} needs angles of {angles_shown.tolist()}"
        )


def _segments(arm: Arm, angles: jax.Array) -> tuple[jax.Array, ...]:
    """The upper arm from the shoulder and the forearm from the elbow: x_1, y_1, x_2, y_2, in m."""
    l1, l2 = as_numbers(arm.lengths, angles)
    shoulder, total = angles[0], angles[0] + angles[1]
    return l1 * jnp.cos(shoulder), l1 * jnp.sin(shoulder), l2 * jnp.cos(total), l2 * jnp.sin(total)
