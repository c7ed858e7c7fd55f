"""Measures of a movement against closed forms."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.analysis import (
    adaptation,
    lateral_deviation,
    minimum_jerk_correlation,
    movement_window,
    reach_kinematics,
    reach_time,
)
from jaxbrain.motor import TaskInput, closed_loop, minimum_jerk, point_mass
from jaxbrain.motor.control import perturbations as perturb

pytestmark = pytest.mark.x64

START, TARGET = np.array([0.01, 0.38]), np.array([0.07, 0.46])  # 0.1 m
new_key = partial(jax.random.key, 0)
measures = jax.jit(reach_kinematics, static_argnames="threshold")


def shaped(speed, dt=0.01):
    """A straight reach with the given speeds."""
    direction = (TARGET - START) / 0.1
    velocity = np.outer(speed, direction)
    return jnp.asarray(START[None] + np.cumsum(velocity, axis=0) * dt), jnp.asarray(velocity)


def test_a_minimum_jerk_reach_has_the_measures_of_the_closed_form():
    rest = 40  # samples of rest around it
    reach = minimum_jerk(START, TARGET, movement_time=0.5, dt=0.001)
    position = jnp.concatenate([reach.position[:1]] * rest + [reach.position, reach.position[-1:]])
    velocity = jnp.pad(reach.velocity, ((rest, 1), (0, 0)))
    found = measures(position, velocity, START, TARGET, dt=0.001)
    # s (1 - s) = sqrt(0.05) / 4 where the speed is 5 % of its peak
    window = np.sqrt(1 - np.sqrt(0.05))
    np.testing.assert_allclose(found.duration, 0.5 * window, rtol=1e-4)
    np.testing.assert_allclose(found.peak_speed, 1.875 * 0.1 / 0.5, rtol=1e-9)
    np.testing.assert_allclose(found.peak_ratio, 1.875 * window, rtol=1e-4)
    np.testing.assert_allclose(found.peak_time, 0.5, atol=1e-4)
    np.testing.assert_allclose(found.smoothness, 1, atol=1e-7)
    assert max(found.straightness, found.endpoint_error) < 1e-12
    whole = measures(position, velocity, START, TARGET, dt=0.001, threshold=0.0)
    np.testing.assert_allclose(whole.peak_ratio, 1.875 * (position.shape[0] - 1) / 500, rtol=1e-9)


def test_other_movements_are_less_smooth():
    t = np.linspace(0, 1, 101)
    box, early = 1.001 - (2 * t - 1) ** 16, t * np.exp(-8 * t)
    double = np.exp(-50 * (t - 0.3) ** 2) + np.exp(-50 * (t - 0.7) ** 2)
    of = {
        name: float(measures(*shaped(speed), START, TARGET).smoothness)
        for name, speed in {"box": box, "early": early, "double": double}.items()
    }
    assert of["early"] < 0.8 and of["double"] < 0.5 and of["box"] < 0.8
    skew = measures(*shaped(early), START, TARGET)
    assert skew.peak_time < 0.3
    at = np.arange(101)
    onset, offset = map(float, movement_window(jnp.asarray(early)))
    inside = (at >= onset) & (at <= offset)
    edge = (1 - np.sqrt(1 - np.sqrt(0.05))) / 2
    s = edge + (at - onset) / (offset - onset) * (1 - 2 * edge)
    by_numpy = np.corrcoef(early[inside], (s**2 * (1 - s) ** 2)[inside])[0, 1]
    np.testing.assert_allclose(minimum_jerk_correlation(jnp.asarray(early)), by_numpy, rtol=1e-10)


def test_the_window_is_around_the_peak_and_between_samples():
    speed = jnp.array([0.5, 0.1, 0.3, 2.0, 1.0, 0.0, 0.4])
    np.testing.assert_allclose(movement_window(speed, threshold=0.1), [1.5, 4.8])
    np.testing.assert_allclose(movement_window(speed, threshold=0.01), [0, 4.98])
    np.testing.assert_allclose(movement_window(speed[:4], threshold=0.1), [1.5, 3])
    assert np.isfinite(jax.jacfwd(lambda v: jnp.stack(movement_window(v)))(speed)).all()


def test_the_side_has_a_sign_and_turns_with_the_reach():
    bump = 0.01 * np.sin(np.linspace(0, np.pi, 21))
    line = START + np.linspace(0, 1, 21)[:, None] * (TARGET - START)
    left = np.array([[0, -1], [1, 0]]) @ (TARGET - START) / 0.1
    path = jnp.asarray(line + bump[:, None] * left)
    np.testing.assert_allclose(lateral_deviation(path, START, TARGET), bump, atol=1e-15)
    velocity = jnp.asarray(np.gradient(np.asarray(path), 0.01, axis=0))
    found = measures(path, velocity, START, TARGET)
    np.testing.assert_allclose((found.deviation, found.straightness), (0.01, 0.1), rtol=1e-9)
    mirrored = measures(2 * jnp.asarray(line) - path, velocity, START, TARGET)
    np.testing.assert_allclose(mirrored.deviation, -0.01, rtol=1e-9)
    short = measures(path[:11], velocity[:11], START, TARGET)
    np.testing.assert_allclose(short.endpoint_error, np.hypot(0.05, 0.01), rtol=1e-9)


def test_a_curl_field_pushes_a_reach_to_the_right():
    reach = minimum_jerk(START, TARGET, movement_time=0.5, dt=0.01)
    push = jnp.concatenate([reach.acceleration[1:], jnp.zeros((1, 2))])  # made a step before
    loop = closed_loop(
        jb.Cell(lambda k, x: (), lambda p, x: (), lambda p, c, x, *, key=None: (c, x[:2])),
        point_mass(),
    )
    steps = len(push)
    start, field = (
        jnp.broadcast_to(a, (steps, *a.shape)) for a in (START, np.asarray(perturb.curl(4.0)))
    )
    inputs = TaskInput(push, start, jnp.zeros((steps, 2)), field)

    def deviation(field):
        signals = jb.cells.unroll(loop).apply((), inputs._replace(field=field))
        return reach_kinematics(*signals.hand, START, TARGET)

    free, right, left = jax.jit(jax.vmap(deviation))(
        jnp.stack([0 * field, field, -field])
    ).deviation
    assert right < -0.01 and left > 0.01 and abs(free) < 1e-12


def test_reach_time_is_when_a_steady_hand_arrives():
    speed, distance = 0.2, 0.1

    def path(speed):
        t = jnp.arange(100, dtype=float) * 0.01
        along = jnp.minimum(speed * t, distance)
        return START[None] + along[:, None] * ((TARGET - START) / distance)[None]

    @jax.jit
    def time(speed):
        return reach_time(path(speed), TARGET)

    np.testing.assert_allclose(time(speed), (distance - 0.01) / speed, rtol=1e-4)
    slope = -(distance - 0.01) / speed**2
    np.testing.assert_allclose(jax.jit(jax.grad(time))(speed), slope, rtol=3e-3)
    differences = (time(speed + 1e-6) - time(speed - 1e-6)) / 2e-6
    np.testing.assert_allclose(jax.jit(jax.grad(time))(speed), differences, rtol=1e-4)
    np.testing.assert_allclose(reach_time(path(0.0), TARGET), 0.99, rtol=1e-9)  # never
    still = jnp.broadcast_to(jnp.asarray(TARGET), (100, 2))
    assert reach_time(still, TARGET) == 0 and np.isfinite(jax.grad(reach_time)(still, TARGET)).all()
    moving = jnp.broadcast_to(jnp.asarray(TARGET), (100, 2))
    np.testing.assert_allclose(reach_time(path(speed), moving), time(speed))


PATH = np.zeros((5, 2))
BAD = {
    "path": (lambda: lateral_deviation(PATH[0], START, TARGET), ValueError, r"\[time, 2\]"),
    "paths": (lambda: lateral_deviation(PATH[None], START, TARGET), ValueError, "jax.vmap"),
    "velocity": (
        lambda: reach_kinematics(PATH, PATH[1:], START, TARGET), ValueError, r"velocity must be \[5"
    ),
    "one point": (lambda: lateral_deviation(PATH, START, START), ValueError, "same point"),
    "point": (lambda: lateral_deviation(PATH, 0.0, TARGET), ValueError, "start must be a point"),
    "speed": (lambda: movement_window(PATH), ValueError, r"speed must be \[time\]"),
    "threshold": (lambda: movement_window(PATH[:, 0], threshold=5), ValueError, "from 0 to 1"),
    "radius": (lambda: reach_time(PATH, TARGET, radius=0.0), ValueError, "radius must be positive"),
    "goal": (lambda: reach_time(PATH, TARGET[:1]), ValueError, r"target must be \(2,\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_refusals_say_what_is_wrong(case):
    act, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        act()


def test_adaptation_takes_the_turning_points():
    null, field, washout = (jnp.arange(6.0).reshape(3, 2) + 10 * i for i in range(3))
    found = adaptation(null, field, washout)
    assert [side.tolist() for side in found] == [[4, 5], [10, 11], [14, 15], [20, 21], [24, 25]]
    assert str(found).splitlines()[5].split() == [
        "after-effect",
        "20500.00",
        "20000.00",
        "21000.00",
    ]
    with pytest.raises(ValueError, match="field must be"):
        adaptation(null, field[0], washout)


def test_kinematics_print_what_minimum_jerk_is():
    reach = jax.vmap(lambda target: minimum_jerk(START, target, movement_time=0.6))(
        jnp.stack([TARGET, -TARGET])
    )
    made = jax.vmap(reach_kinematics, in_axes=(0, 0, None, 0))(
        reach.position, reach.velocity, START, jnp.stack([TARGET, -TARGET])
    )
    rows = {line[:36].strip(): line[36:].split() for line in str(made).splitlines()}
    assert rows["correlation with minimum jerk"] == ["1.000", "1.000", "1.000", "1"]
    assert float(rows["peak speed x duration / distance"][0]) == pytest.approx(1.65, abs=0.01)
