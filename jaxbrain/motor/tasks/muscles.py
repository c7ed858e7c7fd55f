"""Muscle activity to generate: what a motor cortex has to say for a movement to come about."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.motor.arm import NIJHOF_KOUWENHOVEN, ArmState, inverse_dynamics
from jaxbrain.motor.arm26 import ARM26_MUSCLES, arm26_moment_arms
from jaxbrain.motor.links import inverse_kinematics
from jaxbrain.motor.oracles import minimum_jerk
from jaxbrain.motor.tasks.reaching import CENTER, Angles
from jaxbrain.requirements import require_count, require_positive
from jaxbrain.tasks import Task, Trial
from jaxbrain.tasks.task import real, shown

SIXTEEN = tuple(float(a) for a in np.arange(16) * np.pi / 8)
_SCALE = 0.02  # of the full force of a muscle: as much activity as is written as 1


def emg_generation(
    *,
    angles: Angles = SIXTEEN,
    distance: float = 0.1,
    center: tuple[float, float] = CENTER,
    hold: int = 10,
    delay: tuple[int, int] = (20, 50),
    movement: int = 50,
    rest: int = 20,
    dt: float = 0.01,
) -> Task:
    """Prepare, and at the go cue generate the activity of six muscles that makes a reach.

    Inputs ``[steps, 3]``: the direction of the reach (cos, sin) from when it is shown until the go
    cue, and a cue that is 1 until then: as in the source nothing that depends on time or direction
    comes in during the movement. Targets ``[steps, 6]``: muscle activity, graded at every step.

    The source had recordings. Here the activity is that of the muscles of `arm26`, computed from a
    reach of minimum jerk by inverse dynamics, without gravity: the tensions of least squares
    (relative to what a muscle can) that make the torques, where those below zero are left to the
    antagonists, as parts of the full force over 0.02.

    Args:
      angles: of the reaches, in rad ``[directions]``; one of them is drawn.
      distance: of a reach, in m.
      center: where the hand begins, in m.
      hold: steps before the direction is shown.
      delay: the least and the most steps from then to the go cue.
      movement: steps of the reach.
      rest: steps after it, without activity.
      dt: of a step, in s.

    Returns:
      A Task of Trials; condition ``{"angle" [], "go" []}``, go the step of the go cue.

    Raises:
      ValueError: if a number of steps, distance or dt is not positive, there is no angle, delay is
        no pair in order, or a reach leaves what the arm reaches.

    Source: Sussillo, Churchland, Kaufman and Shenoy 2015, doi 10.1038/nn.4042.

    Examples:
      >>> import jax
      >>> trial = emg_generation().sample(jax.random.key(0))
      >>> trial.inputs.shape, trial.targets.shape
      ((130, 3), (130, 6))
    """
    for name, steps in (("hold", hold), ("movement", movement), ("rest", rest)):
        require_count("emg_generation", name, steps)
    require_positive("emg_generation", "distance", distance)
    require_positive("emg_generation", "dt", dt)
    if np.ndim(angles) != 1 or not np.shape(angles)[0]:
        raise ValueError(
            f"emg_generation: angles must be [directions], one at least, got {np.shape(angles)}"
        )
    if len(delay) != 2 or not 0 <= delay[0] <= delay[1]:
        raise ValueError(
            "emg_generation: delay must be the least and the most steps, such as (20, 50), got "
            f"{delay!r}"
        )
    length = hold + delay[1] + movement + rest

    def sample(key: jax.Array) -> Trial:
        of_angle, of_delay = jax.random.split(key)
        angle = jax.random.choice(of_angle, jnp.asarray(angles).astype(real()))
        go = hold + jax.random.randint(of_delay, (), delay[0], delay[1] + 1)
        seen = jnp.stack([jnp.cos(angle), jnp.sin(angle)])
        start = jnp.asarray(center).astype(real())
        activity = reach_activity(start, start + distance * seen, movement, dt)
        time = jnp.arange(length)
        waiting, preparing = time < go, (time >= hold) & (time < go)
        told, wait = (when[:, None].astype(seen.dtype) for when in (preparing, waiting))
        inputs = jnp.concatenate([told * seen[None], wait], axis=1)
        into = jnp.clip(time - go, 0, movement - 1)
        moving = (time >= go) & (time < go + movement)
        targets = jnp.where(moving[:, None], activity[into], 0)
        return Trial(inputs, targets, jnp.ones(length, seen.dtype), {"angle": angle, "go": go})

    return Task(sample, shown("emg_generation", {"hold": hold, "delay": delay, "dt": dt}))


def reach_activity(start: jax.Array, target: jax.Array, steps: int, dt: float) -> jax.Array:
    """Activity of the six muscles during a reach of minimum jerk ``[steps, 6]``.

    Args:
      start: in m ``[2]``.
      target: in m ``[2]``.
      steps: of the reach.
      dt: of a step, in s.
    """
    path = minimum_jerk(start, target, duration=steps * dt, dt=dt)
    return jax.vmap(_activity)(*(a[:steps] for a in path))


def _activity(position: jax.Array, velocity: jax.Array, acceleration: jax.Array) -> jax.Array:
    """Of one moment: positions become angles, their derivatives torques, torques tensions."""
    to_angles = partial(inverse_kinematics, NIJHOF_KOUWENHOVEN)

    def turning(x: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.jvp(to_angles, (x,), (v,))

    (angles, w), (_, dw) = jax.jvp(turning, (position, velocity), (velocity, acceleration))
    torque = inverse_dynamics(NIJHOF_KOUWENHOVEN, ArmState(angles, w), dw)
    strength = jnp.asarray(ARM26_MUSCLES.force).astype(torque.dtype)
    turns = -arm26_moment_arms(angles).T * strength[None]  # torque of each muscle at full force
    return jax.nn.relu(turns.T @ jnp.linalg.solve(turns @ turns.T, torque)) / _SCALE
