"""Recall tasks: the laws of each."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.tasks import (
    adding,
    batches,
    copy,
    flip_flop,
    graded,
    sequence_memory,
)
from tests.tasks.statistics_of_trials import many, within


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


@pytest.mark.slow
def test_a_gru_learns_to_add_over_50_steps():
    """To an error below 0.01; the constant answer 1 has 0.167."""
    task, key = adding(steps=50), jax.random.key(0)
    net = jb.serial(jb.cells.unroll(jb.cells.gru(64)), jb.dense(1))
    rule = jb.backprop(net, graded(jb.losses.mse))
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(3e-3))
    draw, update = batches(task, 64), jb.step(rule, optimizer)

    @jax.jit
    def train(key):
        shape, first, key = jax.random.split(key, 3)
        state = jb.init_state(rule, optimizer, task.sample(shape).inputs, key=first)
        return jax.lax.scan(lambda s, k: update(s, draw(k)), state, jax.random.split(key, 2000))

    losses = np.asarray(train(key)[1])
    assert 0.1 < losses[5:50].mean() < 0.3 and losses[-100:].mean() < 0.01
