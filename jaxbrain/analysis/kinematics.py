"""Kinematics of reaching movements in the plane: straightness, speed, smoothness, adaptation.

Paths and velocities are ``[time, 2]`` of one movement; ``jax.vmap`` for many. Lengths are in m,
times in s. All measures are differentiable: a maximum has the gradient at its place.
"""

from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.analysis.columns import cells, columns
from jaxbrain.analysis.values import as_floats, scaled
from jaxbrain.core.annotations import AsArray
from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import as_number, require_fraction, require_positive


class Kinematics(NamedTuple):
    """Measures of a reach, or of many ``[...]``; ``print`` shows them.

    Attributes:
      straightness: the largest distance from the straight line over the distance of the reach.
      deviation: that largest distance with its sign, positive to the left of the reach, in m.
      endpoint_error: the last distance from the target, in m.
      peak_speed: in m/s.
      duration: of the movement, in s.
      peak_ratio: peak speed times duration over the distance of the reach. It is 1.65 for minimum
        jerk between 5 % of its peak, 1.875 from its very beginning to its very end.
      peak_time: of the peak speed, as a fraction of the duration: 1/2 for minimum jerk.
      smoothness: correlation of the speed with that of minimum jerk, over the movement.
    """

    straightness: jax.Array
    deviation: jax.Array
    endpoint_error: jax.Array
    peak_speed: jax.Array
    duration: jax.Array
    peak_ratio: jax.Array
    peak_time: jax.Array
    smoothness: jax.Array

    def __str__(self) -> str:
        rows = []
        for label, values, form, ideal in (
            ("distance from the straight line, mm", 1e3 * jnp.abs(self.deviation), ".2f", "0"),
            ("distance from the target, mm", 1e3 * self.endpoint_error, ".2f", "0"),
            ("duration, s", self.duration, ".3f", ""),
            ("peak speed, m/s", self.peak_speed, ".3f", ""),
            ("peak speed x duration / distance", self.peak_ratio, ".2f", "1.65"),
            ("correlation with minimum jerk", self.smoothness, ".3f", "1"),
        ):
            rows.append([label, *cells((values.mean(), values.min(), values.max()), form), ideal])
        return columns(("reach", "mean", "least", "largest", "minimum jerk"), rows)


class Adaptation(NamedTuple):
    """Lateral deviations in the phases of a force-field experiment; ``print`` shows them.

    Attributes:
      null: before the field, in m ``[reaches]``, positive to the left.
      exposure: at the first exposure to the field.
      adapted: after practice in the field.
      after_effect: at the first reaches after the field.
      washout: after practice without the field.
    """

    null: jax.Array
    exposure: jax.Array
    adapted: jax.Array
    after_effect: jax.Array
    washout: jax.Array

    def __str__(self) -> str:
        labels = ("null", "first exposure", "after practice", "after-effect", "washout")
        rows = [
            [label, *cells((1e3 * side.mean(), 1e3 * side.min(), 1e3 * side.max()), ".2f")]
            for label, side in zip(labels, self, strict=True)
        ]
        return columns(("deviation in mm, to the left +", "mean", "least", "largest"), rows)


@checked
def adaptation(null: AsArray, field: AsArray, washout: AsArray) -> Adaptation:
    """Turning points of motor adaptation, from the deviations of a whole experiment.

    Args:
      null: `Kinematics.deviation` before the field, in m ``[times, reaches]``.
      field: with it ``[times, reaches]``.
      washout: without it again ``[times, reaches]``.

    Returns:
      Adaptation: the last of null, the first and the last of field and of washout.

    Source: Shadmehr and Mussa-Ivaldi 1994, doi 10.1523/JNEUROSCI.14-05-03208.1994.

    Examples:
      >>> import jax.numpy as jnp
      >>> found = adaptation(jnp.zeros((1, 8)), jnp.full((9, 8), -0.25), jnp.full((5, 8), 0.125))
      >>> float(found.exposure[0]), float(found.after_effect[0])
      (-0.25, 0.125)
    """
    given = {"null": null, "field": field, "washout": washout}
    null, field, washout = (as_floats("adaptation", name, side) for name, side in given.items())
    for name, side in given.items():
        if jnp.ndim(side) != 2 or 0 in jnp.shape(side):
            raise ValueError(
                f"adaptation: {name} must be [times, reaches], at least one of each, got shape "
                f"{jnp.shape(side)}"
            )
    return Adaptation(null[-1], field[0], field[-1], washout[0], washout[-1])


