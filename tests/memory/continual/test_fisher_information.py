"""Fisher information against sums by hand and closed forms."""

import functools
from functools import partial

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.memory import empirical_fisher, fisher, full_fisher, sampled_fisher
from tests.theory import CE, HALF, distance, mlp, problem, weights

pytestmark = pytest.mark.x64

BCE = jb.losses.binary_cross_entropy
NET = mlp(jnp.tanh)


@functools.cache
def generic(net=NET, n=7):
    params, x, y = problem(net, CE, n=n)
    return params, x, y


def softmax(z):
    p = np.exp(z - z.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def by_hand(params, x, errors):
    """Sum over outcomes k of the squared gradients of a 6-5-3 tanh network, mean over x.

    errors(output) -> [(weight, error at the output)], for each outcome; all in NumPy.
    """
    ws = weights(params)
    total = [np.zeros_like(leaf) for pair in ws for leaf in pair]
    for one in np.asarray(x):
        a = [one]
        for i, (w, b) in enumerate(ws):
            z = a[-1] @ w + b
            a.append(np.tanh(z) if i < len(ws) - 1 else z)
        for weight, delta in errors(a[-1]):
            for i in reversed(range(len(ws))):
                total[2 * i] += weight * np.outer(a[i], delta) ** 2 / len(x)
                total[2 * i + 1] += weight * delta**2 / len(x)
                delta = (ws[i][0] @ delta) * (1 - a[i] ** 2)
    return total


def classes(output):
    p = softmax(output)
    return [(p[k], p - np.eye(3)[k]) for k in range(3)]


def bits(output):
    """All eight outcomes of three independent bits."""
    s, outcomes = 1 / (1 + np.exp(-output)), []
    for index in np.ndindex(2, 2, 2):
        y = np.array(index)
        outcomes.append((np.prod(np.where(y, s, 1 - s)), s - y))
    return outcomes


def units(output):
    """E[(o - y)(o - y)^T] = 1, by Gauss-Hermite quadrature with two points an axis: o_k -+ 1."""
    return [(0.5, sign * np.eye(3)[k]) for k in range(3) for sign in (-1, 1)]


def same(found, want, rtol=1e-10):
    pairs = [leaf for pair in weights(found) for leaf in pair]
    for got, expected in zip(pairs, want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-14)


@pytest.mark.parametrize(
    ("loss", "errors"), [(CE, classes), (BCE, bits), (HALF, units)], ids=["ce", "bce", "half"]
)
def test_fisher_is_the_sum_over_all_outcomes(loss, errors):
    params, x, _ = generic()
    found = fisher(NET, loss, params, x)
    same(found, by_hand(params, x, errors))
    other = by_hand(params, x, classes if loss is not CE else units)
    assert not np.allclose(weights(found)[0][0], other[0], rtol=0.05)


def test_the_expectation_of_the_hessian_is_the_same():
    """For classes from logits: E_y of the curvature of the loss in the output, pulled back."""
    params, x, _ = generic()
    flat, unravel = jax.flatten_util.ravel_pytree(params)

    def curvature(one):
        jac = jax.jacobian(lambda f: NET.apply(unravel(f), one))(flat)
        p = jax.nn.softmax(NET.apply(params, one))
        return jac.T @ (jnp.diag(p) - jnp.outer(p, p)) @ jac

    want = jnp.mean(jax.jit(jax.vmap(curvature))(x), axis=0)
    found = full_fisher(NET, CE, params, x)
    np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-13)
    diagonal, _ = jax.flatten_util.ravel_pytree(fisher(NET, CE, params, x))
    np.testing.assert_allclose(jnp.diag(found), diagonal, rtol=1e-10, atol=1e-15)
    assert np.linalg.eigvalsh(found).min() > -1e-12
    assert np.linalg.matrix_rank(found, tol=1e-9) == 2 * len(x)  # classes - 1 for each example


@pytest.mark.slow
def test_the_outcomes_of_your_own_likelihood():
    params, x, _ = generic()
    want = fisher(NET, CE, params, x)
    mine = fisher(NET, lambda o, y: CE(o, y), params, x, outcomes=jnp.arange(3))
    assert distance(mine, want) < 1e-12
    unnormalized = fisher(
        NET, lambda o, y: CE(o, y) + 3 * jnp.sum(o), params, x, outcomes=jnp.arange(3)
    )
    assert distance(unnormalized, want) < 1e-12
    fewer = fisher(NET, lambda o, y: CE(o, y), params, x, outcomes=jnp.arange(2))
    assert distance(fewer, want) > 0.05
    bits = jnp.array(list(np.ndindex(2, 2, 2)))
    listed = fisher(NET, lambda o, y: BCE(o, y), params, x, outcomes=bits)
    assert distance(listed, fisher(NET, BCE, params, x)) < 1e-12


