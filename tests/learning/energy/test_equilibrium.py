"""Contrastive rules against their equations in NumPy and the gradient at the fixed point."""

import functools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning import centered_equilibrium_propagation as centered
from jaxbrain.learning import chain, contrastive_hebbian
from jaxbrain.learning import equilibrium_propagation as one_sided
from jaxbrain.learning import holomorphic_equilibrium_propagation as circle
from jaxbrain.learning import random_sign_equilibrium_propagation as random_sign
from jaxbrain.learning.energy import holomorphic, symmetric
from jaxbrain.learning.energy import two_phases as contrast
from tests.theory import CE, HALF, distance, mlp, output_error, problem, weights

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 2)
LONG = {"steps": 100, "nudged_steps": 100}
TANH, DENSE, FLAT = jb.elementwise(jnp.tanh), jb.dense(3), jb.flatten()
NET = mlp(jnp.tanh)
SATURATED = jb.serial(jb.dense(6), TANH, jb.dense(5), TANH, jb.dense(3), TANH)
losses = pytest.mark.parametrize("loss", [CE, HALF], ids=["ce", "half"])


def mild(net, loss, **options):
    """A problem with one equilibrium: with larger weights there are several."""
    params, x, y = problem(net, loss, **options)
    return jax.tree.map(lambda p: 0.4 * p, params), x, y


def relax(ws, x, gain, output):
    """All units at once, s_l <- (s_l + tanh(W s_{l-1} + b + gain W^T s_{l+1})) / 2."""
    s = [np.zeros((len(x), len(b)), np.result_type(x)) for _, b in ws]
    for _ in range(600):
        h = [a @ w + b[None] for a, (w, b) in zip([x, *s[:-1]], ws, strict=True)]
        down = [gain * s[i + 1] @ ws[i + 1][0].T for i in range(len(ws) - 1)]
        new = [np.tanh(a + d) for a, d in zip(h, down, strict=False)]
        s = [(a + b) / 2 for a, b in zip(s, [*new, output(h[-1], s[-1])], strict=True)]
    return s


def correlations(x, s, gain):
    """g^(l-L) s_{l-1}^T s_l: what a weight meets at its two ends."""
    n, last = len(x), len(s) - 1
    pairs = zip([x, *s[:-1]], s, strict=True)
    return [
        (gain ** (i - last) * a.T @ b / n, gain ** (i - last) * b.sum(0) / n)
        for i, (a, b) in enumerate(pairs)
    ]


def contrasted(ws, x, y, loss, gain, points):
    """- sum_k weight_k correlations(s^beta_k), the nudge within the nonlinearity."""
    total = [(0, 0)] * len(ws)
    for beta, weight in points:
        s = relax(ws, x, gain, lambda h, o, b=beta: h - b * len(x) * output_error(loss, o, y))
        total = [
            (k - weight * c, b - weight * d)
            for (k, b), (c, d) in zip(total, correlations(x, s, gain), strict=True)
        ]
    return total


TURN = 0.4 * np.exp(2j * np.pi * np.arange(4) / 4)
RULES = {
    "one-sided": (one_sided, {"nudge": 0.3}, [(0.3, 1 / 0.3), (0, -1 / 0.3)]),
    "centered": (centered, {"nudge": 0.3}, [(0.3, 0.5 / 0.3), (-0.3, -0.5 / 0.3)]),
    "holomorphic": (circle, {"radius": 0.4, "points": 4}, [(b, 1 / (4 * b)) for b in TURN]),
}