@checked
def reach_kinematics(
    position: AsArray,
    velocity: AsArray,
    start: AsArray,
    target: AsArray,
    *,
    dt: float | jax.Array = 0.01,
    threshold: float = 0.05,
) -> Kinematics:
    """Kinematics of a reach: straightness, speed, duration, smoothness.

    Args:
      position: of the hand, in m ``[time, 2]``.
      velocity: of the hand, in m/s ``[time, 2]``.
      start: where the straight line begins, in m ``[2]``.
      target: where it ends, in m ``[2]``.
      dt: time between samples, in s.
      threshold: fraction of the peak speed at which the movement begins and ends.

    Source: Morasso 1981, doi 10.1007/BF00236911; Flash and Hogan 1985, doi
      10.1523/JNEUROSCI.05-07-01688.1985.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> start, target = jnp.zeros(2), jnp.array([0.0, 0.1])
      >>> smooth = jb.motor.minimum_jerk(start, target, movement_time=0.5)
      >>> found = reach_kinematics(smooth.position, smooth.velocity, start, target)
      >>> round(float(found.peak_speed), 3), round(float(found.smoothness), 3)
      (0.375, 1.0)
    """
    side = lateral_deviation(position, start, target)
    position = _path("reach_kinematics", "position", position)
    velocity = _path("reach_kinematics", "velocity", velocity, len(side))
    require_positive("reach_kinematics", "dt", dt)
    end = _point("reach_kinematics", "target", target, position)
    distance = _length(end - _point("reach_kinematics", "start", start, position))
    speed = _length(velocity)
    onset, offset = movement_window(speed, threshold=threshold)
    duration = (offset - onset) * as_number(dt, speed)
    widest = side[jnp.argmax(jnp.abs(side))]
    peak = jnp.argmax(speed).astype(speed.dtype)
    return Kinematics(
        straightness=jnp.abs(widest) / distance,
        deviation=widest,
        endpoint_error=_length(position[-1] - end),
        peak_speed=speed.max(),
        duration=duration,
        peak_ratio=speed.max() * duration / distance,
        peak_time=(peak - onset) / (offset - onset),
        smoothness=minimum_jerk_correlation(speed, threshold=threshold),
    )


@checked
def lateral_deviation(position: AsArray, start: AsArray, target: AsArray) -> jax.Array:
    """Signed distance of the hand from the straight line, positive to the left of the reach.

    n.(position - start),  n = (-d_y, d_x) / |d|,  d = target - start

    A clockwise curl field (`jaxbrain.motor.perturbations.curl_field` of positive strength) pushes
    to the right, to negative values.

    Args:
      position: of the hand, in m ``[time, 2]``.
      start: where the line begins, in m ``[2]``.
      target: where it ends, in m ``[2]``.

    Returns:
      In m ``[time]``.

    Examples:
      >>> import jax.numpy as jnp
      >>> path = jnp.array([[0.0, 0.0], [-0.01, 0.05], [0.0, 0.1]])
      >>> side = lateral_deviation(path, jnp.zeros(2), jnp.array([0.0, 0.1]))
      >>> [round(float(d), 3) for d in side]
      [0.0, 0.01, 0.0]
    """
    position = _path("lateral_deviation", "position", position)
    begin = _point("lateral_deviation", "start", start, position)
    end = _point("lateral_deviation", "target", target, position)
    if not isinstance(begin - end, jax.core.Tracer) and bool((begin == end).all()):
        raise ValueError(f"lateral_deviation: start and target are the same point, {start}")
    along = end - begin
    normal = jnp.stack([-along[1], along[0]]) / _length(along)
    return (position - begin[None]) @ normal


