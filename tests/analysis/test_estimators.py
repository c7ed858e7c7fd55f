"""Bias and variance of stochastic rules, against NumPy over the same samples and known noise."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.analysis import bias_and_variance
from tests.theory import CE, problem

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 4)
SLOW = pytest.mark.slow
NET = jb.serial(jb.dense(5), jb.elementwise(jnp.tanh), jb.dense(3))


@pytest.fixture
def small():
    return problem(NET, CE)


def noisy(net, spread, shift=0.0, scale=1.0):
    """Back-propagation with normal noise of known size, and a bias of known size."""
    right = jb.backprop(net, CE)

    def grads(params, state, x, y, *, key=None):
        value, grads, state = right.grads(params, state, x, y, key=key)
        leaves, tree = jax.tree.flatten(grads)
        keys = jax.random.split(jax.random.fold_in(key, 9), len(leaves))
        leaves = [
            scale * g + shift + spread * jax.random.normal(k, g.shape, g.dtype)
            for g, k in zip(leaves, keys, strict=True)
        ]
        return value, jax.tree.unflatten(tree, leaves), state

    return right._replace(grads=grads)


def vectors(grads):
    return [np.concatenate([np.ravel(a) for a in jax.tree.leaves(g)]) for g in grads if g]


@pytest.mark.parametrize("at_once", [pytest.param(3, marks=SLOW), 7, pytest.param(50, marks=SLOW)])
def test_estimate_is_numpys_over_the_same_samples(at_once, small):
    params, x, y = small
    rule, right, n = noisy(NET, 0.1, shift=0.02, scale=0.7), jb.backprop(NET, CE), 11
    found = jax.jit(
        lambda p: bias_and_variance(new_key(), rule, right, p, (x, y), samples=n, at_once=at_once)
    )(params)
    one = jax.jit(lambda k: rule.grads(params, (), x, y, key=k)[1])
    drawn = [vectors(one(k)) for k in jax.random.split(new_key(), n)]
    reference = vectors(right.grads(params, (), x, y)[1])
    for layer, r in enumerate(reference):
        g = np.stack([sample[layer] for sample in drawn])
        mean, variance = g.mean(0), g.var(0, ddof=1).sum()
        along = g @ r / (r @ r)
        want = (
            np.linalg.norm(mean - r), np.sqrt(variance / n), variance,
            mean @ r / np.linalg.norm(mean) / np.linalg.norm(r),
            along.mean(), along.std(ddof=1) / np.sqrt(n), np.linalg.norm(r),
        )  # fmt: skip
        np.testing.assert_allclose([float(field[layer]) for field in found], want, rtol=1e-9)


@pytest.mark.slow
def test_the_noise_put_in_is_the_variance_found(small):
    params, x, y = small
    found = bias_and_variance(
        new_key(), noisy(NET, 0.3), jb.backprop(NET, CE), params, (x, y), samples=4000
    )
    sizes = np.array([4 * 5 + 5, 5 * 3 + 3])
    np.testing.assert_allclose(found.variance, 0.09 * sizes, rtol=0.03)
    np.testing.assert_allclose(found.standard_error, np.sqrt(found.variance / 4000), rtol=1e-12)
    # |mean - r| over its standard error is about 1 without bias
    np.testing.assert_allclose(found.bias / found.standard_error, 1, atol=0.4)


def test_a_deterministic_rule_has_no_variance_but_a_bias(small):
    params, x, y = small
    rule, right = jb.feedback_alignment(NET, CE), jb.backprop(NET, CE)
    state = rule.init(new_key(), params, x[0])
    found = bias_and_variance(new_key(), rule, right, params, (x, y), samples=5, state=state)
    assert np.all(found.variance < 1e-28)
    ours = vectors(rule.grads(params, state, x, y)[1])
    theirs = vectors(right.grads(params, (), x, y)[1])
    want = [np.linalg.norm(u - v) for u, v in zip(ours, theirs, strict=True)]
    np.testing.assert_allclose(found.bias, want, rtol=1e-9, atol=1e-12)
    assert want[0] > 0.01


def test_the_noise_of_the_network_is_not_the_rules():
    net = jb.serial(jb.dense(6), jb.elementwise(jnp.tanh), jb.dropout(0.5), jb.dense(3))
    params, x, y = problem(net, CE)
    right = jb.backprop(net, CE)
    without = right._replace(grads=lambda p, s, x, y, *, key=None: right.grads(p, s, x, y))

    @jax.jit
    def both(p):
        estimate = partial(bias_and_variance, params=p, data=(x, y), samples=4)
        return estimate(new_key(), right, right), estimate(new_key(), right, without)

    found, unpaired = both(params)
    assert np.all(found.bias == 0) and np.all(found.variance == 0)
    assert np.all(unpaired.variance > 1e-4)  # the control: dropout is not nothing


def test_estimator_refuses(small):
    params, x, y = small
    rule = jb.backprop(NET, CE)
    for samples, match in ((1, "at least 2"), (0, "positive integer"), (2.5, "an integer")):
        with pytest.raises(ValueError, match=match):
            bias_and_variance(new_key(), rule, rule, params, (x, y), samples=samples)
    with pytest.raises(ValueError, match="at_once must be a positive"):
        bias_and_variance(new_key(), rule, rule, params, (x, y), samples=2, at_once=0)
