"""Muscle activity to generate: what a motor cortex has to say for a movement to come about."""

from functools import partial
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_positive
from jaxbrain.motor.body.arm import NIJHOF_KOUWENHOVEN, ArmState, inverse_dynamics
from jaxbrain.motor.body.links import inverse_kinematics
from jaxbrain.motor.body.plant import CENTER
from jaxbrain.motor.body.six_muscles import ARM26_MUSCLES, arm26_moment_arms
from jaxbrain.motor.control.reference_controllers import minimum_jerk
from jaxbrain.motor.tasks.reaching import Angles
from jaxbrain.tasks import Task, Trial
from jaxbrain.tasks.task import real

SIXTEEN = tuple(float(a) for a in np.arange(16) * np.pi / 8)
_SCALE = 0.02  # of the full force of a muscle: as much activity as is written as 1
_NEWTON = 4  # steps; 3 were exact for 200,000 random torques and postures


@configured
def emg_generation(
    *,
    angles: Angles = SIXTEEN,
    distance: float | jax.Array = 0.1,
    center: tuple[float, float] = CENTER,
    hold: int = 10,
    delay: tuple[int, int] = (20, 50),
    reaction: int = 10,
    movement: int = 50,
    rest: int = 20,
    dt: float = 0.01,
) -> Task:
    """Prepare, and at the go cue generate the activity of six muscles that makes a reach.

    Inputs ``[steps, 3]``: the direction of the reach (cos, sin) from when it is shown until the go
    cue, and a cue that is 1 until then: as in the source, nothing that depends on time or direction
    comes in during the movement. Targets ``[steps, 6]``: muscle activity, graded at every step.

    The source had recordings. Here the activity is that of the muscles of `arm26`, of a reach of
    minimum jerk: see `reach_activity`.

    Args:
      angles: of the reaches, in rad ``[directions]``; one of them is drawn.
      distance: of a reach, in m.
      center: where the hand begins, in m.
      hold: steps before the direction is shown.
      delay: the least and the most steps from then to the go cue.
      reaction: steps from the go cue to the onset of activity; may be 0.
      movement: steps of the reach, from the onset.
      rest: steps after it, without activity; more where the delay was short.
      dt: of a step, in s.

    Returns:
      A Task of Trials; condition ``{"angle" [], "go" [], "onset" []}``, the steps of the go
      cue and of the onset of activity.

    Raises:
      ValueError: if a number of steps, distance or dt is not positive, there is no angle, delay is
        no pair in order, or a reach is known to leave what the arm reaches.

    Source: Sussillo, Churchland, Kaufman and Shenoy 2015, doi 10.1038/nn.4042.

    Examples:
      >>> import jax
      >>> trial = jax.jit(emg_generation().sample)(jax.random.key(0))
      >>> trial.inputs.shape, trial.targets.shape
      ((140, 3), (140, 6))
    """
    for name, steps in (("hold", hold), ("movement", movement), ("rest", rest)):
        require_count("emg_generation", name, steps)
    require_positive("emg_generation", "dt", dt)
    _require_delay(delay, reaction)
    _require_reaches(angles, distance, center)
    length = hold + delay[1] + reaction + movement + rest

    def sample(key: jax.Array) -> Trial:
        of_angle, of_delay = jax.random.split(key)
        angle = jax.random.choice(of_angle, jnp.asarray(angles).astype(real()))
        go = hold + jax.random.randint(of_delay, (), delay[0], delay[1] + 1)
        seen = jnp.stack([jnp.cos(angle), jnp.sin(angle)])
        start = jnp.asarray(center).astype(real())
        way = jnp.asarray(distance).astype(real()) * seen
        activity = reach_activity(start, start + way, movement, dt)
        time = jnp.arange(length)
        waiting, preparing = time < go, (time >= hold) & (time < go)
        told, wait = (when[:, None].astype(seen.dtype) for when in (preparing, waiting))
        inputs = jnp.concatenate([told * seen[None], wait], axis=1)
        onset = go + reaction
        into = jnp.clip(time - onset, 0, movement - 1)
        moving = (time >= onset) & (time < onset + movement)
        targets = jnp.where(moving[:, None], activity[into], 0)
        condition = {"angle": angle, "go": go, "onset": onset}
        return Trial(inputs, targets, jnp.ones(length, seen.dtype), condition)

    return Task(sample)


