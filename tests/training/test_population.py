"""Populations: `jax.vmap` of `run` over keys and over a hyperparameter."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb

XOR = jb.datasets.xor()


def rule_of(*layers):
    return jb.backprop(jb.serial(*layers), jb.losses.binary_cross_entropy)


RULE = rule_of(jb.dense(8), jb.elementwise(jnp.tanh), jb.dropout(0.1), jb.dense(1))


def train(key, rate, *, rule=RULE, epochs=20, batch_size=3):
    return jb.run(rule, optax.adam(rate), XOR, key=key, epochs=epochs, batch_size=batch_size)


def test_a_population_is_its_members_one_by_one():
    """Over keys and learning rates at once; with noise, shuffled batches and a partial one."""
    keys, rates = jax.random.split(jax.random.key(0), 3), jnp.array([1e-3, 1e-2, 1e-1])
    states, histories = jax.jit(jax.vmap(train))(jax.random.clone(keys), rates)
    alone = jax.jit(train)
    for i in range(3):
        state, history = alone(jax.random.clone(keys[i]), rates[i])
        member = jax.tree.map(lambda a, i=i: a[i], (states.params, states.opt_state, histories))
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5),
            member,
            (state.params, state.opt_state, history),
        )
    kernels = np.asarray(states.params[0]["kernel"])
    assert np.abs(kernels[0] - kernels[1]).max() > 0.1  # or one member could stand for all
    assert histories.step_loss.shape == (3, 20, 2)


def test_one_key_and_several_learning_rates():
    rates = jnp.array([0.0, 1e-2, 1e-1])
    _, histories = jax.jit(jax.vmap(train, in_axes=(None, 0)))(jax.random.key(0), rates)
    first, last = histories.loss[:, 0], histories.loss[:, -1]
    np.testing.assert_allclose(
        histories.step_loss[:, 0, 0], histories.step_loss[0, 0, 0], rtol=1e-4
    )
    assert last[2] < last[1] < first[1]


def solved(rule):
    """How many of 256 networks, trained at once, solve XOR."""
    keys = jax.random.split(jax.random.key(1), 256)

    @jax.jit
    @jax.vmap
    def correct(key):
        state, _ = train(key, 0.05, rule=rule, epochs=300, batch_size=None)
        measured = jb.evaluate(rule.network, state.params, XOR, {"accuracy": jb.accuracy})
        return measured["accuracy"]

    return int(np.sum(np.asarray(correct(keys)) == 1))


def test_most_of_256_networks_solve_xor_and_none_without_a_hidden_layer():
    assert solved(rule_of(jb.dense(8), jb.elementwise(jnp.tanh), jb.dense(1))) > 230
    assert solved(rule_of(jb.dense(1))) == 0
