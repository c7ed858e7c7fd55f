"""Tasks: pure samples of fixed shapes, the laws of each, training inside the compiled loop."""

import inspect
import math
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


def many(task, n=4000, seed=1):
    return jax.jit(jax.vmap(task.sample))(jax.random.split(jax.random.key(seed), n))


def within(values, expected, errors=3.0):
    """The mean is as expected, within so many standard errors."""
    values = np.asarray(values, float)
    return abs(values.mean() - expected) < errors * values.std() / math.sqrt(len(values))


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
    keys = jax.random.split(new_key(), 9)
    trials, one = jax.jit(lambda keys: (jax.vmap(task.sample)(keys), task.sample(keys[1])))(keys)
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


def test_adding_is_the_sum_of_the_marked_and_its_naive_error_is_a_sixth():
    trials = many(adding(steps=11), 20_000)
    x, marked = np.asarray(trials.inputs), np.asarray(trials.condition["marked"])
    assert np.all(x[:, :, 1].sum(1) == 2)
    assert set(marked[:, 0]) == set(range(5)) and set(marked[:, 1]) == set(range(5, 11))
    np.testing.assert_allclose(trials.targets[:, -1, 0], (x[:, :, 0] * x[:, :, 1]).sum(1), 1e-6)
    assert np.all(np.asarray(trials.mask) == (np.arange(11) == 10))
    loss = jax.vmap(graded(jb.losses.mse), (None, 0))
    naive = loss(jnp.ones((11, 1)), (trials.targets, trials.mask))
    assert within(naive, 1 / 6)
    assert not within(naive, 0.1767)  # the number that is quoted
    assert not within(loss(0.8 * jnp.ones((11, 1)), (trials.targets, trials.mask)), 1 / 6)


def test_copy_by_hand_and_its_naive_error():
    task = copy(symbols=3, items=4, delay_steps=5)
    trials = many(task, 50)
    x, y = np.asarray(trials.inputs).argmax(2), np.asarray(trials.targets).argmax(2)
    for given, wanted, items in zip(x, y, np.asarray(trials.condition["items"]), strict=True):
        said = list(items + 1)
        assert given.tolist() == said + [0] * 4 + [4] + [0] * 4
        assert wanted.tolist() == [0] * 9 + said
    assert np.all(np.asarray(trials.mask) == 1)
    big = 50.0  # sure of the blank until the sign, no idea of the item after it
    logits = jnp.zeros((13, 4)).at[:9, 0].set(big).at[9:, 0].set(-big)
    loss = graded(jb.losses.softmax_cross_entropy)
    value = loss(logits, (trials.targets[0], trials.mask[0]))
    assert abs(float(value) - 4 * math.log(3) / 13) < 1e-6
    assert abs(float(loss(jnp.zeros((13, 4)), (trials.targets[0], trials.mask[0]))) - value) > 0.1


def test_flip_flop_holds_the_last_pulse():
    trials = many(flip_flop(bits=2, steps=30, probability=0.2), 300)
    x, y = np.asarray(trials.inputs), np.asarray(trials.targets)
    for one, held in zip(x, y, strict=True):
        state = np.zeros(2)
        for pulses, target in zip(one, held, strict=True):
            state = np.where(pulses != 0, pulses, state)
            assert np.array_equal(state, target)
    assert np.array_equal(trials.condition["bits"], y[:, -1])
    assert within((x[:, 1:] != 0).reshape(-1), 0.2) and within(x[x != 0], 0.0)
    assert np.all(x[:, 0] != 0)
    assert not np.array_equal(y, x), "to copy the input is no answer"


