"""Fields and pushes: direction, timing, chance of catch trials, refusals."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.motor.tasks import (
    curl_field_task,
    perturbed_reach,
    random_target,
    schedule,
)
from tests.motor.tasks.trials import ANGLES, PERIODS, close, drawn, new_key


def test_there_is_a_force_only_where_one_was_asked_for():
    for name in ("center_out", "delayed_reach", "random_target"):
        inputs = drawn(name).inputs
        assert not inputs.force.any() and not inputs.field.any()
    assert not drawn("curl_field_task").inputs.force.any()
    assert not drawn("perturbed_reach").inputs.field.any()


def test_the_field_pushes_to_the_right_and_does_no_work():
    trials = drawn("curl_field_task")
    field, strength = trials.inputs.field, trials.condition["strength"]
    assert (field == field[:, :1]).all(), "the field of a trial does not change"
    velocity = np.random.default_rng(0).normal(size=(2000, 2)).astype("float32")
    force = np.einsum("nij,nj->ni", field[:, 0], velocity)
    assert np.abs(np.sum(force * velocity, 1)).max() < 1e-5
    speed = np.linalg.norm(velocity, axis=1)
    left = np.stack([-velocity[:, 1], velocity[:, 0]], 1) / speed[:, None]
    close(np.sum(force * left, 1), -strength * speed)  # of a positive strength: to the right
    caught = strength == 0
    np.testing.assert_array_equal(strength[~caught], 3.5)
    assert abs(caught.mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 2000)
    across = [caught[np.isclose(trials.condition["angle"], a)].mean() for a in ANGLES]
    assert np.ptp(across) < 0.1, "a catch trial is no matter of direction"


def test_chances_and_strengths_may_be_swept():
    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, None))
    @functools.partial(jax.vmap, in_axes=(None, 0))
    def strengths(catch, key):
        task = curl_field_task(strength=-2.0, catch=catch, **PERIODS)
        return task.sample(key).condition["strength"]

    found = strengths(jnp.array([0.0, 0.5, 1.0]), jax.random.split(new_key(), 100))
    assert found[0].tolist() == [-2.0] * 100 and not found[2].any()
    assert 30 < np.sum(found[1] == 0) < 70


def test_a_push_is_across_the_reach_for_its_duration():
    trials = drawn("perturbed_reach")
    force, condition = trials.inputs.force, trials.condition
    steps = np.arange(force.shape[1])
    after = steps[None] - condition["onset"][:, None]
    on = (after >= 0) & (after < 3)
    close(force, on[..., None] * condition["force"][:, None])
    assert (on.sum(1) == 3).all(), "a push must not run out of the trial"
    angle = condition["angle"]
    along = np.sum(condition["force"] * np.stack([np.cos(angle), np.sin(angle)], 1), 1)
    side = np.sum(condition["force"] * np.stack([-np.sin(angle), np.cos(angle)], 1), 1)
    close(along, 0 * along)
    close(np.abs(side), 2.5 + 0 * side)
    assert abs((side > 0).mean() - 0.5) < 4 * 0.5 / np.sqrt(2000)
    late = condition["onset"] - condition["go"]
    values, counts = np.unique(late, return_counts=True)
    assert values.tolist() == [1, 2, 3, 4, 5]
    assert np.abs(counts / 2000 - 0.2).max() < 4 * np.sqrt(0.16 / 2000)
    assert abs(np.corrcoef(side, late)[0, 1]) < 4 / np.sqrt(2000)


def test_the_schedule_has_its_three_phases():
    plan = functools.partial(schedule, null=30, exposure=4000, washout=20)
    found = np.array(plan(new_key(), strength=4.0, catch=0.2))
    assert found.shape == (4050,) and not found[:30].any() and not found[-20:].any()
    exposed = found[30:-20]
    assert set(exposed.tolist()) == {0.0, 4.0}
    assert abs((exposed == 0).mean() - 0.2) < 4 * np.sqrt(0.16 / 4000)
    assert (np.array(plan(new_key())) == 3.0).sum() == 4000  # without catch trials
    two = jax.jit(
        jax.vmap(lambda b: schedule(new_key(), null=1, exposure=1, washout=1, strength=b))
    )
    assert two(jnp.array([1.0, -2.0])).tolist() == [[0, 1, 0], [0, -2, 0]]


def test_in_double_precision_and_with_numbers_of_another():
    with jax.enable_x64(True):
        single = jnp.float32(0.5)
        for task in (
            curl_field_task(strength=single, catch=single),
            perturbed_reach(force=single, distance=single),
            random_target(radius=single),
        ):
            trial = jax.eval_shape(task.sample, jax.random.key(0))
            leaves = jax.tree.leaves((trial.inputs, trial.targets, trial.mask))
            assert {leaf.dtype.name for leaf in leaves} == {"float64"}
        plan = schedule(jax.random.key(0), null=1, exposure=1, washout=1, catch=single)
        assert plan.dtype == jnp.float64


def test_a_push_may_last_until_the_last_step():
    assert perturbed_reach(onset_steps=(5, 89), duration_steps=1) is not None
