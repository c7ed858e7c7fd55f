"""Online rules as cells and as learning rules: interface, noise, memory, training."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

import jaxbrain as jb
from jaxbrain import learning
from jaxbrain.cells import elman, leaky_rnn, unroll
from jaxbrain.learning import over_time
from jaxbrain.learning.online import rule as online
from tests.tables import ONLINE

new_key = partial(jax.random.key, 0)
READOUT, LOSS = jb.dense(2), jb.losses.mse
CELL = elman(4)
X = jax.random.normal(jax.random.key(1), (3, 6, 2))
Y = jax.random.normal(jax.random.key(2), (3, 6, 2))


def close(a, b, rtol=2e-5, atol=1e-6):
    jax.tree.map(lambda u, v: np.testing.assert_allclose(u, v, rtol=rtol, atol=atol), a, b)


@pytest.mark.parametrize("name", sorted(ONLINE - {"over_time", "rtrl_diagonal"}))
@pytest.mark.slow
def test_a_rule_is_a_cell_and_a_learning_rule(name):
    make = getattr(learning, name)
    cell = make(CELL, READOUT, LOSS)
    rule = over_time(cell)
    assert isinstance(cell, jb.Cell) and repr(cell) == name and repr(rule) == f"over_time({name})"
    assert cell == make(elman(4), jb.dense(2), LOSS) and rule == over_time(cell)
    assert cell != make(elman(5), READOUT, LOSS) and jax.tree.leaves(rule) == []
    params = rule.network.init(new_key(), X[0])
    close(params, cell.init(new_key(), (X[0, 0], Y[0, 0])), 0, 0)

    @jax.jit
    def by_hand(params, key):
        total = None
        for x, y, k in zip(X, Y, jax.random.split(key, 3), strict=True):
            carry = cell.carry(params, (x[0], y[0]))
            for t, own in enumerate(jax.random.split(k, 6)):
                carry, found = cell.step(params, carry, (x[t], y[t]), key=own)
                total = found if total is None else jax.tree.map(jnp.add, total, found)
        return jax.tree.map(lambda a: a / 18, total)

    value, grads, state = jax.jit(lambda p, k: rule.grads(p, (), X, Y, key=k))(params, new_key())
    close((value, grads), by_hand(params, new_key()))
    assert state == () and jax.tree.structure(grads) == jax.tree.structure(params)
    predicted = jb.batch(rule.network).apply(params, X)
    np.testing.assert_allclose(value, jnp.mean((predicted - Y) ** 2), rtol=1e-5)


@pytest.mark.slow
def test_the_noise_is_that_of_the_network():
    cell = leaky_rnn(4, dt=0.5, tau=1.0, noise=0.5)
    readout = jb.serial(jb.dropout(0.5), READOUT)
    rule = over_time(learning.rtrl(cell, readout, LOSS))
    params, bptt = rule.network.init(new_key(), X[0]), jb.backprop(rule.network, LOSS)

    def gradient(rule, key):
        return jax.jit(lambda p: rule.grads(p, (), X, Y, key=key)[:2])(params)

    close(gradient(rule, new_key()), gradient(bptt, new_key()), 1e-4, 1e-6)
    silent = gradient(rule, None)[1]
    assert (
        np.abs(ravel_pytree(silent)[0] - ravel_pytree(gradient(rule, new_key())[1])[0]).max() > 0.01
    )


@pytest.mark.slow
def test_memory_does_not_grow_with_the_sequence():
    def needed(rule, length):
        xs = jnp.zeros((1, length, 2))
        params = rule.network.init(new_key(), xs[0])
        grads = jax.jit(lambda p, x, y: rule.grads(p, (), x, y, key=new_key())[1])
        return grads.lower(params, xs, xs).compile().memory_analysis().temp_size_in_bytes

    cell = elman(16)
    exact = over_time(learning.rtrl(cell, READOUT, LOSS))
    bptt = jb.backprop(exact.network, LOSS)
    # what is left to grow are the keys, of 8 bytes a step
    assert needed(exact, 1000) - needed(exact, 100) < 900 * 8 * 4
    assert needed(bptt, 1000) - needed(bptt, 100) > 900 * 16 * 4


@pytest.mark.slow
def test_fit_trains_and_the_targets_may_be_weighted():
    """Remember the first number over a pause; only the last step is graded."""
    x = jnp.zeros((64, 5, 1)).at[:, 0, 0].set(jnp.linspace(-1, 1, 64))
    y = jnp.tile(x[:, :1], (1, 5, 1)), jnp.zeros((64, 5)).at[:, -1].set(1)

    def last_step(prediction, target):
        value, weight = target
        return weight * LOSS(prediction, value)

    left = {}
    for make in (learning.rtrl, learning.one_step_backprop):
        rule = over_time(make(elman(6), jb.dense(1), last_step))
        state, history = jb.fit(
            rule, optax.adam(0.02), (x, y), key=new_key(), epochs=30, batch_size=16, progress=False
        )
        left[make] = history.loss[-1]
    assert left[learning.rtrl] < 0.2 * left[learning.one_step_backprop]
    assert rule.network.apply(state.params, x[0]).shape == (5, 1)


def test_refusals():
    rule = learning.rtrl(CELL, READOUT, LOSS)
    with pytest.raises(TypeError, match="rtrl: argument 0 must be a Cell, got Network"):
        learning.rtrl(jb.dense(2), READOUT, LOSS)
    with pytest.raises(TypeError, match="readout must be a Network such as"):
        learning.rtrl(CELL, LOSS, READOUT)
    with pytest.raises(ValueError, match=r"network=jb.cells.unroll\(cell\)"):
        over_time(CELL)
    assert over_time(CELL, network=unroll(CELL)).network == unroll(CELL)
    taught = over_time(rule)
    with pytest.raises(ValueError, match="same number of steps"):
        taught.grads(taught.network.init(new_key(), X[0]), (), X, Y[:, :3])
    assert online.flat_state((jnp.ones(2), jnp.array(3)))[0].shape == (2,)
