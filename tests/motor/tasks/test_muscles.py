"""Muscle activity to generate: it moves the arm to the target with least effort."""

import functools
import itertools
import runpy
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.analysis import condition_shuffle, jpca
from jaxbrain.motor import Action, two_link_arm
from jaxbrain.motor.body.arm import NIJHOF_KOUWENHOVEN, ArmState, acceleration, inverse_kinematics
from jaxbrain.motor.body.six_muscles import ARM26_MUSCLES, arm26_moment_arms
from jaxbrain.motor.tasks import emg_generation
from jaxbrain.motor.tasks.muscles import reach_activity

new_key = partial(jax.random.key, 0)
SCALE = 0.02
CENTER = np.array([0.0, 0.4])
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "emg.py"
ONES = np.array([1, 3, 4, 6, 9, 12, 14, 15]) * np.pi / 8  # directions without a symmetry


def fan(angles, distance=0.1):
    """Ends of reaches ``[angles, 2]``."""
    return CENTER + distance * np.stack([np.cos(angles), np.sin(angles)], axis=-1)


@functools.partial(jax.jit, static_argnums=(2, 3))
def activity(starts, targets, steps, dt):
    return jax.vmap(lambda a, b: reach_activity(a, b, steps, dt))(starts, targets)


@functools.partial(jax.jit, static_argnums=2)
def driven(starts, emg, dt):
    """Where the hand goes ``[reaches, 2]`` when muscles pull as told, whatever the posture."""
    plant, force = two_link_arm(dt=dt), jnp.asarray(ARM26_MUSCLES.force)

    def one(start, emg):
        def step(state, pull):
            torque = -(SCALE * pull * force) @ arm26_moment_arms(state.angles)
            return plant.step((), state, Action(torque, jnp.zeros(2)))

        return jax.lax.scan(step, plant.place((), start), emg)[1].position[-1]

    return jax.vmap(one)(starts, emg)


@pytest.mark.x64
def test_activity_carries_the_hand_to_the_target():
    starts, targets = np.tile(CENTER, (8, 1)), fan(ONES)
    emg = activity(starts, targets, 500, 1e-3)
    ends = driven(starts, emg, 1e-3)
    # 0.7 mm: pulls that follow a clock, not the posture, and hold for 1 ms at a time.
    assert np.linalg.norm(ends - targets, axis=1).max() < 1e-3
    for wrong in (0.9 * emg, emg.at[:, :, 4].set(0), emg[:, ::-1]):
        assert np.linalg.norm(driven(starts, wrong, 1e-3) - targets, axis=1).max() > 5e-3


def torques(start, target, steps, dt, h=1e-5):
    """What minimum jerk asks for, by differences of angles and the mass matrix's columns."""
    way = target - start

    def angles(t):
        s = t / (steps * dt)
        return np.array(
            inverse_kinematics(
                NIJHOF_KOUWENHOVEN, jnp.asarray(start + way * (10 * s**3 - 15 * s**4 + 6 * s**5))
            )
        )

    found = []
    for t in dt * np.arange(1, steps, 5):
        before, now, after = (angles(t + d) for d in (-h, 0, h))
        state = ArmState(jnp.asarray(now), jnp.asarray((after - before) / (2 * h)))
        # acceleration is linear in the torque: three calls give the line
        free = np.array(acceleration(NIJHOF_KOUWENHOVEN, state, jnp.zeros(2)))
        columns = [np.array(acceleration(NIJHOF_KOUWENHOVEN, state, e)) - free for e in jnp.eye(2)]
        wanted = (after - 2 * now + before) / h**2
        found.append((now, np.linalg.solve(np.stack(columns, axis=1), wanted - free)))
    return found


