"""Online rules over sequences: their noise, their memory, training with fit."""

from functools import partial

import jax
import jax.numpy as jnp
import optax
import pytest
from jax.flatten_util import ravel_pytree

import jaxbrain as jb
from jaxbrain import learning
from jaxbrain.cells import elman, leaky_rnn, unroll
from jaxbrain.learning import over_time
from tests.learning.online.problem import error, params_of, sequence

new_key = partial(jax.random.key, 0)
READOUT, LOSS = jb.dense(2), jb.losses.mse


@pytest.mark.x64
def test_the_noise_is_that_of_the_network():
    cell = leaky_rnn(3, dt=0.5, tau=1.0, noise=0.5)
    readout = jb.serial(jb.dropout(0.5), READOUT)
    rule = over_time(learning.rtrl(cell, readout, LOSS))
    params, bptt = params_of(rule.network), jb.backprop(rule.network, LOSS)
    data = tuple(jnp.stack([jnp.asarray(a), 2 - jnp.asarray(a)]) for a in sequence())

    @jax.jit
    def gradients(params, key):
        keys = key, jax.random.clone(key), None
        rules = rule, bptt, rule
        pairs = zip(rules, keys, strict=True)
        return [ravel_pytree(r.grads(params, (), *data, key=k)[:2])[0] for r, k in pairs]

    noisy, same, silent = gradients(params, new_key())
    assert error(noisy, same) < 1e-12 and error(noisy, silent) > 0.01


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
    with pytest.raises(ValueError, match=r"network=jb.cells.unroll\(cell\)"):
        over_time(elman(4))
    assert over_time(elman(4), network=unroll(elman(4))).network == unroll(elman(4))
    whole, x = over_time(learning.rtrl(elman(4), READOUT, LOSS)), jnp.ones((3, 6, 2))
    with pytest.raises(ValueError, match="same number of steps"):
        whole.grads(whole.network.init(new_key(), x[0]), (), x, x[:, :3])
