"""Reaches to a target: at once, after a delay, and between any two points."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import is_traced, require_count, require_positive
from jaxbrain.motor.body.plant import CENTER, DECIMETERS, Plant
from jaxbrain.motor.control.loop import TaskInput
from jaxbrain.tasks import Task, Trial
from jaxbrain.tasks.task import real

EIGHT = tuple(float(a) for a in np.arange(8) * np.pi / 4)
Angles = Sequence[float] | jax.Array | np.ndarray


class Periods(NamedTuple):
    """Periods of a trial, in steps.

    Attributes:
      hold: before the target is shown.
      delay: from the target to the go cue, the least and the most.
      movement: from the go cue on; nothing is graded.
      rest: at the target.
    """

    hold: int
    delay: tuple[int, int]
    movement: int
    rest: int

    @property
    def steps(self) -> int:
        """All steps of a trial."""
        return self.hold + self.delay[1] + self.movement + self.rest


@configured
def center_out(
    *,
    angles: Angles = EIGHT,
    distance: float | jax.Array = 0.1,
    center: tuple[float, float] = CENTER,
    hold_steps: int = 10,
    movement_steps: int = 60,
    rest_steps: int = 30,
    plant: Plant | None = None,
) -> Task:
    """Center-out reaches: from the center to a target on a circle, as soon as it is shown.

    Cue ``[steps, 3]``: the target relative to the center in dm, from when it is shown on, and a
    hold cue, 1 until the go cue. Wanted is the center until the go cue and the target at the end;
    the movement in between is not graded, so the controller chooses the path.

    Args:
      angles: of the targets, in rad ``[targets]``; one of them is drawn. A single angle may be
        traced: ``jax.vmap`` over it makes a reach in each direction.
      distance: of the targets, in m.
      center: position of the hand at the start, in m.
      hold_steps, movement_steps, rest_steps: before the target, ungraded after the go cue, at the
        target.
      plant: the body; targets out of its reach are refused.

    Returns:
      A Task of Trials: inputs a `TaskInput` ``[steps, ...]``, targets the wanted position in m
      ``[steps, 2]``; condition ``{"angle" [], "start" [2], "target" [2], "go" []}``, go the step of
      the go cue.

    Source: Georgopoulos et al. 1982, doi 10.1523/JNEUROSCI.02-11-01527.1982.

    Examples:
      >>> import jax
      >>> trial = center_out().sample(jax.random.key(0))
      >>> trial.inputs.cue.shape, trial.targets.shape, int(trial.condition["go"])
      ((100, 3), (100, 2), 10)
    """
    periods = _periods("center_out", hold_steps, (0, 0), movement_steps, rest_steps)
    require_in_reach("center_out", plant, center, distance, angles)
    return _to_a_circle("center_out", angles, distance, center, periods)


@configured
def delayed_reach(
    *,
    angles: Angles = EIGHT,
    distance: float | jax.Array = 0.1,
    center: tuple[float, float] = CENTER,
    hold_steps: int = 10,
    delay_steps: tuple[int, int] = (20, 50),
    movement_steps: int = 60,
    rest_steps: int = 30,
    plant: Plant | None = None,
) -> Task:
    """Center-out reaches that wait for a go cue: an instructed delay of unpredictable length.

    Args:
      angles: of the targets, in rad ``[targets]``; one of them is drawn.
      distance: of the targets, in m.
      center: position of the hand at the start, in m.
      hold_steps, movement_steps, rest_steps: before the target, ungraded after the go cue, at the
        target (longer where the delay was short).
      delay_steps: from the target to the go cue, the least and the most.
      plant: the body; targets out of its reach are refused.

    Returns:
      A Task of Trials like those of `center_out`.

    Source: Churchland et al. 2012, doi 10.1038/nature11129.

    Examples:
      >>> import jax
      >>> trial = delayed_reach().sample(jax.random.key(0))
      >>> go = int(trial.condition["go"])
      >>> 30 <= go <= 60, float(trial.inputs.cue[go - 1, 2]), float(trial.inputs.cue[go, 2])
      (True, 1.0, 0.0)
    """
    periods = _periods("delayed_reach", hold_steps, delay_steps, movement_steps, rest_steps)
    require_in_reach("delayed_reach", plant, center, distance, angles)
    return _to_a_circle("delayed_reach", angles, distance, center, periods)


@configured
def random_target(
    *,
    center: tuple[float, float] = CENTER,
    radius: float | jax.Array = 0.1,
    hold_steps: int = 10,
    movement_steps: int = 60,
    rest_steps: int = 30,
    plant: Plant | None = None,
) -> Task:
    """Reaches between two points, both uniform over a disc, as soon as the target is shown.

    Args:
      center: of the disc, in m.
      radius: of the disc, in m.
      hold_steps, movement_steps, rest_steps: as in `center_out`.
      plant: the body; a disc out of its reach is refused.

    Returns:
      A Task of Trials like those of `center_out`; the cue is relative to the center of the disc,
      angle is the direction of the reach.

    Examples:
      >>> import jax
      >>> trial = random_target().sample(jax.random.key(0))
      >>> bool(jax.numpy.linalg.norm(trial.condition["start"] - jax.numpy.array(CENTER)) <= 0.1)
      True
    """
    periods = _periods("random_target", hold_steps, (0, 0), movement_steps, rest_steps)
    require_positive("random_target", "radius", radius)
    require_in_reach("random_target", plant, center, radius, EIGHT)

    def sample(key: jax.Array) -> Trial:
        middle = _point("random_target", center)
        turn, area = jax.random.uniform(key, (2, 2), real())
        spread = jnp.sqrt(area)[:, None] * _direction(2 * jnp.pi * turn)
        start, target = middle[None] + jnp.asarray(radius).astype(real()) * spread
        return reach_trial(start, target, middle, periods.hold, periods)

    return Task(sample)


def reach_trial(start: Any, target: Any, center: Any, go: Any, periods: Periods) -> Trial:
    """The trial of one reach, without forces."""
    time = jnp.arange(periods.steps)
    waiting, shown = time < go, time >= periods.hold
    there = time >= go + periods.movement
    dtype = start.dtype
    seen = DECIMETERS * (target - center)[None] * shown[:, None].astype(dtype)
    zero = jnp.zeros((periods.steps, 2), dtype)
    inputs = TaskInput(
        cue=jnp.concatenate([seen, waiting[:, None].astype(dtype)], axis=1),
        start=zero + start[None],
        force=zero,
        field=jnp.zeros((periods.steps, 2, 2), dtype),
    )
    wanted = jnp.where(waiting[:, None], start[None], target[None])
    along = target - start
    condition = {
        "angle": jnp.arctan2(along[1], along[0]), "start": start, "target": target,
        "go": jnp.asarray(go),
    }  # fmt: skip
    return Trial(inputs, wanted, (waiting | there).astype(dtype), condition)


def _to_a_circle(name: str, angles: Any, distance: Any, center: Any, periods: Periods) -> Task:
    """Reaches from the center to a target that is drawn."""
    require_positive(name, "distance", distance)
    if np.ndim(angles) != 1 or not np.shape(angles)[0]:
        raise ValueError(
            f"{name}: angles must be [targets], one at least, got shape {np.shape(angles)}; of one "
            "angle: (angle,)"
        )

    def sample(key: jax.Array) -> Trial:
        of_target, of_delay = jax.random.split(key)
        middle = _point(name, center)
        angle = jax.random.choice(of_target, jnp.asarray(angles).astype(real()))
        target = middle + jnp.asarray(distance).astype(real()) * _direction(angle)
        low, high = periods.delay
        go = periods.hold + jax.random.randint(of_delay, (), low, high + 1)
        trial = reach_trial(middle, target, middle, go, periods)
        # the angle as it was given, not wrapped to -pi..pi
        return trial._replace(condition={**trial.condition, "angle": angle})

    return Task(sample)


def _periods(name: str, hold: int, delay: Any, movement: int, rest: int) -> Periods:
    for period, steps in (("hold", hold), ("movement", movement), ("rest", rest)):
        require_count(name, f"{period}_steps", steps)
    require_range(name, "delay_steps", delay)
    return Periods(hold, (delay[0], delay[1]), movement, rest)


def require_range(name: str, argument: str, steps: Any) -> None:
    """Refuse anything but a least and a most number of steps, in order."""
    good = (
        isinstance(steps, tuple | list)
        and len(steps) == 2
        and all(isinstance(n, int) and not isinstance(n, bool) for n in steps)
        and 0 <= steps[0] <= steps[1]
    )
    if not good:
        raise ValueError(
            f"{name}: {argument} must be the least and the most steps, such as (5, 20), got "
            f"{steps!r}"
        )


def require_in_reach(name: str, plant: Any, center: Any, distance: Any, angles: Any) -> None:
    """Refuse targets on a circle, and its center, that a body is known not to reach."""
    if plant is None:
        return
    if is_traced((center, distance, angles)):
        return
    directions = np.stack([np.cos(np.asarray(angles)), np.sin(np.asarray(angles))], axis=1)
    for point in np.concatenate([[center], np.asarray(center) + float(distance) * directions]):
        try:
            plant.place((), jnp.asarray(point, real()))
        except ValueError as error:
            shown = ", ".join(f"{x:.3g}" for x in point)
            raise ValueError(
                f"{name}: the target ({shown}) m is out of the reach of {plant}: {error}; take "
                "another center or a shorter distance"
            ) from error


def _point(name: str, point: Any) -> jax.Array:
    if np.shape(point) != (2,):
        raise ValueError(f"{name}: center must be x and y, in m, got shape {np.shape(point)}")
    return jnp.asarray(point).astype(real())


def _direction(angle: Any) -> jax.Array:
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)
