"""Tasks: pure samples of fixed shapes, and training inside the compiled loop."""

import inspect
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.tasks import (
    Trial,
    adding,
    batches,
    context_integration,
    copy,
    delayed_match,
    evidence_accumulation,
    flip_flop,
    graded,
    sequence_memory,
    sine_generation,
)

new_key = partial(jax.random.key, 0)


# how to build it, with options that are not the defaults, and the shapes of inputs and targets
TASKS = {
    "adding": (lambda: adding(steps=9), (9, 2), (9, 1)),
    "copy": (lambda: copy(symbols=3, items=4, delay_steps=5), (13, 5), (13, 4)),
    "flip_flop": (lambda: flip_flop(bits=2, steps=7, probability=0.3), (7, 2), (7, 2)),
    "sequence_memory": (
        lambda: sequence_memory(locations=5, items=2, item_steps=3, delay_steps=4, noise=0.1),
        (16, 3),
        (16, 2),
    ),
    "delayed_match": (
        lambda: delayed_match(
            stimuli=3, stimulus_steps=2, delay_steps=3, response_steps=4, noise=0.1
        ),
        (11, 4),
        (11, 1),
    ),
    "evidence_accumulation": (
        lambda: evidence_accumulation(
            cues=3, cue_steps=2, gap_steps=1, delay_steps=4, response_steps=2, noise=0.1
        ),
        (15, 3),
        (15, 1),
    ),
    "context_integration": (
        lambda: context_integration(
            stimulus_steps=6, delay_steps=2, response_steps=3, coherences=(0.1, 0.4), noise=0.2
        ),
        (11, 5),
        (11, 1),
    ),
    "sine_generation": (lambda: sine_generation(frequencies=3, steps=8), (8, 1), (8, 1)),
}


def test_every_task_is_in_the_table():
    made = {n for n in jb.tasks.__all__ if inspect.isfunction(getattr(jb.tasks, n))}
    assert made - {"batches", "graded", "graded_step"} == set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_a_pure_function_of_its_key(name):
    make, inputs, targets = TASKS[name]
    task, again = make(), make()
    assert task == again and hash(task) == hash(again) and jax.tree.leaves(task) == []
    assert repr(task).startswith(f"tasks.{name}(")
    assert task != getattr(jb.tasks, name)(), "other options, other task"
    keys = partial(jax.random.split, num=9)
    trials, one = jax.jit(
        lambda: (jax.vmap(task.sample)(keys(new_key())), task.sample(keys(new_key())[1]))
    )()
    assert isinstance(trials, Trial) and isinstance(trials.condition, dict)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, atol=1e-6), trials, one)
    assert one.inputs.shape == inputs and one.targets.shape == targets
    assert one.mask.shape == inputs[:1] and set(one.mask.tolist()) <= {0.0, 1.0}
    assert one.mask.sum() > 0
    assert {a.dtype for a in one[:3]} == {jnp.dtype("float32")}
    assert not (trials.inputs == trials.inputs[:1]).all(), "all trials are equal"
    with jax.enable_x64(True):
        shapes = jax.eval_shape(task.sample, new_key())
    assert {a.dtype for a in shapes[:3]} == {jnp.dtype("float64")}


def test_a_batch_has_a_trial_for_each_key():
    task = flip_flop(bits=1, steps=6, probability=0.5)
    x, (targets, mask) = batches(task, 4)(new_key())
    trials = jax.vmap(task.sample)(jax.random.split(new_key(), 4))
    np.testing.assert_array_equal(x, trials.inputs)
    np.testing.assert_array_equal(targets, trials.targets)
    assert mask.shape == (4, 6) and len({tuple(row) for row in x[..., 0].tolist()}) > 1


def test_a_graded_step_is_a_part_of_the_graded_trial():
    """Mean over all steps of graded_step = graded steps / steps x graded; nan elsewhere is left."""
    prediction, targets = jnp.arange(8.0).reshape(4, 2), jnp.ones((4, 2))
    mask = jnp.array([0.0, 1.0, 0.0, 1.0])
    steps = jax.vmap(jb.tasks.graded_step(jb.losses.mse))(prediction, (targets, mask))
    whole = graded(jb.losses.mse)(prediction, (targets, mask))
    np.testing.assert_allclose(steps.mean(), whole * 2 / 4, rtol=1e-6)
    unknown = jb.tasks.graded_step(jb.losses.mse)(jnp.full(2, jnp.nan), (targets[0], mask[0]))
    assert float(unknown) == 0
    of_logarithm = jb.tasks.graded_step(lambda p, _: jnp.sum(jnp.log(p)))  # -inf of finite numbers
    assert float(of_logarithm(jnp.zeros(2), (targets[0], mask[0]))) == 0
    for loss in (graded(jb.losses.mse), jax.vmap(jb.tasks.graded_step(jb.losses.mse))):
        slope = jax.grad(lambda y, t, loss=loss: jnp.sum(loss(y, (t, mask))))
        known = slope(prediction, targets)
        for hole in (prediction.at[0].set(jnp.inf), prediction):
            found = slope(hole, targets.at[2].set(jnp.nan))
            np.testing.assert_array_equal(found, known)
        assert np.isnan(slope(prediction, targets.at[3].set(jnp.nan))).any()
    with pytest.raises(TypeError, match="graded_step: target must be a pair"):
        jb.tasks.graded_step(jb.losses.mse)(prediction[0], targets[0])