def test_sequences_come_again_in_their_order():
    task = sequence_memory(locations=5, items=3, item_steps=2, delay_steps=4)
    trials = many(task, 500)
    x, y, items = (
        np.asarray(a) for a in (trials.inputs, trials.targets, trials.condition["items"])
    )
    assert all(len(set(row)) == 3 for row in items) and set(items.flat) == set(range(5))
    angles = 2 * np.pi * items / 5
    shown = np.stack([np.cos(angles), np.sin(angles)], -1).repeat(2, axis=1)
    np.testing.assert_allclose(x[:, :6, :2], shown, atol=1e-6)
    np.testing.assert_allclose(y[:, 10:], shown, atol=1e-6)
    assert not x[:, 6:, :2].any() and not y[:, :10].any()
    assert np.all(x[:, :, 2] == (np.arange(16) >= 10))
    assert within(items[:, 0], 2.0)
    noisy = many(sequence_memory(item_steps=2, noise=0.3), 500)
    delay = np.asarray(noisy.inputs)[:, 6:26, :2].reshape(-1)
    assert abs(delay.std() - 0.3) < 0.01
    assert set(np.asarray(noisy.inputs)[:, :, 2].flat) == {0.0, 1.0}, "noise in the go cue"


def test_matches_are_half_of_the_trials():
    trials = many(delayed_match(stimuli=3, stimulus_steps=2, delay_steps=3, response_steps=4))
    c = {name: np.asarray(value) for name, value in trials.condition.items()}
    x, y = np.asarray(trials.inputs), np.asarray(trials.targets)[..., 0]
    assert np.array_equal(c["match"], c["sample"] == c["test"])
    assert within(c["match"], 0.5) and within(c["test"], 1.0)
    assert np.all(x[:, :2, :3].argmax(2) == c["sample"][:, None])
    assert np.all(x[:, 5:7, :3].argmax(2) == c["test"][:, None])
    assert not x[:, 2:5].any() and not x[:, 7:, :3].any()
    assert np.all(y[:, 7:] == np.where(c["match"], 1, -1)[:, None]) and not y[:, :7].any()
    for alone in (c["sample"], c["test"]):  # one stimulus says nothing
        assert abs(np.corrcoef(alone, y[:, -1])[0, 1]) < 0.06


def test_evidence_is_what_most_cues_say():
    options = {"cues": 5, "cue_steps": 2, "gap_steps": 1, "delay_steps": 4, "response_steps": 2}
    trials = many(evidence_accumulation(**options))
    x, right = np.asarray(trials.inputs), np.asarray(trials.condition["right"])
    lit = np.arange(15) % 3 < 2
    assert np.array_equal(x[:, :15, 1], np.repeat(right, 3, axis=1) * lit)
    assert np.array_equal(x[:, :15, 0], np.repeat(~right, 3, axis=1) * lit)
    assert not x[:, 15:, :2].any()
    counted = np.sign(x[:, :, 1].sum(1) - x[:, :, 0].sum(1))
    assert np.array_equal(np.asarray(trials.targets)[:, -1, 0], counted)
    assert np.all(np.asarray(trials.mask) == (np.arange(21) >= 19))
    assert within(right.mean(1), 0.5)
    agree = (right[:, 0] == right[:, 1]).astype(float)
    assert within(agree, 0.7**2 + 0.3**2) and not within(agree, 0.5)
    assert (np.sign(right[:, -1] - 0.5) != counted).mean() > 0.1, "the last cue is not the answer"


def test_context_says_which_stream_counts():
    coherences, noise, steps = (0.1, 0.4), 0.8, 16
    task = context_integration(
        stimulus_steps=steps, delay_steps=2, response_steps=3, coherences=coherences, noise=noise
    )
    trials = many(task, 10_000)
    x, y = np.asarray(trials.inputs), np.asarray(trials.targets)[:, -1, 0]
    context, coherence = (np.asarray(trials.condition[k]) for k in ("context", "coherence"))
    rows = np.arange(len(x))
    heeded, other = coherence[rows, context], coherence[rows, 1 - context]
    assert np.array_equal(y, np.sign(heeded))
    assert within(y * np.sign(other), 0.0), "the other stream tells the answer"
    assert np.all(x[:, :, 2:4].argmax(2) == context[:, None])
    assert np.all(x[:, :, 4] == (np.arange(21) >= 18)) and not x[:, steps:, :2].any()
    assert not np.asarray(trials.targets)[:, :18].any()
    best = np.sign(x[rows, :steps, context].mean(1)) == y
    right = np.mean([0.5 * math.erfc(-c * math.sqrt(steps / 2) / noise) for c in coherences])
    assert within(best, right)
    assert within(np.sign(x[rows, :steps, 1 - context].mean(1)) == y, 0.5)
    assert within((x[:, 3, :2] - coherence).reshape(-1) ** 2, noise**2)