def reach_activity(start: jax.Array, target: jax.Array, steps: int, dt: float) -> jax.Array:
    """Activity of the six muscles of `arm26` that makes a reach of minimum jerk ``[steps, 6]``.

    Inverse kinematics and dynamics, in the horizontal plane, give the torques tau; of all tensions
    that make them, muscles only pull, those of least squares are taken:

    min |a|^2 over a >= 0 with T a = tau,  T_ji = -F_i dL_i/dq_j

    a the parts of the full forces F. Activity is a / 0.02. The dynamics of activation and the
    dependence of force on length and velocity are left out.

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
    return _tensions(angles, torque) / _SCALE


def _tensions(angles: jax.Array, torque: jax.Array) -> jax.Array:
    """a = max(0, T' m), where m, two numbers, solves T a = torque: the optimum has this form.

    Which muscles pull depends on m alone: Newton's method solves for m with those that pulled.
    """
    strength = jnp.asarray(ARM26_MUSCLES.force).astype(torque.dtype)
    turns = -arm26_moment_arms(angles).T * strength[None]
    multipliers = jnp.linalg.solve(turns @ turns.T, torque)
    for _ in range(_NEWTON):
        # At rest all are at zero: they count, as without any there would be nothing to solve.
        pulls = (multipliers @ turns >= 0).astype(torque.dtype)
        multipliers = jnp.linalg.solve((turns * pulls[None]) @ turns.T, torque)
    return jax.nn.relu(multipliers @ turns)


def _require_delay(delay: Any, reaction: Any) -> None:
    if reaction != 0 or isinstance(reaction, bool):
        require_count("emg_generation", "reaction", reaction)
    pair = isinstance(delay, tuple | list) and len(delay) == 2
    whole = pair and all(isinstance(n, int) and not isinstance(n, bool) for n in delay)
    if not whole or not 0 <= delay[0] <= delay[1]:
        raise ValueError(
            "emg_generation: delay must be the least and the most steps, such as (20, 50), got "
            f"{delay!r}"
        )


def _require_reaches(angles: Any, distance: Any, center: Any) -> None:
    """Refuse what no arm could do, where it is known."""
    require_positive("emg_generation", "distance", distance)
    for name, given, shape in (("angles", angles, "[directions]"), ("center", center, "[2]")):
        if np.ndim(given) != 1 or not np.shape(given)[0] or (name == "center" and len(given) != 2):
            raise ValueError(
                f"emg_generation: {name} must be of shape {shape}, got {list(np.shape(given))}"
            )
    if any(isinstance(a, jax.core.Tracer) for a in jax.tree.leaves((angles, distance, center))):
        return
    along = np.stack([np.cos(angles), np.sin(angles)], axis=-1)[:, None] * np.asarray(distance)
    ways = (np.asarray(center) + np.linspace(0, 1, 11)[:, None] * along).reshape(-1, 2)
    # By NumPy: a task may be built under a trace, where jax would know nothing.
    (l1, l2), (low, high) = NIJHOF_KOUWENHOVEN.lengths, np.transpose(NIJHOF_KOUWENHOVEN.limits)
    cosine = (np.sum(ways**2, axis=1) - l1**2 - l2**2) / (2 * l1 * l2)
    elbow = np.arccos(np.clip(cosine, -1, 1))
    x, y = ways.T
    shoulder = np.arctan2(y, x) - np.arctan2(l2 * np.sin(elbow), l1 + l2 * np.cos(elbow))
    found = np.stack([shoulder, elbow], axis=1)
    out = (np.abs(cosine) > 1) | np.any((found < low) | (found > high), axis=1)
    if out.any():
        x, y = ways[out.argmax()]
        raise ValueError(
            f"emg_generation: a reach leaves what the arm reaches: ({x:.3g}, {y:.3g}) m is beyond "
            f"its links of {l1} and {l2} m or the limits of its joints; take a smaller distance or "
            f"a center nearer to {CENTER} m"
        )