def least(turns, torque):
    """Of all tensions >= 0 that make the torque, the smallest: every set of muscles is tried."""
    best, answer = np.inf, None
    for size in range(1, 7):
        for chosen in map(list, itertools.combinations(range(6), size)):
            pull = np.linalg.pinv(turns[:, chosen]) @ torque
            made = turns[:, chosen] @ pull
            if pull.min() >= 0 and np.allclose(made, torque, atol=1e-9) and pull @ pull < best:
                best, answer = pull @ pull, np.zeros(6)
                answer[chosen] = pull
    return answer


@pytest.mark.x64
def test_activity_is_the_least_that_makes_the_torques():
    target = fan(ONES[:1])[0]
    emg = np.array(activity(CENTER[None], target[None], 20, 0.02)[0])
    wanted = torques(CENTER, target, 20, 0.02)
    short = []
    for pull, (angles, torque) in zip(SCALE * emg[1::5], wanted, strict=True):
        turns = -np.array(arm26_moment_arms(jnp.asarray(angles))).T * ARM26_MUSCLES.force
        np.testing.assert_allclose(turns @ pull, torque, atol=1e-4)
        np.testing.assert_allclose(pull, least(turns, torque), atol=1e-5)
        # Muscles only pull: to leave out the negative tensions of least squares makes less.
        rectified = np.maximum(0, np.linalg.pinv(turns) @ torque)
        short.append(np.linalg.norm(turns @ rectified) / np.linalg.norm(torque))
    assert min(short) > 0.2 and max(short) < 0.8
    assert emg.min() == 0 and (emg > 0).any(axis=1)[1:].all()


@pytest.mark.x64
def test_activity_scales_with_time_and_turns_back():
    starts, targets = np.tile(CENTER, (8, 1)), fan(ONES)
    fast, slow = (np.array(activity(starts, targets, 20, dt)) for dt in (0.02, 0.04))
    # Without friction torques go with the square of time, each at its share of the duration.
    np.testing.assert_allclose(fast, 4 * slow, atol=1e-9)
    assert np.abs(fast - 2 * slow).max() > 0.1
    # The way back is the way there in a mirror of time: the same postures, the same torques.
    back = np.array(activity(targets, starts, 20, 0.02))
    np.testing.assert_allclose(back[:, 1:], fast[:, :0:-1], atol=1e-9)
    assert np.abs(back[:, 1:] - fast[:, 1:]).max() > 0.1
    # Minimum jerk begins and ends without acceleration.
    np.testing.assert_allclose(fast[:, 0], 0, atol=1e-9)
    assert fast[:, 1].max() < fast.max() / 2


@pytest.mark.x64
def test_short_reaches_need_activity_in_proportion():
    starts = np.tile(CENTER, (8, 1))
    near, half = (activity(starts, fan(ONES, d), 20, 0.02) / d for d in (1e-4, 5e-5))
    np.testing.assert_allclose(near, half, atol=2e-2 * float(half.max()))
    far = activity(starts, fan(ONES, 0.1), 20, 0.02) / 0.1
    assert np.abs(far - half).max() > 0.1 * float(half.max())


@functools.cache
def trials():
    task = emg_generation(
        hold_steps=3, delay_steps=(2, 5), reaction_steps=4, movement_steps=6, rest_steps=2, dt=0.05
    )
    return jax.jit(jax.vmap(task.sample))(jax.random.split(new_key(), 128))


def test_a_trial_shows_the_direction_until_the_go_cue_and_nothing_after_it():
    inputs, targets, mask, condition = (jax.tree.map(np.asarray, a) for a in trials())
    assert inputs.shape == (128, 20, 3) and targets.shape == (128, 20, 6) and (mask == 1).all()
    assert inputs.dtype == targets.dtype == np.float32
    go, angle, time = condition["go"][:, None], condition["angle"], np.arange(20)
    assert set(go.ravel()) == {5, 6, 7, 8}
    assert len(np.unique(angle.round(4))) == 16
    np.testing.assert_array_equal(inputs[..., 2], time < go)
    told = (time >= 3) & (time < go)
    seen = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    np.testing.assert_allclose(inputs[..., :2], told[..., None] * seen[:, None], atol=1e-6)
    onset = condition["onset"][:, None]
    np.testing.assert_array_equal(onset, go + 4)
    during = (time > onset) & (time < onset + 6)
    assert (targets[~during] < 1e-3).all()  # at the onset too, where acceleration begins at zero
    assert (targets[during].max(axis=-1) > 1e-3).all() and targets.min() == 0


