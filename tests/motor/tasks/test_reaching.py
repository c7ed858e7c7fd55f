"""Reaches as tasks: geometry and timing in NumPy, distributions, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.motor.tasks import (
    center_out,
    curl_field_task,
    delayed_reach,
    perturbed_reach,
    random_target,
    schedule,
)
from tests.motor.tasks.trials import (
    ANGLES,
    CENTER,
    DELAY,
    DISTANCE,
    PERIODS,
    TASKS,
    close,
    drawn,
    new_key,
)

names = pytest.mark.parametrize("name", TASKS)


def timing(name, count):
    """What is told, wanted and graded, in a loop over steps."""
    trials, steps = drawn(name), sum(PERIODS.values()) + (DELAY[1] if "delay" in name else 0)
    cue, wanted, mask = (np.zeros((count, steps, *n)) for n in ((3,), (2,), ()))
    for i in range(count):
        start, target = (trials.condition[n][i] for n in ("start", "target"))
        go = trials.condition["go"][i]
        for t in range(steps):
            if t >= PERIODS["hold_steps"]:
                cue[i, t, :2] = 10 * (target - np.array(CENTER))
            cue[i, t, 2] = t < go
            wanted[i, t] = start if t < go else target
            mask[i, t] = t < go or t >= go + PERIODS["movement_steps"]
    return cue, wanted, mask


@names
def test_a_trial_has_its_cues_targets_and_mask(name):
    trials = jax.tree.map(lambda a: a[:50], drawn(name))
    cue, wanted, mask = timing(name, 50)
    close(trials.inputs.cue, cue)
    close(trials.targets, wanted)
    np.testing.assert_array_equal(trials.mask, mask)
    start = trials.condition["start"][:, None]
    close(trials.inputs.start, np.broadcast_to(start, wanted.shape))
    assert {a.dtype.name for a in jax.tree.leaves(trials._replace(condition={}))} == {"float32"}


@names
def test_targets_lie_where_they_should(name):
    condition = drawn(name).condition
    start, target, angle = (condition[n] for n in ("start", "target", "angle"))
    along = target - start
    if name == "random_target":
        for points in (start, target):
            from_center = np.linalg.norm(points - np.array(CENTER), axis=1)
            assert from_center.max() <= DISTANCE * (1 + 1e-5)
        close(np.cos(angle), along[:, 0] / np.linalg.norm(along, axis=1), 1e-4)
        close(np.sin(angle), along[:, 1] / np.linalg.norm(along, axis=1), 1e-4)
    else:
        close(start, np.broadcast_to(CENTER, start.shape))
        close(along, DISTANCE * np.stack([np.cos(angle), np.sin(angle)], 1))
        values, counts = np.unique(angle, return_counts=True)
        close(values, np.sort(ANGLES))
        assert np.abs(counts / len(angle) - 1 / 3).max() < 4 * np.sqrt(2 / 9 / len(angle))


@names
def test_whatever_is_drawn_the_trial_has_room_for_it(name):
    trials = drawn(name)
    go, steps = trials.condition["go"], trials.mask.shape[1]
    assert (go >= PERIODS["hold_steps"]).all()
    assert (go + PERIODS["movement_steps"] + PERIODS["rest_steps"] <= steps).all()
    at_rest = trials.mask[:, -PERIODS["rest_steps"] :]
    assert (at_rest == 1).all() and (trials.mask.sum(1) == steps - PERIODS["movement_steps"]).all()


@names
def test_jit_vmap_and_eval_shape_agree(name):
    task = TASKS[name]
    keys = jax.random.split(new_key(), 2000)
    alone = jax.jit(task.sample)(keys[3])
    jax.tree.map(lambda a, b: close(a, b[3]), alone, drawn(name))
    other = jax.tree.leaves(jax.tree.map(lambda a: a[:20].std(0).max(), drawn(name).condition))
    assert max(other) > 0, "every key is the same trial"
    assert repr(task).startswith(f"motor.tasks.{name}(") and "0x" not in repr(task)
    assert jax.eval_shape(task.sample, new_key()).targets.shape == alone.targets.shape
    x, (wanted, mask) = jax.eval_shape(jb.tasks.batches(task, 5), new_key())
    assert x.cue.shape == (5, *alone.inputs.cue.shape) and mask.shape == wanted.shape[:2]


def test_delays_are_uniform_and_independent_of_the_target():
    condition = drawn("delayed_reach").condition
    delay = condition["go"] - PERIODS["hold_steps"]
    values, counts = np.unique(delay, return_counts=True)
    assert values.tolist() == list(range(DELAY[0], DELAY[1] + 1))
    assert np.abs(counts / len(delay) - 0.2).max() < 4 * np.sqrt(0.16 / len(delay))
    means = [delay[np.isclose(condition["angle"], angle)].mean() for angle in ANGLES]
    assert np.ptp(means) < 0.3
    assert (drawn("center_out").condition["go"] == PERIODS["hold_steps"]).all()  # at once: no delay


def test_points_are_uniform_over_the_disc():
    condition = drawn("random_target").condition
    for name in ("start", "target"):
        off = (condition[name] - np.array(CENTER)) / DISTANCE
        radius = np.linalg.norm(off, axis=1)
        # of an even disc the square of the radius is even; of an even radius its mean is 1/3
        assert radius.mean() == pytest.approx(2 / 3, abs=4 * np.sqrt(1 / 18 / 2000))
        quarters = np.histogram(radius**2, 4, (0, 1))[0] / 2000
        assert np.abs(quarters - 0.25).max() < 4 * np.sqrt(3 / 16 / 2000)
        assert np.abs(off.mean(0)).max() < 4 * 0.5 / np.sqrt(2000)
    joint = np.corrcoef(condition["start"].T, condition["target"].T)[:2, 2:]
    assert np.abs(joint).max() < 4 / np.sqrt(2000), "start and target must be drawn apart"


def test_angles_distance_and_center_may_be_swept():
    @jax.jit
    @jax.vmap
    def reach(angle, distance, x):
        center = jnp.stack([x, jnp.full_like(x, 0.4)])
        task = delayed_reach(
            angles=angle[None], distance=distance, center=center, delay_steps=(3, 3)
        )
        return task.sample(new_key())

    angle, distance, x = np.array([[np.pi, 5 * np.pi / 4], [0.1, 0.05], [0.0, 0.1]], np.float32)
    found = reach(angle, distance, x)
    np.testing.assert_array_equal(found.condition["angle"], angle)  # as it was given: no wrapping
    ends = np.stack([x, [0.4, 0.4]], 1) + distance[:, None] * np.stack(
        [np.cos(angle), np.sin(angle)], 1
    )
    close(found.condition["target"], ends)
    slope = jax.jit(
        jax.grad(lambda d: center_out(distance=d).sample(new_key()).inputs.cue[-1, :2].sum())
    )
    cue = center_out(distance=0.1).sample(new_key()).inputs.cue[-1, :2].sum()
    assert float(slope(0.1)) == pytest.approx(10 * float(cue), rel=1e-3)


def test_targets_are_checked_for_a_body_that_is_given():
    """Those of the default are within both arms; a mass is everywhere."""
    for plant in (jb.motor.two_link_arm(), jb.motor.arm26()):
        for task in (center_out, delayed_reach, random_target, curl_field_task, perturbed_reach):
            assert task(plant=plant) is not None
    assert center_out(distance=5.0, plant=jb.motor.point_mass()) is not None
    with pytest.raises(TypeError, match="center_out: plant must be a Plant such as"):
        center_out(plant=jb.cells.gru(3))


REFUSED = {
    "no angle": (lambda: center_out(angles=()), "center_out: angles must be .targets., one at le"),
    "one number": (lambda: delayed_reach(angles=0.3), "angles must be a sequence of numbers"),
    "distance": (lambda: center_out(distance=0.0), "center_out: distance must be positive"),
    "radius": (lambda: random_target(radius=-1.0), "random_target: radius must be positive"),
    "hold": (
        lambda: center_out(hold_steps=0),
        "center_out: hold_steps must be a positive integer, got 0",
    ),
    "movement": (
        lambda: random_target(movement_steps=2.5),
        "movement_steps must be an integer, got 2.5",
    ),
    "rest": (lambda: curl_field_task(rest_steps=0), "rest_steps must be a positive integer"),
    "seconds": (
        lambda: delayed_reach(delay_steps=(0.2, 0.5)),
        r"delay_steps\[0\] must be an integer, got 0.2",
    ),
    "order": (
        lambda: delayed_reach(delay_steps=(9, 2)),
        "delayed_reach: delay_steps must be the least and",
    ),
    "one delay": (
        lambda: delayed_reach(delay_steps=20),
        "delay_steps must be a pair of numbers, got 20",
    ),
    "before": (
        lambda: delayed_reach(delay_steps=(-1, 2)),
        "delay_steps must be the least and the most",
    ),
    "center": (lambda: center_out(center=(0.0,)).sample(new_key()), "center must be x and y, in m"),
    "catch": (lambda: curl_field_task(catch=1.5), "curl_field_task: catch must be from 0 to 1"),
    "strengths": (
        lambda: curl_field_task(strength=jnp.ones(2)),
        "strength must be one number.*vmap",
    ),
    "force": (lambda: perturbed_reach(force=-1.0), "force must not be negative"),
    "duration": (
        lambda: perturbed_reach(duration_steps=0),
        "duration_steps must be a positive integer",
    ),
    "onset": (
        lambda: perturbed_reach(onset_steps=5),
        "perturbed_reach: onset_steps must be a pair of numbers",
    ),
    "too late": (
        lambda: perturbed_reach(onset_steps=(5, 90), duration_steps=1),
        "the push must end within the 90 steps after the go cue, got onset_steps=.5, 90",
    ),
    "far": (
        lambda: delayed_reach(center=(0.0, 0.5), distance=0.2, plant=jb.motor.two_link_arm()),
        r"target \(.*\) m is out of the reach of motor.two_link_arm.*shorter distance",
    ),
    "in a field": (
        lambda: curl_field_task(center=(0.0, 0.9), plant=jb.motor.arm26()),
        "0.9. m is out",
    ),
    "on a disc": (lambda: random_target(radius=0.4, plant=jb.motor.arm26()), "random_target: the"),
    "trials": (
        lambda: schedule(new_key(), null=0, exposure=1, washout=1),
        "schedule: null must be a po",
    ),
    "schedule": (
        lambda: schedule(new_key(), null=1, exposure=1, washout=1, strength=jnp.ones(3)),
        "schedule: strength must be one number",
    ),
    "chance": (
        lambda: schedule(new_key(), null=1, exposure=1, washout=1, catch=-0.1),
        "schedule: catch must be from 0 to 1",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_arguments_are_refused(case):
    act, message = REFUSED[case]
    with pytest.raises((TypeError, ValueError), match=message):
        act()
