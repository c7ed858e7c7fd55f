"""The batches of a run: which rows, in which order, with which weight."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.training.shuffling import shuffle
from tests.small import ADAM, BATCH, NOISY, RULE, X, Y, assert_close, assert_same, new_key


def spy(rule, epochs, n=len(X)):
    """The same rule, its state the order in which the rows came (their index is feature 0)."""

    def init(key, params, x):
        return jnp.full(epochs * n, -1), jnp.int32(0)

    def grads(params, state, x, y, *, key=None):
        loss, gradient, _ = rule.grads(params, (), x, y, key=key)
        seen, at = state
        seen = jax.lax.dynamic_update_slice(seen, x[:, 0].astype("int32"), (at,))
        return loss, gradient, (seen, at + x.shape[0])

    return jb.LearningRule(init, grads, rule.network)


NUMBERED = np.concatenate([np.arange(10, dtype="float32")[:, None], X[:, 1:]], axis=1)


@pytest.fixture(scope="module")
def spied():
    return jb.run(spy(NOISY, 6), ADAM, (NUMBERED, Y), key=new_key(), epochs=6, batch_size=BATCH)


def test_every_row_is_used_once_an_epoch_in_a_new_order(spied):
    orders = np.asarray(spied[0].rule_state[0]).reshape(6, 10)
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.tile(np.arange(10), (6, 1)))
    assert len({tuple(order) for order in orders}) == 6


def test_run_is_a_python_loop_of_steps_over_the_same_batches(spied):
    state = jb.init_state(NOISY, ADAM, NUMBERED[0], key=new_key())
    update, losses = jax.jit(jb.step(NOISY, ADAM)), []
    for order in np.asarray(spied[0].rule_state[0]).reshape(6, 10):
        for rows in (order[:4], order[4:8], order[8:]):
            state, loss = update(state, (NUMBERED[rows], Y[rows]))
            losses.append(loss)
    assert_close(spied[0].params, state.params)
    assert_close(spied[0].opt_state, state.opt_state)
    assert int(spied[0].step) == int(state.step) == 18
    np.testing.assert_allclose(spied[1].step_loss.ravel(), losses, rtol=1e-5)


def test_the_last_batch_counts_with_its_true_weight(spied):
    """The mean over rows, which the mean of the batch means is not."""
    weighted = np.asarray(spied[1].step_loss) @ [0.4, 0.4, 0.2]
    np.testing.assert_allclose(spied[1].loss, weighted, rtol=1e-5)
    assert np.abs(spied[1].loss - np.mean(spied[1].step_loss, axis=1)).max() > 1e-2


def test_the_loss_of_an_epoch_is_the_mean_over_its_examples():
    """With a learning rate of 0 it does not depend on the order or on the batch size."""
    rule = jb.backprop(jb.dense(1), jb.losses.half_mse)
    params = jb.init_state(rule, optax.sgd(0.0), X[0], key=new_key()).params
    prediction = X @ np.asarray(params["kernel"]) + np.asarray(params["bias"])
    for size in (4, 10):
        _, history = jb.run(rule, optax.sgd(0.0), (X, Y), key=new_key(), epochs=2, batch_size=size)
        np.testing.assert_allclose(history.loss, np.mean((prediction - Y) ** 2) / 2, rtol=1e-5)


@pytest.mark.parametrize("n", [2, 4])
def test_the_order_is_a_uniform_permutation(n):
    keys = jax.random.split(new_key(), 6000)
    orders = np.asarray(jax.jit(jax.vmap(lambda k: shuffle(k, n)))(keys))
    kinds, counts = np.unique(orders, axis=0, return_counts=True)
    expected = 6000 / {2: 2, 4: 24}[n]
    assert len(kinds) == {2: 2, 4: 24}[n]
    chi_square = np.sum((counts - expected) ** 2 / expected)
    assert chi_square < {2: 15.1, 4: 55.0}[n]  # p = 1e-4 and 2e-4


@pytest.mark.parametrize("n", [1, 3, 1347])
def test_the_order_is_a_permutation(n):
    order = np.asarray(shuffle(new_key(), n))
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    other = np.asarray(shuffle(jax.random.key(1), n))
    assert n < 4 or (order != other).any()
    # Neighbours part: as neighbours by chance stay 2 of n pairs.
    assert n < 64 or np.sum(np.abs(np.diff(order)) == 1) < 12


def test_a_batch_larger_than_the_data_is_the_full_batch():
    runs = [
        jb.fit(RULE, optax.sgd(0.1), (X, Y), key=new_key(), epochs=3, batch_size=size)
        for size in (None, 10, 11, 10**9)
    ]
    for other in runs[1:]:
        assert_same(runs[0], other)
    assert int(runs[0][0].step) == 3
    assert runs[0][1].step_loss.shape == (3, 1)


def test_a_batch_of_one_and_data_of_one():
    state, history = jb.fit(
        RULE, optax.sgd(0.1), (X[:1], Y[:1]), key=new_key(), epochs=2, batch_size=1
    )
    assert int(state.step) == 2 and history.step_loss.shape == (2, 1)
