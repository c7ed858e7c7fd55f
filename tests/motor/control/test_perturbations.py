"""Perturbations of a loop: loads, fields, channels, windows of time, doses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.motor import perturbations as perturb
from tests.motor.control.loops import CURL, START, TIME, close, differ, loop, plain, problem, run

pytestmark = pytest.mark.x64


@pytest.fixture(autouse=True, scope="module")
def known_problem():
    problem()  # not under a trace


def test_no_perturbation_is_the_identity():
    close(run(lambda t, signals: signals), plain(), atol=0)
    close(run(perturb.together()), plain(), atol=0)
    close(run(perturb.set_gain(1.0, part=(0,))), plain(), atol=0)
    assert differ(run(perturb.constant_force([0.1, 0.0])).hand, plain().hand) > 1e-5


def test_fields_and_loads_add_their_forces():
    found = run(perturb.together(perturb.curl_field(4.0), perturb.constant_force([1.0, -2.0])))
    inputs, _ = problem()
    vx, vy = found.hand.velocity.T
    expected = jnp.stack([4 * vy + 1, -4 * vx - 2], axis=1) + inputs.force
    close(found.force, expected + found.hand.velocity @ CURL.T)
    curl = run(perturb.curl_field(4.0))
    other = inputs.force + curl.hand.velocity @ CURL.T
    power = jnp.sum((curl.force - other) * curl.hand.velocity, axis=1)
    assert np.abs(power).max() < 1e-14
    drag = run(perturb.viscous_field(-4.0 * np.eye(2)))
    other = inputs.force + drag.hand.velocity @ CURL.T
    assert jnp.sum((drag.force - other) * drag.hand.velocity, axis=1)[1:].max() < 0
    # away from the body it pushes to the right, and the field of the task is the same field
    assert (perturb.curl(4.0) @ jnp.array([0.0, 1.0])).tolist() == [4.0, 0.0]


def test_a_pulse_acts_in_its_window_of_time():
    pulse = perturb.during(perturb.constant_force([1.0, 0.0]), 4, 6)
    added = run(pulse).force[:, 0] - plain().force[:, 0]
    moved = (run(pulse).hand.velocity - plain().hand.velocity) @ CURL.T
    close(added - moved[:, 0], np.isin(np.arange(TIME), (4, 5)).astype(float))


def test_a_channel_keeps_the_hand_on_the_line_and_is_not_felt_along_it():
    target = START + np.array([0.0, 0.1])
    inputs, params = problem()
    pushed = jnp.tile(jnp.array([3.0, 2.0]), (TIME, 1))
    still = inputs._replace(field=0 * inputs.field, force=pushed)
    long = jax.tree.map(lambda a: jnp.concatenate([a, a, a]), still)
    params = jax.tree.map(jnp.zeros_like, params)

    def path(perturbation):
        return jb.cells.unroll(loop(perturbation)).apply(params, long)

    free, clamped = path(None), path(perturb.force_channel(START, target))
    close(clamped.hand.position[:, 1], free.hand.position[:, 1])
    off = np.abs(clamped.hand.position[:, 0] - START[0])
    assert off.max() < 2 * 3 / 4000 and np.abs(free.hand.position[-1, 0] - START[0]) > 0.1
    np.testing.assert_allclose(off[-1], 3 / 4000, rtol=0.01)  # 3 N on a spring of 4000 N/m
    np.testing.assert_allclose(clamped.force[-1], [0, 2], atol=0.05)


def test_an_offset_of_the_sensory_feedback_changes_the_next_command():
    offset = np.array([0.0, 0.0, 0.0, 0.0, 0.5, 0.0])
    found = run(perturb.during(perturb.perturb_sensory_feedback(offset), 0, 1))
    close(found.sensory[0], plain().sensory[0] + offset)
    assert differ(found.command[0], plain().command[0]) == 0
    assert differ(found.command[1], plain().command[1]) > 0


def test_a_sweep_of_doses_is_one_by_one_and_its_slope_that_of_differences():
    def outcome(dose):
        both = perturb.together(
            perturb.curl_field(dose), perturb.silence(1, gain=jnp.cos(dose), part=(0,))
        )
        return jnp.sum(run(both).hand.position[-1] ** 2)

    doses = jnp.array([-1.0, 0.5, 2.0])
    together = jax.jit(jax.vmap(outcome))(doses)
    one = jax.jit(outcome)
    close(together, jnp.stack([one(dose) for dose in doses]), atol=1e-14)
    step = 1e-5
    slope = (one(0.5 + step) - one(0.5 - step)) / (2 * step)
    np.testing.assert_allclose(jax.jit(jax.grad(outcome))(0.5), slope, rtol=1e-6)
    assert abs(slope) > 1e-8