def test_sines_have_the_frequency_that_the_input_names():
    trials = many(sine_generation(frequencies=3, steps=100, longest=50.0, shortest=10.0), 60)
    names = np.asarray(trials.inputs)[:, 0, 0]
    assert len(set(names)) == 3
    for name, y in zip(names, np.asarray(trials.targets)[..., 0], strict=True):
        j = round((name - 0.25) * 3)
        assert np.abs(np.fft.rfft(y)).argmax() == round(100 * (1 / 50 + j * (1 / 10 - 1 / 50) / 2))
        assert abs(y[-1]) < 1e-3 and abs(np.abs(y).max() - 1) < 0.06


def test_a_graded_step_is_a_part_of_the_graded_trial():
    """Mean over all steps of graded_step = graded steps / steps x graded; nan elsewhere is left."""
    prediction, targets = jnp.arange(8.0).reshape(4, 2), jnp.ones((4, 2))
    mask = jnp.array([0.0, 1.0, 0.0, 1.0])
    steps = jax.vmap(jb.tasks.graded_step(jb.losses.mse))(prediction, (targets, mask))
    whole = graded(jb.losses.mse)(prediction, (targets, mask))
    np.testing.assert_allclose(steps.mean(), whole * 2 / 4, rtol=1e-6)
    unknown = jb.tasks.graded_step(jb.losses.mse)(jnp.full(2, jnp.nan), (targets[0], mask[0]))
    assert float(unknown) == 0
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
    """Sixteen units hold a bit, and what they were taught is no other answer."""
    task = flip_flop(bits=1, steps=15, probability=0.2)
    net = jb.serial(jb.cells.unroll(jb.cells.elman(16)), jb.dense(1))
    rule, adam = jb.backprop(net, graded(jb.losses.mse)), optax.adam(5e-3)
    draw, update = batches(task, 32), jb.step(rule, adam)

    @jax.jit
    def train(key):
        state = jb.init_state(rule, adam, task.sample(key).inputs, key=key)
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
        (lambda: adding(steps=2.0), "steps must be a positive integer"),
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


def test_noise_may_be_swept():
    noises = jnp.array([0.0, 0.5, 2.0])
    one = jax.jit(jax.vmap(lambda noise: delayed_match(noise=noise).sample(new_key()).inputs))(
        noises
    )
    plain = one - one[:1]
    np.testing.assert_allclose(plain[2], 4 * plain[1], atol=1e-5)
    assert float(plain[1].std()) > 0.3


@pytest.mark.slow
def test_a_gru_learns_to_add_over_50_steps():
    """To an error below 0.01, where who answers 1 has 0.167."""
    task, key = adding(steps=50), jax.random.key(0)
    net = jb.serial(jb.cells.unroll(jb.cells.gru(64)), jb.dense(1))
    rule = jb.backprop(net, graded(jb.losses.mse))
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(3e-3))
    draw, update = batches(task, 64), jb.step(rule, optimizer)

    @jax.jit
    def train(key):
        state = jb.init_state(rule, optimizer, task.sample(key).inputs, key=key)
        return jax.lax.scan(lambda s, k: update(s, draw(k)), state, jax.random.split(key, 2000))

    losses = np.asarray(train(key)[1])
    assert 0.1 < losses[5:50].mean() < 0.3 and losses[-100:].mean() < 0.01
