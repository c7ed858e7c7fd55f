"""Restricted Boltzmann machines against the sum over all their states."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.core.config import label
from jaxbrain.learning.generative import boltzmann
from jaxbrain.learning.generative.boltzmann import bernoulli, rbm
from tests.contract import close
from tests.learning.generative.exact_machines import (
    bits,
    chi2,
    down,
    frequencies,
    joint,
    machine,
    minus,
    statistics,
    up,
)
from tests.theory import distance

pytestmark = pytest.mark.x64

V, H = 6, 4
DATA = np.random.default_rng(5).dirichlet(np.full(2**V, 0.2))  # a distribution over images


def mean_nll(params):
    free = jax.vmap(lambda v: boltzmann.free_energy(params, v))(jnp.asarray(bits(V)))
    return jnp.dot(jnp.asarray(DATA), free) + boltzmann.log_partition(params)


def test_energies_are_sums_over_all_states():
    params = machine(V, H)
    v, h, p = jnp.asarray(bits(V)), jnp.asarray(bits(H)), joint(params)
    pairs = jax.vmap(
        lambda v: jax.vmap(lambda h: boltzmann.energy(params, v, h))(h)
    )(v)  # fmt: skip
    np.testing.assert_allclose(np.exp(-pairs) / np.exp(-pairs).sum(), p, rtol=1e-12)
    free = jax.vmap(lambda v: boltzmann.free_energy(params, v))(v)
    np.testing.assert_allclose(free, -np.log(np.exp(-pairs).sum(1)), rtol=1e-12)
    np.testing.assert_allclose(
        boltzmann.log_partition(params), np.log(np.exp(-pairs).sum()), rtol=1e-12
    )
    hidden = jb.batch(rbm(H)).apply(params, v)
    np.testing.assert_allclose(hidden, p @ bits(H) / p.sum(1, keepdims=True), rtol=1e-12)
    mean = bernoulli().mean(params["visible_bias"], params["kernel"] @ hidden[37])
    np.testing.assert_allclose(boltzmann.reconstruct(params, v[37]), mean, rtol=1e-12)
    big = jax.tree.map(lambda a: 1e3 * a, params)
    assert np.all(np.isfinite(jax.vmap(lambda v: boltzmann.free_energy(big, v))(v)))
    assert np.isfinite(boltzmann.log_partition(big))


def test_gradient_of_the_likelihood_is_a_difference_of_expectations():
    params = machine(V, H)
    slope = jax.jit(jax.value_and_grad(mean_nll))
    grads = slope(params)[1]
    model = joint(params).sum(1)
    want = minus(statistics(params, bits(V), DATA), statistics(params, bits(V), model))
    close(grads, jax.tree.map(jnp.asarray, want), 1e-11, 1e-13)
    for name, at in (("kernel", (2, 1)), ("visible_bias", (3,)), ("hidden_bias", (0,))):
        shift = lambda e: {**params, name: params[name].at[at].add(e)}  # noqa: B023, E731
        difference = (slope(shift(1e-5))[0] - slope(shift(-1e-5))[0]) / 2e-5
        np.testing.assert_allclose(grads[name][at], difference, rtol=1e-7)
    other = joint(machine(V, H, seed=1)).sum(1)
    far = minus(statistics(params, bits(V), DATA), statistics(params, bits(V), other))
    assert distance(far, grads) > 0.3  # the distribution of the model matters


def test_gibbs_sampling_keeps_the_distribution_of_the_machine():
    params, n = machine(V, H), 50_000
    model = joint(params).sum(1)
    step = jax.jit(jax.vmap(lambda k, v: boltzmann.gibbs(k, params, v, steps=1)))
    codes = jax.random.choice(jax.random.key(3), 2**V, (n,), p=jnp.asarray(model))
    after = step(jax.random.split(jax.random.key(4), n), jnp.asarray(bits(V))[codes])
    assert chi2(frequencies(after), model, n) < 1.6
    ones = frequencies(step(jax.random.split(jax.random.key(5), n), jnp.ones((n, V))))
    assert chi2(ones, (up(params) @ down(params))[-1], n) < 1.6
    assert chi2(ones, model, n) > 10  # one step from another state is not enough


def test_a_key_draws_hidden_states():
    params, x = machine(V, H), jnp.asarray(bits(V)[13])
    draw = jax.vmap(lambda k: rbm(H).apply(params, x, key=k))
    states = np.asarray(draw(jax.random.split(jax.random.key(0), 20_000)))
    assert set(np.unique(states)) == {0.0, 1.0}
    np.testing.assert_allclose(states.mean(0), rbm(H).apply(params, x), atol=0.018)


def test_what_a_machine_cannot_be_is_refused():
    assert label(rbm(H)) == "rbm"
    with pytest.raises(ValueError, match=r"rbm: units must be a positive integer, got -1"):
        rbm(-1)
    with pytest.raises(ValueError, match=r"needs vectors \[visible\], got shape \(2, 2\)"):
        rbm(3).init(jax.random.key(0), jnp.ones((2, 2)))
    with pytest.raises(ValueError, match="made for 6 input features"):
        rbm(H).apply(machine(V, H), jnp.ones(5))
    with pytest.raises(ValueError, match="gibbs: steps must be a positive integer, got 0"):
        boltzmann.gibbs(jax.random.key(0), machine(V, H), jnp.ones(V), steps=0)
    with pytest.raises(ValueError, match="at most 16 hidden units, got 17"):
        boltzmann.log_partition(rbm(17).init(jax.random.key(0), jnp.ones(2)))
