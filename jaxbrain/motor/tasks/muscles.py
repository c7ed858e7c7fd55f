"""Muscle activity to generate: the EMG of a reach as the target of a network."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import is_traced, require_count, require_positive
from jaxbrain.motor.body.arm import inverse_dynamics
from jaxbrain.motor.body.links import NIJHOF_KOUWENHOVEN, ArmState, inverse_kinematics
from jaxbrain.motor.body.plant import CENTER
from jaxbrain.motor.body.six_muscles import ARM26_MUSCLES, arm26_moment_arms
from jaxbrain.motor.control.reference_controllers import minimum_jerk
from jaxbrain.motor.tasks.reaching import Angles, require_range
from jaxbrain.tasks import Task, Trial
from jaxbrain.tasks.task import real

SIXTEEN = tuple(float(a) for a in np.arange(16) * np.pi / 8)
_SCALE = 0.02  # the part of the full force of a muscle that is written as an activity of 1
_NEWTON = 4  # steps; 3 were exact for 200,000 random torques and postures


@configured
def emg_generation(
    *,
    angles: Angles = SIXTEEN,
    distance: float | jax.Array = 0.1,
    center: tuple[float, float] = CENTER,
    hold_steps: int = 10,
    delay_steps: tuple[int, int] = (20, 50),
    reaction_steps: int = 10,
    movement_steps: int = 50,
    rest_steps: int = 20,
    dt: float = 0.01,
) -> Task:
    """Delayed generation of muscle activity: prepare, then produce the EMG of a reach.

    Inputs ``[steps, 3]``: the direction of the reach (cos, sin) from when it is shown until the go
    cue, and a hold cue, 1 until then. As in the source, the input during the movement depends
    neither on time nor on direction. Targets ``[steps, 6]``: muscle activity, graded at every step.

    The source used recordings. Here the activity is that of the muscles of `arm26` in a
    minimum-jerk reach: inverse dynamics, then the least squares of muscle tensions.

    Args:
      angles: of the reaches, in rad ``[directions]``; one of them is drawn.
      distance: of a reach, in m.
      center: position of the hand at the start, in m.
      hold_steps: before the direction is shown.
      delay_steps: from then to the go cue, the least and the most.
      reaction_steps: from the go cue to the onset of activity; may be 0.
      movement_steps: of the reach, from the onset.
      rest_steps: after it, without activity (longer where the delay was short).
      dt: the time of a step, in s.

    Returns:
      A Task of Trials; condition ``{"angle" [], "go" [], "onset" []}``, the steps of the go
      cue and of the onset of activity.

    Raises:
      ValueError: if a reach is known to leave the workspace of the arm.

    Source: Sussillo, Churchland, Kaufman and Shenoy 2015, doi 10.1038/nn.4042.

    Examples:
      >>> import jax
      >>> trial = jax.jit(emg_generation().sample)(jax.random.key(0))
      >>> trial.inputs.shape, trial.targets.shape
      ((140, 3), (140, 6))
    """
    _require_periods(hold_steps, delay_steps, reaction_steps, movement_steps, rest_steps)
    require_positive("emg_generation", "dt", dt)
    _require_geometry(angles, distance, center)
    _require_workspace(angles, distance, center)
    length = hold_steps + delay_steps[1] + reaction_steps + movement_steps + rest_steps

    def sample(key: jax.Array) -> Trial:
        of_angle, of_delay = jax.random.split(key)
        angle = jax.random.choice(of_angle, jnp.asarray(angles).astype(real()))
        least, most = delay_steps
        go = hold_steps + jax.random.randint(of_delay, (), least, most + 1)
        direction = jnp.stack([jnp.cos(angle), jnp.sin(angle)])
        start = jnp.asarray(center).astype(real())
        target = start + jnp.asarray(distance).astype(real()) * direction
        time, onset = jnp.arange(length), go + reaction_steps
        inputs = _cues(time, hold_steps, go, direction)
        activity = reach_activity(start, target, movement_steps, dt)
        into = jnp.clip(time - onset, 0, movement_steps - 1)
        moving = (time >= onset) & (time < onset + movement_steps)
        targets = jnp.where(moving[:, None], activity[into], 0)
        condition = {"angle": angle, "go": go, "onset": onset}
        return Trial(inputs, targets, jnp.ones(length, inputs.dtype), condition)

    return Task(sample)


def reach_activity(start: jax.Array, target: jax.Array, steps: int, dt: float) -> jax.Array:
    """Activity of the six muscles of `arm26` that makes a minimum-jerk reach ``[steps, 6]``.

    Inverse kinematics and dynamics, in the horizontal plane, give the torques tau. Muscles only
    pull; of all tensions that make the torques, those of least squares are taken:

    min |a|^2 over a >= 0 with T a = tau,  T_ji = -F_i dL_i/dq_j

    a are fractions of the full forces F. Activity is a / 0.02. The dynamics of activation and the
    dependence of force on length and velocity are left out.

    Args:
      start: in m ``[2]``.
      target: in m ``[2]``.
      steps: of the reach.
      dt: of a step, in s.
    """
    path = minimum_jerk(start, target, movement_time=steps * dt, dt=dt)
    return jax.vmap(_activity)(*(a[:steps] for a in path))


def _cues(time: jax.Array, shown: int, go: jax.Array, direction: jax.Array) -> jax.Array:
    """Direction while it is shown, and the hold cue ``[time, 3]``."""
    waiting, preparing = time < go, (time >= shown) & (time < go)
    told, hold = (when[:, None].astype(direction.dtype) for when in (preparing, waiting))
    return jnp.concatenate([told * direction[None], hold], axis=1)


def _activity(position: jax.Array, velocity: jax.Array, acceleration: jax.Array) -> jax.Array:
    """One moment of a movement: its angles and their derivatives, torques, tensions."""
    to_angles = partial(inverse_kinematics, NIJHOF_KOUWENHOVEN)

    def angular(x: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.jvp(to_angles, (x,), (v,))

    (angles, w), (_, dw) = jax.jvp(angular, (position, velocity), (velocity, acceleration))
    torque = inverse_dynamics(NIJHOF_KOUWENHOVEN, ArmState(angles, w), dw)
    return _tensions(angles, torque) / _SCALE


def _tensions(angles: jax.Array, torque: jax.Array) -> jax.Array:
    """The optimum a = max(0, T' m); m ``[2]`` solves T a = torque.

    m alone determines which muscles pull: each step of Newton's method solves for m with those.
    """
    strength = jnp.asarray(ARM26_MUSCLES.force).astype(torque.dtype)
    torques = -arm26_moment_arms(angles).T * strength[None]
    multipliers = jnp.linalg.solve(torques @ torques.T, torque)
    for _ in range(_NEWTON):
        # With no torque all are at zero; they count as pulling, else the matrix is singular.
        pulls = (multipliers @ torques >= 0).astype(torque.dtype)
        multipliers = jnp.linalg.solve((torques * pulls[None]) @ torques.T, torque)
    return jax.nn.relu(multipliers @ torques)


def _require_periods(hold: Any, delay: Any, reaction: Any, movement: Any, rest: Any) -> None:
    for period, steps in (("hold", hold), ("movement", movement), ("rest", rest)):
        require_count("emg_generation", f"{period}_steps", steps)
    if reaction != 0 or isinstance(reaction, bool):
        require_count("emg_generation", "reaction_steps", reaction)
    require_range("emg_generation", "delay_steps", delay)


def _require_geometry(angles: Any, distance: Any, center: Any) -> None:
    require_positive("emg_generation", "distance", distance)
    for name, given, shape in (("angles", angles, "[directions]"), ("center", center, "[2]")):
        if np.ndim(given) != 1 or not np.shape(given)[0] or (name == "center" and len(given) != 2):
            raise ValueError(
                f"emg_generation: {name} must be of shape {shape}, got {list(np.shape(given))}"
            )


def _require_workspace(angles: Any, distance: Any, center: Any) -> None:
    """Refuse reaches that are known to leave the workspace of the arm."""
    if is_traced((angles, distance, center)):
        return
    along = np.stack([np.cos(angles), np.sin(angles)], axis=-1)[:, None] * np.asarray(distance)
    paths = (np.asarray(center) + np.linspace(0, 1, 11)[:, None] * along).reshape(-1, 2)
    # In NumPy, because under a trace jax would make tracers of them.
    l1, l2 = np.asarray(NIJHOF_KOUWENHOVEN.lengths)
    low, high = np.transpose(NIJHOF_KOUWENHOVEN.limits)
    cosine = (np.sum(paths**2, axis=1) - l1**2 - l2**2) / (2 * l1 * l2)
    elbow = np.arccos(np.clip(cosine, -1, 1))
    x, y = paths.T
    shoulder = np.arctan2(y, x) - np.arctan2(l2 * np.sin(elbow), l1 + l2 * np.cos(elbow))
    found = np.stack([shoulder, elbow], axis=1)
    out = (np.abs(cosine) > 1) | np.any((found < low) | (found > high), axis=1)
    if out.any():
        x, y = paths[out.argmax()]
        raise ValueError(
            f"emg_generation: a reach leaves the workspace of the arm: ({x:.3g}, {y:.3g}) m is "
            f"beyond its links of {l1} and {l2} m or the limits of its joints; take a smaller "
            f"distance or a center nearer to {CENTER} m"
        )
