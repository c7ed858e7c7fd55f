"""Contrastive divergence: a machine whose Gibbs chain has no noise, enumeration, the likelihood."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core.config import label
from jaxbrain.learning import contrastive_divergence, persistent_contrastive_divergence
from jaxbrain.learning.generative import boltzmann
from jaxbrain.learning.generative.boltzmann import bernoulli, gaussian, rbm
from tests.contract import KEYWORD, close, counter, equal, places, signature
from tests.learning.generative.exact_machines import (
    arrays,
    bits,
    chi2,
    down,
    frequencies,
    joint,
    machine,
    minus,
    sigmoid,
    statistics,
    up,
)
from tests.theory import distance

pytestmark = pytest.mark.x64

V, H = 6, 4
RULES = {
    "contrastive_divergence": contrastive_divergence,
    "persistent_contrastive_divergence": persistent_contrastive_divergence,
}
rules = pytest.mark.parametrize("name", RULES)
DATA = np.random.default_rng(5).dirichlet(np.full(2**V, 0.2))  # a distribution over images


def spreading():
    """Five visible units in a row: every Gibbs step spreads activity to the next, with certainty.

    Hidden unit i is on if visible unit i or i + 1 is on. The last hidden unit is weakly coupled:
    its probability is between 0 and 1, and it does not matter for the visible units.
    """
    strong = 100 * (np.eye(5) + np.eye(5, k=1)).T
    weak = np.linspace(-0.5, 0.8, 5)[:, None]
    params = {
        "kernel": np.hstack([strong, weak]),
        "visible_bias": np.full(5, -50.0),
        "hidden_bias": np.array([-50.0] * 5 + [0.3]),
    }
    return jax.tree.map(jnp.asarray, params)


def row(on):
    return np.array([1.0] * on + [0.0] * (5 - on))


@pytest.mark.parametrize("steps", [1, 2])
def test_cd_is_the_statistics_of_data_minus_those_after_k_steps(steps):
    params, x = spreading(), np.stack([row(1), row(2)])
    grads = contrastive_divergence(rbm(6), steps=steps).grads
    grads = jax.jit(grads)(params, (), jnp.asarray(x), jnp.asarray(x), key=jax.random.key(1))[1]
    after = np.stack([row(1 + steps), row(2 + steps)])
    want = minus(statistics(params, x), statistics(params, after))
    close(grads, jax.tree.map(jnp.asarray, want), 1e-12, 1e-12)


def test_persistent_chains_continue_from_update_to_update():
    params, x = spreading(), np.stack([row(3), row(0), row(5)])
    rule = persistent_contrastive_divergence(rbm(6), chains=2)
    on = np.array([1.0, 0, 0, 1, 1])
    biased = {**params, "visible_bias": jnp.asarray(100 * on - 50)}
    np.testing.assert_array_equal(rule.init(jax.random.key(0), biased, x[0]), [on, on])
    grads, state = jax.jit(rule.grads), jnp.asarray([row(1), row(2)])
    for i in (1, 2):
        key = jax.random.key(i)
        _, found, state = grads(params, state, jnp.asarray(x), jnp.asarray(x), key=key)
        chains = np.stack([row(1 + i), row(2 + i)])
        np.testing.assert_array_equal(state, chains)
        want = minus(statistics(params, x), statistics(params, chains))
        close(found, jax.tree.map(jnp.asarray, want), 1e-12, 1e-12)


@pytest.mark.parametrize("units", [bernoulli(), gaussian(0.7)], ids=repr)
def test_the_loss_is_the_error_of_the_reconstruction(units):
    params = machine(V, H)
    w, b, c = arrays(params)
    x = jax.random.uniform(jax.random.key(1), (5, V))
    hidden = sigmoid(np.asarray(x) @ w + c)
    if units == bernoulli():
        p = sigmoid(hidden @ w.T + b)
        want = -(np.asarray(x) * np.log(p) + (1 - np.asarray(x)) * np.log(1 - p))
    else:
        error = np.asarray(x) - b - 0.49 * hidden @ w.T
        want = error**2 / (2 * 0.49) + np.log(0.7 * np.sqrt(2 * np.pi))
    rule = contrastive_divergence(rbm(H), visible=units)
    loss = jax.jit(rule.grads)(params, (), x, x, key=jax.random.key(2))[0]
    np.testing.assert_allclose(loss, want.sum(1).mean(), rtol=1e-12)


@pytest.fixture(scope="module")
def sampled():
    """The mean of many gradients at the data, for k = 1 and 3."""
    params, n = machine(V, H), 60_000
    x = jnp.asarray(bits(V))[jax.random.choice(jax.random.key(1), 2**V, (n,), p=jnp.asarray(DATA))]
    found = {}
    for k in (1, 3):
        grads = jax.jit(contrastive_divergence(rbm(H), steps=k).grads)
        found[k] = grads(params, (), x, x, key=jax.random.key(k + 1))[1]
    return frequencies(x), found


@pytest.mark.slow
def test_cd_k_is_its_expectation_and_tends_to_the_likelihood(sampled):
    params = machine(V, H)
    data, found = sampled
    step, model = up(params) @ down(params), joint(params).sum(1)
    np.testing.assert_allclose(model @ step, model, rtol=1e-10)

    def contrast(samples):
        return minus(statistics(params, bits(V), data), statistics(params, bits(V), samples))

    expected = {k: contrast(data @ np.linalg.matrix_power(step, k)) for k in (1, 3, 10, 100)}
    far = {k: distance(g, contrast(model)) for k, g in expected.items()}
    assert far[1] > 1.5 * far[3] > 1.5 * far[10] and far[100] < 1e-6
    assert 0.05 < far[1] < 0.6
    for k in (1, 3):  # four standard errors of a mean of 60,000 products of bits are 0.008
        for name, g in found[k].items():
            assert np.max(np.abs(g - expected[k][name])) < 0.008
        assert distance(found[k], expected[k]) < 0.2 * distance(expected[1], expected[3])


@pytest.mark.slow
def test_persistent_chains_reach_the_distribution_of_the_machine():
    params, n = machine(V, H, scale=1.4), 20_000
    model = joint(params).sum(1)
    rule = persistent_contrastive_divergence(rbm(H), chains=n)
    start = rule.init(jax.random.key(0), params, jnp.zeros(V))
    bias = sigmoid(arrays(params)[1])
    p = np.prod(np.where(bits(V) == 1, bias, 1 - bias), axis=1)
    assert chi2(frequencies(start), p, n) < 1.6 and chi2(frequencies(start), model, n) > 10
    x = jnp.asarray(bits(V)[:8])

    def step(state, key):
        _, grads, state = rule.grads(params, state, x, x, key=key)
        return state, grads

    end, grads = jax.lax.scan(step, start, jax.random.split(jax.random.key(2), 20))
    assert chi2(frequencies(end), model, n) < 1.6
    first, last = (jax.tree.map(lambda g: g[i], grads) for i in (0, -1))  # noqa: B023
    data = statistics(params, bits(V)[:8])
    exact = minus(data, statistics(params, bits(V), model))
    assert distance(last, exact) < 0.02 < 0.04 < distance(first, exact)
    at = minus(data, statistics(params, np.asarray(end)))
    close(last, jax.tree.map(jnp.asarray, at), 1e-9, 1e-12)


@pytest.mark.slow
def test_gaussian_cd_is_unbiased_where_the_data_are_those_of_the_machine():
    """For samples of the machine both terms have one expectation, for every k."""
    params = machine(V, H, scale=0.4)
    units, keys = gaussian(0.8), jax.random.split(jax.random.key(0), 8_000)
    draw = jax.vmap(lambda k: boltzmann.gibbs(k, params, jnp.zeros(V), steps=15, visible=units))
    x = draw(keys)

    def size(units, seed):
        rule = contrastive_divergence(rbm(H), visible=units)
        grads = rule.grads(params, (), x, x, key=jax.random.key(seed))[1]
        return max(float(jnp.max(jnp.abs(a))) for a in jax.tree.leaves(grads))

    assert size(units, 1) < 0.03 < 0.1 < size(gaussian(0.5), 2)


@rules
def test_likelihood_rises_in_training_over_seeds(name):
    x = jnp.asarray(np.repeat([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], 16, axis=0).astype(float))
    rule = RULES[name](rbm(H))
    decaying = optax.sgd(optax.linear_schedule(0.2, 0.0, 400))

    def likelihood(state):
        free = jax.vmap(lambda v: boltzmann.free_energy(state.params, v))(x)
        return -jnp.mean(free) - boltzmann.log_partition(state.params)

    def train(key):
        settings = {"epochs": 200, "batch_size": 16, "record": likelihood}
        return jb.run(rule, decaying, (x, x), key=key, **settings)[1].record

    rise = jax.jit(jax.vmap(train))(jax.random.split(jax.random.key(0), 3))
    assert np.all(rise[:, 0] < -4.1)  # from 6 log 1/2 = -4.16
    assert np.all(rise[:, -1] > -1.8)  # towards log 1/2 = -0.69, the best there is
    assert len(np.unique(rise[:, -1])) == 3


@rules
@pytest.mark.slow
def test_contract(name):
    make, x = RULES[name], jnp.asarray(bits(V)[:8])
    rule, params = make(rbm(H), steps=2), machine(V, H)
    again = make(rbm(H), visible=bernoulli(), steps=2)
    assert signature(rule.init) == places("key", "params", "x")
    assert signature(rule.grads) == places("params", "state", "x", "y") + KEYWORD
    assert rule == again and hash(rule) == hash(again) and jax.tree.leaves(rule) == []
    others = (make(rbm(H)), make(rbm(3), steps=2), make(rbm(H), visible=gaussian(), steps=2))
    assert all(rule != other for other in others)
    assert label(rule) == name and rule.network == rbm(H)
    state = rule.init(jax.random.key(3), params, x[0])
    equal(state, rule.init(jax.random.key(3), params, jax.ShapeDtypeStruct((V,), "float64")))
    traced = counter(lambda rule, p, s, key: rule.grads(p, s, x, x, key=key))
    run = jax.jit(traced)
    result = run(rule, params, state, jax.random.key(1))
    equal(run(again, params, state, jax.random.key(1)), result)
    assert traced.traces == 1
    close(rule.grads(params, state, x, -x, key=jax.random.key(1)), result)  # y is ignored
    loss, grads, after = result
    assert jax.tree.map(jnp.shape, grads) == jax.tree.map(jnp.shape, params) and loss.shape == ()
    assert distance(run(rule, params, state, jax.random.key(2))[1], grads) > 0.01
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)


@rules
@pytest.mark.parametrize("units", [bernoulli(), gaussian()], ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64", "int32"])
def test_types_are_kept(name, units, dtype):
    rule, x = RULES[name](rbm(H), visible=units), jnp.ones((3, V), dtype)
    params = rule.network.init(jax.random.key(0), x[0])
    state = rule.init(jax.random.key(1), params, x[0])
    loss, grads, after = jax.eval_shape(
        lambda *a: rule.grads(*a, key=jax.random.key(2)), params, state, x, x
    )
    shapes = lambda tree: jax.tree.map(lambda a: (a.shape, a.dtype.name), tree)  # noqa: E731
    assert shapes(grads) == shapes(params) and shapes(after) == shapes(state)
    kept = "float32" if dtype == "int32" else dtype
    assert loss.dtype == kept and {a.dtype for a in jax.tree.leaves(grads)} == {jnp.dtype(kept)}


@rules
def test_a_key_is_needed(name):
    rule, params, x = RULES[name](rbm(H)), machine(V, H), jnp.ones((2, V))
    with pytest.raises(ValueError, match=f"{name} needs a key"):
        jax.eval_shape(rule.grads, params, x, x, x)


def test_what_a_rule_cannot_train_is_refused():
    cd = contrastive_divergence
    with pytest.raises(ValueError, match=r"restricted Boltzmann machine, got serial.*rbm\(64\)"):
        cd(jb.serial(jb.dense(3)))
    with pytest.raises(TypeError, match=r"net must be a Network .*, got 3"):
        cd(3)
    with pytest.raises(TypeError, match=r"visible must be a Visible.*call it: bernoulli"):
        cd(rbm(3), visible=bernoulli)
    with pytest.raises(ValueError, match="steps must be a positive integer, got 0"):
        cd(rbm(3), steps=0)
    with pytest.raises(ValueError, match=r"chains must be an integer, got 1\.5"):
        persistent_contrastive_divergence(rbm(3), chains=1.5)
    x = 255 * jnp.ones((4, V), "float32")
    with pytest.raises(jb.NonFiniteError):  # pixels that are not scaled
        jb.fit(cd(rbm(3)), optax.sgd(0.1), (x, x), key=jax.random.key(0), epochs=1)