@checked
def movement_window(speed: AsArray, *, threshold: float = 0.05) -> tuple[jax.Array, jax.Array]:
    """Onset and offset of the movement around the peak of its speed, in samples, not rounded.

    The last crossing of threshold times the peak before it and the first one after it, interpolated
    between samples. Without a crossing the movement begins, or ends, with the record.

    Args:
      speed: ``[time]``, not negative.
      threshold: fraction of the peak.

    Examples:
      >>> import jax.numpy as jnp
      >>> [float(t) for t in movement_window(jnp.array([0.0, 1.0, 2.0, 1.0, 0.0]), threshold=0.25)]
      [0.5, 3.5]
    """
    require_fraction("movement_window", "threshold", threshold)
    speed = _speed("movement_window", speed)
    level = as_number(threshold, speed) * speed.max()
    peak, at = jnp.argmax(speed), jnp.arange(len(speed))
    slow = speed < level
    # The sample on the slow side of each crossing; outside the record where there is none.
    before = jnp.max(jnp.where(slow & (at < peak), at, -1))
    after = jnp.min(jnp.where(slow & (at > peak), at, len(speed)))

    def crossing(low: jax.Array, high: jax.Array) -> jax.Array:
        a, b = speed[low], speed[high]
        rise = jnp.where(b > a, b - a, 1)
        part = jnp.where(b > a, (level - a) / rise, 0)
        return low.astype(speed.dtype) + part * (high - low).astype(speed.dtype)

    last = len(speed) - 1
    onset = jnp.where(before < 0, 0.0, crossing(jnp.maximum(before, 0), before + 1))
    low = jnp.minimum(after, last)
    offset = jnp.where(after > last, float(last), crossing(low, after - 1))
    known = ~jnp.isnan(level)  # no comparison with nan is true
    onset, offset = (jnp.where(known, end, jnp.nan).astype(speed.dtype) for end in (onset, offset))
    return onset, offset


@checked
def minimum_jerk_correlation(speed: AsArray, *, threshold: float = 0.05) -> jax.Array:
    """Smoothness: correlation of a speed with that of a minimum-jerk reach over the same movement.

    The two profiles are aligned where they cross the threshold, so that minimum jerk itself has 1.
    It is nan where the speed does not vary, as of a hand that does not move.

    Args:
      speed: ``[time]``, not negative.
      threshold: fraction of the peak at which the movement begins and ends.

    Examples:
      >>> import jax.numpy as jnp
      >>> s = jnp.linspace(0.0, 1.0, 50)
      >>> round(float(minimum_jerk_correlation(s**2 * (1 - s) ** 2)), 3)
      1.0
    """
    speed = _speed("minimum_jerk_correlation", speed)
    onset, offset = movement_window(speed, threshold=threshold)
    at = jnp.arange(len(speed), dtype=speed.dtype)
    inside = ((at >= onset) & (at <= offset)).astype(speed.dtype)
    # The first root of 16 s^2 (1 - s)^2 = threshold.
    edge = (1 - jnp.sqrt(1 - jnp.sqrt(as_number(threshold, speed)))) / 2
    part = (at - onset) / jnp.where(offset > onset, offset - onset, 1)
    s = jnp.clip(edge + part * (1 - 2 * edge), 0, 1)
    return _correlation(speed, 16 * s**2 * (1 - s) ** 2, inside)


