"""An arm with two joints and six muscles: published constants and polynomials."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured
from jaxbrain.motor.body.hill import Hill
from jaxbrain.motor.body.links import NIJHOF_KOUWENHOVEN, Arm
from jaxbrain.motor.body.muscles import THELEN, Muscles, muscled_arm
from jaxbrain.motor.body.plant import Plant

# Names, constants and polynomials of Nijhof and Kouwenhoven 2000, as in MotorNet's arm26.
ARM26_MUSCLES = Muscles(
    force=(838.0, 1207.0, 1422.0, 1549.0, 414.0, 603.0),
    tendon=(0.039, 0.066, 0.172, 0.187, 0.204, 0.217),
    optimal=(0.134, 0.140, 0.092, 0.093, 0.137, 0.127),
    names=("pectoralis", "deltoid", "brachioradialis", "lateral triceps", "biceps", "long triceps"),
)  # fmt: skip
# At full activation muscles push a joint 0.6 rad into stops of the usual stiffness.
ARM26_SKELETON = NIJHOF_KOUWENHOVEN._replace(stops=(1000.0, 10.0))
REFERENCE = (1.5707963267948966, 0.0)  # rad: here the polynomials are a0
A0 = (0.151, 0.2322, 0.2859, 0.2355, 0.3329, 0.2989)
A1 = ((-0.03, 0.03, 0.0, 0.0, -0.03, 0.03), (0.0, 0.0, -0.014, 0.025, -0.016, 0.03))
A2 = ((0.0,) * 6, (0.0, 0.0, -4e-3, -2.2e-3, -5.7e-3, -3.2e-3))


@checked
def arm26_length(angles: jax.Array) -> jax.Array:
    """Lengths of the six muscles with their tendons, in m ``[6]``.

    L = a_0 + sum_j (a_1j + a_2j p_j) p_j, p = q - (pi/2, 0)

    Args:
      angles: q ``[2]``.

    Source: Nijhof & Kouwenhoven 2000, doi 10.1007/978-1-4612-2104-3_29.

    Examples:
      >>> import jax.numpy as jnp
      >>> round(float(arm26_length(jnp.array([jnp.pi / 2, 0.0]))[0]), 4)
      0.151
    """
    p = (angles - _table(REFERENCE, angles))[:, None]
    return _table(A0, angles) + ((_table(A1, angles) + _table(A2, angles) * p) * p).sum(0)


@checked
def arm26_moment_arms(angles: jax.Array) -> jax.Array:
    """Moment arms of the six muscles, in m/rad ``[6, 2]``; negative for flexors.

    dL/dq_j = a_1j + 2 a_2j p_j, p = q - (pi/2, 0)

    Args:
      angles: q ``[2]``.

    Source: Nijhof & Kouwenhoven 2000, doi 10.1007/978-1-4612-2104-3_29.

    Examples:
      >>> import jax.numpy as jnp
      >>> arms = arm26_moment_arms(jnp.array([1.0, 0.0]))
      >>> bool(arms[0, 0] < 0), bool(arms[3, 1] > 0)  # pectoralis and lateral triceps
      (True, True)
    """
    p = (angles - _table(REFERENCE, angles))[:, None]
    return (_table(A1, angles) + 2 * _table(A2, angles) * p).T


@configured
def arm26(
    *,
    arm: Arm = ARM26_SKELETON,
    muscles: Muscles = ARM26_MUSCLES,
    hill: Hill = THELEN,
    dt: float | jax.Array = 0.01,
    substeps: int = 2,
) -> Plant:
    """A planar arm with two joints and six Hill muscles.

    Pectoralis and deltoid at the shoulder, brachioradialis and lateral triceps at the elbow, biceps
    and long triceps across both; the first of each pair flexes. A `muscled_arm` whose lengths are
    polynomials of the angles.

    Args:
      arm: constants of the skeleton.
      muscles: forces, tendons and optimal lengths of the six.
      hill: curves of the muscles: `thelen_hill`, `kistemaker_hill` or `mujoco_hill`.
      dt: the time of a step, in s.
      substeps: of the integrator in a step.

    Returns:
      The Plant; commands are the excitations of the six muscles, 0..1, its state a `MuscledArm`.

    Source: Nijhof & Kouwenhoven 2000, doi 10.1007/978-1-4612-2104-3_29; Kistemaker, Wong & Gribble
    2010, doi 10.1152/jn.00483.2010; Codol et al. 2024, doi 10.7554/eLife.88591.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> body = jb.motor.arm26()
      >>> biceps = jb.motor.Action(jnp.zeros(6).at[4].set(1.0), jnp.zeros(2))
      >>> state, hand = body.step((), body.carry((), biceps), biceps)
      >>> bool(state.arm.velocities[1] > 0)
      True
    """
    if np.shape(muscles.force) != (6,):
        raise ValueError(
            f"arm26: muscles must be six, got force of shape {np.shape(muscles.force)}"
        )
    build = partial(muscled_arm, moment_arms=arm26_moment_arms, hill=hill, dt=dt)
    return build(arm, muscles, arm26_length, substeps=substeps)


def _table(values: tuple, like: jax.Array) -> jax.Array:
    return jnp.asarray(values, like.dtype)