def test_only_graded_steps_count():
    prediction, targets = jnp.arange(8.0).reshape(4, 2), jnp.zeros((4, 2))
    loss = graded(jb.losses.half_mse)
    by_hand = [0.5 * float(p @ p) for p in prediction]
    mask = jnp.array([0.0, 1.0, 0.0, 1.0])
    assert float(loss(prediction, (targets, mask))) == (by_hand[1] + by_hand[3]) / 2
    assert float(loss(prediction, (targets, jnp.ones(4)))) == sum(by_hand) / 4
    assert float(loss(prediction, (targets, jnp.zeros(4)))) == 0
    bad = prediction.at[0].set(jnp.nan)
    value, slope = jax.value_and_grad(loss)(bad, (targets, mask))
    assert np.isfinite(value) and float(slope[1, 1]) == 1.5 and not slope[2].any()


@pytest.mark.slow
def test_a_network_learns_a_task_inside_the_compiled_loop():
    """Sixteen units hold a bit; the opposite answer has a large error."""
    task = flip_flop(bits=1, steps=15, probability=0.2)
    net = jb.serial(jb.cells.unroll(jb.cells.elman(16)), jb.dense(1))
    rule, adam = jb.backprop(net, graded(jb.losses.mse)), optax.adam(5e-3)
    draw, update = batches(task, 32), jb.step(rule, adam)

    @jax.jit
    def train(key):
        shape, first, key = jax.random.split(key, 3)
        state = jb.init_state(rule, adam, task.sample(shape).inputs, key=first)
        return jax.lax.scan(lambda s, k: update(s, draw(k)), state, jax.random.split(key, 150))

    state, losses = train(new_key())
    x, (targets, mask) = jax.jit(draw)(jax.random.key(9))
    metrics = {"right": graded(jb.losses.mse), "wrong": lambda y, t: jnp.mean((y + t[0]) ** 2)}
    measured = jb.evaluate(net, state.params, (x, (targets, mask)), metrics)
    assert losses[0] > 0.5 and measured["right"] < 0.1 and measured["wrong"] > 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: adding(steps=1), "steps must be 2 at least"),
        (lambda: adding(steps=2.0), "steps must be an integer, got 2.0"),
        (lambda: copy(symbols=1), "symbols must be 2 at least"),
        (lambda: copy(delay_steps=0), "delay_steps must be a positive integer"),
        (lambda: flip_flop(probability=1.5), "probability must be from 0 to 1"),
        (lambda: sequence_memory(items=7), "items must be at most 6"),
        (lambda: sequence_memory(delay_steps=-1), "delay_steps must be a positive integer"),
        (lambda: delayed_match(stimuli=1), "stimuli must be 2 at least"),
        (lambda: delayed_match(noise=-0.1), "noise must not be negative"),
        (lambda: evidence_accumulation(cues=4), "cues must be odd"),
        (lambda: context_integration(coherences=(0.1, -0.1)), "coherences must be positive"),
        (lambda: context_integration(coherences=()), "coherences must be positive"),
        (lambda: sine_generation(longest=10.0, shortest=20.0), "shortest must be above 2"),
        (lambda: batches(adding(), 0), "size must be a positive integer"),
        (lambda: graded(jb.losses.mse)(jnp.ones(1), (jnp.ones((5, 1)), jnp.ones(5))), "every step"),
        (lambda: graded(jb.losses.mse)(jnp.ones((5, 1)), (jnp.ones((5, 1)),) * 2), "mask"),
    ],
)
def test_bad_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_bad_types_are_refused():
    with pytest.raises(TypeError, match=r"task must be a Task such as jb\.tasks\.adding"):
        batches(adding, 3)
    with pytest.raises(TypeError, match="score must be a function"):
        graded("mse")
    with pytest.raises(TypeError, match=r"pair \(targets, mask\)"):
        graded(jb.losses.mse)(jnp.ones((5, 1)), jnp.ones((5, 1)))
    shapes = jax.eval_shape(sequence_memory(delay_steps=0).sample, new_key())
    assert shapes.inputs.shape == (60, 3)