@checked
def reach_time(
    position: AsArray,
    target: AsArray,
    *,
    dt: float | jax.Array = 0.01,
    radius: float | jax.Array = 0.01,
    softness: float | jax.Array = 0.005,
) -> jax.Array:
    """Time that the hand spends outside of the target, in s: a differentiable reach time.

    integral of step((|position - target| - radius) / softness) dt,
    step(x) = s^3 (10 - 15 s + 6 s^2) where s = (x + 1) / 2 is in 0..1, else 0 or 1

    It is the time of arrival of a hand that stays in the target. A hand that never arrives has the
    duration of the trial, and no gradient. For the time from a go cue on, give the path from there.

    Args:
      position: of the hand, in m ``[time, 2]``.
      target: in m ``[2]``, or ``[time, 2]``.
      dt: time between samples, in s.
      radius: of the target, in m.
      softness: half the width of its border, in m. Where the hand crosses the border, its step from
        sample to sample should be shorter; else the gradient is rough.

    Returns:
      In s ``[]``.

    Examples:
      >>> import jax.numpy as jnp
      >>> path = jnp.stack([jnp.linspace(0.0, 0.1, 101), jnp.zeros(101)], axis=1)  # 0.1 m/s
      >>> round(float(reach_time(path, jnp.array([0.1, 0.0]))), 2)
      0.9
    """
    position = _path("reach_time", "position", position)
    if len(position) < 2:
        raise ValueError(
            f"reach_time: position must have at least two steps, got shape {position.shape}"
        )
    target = as_floats("reach_time", "target", target)
    if np.shape(target) not in ((2,), position.shape):
        raise ValueError(
            f"reach_time: target must be (2,) or {position.shape}, got {np.shape(target)}"
        )
    for name, value in (("dt", dt), ("radius", radius), ("softness", softness)):
        require_positive("reach_time", name, value)
    goal = jnp.broadcast_to(as_number(target, position), position.shape)
    distance = _length(position - goal)
    over = (distance - as_number(radius, distance)) / as_number(softness, distance)
    s = jnp.clip((over + 1) / 2, 0, 1)
    outside = s**3 * (10 - 15 * s + 6 * s**2)
    trapezoids = jnp.sum(outside) - (outside[0] + outside[-1]) / 2
    return as_number(dt, outside) * trapezoids


def _correlation(a: jax.Array, b: jax.Array, weight: jax.Array) -> jax.Array:
    a, b = (scaled(x - jnp.sum(weight * x) / jnp.sum(weight))[0] for x in (a, b))
    shared, of_a, of_b = (jnp.sum(weight * p) for p in (a * b, a * a, b * b))
    return shared / jnp.sqrt(of_a * of_b)


def _length(vector: jax.Array) -> jax.Array:
    """The norm of vectors, with a gradient of zero where it is zero."""
    parts, scale = scaled(vector, axis=-1)
    square = jnp.sum(parts**2, axis=-1)
    none = square == 0  # not of nan, which stays nan
    return jnp.where(none, 0, jnp.sqrt(jnp.where(none, 1, square))) * scale[..., 0]


def _point(where: str, name: str, point: Any, like: jax.Array) -> jax.Array:
    point = as_floats(where, name, point)
    if point.shape != (2,):
        raise ValueError(f"{where}: {name} must be a point [2], got shape {point.shape}")
    return as_number(point, like)


def _speed(where: str, speed: Any) -> jax.Array:
    speed = as_floats(where, "speed", speed)
    if speed.ndim != 1 or not len(speed):
        raise ValueError(f"{where}: speed must be [time], got shape {speed.shape}")
    if not isinstance(speed, jax.core.Tracer) and (np.asarray(speed) < 0).any():
        raise ValueError(
            f"{where}: speed must not be negative; give the norm of the velocity, "
            "jnp.linalg.norm(velocity, axis=1)"
        )
    return speed


def _path(where: str, name: str, path: Any, length: int | None = None) -> jax.Array:
    path = as_floats(where, name, path)
    shape = path.shape
    if len(shape) != 2 or shape[1] != 2 or not shape[0] or shape[0] != (length or shape[0]):
        wanted = "time" if length is None else length
        fix = "; jax.vmap over trials" if len(shape) == 3 else ""
        raise ValueError(
            f"{where}: {name} must be [{wanted}, 2] of at least one step, got shape {shape}{fix}"
        )
    return path