@losses
@pytest.mark.parametrize("name", RULES)
@pytest.mark.slow
def test_the_rule_is_its_equation(name, loss):
    make, options, points = RULES[name]
    params, x, y = mild(NET, loss)
    ws, gain = weights(params), 0.6
    want = contrasted(ws, np.asarray(x), y, loss, gain, points)
    rule = make(NET, loss, feedback=gain, **options, **LONG)
    value, grads, state = jax.jit(rule.grads)(params, rule.init(new_key(), params, x[0]), x, y)
    for (kernel, bias), (k, b) in zip(weights(grads), want, strict=True):
        np.testing.assert_allclose(kernel, np.real(k), rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(bias, np.real(b), rtol=1e-7, atol=1e-12)
    free = relax(ws, np.asarray(x), gain, lambda h, o: h)[-1]
    mean = np.mean([loss(jnp.asarray(o), t) for o, t in zip(free, y, strict=True)])
    np.testing.assert_allclose(value, mean, rtol=1e-9)
    assert state.free < 1e-12 and state.nudged < 1e-12


def test_contrastive_hebbian_is_its_equation():
    params, x, y = mild(NET, HALF)
    ws, gain, nx = weights(params), 0.6, np.asarray(x)
    clamped = correlations(nx, relax(ws, nx, gain, lambda h, o: np.asarray(y)), gain)
    free = correlations(nx, relax(ws, nx, gain, lambda h, o: h), gain)
    rule = contrastive_hebbian(NET, HALF, feedback=gain, steps=100, clamped_steps=100)
    grads = jax.jit(rule.grads)(params, None, x, y)[1]
    for (kernel, bias), c, f in zip(weights(grads), clamped, free, strict=True):
        np.testing.assert_allclose(kernel, f[0] - c[0], rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(bias, f[1] - c[1], rtol=1e-7, atol=1e-12)


@functools.cache
def at_the_fixed_point(net, loss, gain, shape=(4,), noise=None):
    """A problem, and the gradient of its loss at the free equilibrium, through the iteration."""
    params, x, y = mild(net, loss, shape=shape, seed=1)
    key = None if noise is None else jax.random.key(noise)
    network = jb.batch(one_sided(net, loss, feedback=gain, steps=100).network)
    mean_loss = jax.jit(lambda p: chain.batch_loss(loss, network.apply(p, x, key=key), y))
    return params, x, y, jax.jit(jax.grad(mean_loss))(params)


def gaps(make, net, loss, sizes, option="nudge"):
    """The distance to the gradient at the fixed point, for each size of the nudge."""
    params, x, y, exact = at_the_fixed_point(net, loss, 1.0)

    def grads(size):
        rule = make(net, loss, **{option: size}, feedback=1.0, **LONG)
        return rule.grads(params, None, x, y)[1]

    run = jax.jit(grads)
    return np.array([distance(run(size), exact) for size in sizes])


@losses
def test_the_error_is_of_the_order_of_the_nudge(loss):
    gap = gaps(one_sided, NET, loss, (1e-1, 1e-2, 1e-3))
    assert 7 < gap[0] / gap[1] < 12 and 9 < gap[1] / gap[2] < 11, gap
    assert 0.05 < gap[0] < 0.2


@losses
def test_centered_the_error_is_of_the_order_of_its_square(loss):
    gap = gaps(centered, NET, loss, (1e-1, 1e-2, 1e-3))
    np.testing.assert_allclose(gap[:2] / gap[1:], 100, rtol=0.1)
    assert 5e-3 < gap[0] < 0.05


@losses
def test_on_a_circle_the_error_falls_geometrically(loss):
    gap = []
    for points in (2, 4, 8):
        make = functools.partial(circle, points=points)
        gap.append(gaps(make, NET, loss, (0.05,), "radius")[0])
    first, second = np.diff(np.log(gap))
    assert first < np.log(0.02) and 0.7 < second / (2 * first) < 1.4, gap
    assert gap[0] > 1e-3 and gap[2] < 1e-8
    assert gaps(centered, NET, loss, (0.05,))[0] == pytest.approx(gap[0], rel=1e-6)  # two points


@pytest.mark.slow
def test_contrastive_hebbian_becomes_backprop_as_the_feedback_goes():
    params, x, y = mild(NET, HALF)
    exact = jb.backprop(NET, HALF).grads(params, (), x, y)[1]

    @jax.jit
    def grads(gain):
        rule = contrastive_hebbian(NET, HALF, feedback=gain, steps=100, clamped_steps=100)
        return rule.grads(params, None, x, y)[1]

    gap = np.array([distance(grads(g)[0], exact[0]) for g in (1.0, 1e-1, 1e-2, 1e-3)])
    np.testing.assert_allclose(gap[1:-1] / gap[2:], 10, rtol=0.1)
    assert gap[0] > 0.2 and gap[-1] < 1e-3


def outside(system, beta, start, y):
    """The trap: the nudge added to what the nonlinearity gives."""
    return lambda h, s: symmetric.activate(system, 2, h) - beta * (s - y)


def trapped(net, loss, *, nudge, feedback, steps, nudged_steps):
    system = symmetric.symmetric_system(net, "trapped", feedback)

    def points(key, dtype):
        return jnp.stack([nudge, -nudge]), jnp.array([0.5, -0.5]) / nudge

    phases = contrast.Phases(points, outside)
    return contrast.contrast_rule("trapped", system, loss, phases, steps, nudged_steps)


def test_the_nudge_belongs_within_the_nonlinearity():
    sizes = (1e-2, 1e-3)
    inside, bias = gaps(centered, SATURATED, HALF, sizes), gaps(trapped, SATURATED, HALF, sizes)
    np.testing.assert_allclose(inside[0] / inside[1], 100, rtol=0.1)
    np.testing.assert_allclose(bias, 0.024, rtol=0.05)  # however small the nudge


@pytest.mark.slow
def test_the_mean_over_the_sign_is_centered():
    params, x, y = mild(NET, CE)
    settings = {"nudge": 0.3, "feedback": 0.6, **LONG}

    @jax.jit
    def grads(key):
        return random_sign(NET, CE, **settings).grads(params, None, x, y, key=key)[1]

    drawn = [grads(jax.random.key(i)) for i in range(8)]
    plus = jax.jit(one_sided(NET, CE, **settings).grads)(params, None, x, y)[1]
    minus = [g for g in drawn if distance(g, plus) > 1e-6]
    assert 0 < len(minus) < 8 and distance(minus[0], plus) > 0.01
    assert all(distance(g, minus[0]) < 1e-9 for g in minus)
    both = jax.tree.map(lambda a, b: (a + b) / 2, plus, minus[0])
    exact = jax.jit(centered(NET, CE, **settings).grads)(params, None, x, y)[1]
    assert distance(both, exact) < 1e-9


CONV = {
    "noisy": (centered, {"nudge": 1e-3}, [jb.avg_pool(2), jb.dropout(0.3)]),
    "holomorphic": (circle, {"radius": 0.1, "points": 6}, [jb.avg_pool(2)]),
}


@pytest.mark.parametrize("name", CONV)
@pytest.mark.slow
def test_convolutions_learn_the_gradient_at_the_fixed_point(name):
    """With the masks of dropout the same up, down and in every phase."""
    make, options, pool = CONV[name]
    net = jb.serial(jb.conv(3, 3, stride=2), TANH, *pool, jb.conv(4, 2), TANH, FLAT, DENSE)
    noise = 5 if name == "noisy" else None
    key = None if noise is None else jax.random.key(noise)
    params, x, y, exact = at_the_fixed_point(net, CE, 0.5, (8, 8, 2), noise)
    rule = make(net, CE, feedback=0.5, **options, steps=40, nudged_steps=30)
    run = jax.jit(lambda key: rule.grads(params, None, x, y, key=key)[1])
    assert distance(run(key), exact) < 1e-5
    backprop = jb.backprop(net, CE).grads(params, (), x, y, key=key)[1]
    assert distance(backprop, exact) > 0.05  # the feedback does matter
    if key is not None:
        assert distance(run(jax.random.key(9)), exact) > 0.05


def test_under_a_maximum_units_that_tie_may_not_settle():
    residuals = []
    for pool in (jb.max_pool(2), jb.avg_pool(2)):
        net = jb.serial(jb.conv(3, 3, stride=2), TANH, pool, jb.conv(4, 2), TANH, FLAT, DENSE)
        params, x, y = mild(net, CE, shape=(8, 8, 2), seed=1)
        rule = centered(net, CE, feedback=0.5, steps=30, nudged_steps=20)
        _, grads, state = jax.jit(rule.grads)(params, None, x, y)
        residuals.append(float(state.free))
        assert all(np.all(np.isfinite(g)) for g in jax.tree.leaves(grads))
    assert residuals[0] > 1e-3 > 1e-6 > residuals[1], residuals


def test_nudge_and_feedback_can_be_swept():
    params, x, y = mild(NET, CE)

    @jax.jit
    def size(nudge, feedback):
        rule = centered(NET, CE, nudge=nudge, feedback=feedback)
        return sum(jnp.sum(g**2) for g in jax.tree.leaves(rule.grads(params, None, x, y)[1]))

    swept = jax.vmap(size)(jnp.array([0.1, 0.2]), jnp.array([0.3, 0.5]))
    np.testing.assert_allclose(swept[1], size(0.2, 0.5), rtol=1e-10)
    assert swept[0] != swept[1]


ERRORS = {
    "half_mse": (jax.nn.one_hot(1, 4), holomorphic.half_mse_error),
    "mse": (jax.nn.one_hot(1, 4), holomorphic.mse_error),
    "softmax_cross_entropy": (jnp.array(2), holomorphic.softmax_error),
    "binary_cross_entropy": (jax.nn.one_hot(1, 4), holomorphic.sigmoid_error),
}


@pytest.mark.parametrize("name", ERRORS)
def test_the_derivatives_of_the_losses_hold_for_complex_predictions(name):
    y, error = ERRORS[name]
    loss, o = getattr(jb.losses, name), jnp.array([0.3, -1.2, 0.8, 2.0])
    y = y if y.ndim == 0 else y.astype(o.dtype)
    np.testing.assert_allclose(error(o, y), jax.grad(loss)(o, y), rtol=1e-6)
    z, h = jax.lax.complex(o, 0.3 * o[::-1]), 1e-6
    for k in range(4):  # the same derivative along both axes
        step = jnp.zeros(4, z.dtype).at[k].set(h)
        real = (error(z + step, y) - error(z - step, y)) / (2 * h)
        turned = step * jnp.array(1j)
        imaginary = (error(z + turned, y) - error(z - turned, y)) / jnp.array(2j * h)
        np.testing.assert_allclose(real, imaginary, atol=1e-8)


@pytest.mark.slow
def test_it_trains_its_hidden_layer(digits):
    """With the hidden layer frozen, as an optimiser that ignores it has it, digits stay unread."""
    net = jb.serial(jb.dense(16), jb.elementwise(jax.nn.relu), jb.dense(10))
    rule, settings = centered(net, CE), {"key": new_key(), "epochs": 3, "batch_size": 32}
    frozen = optax.chain(optax.adam(5e-3), optax.masked(optax.set_to_zero(), (True, True, False)))
    accuracy = []
    for optimizer in (optax.adam(5e-3), frozen):
        state, _ = jb.run(rule, optimizer, digits[0], **settings)
        result = jb.evaluate(rule.network, state.params, digits[1], {"accuracy": jb.accuracy})
        accuracy.append(float(result["accuracy"]))
    assert accuracy[0] > 0.88 and accuracy[0] > accuracy[1] + 0.1, accuracy