def test_the_same_direction_has_the_same_activity_whatever_the_delay():
    _, targets, _, condition = (jax.tree.map(np.asarray, a) for a in trials())
    want = activity(np.tile(CENTER, (128, 1)).astype("float32"),
                    fan(condition["angle"]).astype("float32"), 6, 0.05)  # fmt: skip
    for one, emg, onset in zip(targets, np.asarray(want), condition["onset"], strict=True):
        np.testing.assert_allclose(one[onset : onset + 6], emg, atol=1e-4)


def test_a_fan_of_reaches_is_one_vmap():
    def emg(angle):
        task = emg_generation(
            angles=angle[None], delay_steps=(0, 0), reaction_steps=0, movement_steps=5, dt=0.1
        )
        return task.sample(new_key()).targets

    angles = jnp.array([0.0, 2.0])
    fans = jax.jit(jax.vmap(emg))(angles)
    assert fans.shape == (2, 35, 6) and not np.allclose(fans[0], fans[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hold_steps": 0}, "emg_generation: hold_steps must be"),
        ({"movement_steps": -1}, "emg_generation: movement_steps must be"),
        ({"rest_steps": 1.5}, "emg_generation: rest_steps must be"),
        ({"reaction_steps": -1}, "emg_generation: reaction_steps must be"),
        ({"delay_steps": (5, 2)}, "delay_steps must be the least and the most steps"),
        ({"delay_steps": (1.0, 2.0)}, r"delay_steps\[0\] must be an integer, got 1.0"),
        ({"delay_steps": 20}, "delay_steps must be a pair of numbers, got 20"),
        ({"dt": 0.0}, "emg_generation: dt must be positive"),
        ({"distance": -0.1}, "emg_generation: distance must be positive"),
        ({"angles": ()}, r"angles must be of shape \[directions\]"),
        ({"angles": 1.0}, "angles must be a sequence of numbers, got 1.0"),
        ({"center": (0.0, 0.4, 0.0)}, r"center must be of shape \[2\]"),
        ({"center": (0.0, 0.6)}, "a reach leaves the workspace of the arm: "),
        ({"center": (0.0, 0.08)}, "a reach leaves the workspace of the arm: "),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        emg_generation(**options)


def generated(*args):
    """The networks of the example."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return runpy.run_path(str(EXAMPLE))["population"](*args)


def r2_skew(activity):
    options = {"dt": 0.01, "soft_normalize": 0.1, "surrogates": 1}
    options["surrogate"] = condition_shuffle  # the quickest to compile
    return float(jpca(new_key(), activity, **options).fits.r2_skew)


def shares(wanted, made):
    """What each network has generated of the variance of what was wanted."""
    error = jnp.mean((made - wanted[None]) ** 2, axis=(1, 2, 3))
    return 1 - error / jnp.var(wanted, axis=(0, 1)).mean()


@pytest.mark.slow
def test_a_small_network_begins_to_generate_activity_that_does_not_turn():
    wanted, made, rates = generated(1, 24, 160)
    assert rates.shape == (2, 16, 50, 24)
    assert (shares(wanted, made) > 0.25).all()
    assert r2_skew(wanted) < 0.3


@pytest.mark.slow
def test_networks_turn_and_muscles_do_not():
    wanted, made, rates = generated(3, 100, 900)
    assert (shares(wanted, made) > 0.98).all()
    assert r2_skew(wanted) < 0.3
    simple, free = np.split(np.array([r2_skew(each) for each in rates]), 2)
    assert simple.min() > 0.7, (simple, free)