@pytest.mark.parametrize("loss", [CE, BCE, HALF], ids=["ce", "bce", "half"])
def test_the_mean_of_sampled_fisher_is_fisher(loss):
    net = jb.serial(jb.dense(3))
    params, x, _ = generic(net, 3)
    draw = jax.jit(
        lambda keys: jax.lax.map(lambda k: sampled_fisher(k, net, loss, params, x), keys)
    )
    draws = draw(jax.random.split(jax.random.key(4), 4000))[0]["kernel"]
    mean, error = draws.mean(0), draws.std(0) / np.sqrt(len(draws))
    want = fisher(net, loss, params, x)[0]["kernel"]
    assert np.max(np.abs(mean - want) / error) < 4
    given = empirical_fisher(net, loss, params, x, _targets(loss))[0]["kernel"]
    assert np.max(np.abs(given - want) / error) > 20


def _targets(loss):
    return jnp.zeros(3, int) if loss is CE else jnp.zeros((3, 3))


def test_empirical_fisher_squares_the_gradient_of_each_example():
    params, x, y = generic()
    found = empirical_fisher(NET, CE, params, x, y)
    labels = iter(np.asarray(y))
    same(found, by_hand(params, x, lambda o: [(1, softmax(o) - np.eye(3)[next(labels)])]))
    gradient = jax.jit(jb.backprop(NET, CE).grads)(params, (), x, y)[1]
    batch = jax.tree.map(jnp.square, gradient)
    assert distance(batch, found) > 0.5  # not the square of the mean gradient


@pytest.mark.slow
def test_no_fisher_is_the_square_of_the_batch_gradient():
    """Where the network fits its labels that square vanishes; the information does not."""
    net, x = jb.serial(jb.dense(2, bias_init=None)), jnp.array([[1.0], [1.0]])
    params = ({"kernel": jnp.zeros((1, 2))},)
    y = jnp.array([0, 1])
    _, gradient, _ = jb.backprop(net, CE).grads(params, (), x, y)
    assert float(jnp.max(jnp.abs(gradient[0]["kernel"]))) == 0
    for found in (
        fisher(net, CE, params, x),
        sampled_fisher(jax.random.key(0), net, CE, params, x),
        empirical_fisher(net, CE, params, x, y),
    ):
        np.testing.assert_allclose(found[0]["kernel"], 0.25)


@pytest.mark.slow
def test_memory_is_bounded_and_the_order_of_the_blocks_does_not_matter():
    params, x, y = generic()
    for f in (
        partial(fisher, NET, CE, params, x),
        partial(full_fisher, NET, CE, params, x),
        partial(empirical_fisher, NET, CE, params, x, y),
        lambda **size: sampled_fisher(jax.random.key(1), NET, CE, params, x, **size),
    ):
        assert distance(f(batch_size=3), f(batch_size=7)) < 1e-12  # 7 examples: 3 + 3 + 1
    many = jax.ShapeDtypeStruct((10000, 4), "float64")
    memory = jax.jit(partial(fisher, NET, CE, params)).lower(many).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 10000 * 64 * 8 / 2  # not even half a gradient an example


@pytest.mark.slow
def test_convolutions_jit_and_seeds():
    net = jb.serial(jb.conv(2, 2), jb.elementwise(jnp.tanh), jb.flatten(), jb.dense(3))
    x = jax.random.normal(jax.random.key(0), (5, 4, 4, 1), "float64")
    keys = jax.random.split(jax.random.key(1), 2)
    params = jax.vmap(lambda k: net.init(k, x[0]))(keys)
    found = jax.jit(jax.vmap(lambda p: fisher(net, CE, p, x)))(params)
    one = jax.tree.map(lambda a: a[1], params)
    want = jnp.mean(jax.jit(jax.vmap(lambda v: _sum_over_classes(net, one, v)))(x), axis=0)
    np.testing.assert_allclose(found[0]["kernel"][1], want, rtol=1e-9)
    assert jax.tree.structure(found) == jax.tree.structure(params)


def _sum_over_classes(net, params, x):
    logs = lambda p: jax.nn.log_softmax(net.apply(p, x))  # noqa: E731
    gradients = jax.jacobian(logs)(params)[0]["kernel"]
    p = jnp.exp(logs(params))
    return jnp.einsum("k,kijco->ijco", p, jnp.square(gradients))


def test_wrong_arguments_are_refused():
    params, x, y = generic()
    with pytest.raises(ValueError, match=r"fisher: loss must be .*for mse pass outcomes="):
        fisher(NET, jb.losses.mse, params, x)
    with pytest.raises(ValueError, match="batch_size must be a positive integer, got 0"):
        fisher(NET, CE, params, x, batch_size=0)
    with pytest.raises(ValueError, match="needs at least one example, got none"):
        fisher(NET, CE, params, x[:0])
    with pytest.raises(ValueError, match="one target for each example"):
        empirical_fisher(NET, CE, params, x, y[:3])
    sequence = jb.elementwise(lambda a: a)
    with pytest.raises(ValueError, match="of a sequence take the steps as examples"):
        fisher(sequence, CE, (), jnp.ones((2, 3, 4)))
