"""Rules along random directions: unbiased, with the variance that theory gives them."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning import forward_gradient, node_perturbation, weight_perturbation
from jaxbrain.learning.forward import perturbation
from tests.theory import CE, HALF, convnet, distance, problem, run_forward, weights

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 4)
TANH = jb.elementwise(jnp.tanh)
NET = jb.serial(jb.dense(3), TANH, jb.dense(2))
RULES = {
    "forward_gradient": forward_gradient,
    "node_perturbation": node_perturbation,
    "weight_perturbation": weight_perturbation,
}
FINE = {
    "forward_gradient": {},
    "node_perturbation": {"scale": 1e-5},
    "weight_perturbation": {"scale": 1e-5},
}
rules = pytest.mark.parametrize("name", RULES)


def flat(tree):
    return jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(tree)])


def draws(rule, params, x, y, n):
    """Gradients with n keys: [n, parameters]."""
    one = jax.jit(jax.vmap(lambda k: flat(rule.grads(params, (), x, y, key=k)[1])))
    return np.asarray(one(jax.random.split(new_key(), n)))


def exact(net, loss, params, x, y):
    return np.asarray(flat(jb.backprop(net, loss).grads(params, (), x, y)[1]))


def off_by(grads, want):
    """|mean - truth| in standard errors of the mean: about 1 where there is no bias."""
    error = np.sqrt(np.sum(np.var(grads, axis=0)) / len(grads))
    return np.linalg.norm(grads.mean(0) - want) / error


@rules
@pytest.mark.slow
def test_the_mean_is_the_gradient(name):
    """The controls: another gradient, and the very estimate weighed by its own size."""
    params, x, y = problem(NET, CE)
    want = exact(NET, CE, params, x, y)
    grads = draws(RULES[name](NET, CE, **FINE[name]), params, x, y, 10_000)
    assert off_by(grads, want) < 1.6
    assert off_by(grads, 1.2 * want) > 3
    assert off_by(grads * np.linalg.norm(grads, axis=1, keepdims=True), want) > 3


@rules
@pytest.mark.slow
def test_signs_are_unbiased_but_skewed_noise_is_not(name):
    params, x, y = problem(NET, CE)
    want = exact(NET, CE, params, x, y)
    signs = RULES[name](NET, CE, sampler=jax.random.rademacher, **FINE[name])
    assert off_by(draws(signs, params, x, y, 5_000), want) < 1.6
    uniform = RULES[name](NET, CE, sampler=jax.random.uniform, **FINE[name])  # mean 1/2
    assert off_by(draws(uniform, params, x, y, 5_000), want) > 3


@rules
@pytest.mark.slow
def test_the_mean_is_the_gradient_of_a_convolution(name):
    net = convnet()
    params, x, y = problem(net, CE, shape=(8, 8, 2))
    want = exact(net, CE, params, x, y)
    grads = draws(RULES[name](net, CE, **FINE[name]), params, x, y, 3_000)
    assert off_by(grads, want) < 1.4 and off_by(grads, 0 * want) > 1.6


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.slow
def test_the_variance_of_the_forward_gradient(n):
    """E|g|^2 / |dL|^2 = 1 + (P + 1)/n for normal directions, 1 + (P - 1)/n for signs."""
    net = jb.serial(jb.dense(2, bias_init=None), TANH, jb.dense(1, bias_init=None))
    params, x, y = problem(net, HALF, shape=(1,))
    want, p = exact(net, HALF, params, x, y), 4
    size = np.sum(want**2)
    for noise, surplus in ((jax.random.normal, 1), (jax.random.rademacher, -1)):
        rule = forward_gradient(net, HALF, samples=n, sampler=noise)
        squares = np.sum(draws(rule, params, x, y, 40_000) ** 2, axis=1) / size
        law, error = 1 + (p + surplus) / n, np.std(squares) / 200
        assert abs(squares.mean() - law) < 3 * error + 1e-9
        assert abs(squares.mean() - (law + 1 / n)) > 5 * error


def basis(params):
    """Instead of random directions: sqrt(P) times every unit vector of all parameters."""
    sizes = [leaf.size for leaf in jax.tree.leaves(params)]
    total = sum(sizes)
    rows = iter(np.split(np.eye(total) * np.sqrt(total), np.cumsum(sizes)[:-1], axis=1))
    return total, lambda key, shape, dtype: jnp.asarray(next(rows).reshape(shape), dtype)


def run(rule, params, x, y):
    return jax.jit(rule.grads)(params, (), x, y, key=new_key())


def test_all_directions_together_give_the_gradient():
    params, x, y = problem(NET, CE)
    truth = jax.jit(jb.backprop(NET, CE).grads)(params, (), x, y)
    total, directions = basis(params)
    rule = forward_gradient(NET, CE, samples=total, sampler=directions)
    value, grads, _ = run(rule, params, x, y)
    assert distance(grads, truth[1]) < 1e-12 and abs(value - truth[0]) < 1e-12
    _, directions = basis(params)
    rule = weight_perturbation(NET, CE, samples=total, sampler=directions, scale=1e-6)
    value, grads, _ = run(rule, params, x, y)
    assert 1e-9 < distance(grads, truth[1]) < 1e-4 and abs(value - truth[0]) < 1e-12
    random = run(forward_gradient(NET, CE, samples=total), params, x, y)[1]
    assert distance(random, truth[1]) > 0.1


def test_directions_are_independent():
    """Of each array, and of the noise of the network with the same key."""
    like = [jnp.zeros(4), jnp.zeros(4)]
    one, other = perturbation._draw(new_key(), jax.random.normal, like, 3)
    again = perturbation._draw(new_key(), jax.random.normal, like, 3)
    own = jax.random.normal(jax.random.split(new_key(), 2)[0], (3, 4))
    assert one.shape == (3, 4) and distance(one, again[0]) == 0
    assert distance(one, other) > 0.5 and distance(one, own) > 0.5 < distance(one[0], one[1])


@pytest.mark.parametrize("name", ["node_perturbation", "weight_perturbation"])
@pytest.mark.slow
def test_the_error_of_a_finite_difference_falls_with_the_scale(name):
    """With the same noise: of one estimate like the scale; the limit is the derivative."""
    params, x, y = problem(NET, CE)

    def grads(scale):
        return RULES[name](NET, CE, samples=3, scale=scale).grads(params, (), x, y, key=new_key())[
            1
        ]

    limit, errors = grads(1e-6), [distance(grads(s), grads(1e-6)) for s in (0.1, 0.01, 0.001)]
    assert all(8 < a / b < 12 for a, b in itertools.pairwise(errors)), errors
    if name == "weight_perturbation":
        slope = forward_gradient(NET, CE, samples=3).grads(params, (), x, y, key=new_key())[1]
        assert distance(limit, slope) < 1e-4  # of the very same directions


def test_node_perturbation_is_its_equation():
    net = jb.serial(jb.dense(6), TANH, jb.dense(5), TANH, jb.dense(3))
    params, x, y = problem(net, HALF)
    rng, seen = np.random.default_rng(0), []

    def sampler(key, shape, dtype):
        seen.append(rng.normal(size=shape))
        return jnp.asarray(seen[-1], dtype)

    rule = node_perturbation(net, HALF, samples=2, scale=0.3, sampler=sampler)
    value, grads, _ = run(rule, params, x, y)
    ws, y = weights(params), np.asarray(y)
    a = run_forward(ws, x, np.tanh)[1]
    loss = lambda o: 0.5 * np.sum((o - y) ** 2, axis=1)  # noqa: E731
    want = [np.zeros_like(w) for w, _ in ws]
    for s in range(2):
        h = a[0]
        for i, (w, b) in enumerate(ws):
            z = h @ w + b[None] + 0.3 * seen[i][s]
            h = np.tanh(z) if i < 2 else z
        slope = (loss(h) - loss(a[-1])) / 0.3
        for i in range(3):
            want[i] += a[i].T @ (slope[:, None] * seen[i][s]) / (2 * len(y))
    for (kernel, _), w in zip(weights(grads), want, strict=True):
        np.testing.assert_allclose(kernel, w, rtol=1e-9)
    np.testing.assert_allclose(value, loss(a[-1]).mean(), rtol=1e-12)


@pytest.mark.slow
def test_fewer_neurons_than_weights_point_better():
    """Mean cosine to the gradient, .24 against .06: on P weights E|v_1|/|v| = sqrt(2 / (pi P))."""
    net = jb.serial(jb.dense(20), TANH, jb.dense(10), TANH, jb.dense(3))
    params, x, y = problem(net, CE, n=32)
    want = exact(net, CE, params, x, y)

    def cosine(rule):
        grads = draws(rule, params, x, y, 300)
        return np.mean(grads @ want / np.linalg.norm(grads, axis=1) / np.linalg.norm(want))

    weight = cosine(weight_perturbation(net, CE))
    node = cosine(node_perturbation(net, CE))
    np.testing.assert_allclose(weight, np.sqrt(2 / np.pi / len(want)), rtol=0.15)
    assert node > 3 * weight


@rules
def test_noise_of_the_network_is_the_same_in_all_passes(name):
    """Else the difference of two passes would be that of their dropout."""
    net = jb.serial(jb.dense(6), jb.dropout(0.4), TANH, jb.dense(3))
    params, x, y = problem(net, CE)
    rule = RULES[name](net, CE, **FINE[name])
    value, grads, _ = run(rule, params, x, y)
    np.testing.assert_allclose(value, run(jb.backprop(net, CE), params, x, y)[0], rtol=1e-12)
    assert np.max(np.abs(flat(grads))) < 100


@pytest.mark.parametrize("name", RULES)
def test_refusals(name):
    with pytest.raises(ValueError, match=rf"{name}: samples must be a positive integer, got 0"):
        RULES[name](NET, CE, samples=0)
    if name == "node_perturbation":
        with pytest.raises(ValueError, match=rf"{name} teaches a chain"):
            RULES[name](jb.dense(3), CE)
    if name != "forward_gradient":
        with pytest.raises(ValueError, match=rf"{name}: scale must be positive, got -1"):
            RULES[name](NET, CE, scale=-1)


@pytest.mark.parametrize("name", ["node_perturbation", "weight_perturbation"])
@pytest.mark.slow
def test_the_scale_may_be_swept(name):
    params, x, y = problem(NET, CE)

    def grads(scale):
        return flat(RULES[name](NET, CE, scale=scale).grads(params, (), x, y, key=new_key())[1])

    swept = jax.jit(jax.vmap(grads))(jnp.array([0.5, 0.1]))
    np.testing.assert_allclose(swept[1], grads(0.1), rtol=1e-9, atol=1e-12)
