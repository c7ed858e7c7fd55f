"""Kolen-Pollack and the weight mirror against their equations and their theory."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning.feedback.learned import mirror
from tests.theory import (
    CE,
    HALF,
    by_hand,
    convnet,
    distance,
    mlp,
    problem,
    same,
    tanh_slope,
    weights,
)

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 2)
kolen_pollack, weight_mirror = jb.learning.kolen_pollack, jb.learning.weight_mirror


def gap(params, feedback):
    """W - B of the kernels."""
    return [w - b for w, b in zip(kernels(params), kernels(feedback), strict=True)]


def kernels(params):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(params) if leaf.ndim > 1]


def test_kolen_pollack_is_its_equation():
    """Akrout et al. 2019, equations 16 and 17: the same change, the same decay."""
    net, rate, decay = mlp(jnp.tanh), 0.3, 0.2
    params, x, y = problem(net, CE)
    rule = kolen_pollack(net, CE, decay=decay, optimizer=optax.sgd(rate))
    state = rule.init(new_key(), params, x[0])
    ws, bs = weights(params), weights(state.feedback)
    plain = by_hand(ws, x, y, CE, np.tanh, tanh_slope, lambda i, d, e: d @ bs[i][0].T)
    value, grads, after = jax.jit(rule.grads)(params, state, x, y)
    same(
        grads,
        [(g + decay * w, h) for (g, h), (w, _) in zip(plain, ws, strict=True)],
    )
    moved = [
        (b - rate * (g + decay * b), c - rate * h) for (g, h), (b, c) in zip(plain, bs, strict=True)
    ]
    same(after.feedback, moved)
    exact = jax.jit(jb.backprop(net, CE).grads)(params, (), x, y)[0]
    np.testing.assert_allclose(value, exact, rtol=1e-12)  # no decay in it


TOGETHER = {
    "sgd": (0.4, optax.sgd(0.5), 1 - 0.5 * 0.4),
    "sgd without decay": (0.0, optax.sgd(0.5), 1.0),
    "adamw": (0.0, optax.adamw(0.01, weight_decay=5.0), 1 - 0.01 * 5),
}


def train(rule, optimizer, params, data, steps):
    state = jb.init_state(rule, optimizer, data[0][0], key=new_key(), params=params)
    update = jax.jit(lambda s: jb.step(rule, optimizer)(s, data)[0])
    states = [state]
    for _ in range(steps):
        states.append(update(states[-1]))
    return states


@pytest.mark.parametrize("name", TOGETHER)
def test_the_difference_of_the_weights_shrinks_by_exactly_the_decay(name):
    decay, optimizer, factor = TOGETHER[name]
    net = mlp(jnp.tanh)
    params, x, y = problem(net, CE)
    rule = kolen_pollack(net, CE, decay=decay, optimizer=optimizer)
    states = train(rule, optimizer, params, (x, y), 4)
    start = gap(states[0].params, states[0].rule_state.feedback)
    for step, state in enumerate(states):
        for d, first in zip(gap(state.params, state.rule_state.feedback), start, strict=True):
            np.testing.assert_allclose(d, factor**step * first, rtol=1e-10, atol=1e-13)
    assert distance(states[-1].params, states[0].params) > 0.05  # while the weights move


def test_the_difference_stays_where_the_feedback_learns_at_another_rate():
    net = mlp(jnp.tanh)
    params, x, y = problem(net, CE)
    rule = kolen_pollack(net, CE, decay=0.4, optimizer=optax.sgd(0.1))
    state = train(rule, optax.sgd(0.5), params, (x, y), 1)[-1]
    rest = gap(state.params, state.rule_state.feedback)
    start = gap(params, rule.init(jax.random.split(new_key(), 3)[1], params, x[0]).feedback)
    assert np.linalg.norm(rest[2] - 0.8 * start[2]) > 0.05 * np.linalg.norm(start[2])


NETS = {"mlp": (lambda: mlp(jnp.tanh), (4,)), "conv": (convnet, (8, 8, 2))}


@pytest.mark.parametrize("name", NETS)
def test_kolen_pollack_becomes_backprop(name):
    net, shape = NETS[name][0](), NETS[name][1]
    params, x, y = problem(net, CE, shape=shape)
    decay, sgd = 0.1, optax.sgd(0.5)
    rule, bp = kolen_pollack(net, CE, decay=decay, optimizer=sgd), jb.backprop(net, CE)
    update = jb.step(rule, sgd)

    def compare(state):
        grads = rule.grads(state.params, state.rule_state, x, y)[1]
        undecayed = jax.tree.map(
            lambda g, w: g - decay * w if w.ndim > 1 else g, grads, state.params
        )
        return jb.analysis.angles(undecayed, bp.grads(state.params, (), x, y)[1])

    @jax.jit
    def angles(state):
        learn = lambda state, _: (update(state, (x, y))[0], compare(state))  # noqa: E731
        return jax.lax.scan(learn, state, length=200)[1]

    course = angles(jb.init_state(rule, sgd, x[0], key=new_key(), params=params))
    assert np.max(course[0]) > 20 and np.max(course[-1]) < 0.5, (course[0], course[-1])


@pytest.mark.parametrize("noise", [1.0, 0.5])
def test_the_mirror_sees_the_weights_with_the_error_of_its_law(noise):
    """E[xi^T (xi W)] = noise^2 W with a relative error of sqrt((m + 1) / n)."""
    layer, m, n = jb.dense(30), 20, 10_000
    params = layer.init(new_key(), jnp.ones(m))
    params["bias"] += 5.0
    look = lambda k: mirror(k, layer, params, jnp.ones(m), noise=noise, samples=n)  # noqa: E731
    seen = jax.jit(jax.vmap(look))(jax.random.split(new_key(), 8))["kernel"] / noise**2
    w = params["kernel"]
    errors = jnp.linalg.norm(seen - w[None], axis=(1, 2)) / jnp.linalg.norm(w)
    law = np.sqrt((m + 1) / n)
    assert 0.0458 < law < 0.0459
    np.testing.assert_allclose(jnp.sqrt(jnp.mean(errors**2)), law, rtol=0.08)
    np.testing.assert_allclose(errors, law, rtol=0.2)
    mean = jnp.linalg.norm(jnp.mean(seen, 0) - w) / jnp.linalg.norm(w)
    np.testing.assert_allclose(mean, law / np.sqrt(8), rtol=0.2)  # no bias: it goes on falling
    # the control: the error with the bias in the response
    xi = noise * jax.random.normal(new_key(), (n, m), "float64")
    naive = xi.T @ jb.batch(layer).apply(params, xi) / n / noise**2
    assert jnp.linalg.norm(naive - w) / jnp.linalg.norm(w) > 3 * law


@pytest.mark.slow
def test_the_mirror_of_a_convolution_is_right_at_the_border():
    layer, n = jb.conv(5, 3, stride=2), 4000
    x = jnp.ones((5, 5, 4))
    params = layer.init(new_key(), x)
    seen = mirror(new_key(), layer, params, x, samples=n)["kernel"]
    w = params["kernel"]
    tap = lambda a: jnp.sqrt(jnp.sum(jnp.square(a), (2, 3)))  # noqa: E731
    law = np.sqrt((9 * 4 + 1) / n)  # of one place; the taps share it, the places help
    errors = tap(seen - w) / tap(w)
    assert np.all(errors < 1.5 * law), errors / law
    # the control: over all nine places, the taps that reach into the padding come out too small
    used = np.outer([2.0, 3.0, 2.0], [2.0, 3.0, 2.0])
    constant = tap(seen * used[..., None, None] / 9 - w) / tap(w)
    assert constant[0, 0] > 0.5 and constant[1, 1] < 1.5 * law


def test_a_step_of_the_mirror():
    """B <- (1 - decay) B + learning_rate seen, whose mean is noise^2 W; not in the first layer."""
    net, shape = convnet(), (8, 8, 2)
    params, x, y = problem(net, CE, shape=shape)
    options = {"learning_rate": 0.7, "decay": 0.2, "noise": 2.0, "samples": 3000}
    rule = weight_mirror(net, CE, **options)
    state = rule.init(new_key(), params, x[0])
    grads = jax.jit(lambda state, key: rule.grads(params, state, x, y, key=key)[1:])
    change, after = grads(state, new_key())
    zero = grads(jax.tree.map(jnp.zeros_like, state), new_key())[1]
    ws, bs, seen = kernels(params), kernels(after), kernels(zero)
    assert len(ws) == 3
    for b, old, s, w in zip(bs[1:], kernels(state)[1:], seen[1:], ws[1:], strict=True):
        np.testing.assert_allclose(b, 0.8 * old + s, rtol=1e-9, atol=1e-12)
        assert distance(s, 0.7 * 4 * w) < 2 * np.sqrt((w[..., 0].size + 1) / 3000)
    assert distance(bs[0], kernels(state)[0]) == 0
    again, other = grads(state, jax.random.key(9))
    assert distance(again, change) == 0  # this batch is taught by what was seen before
    assert distance(other[8], after[8]) > 0.01


@pytest.mark.slow
def test_the_mirror_converges_to_fixed_weights():
    """As an average over (2 - decay) / decay batches."""
    net, decay, samples = jb.serial(jb.dense(20), jb.dense(30)), 0.05, 100
    params, x, y = problem(net, HALF)
    rule = weight_mirror(net, HALF, learning_rate=decay, decay=decay, samples=samples)
    start = rule.init(new_key(), params, x[0])

    @jax.jit
    @jax.vmap
    def converge(key):
        look = lambda state, k: (rule.grads(params, state, x, y, key=k)[2], None)  # noqa: E731
        return jax.lax.scan(look, start, jax.random.split(key, 300))[0][1]["kernel"]

    w = params[1]["kernel"]
    b = converge(jax.random.split(new_key(), 8))
    error = jnp.sqrt(jnp.mean(jnp.sum(jnp.square(b - w[None]), (1, 2)))) / jnp.linalg.norm(w)
    law = np.sqrt(21 / (samples * (2 - decay) / decay))
    np.testing.assert_allclose(error, law, rtol=0.1)
    assert distance(start[1]["kernel"], w) > 0.5


@pytest.mark.slow
def test_the_mirror_stands_behind_tokens_and_takes_swept_numbers():
    net = jb.serial(jb.embed(5, 4), jb.elementwise(jnp.tanh), jb.flatten(), jb.dense(3))
    x, y = jnp.array([[0, 4], [1, 1], [2, 3]]), jnp.array([0, 1, 2])
    params = net.init(new_key(), x[0])

    @jax.vmap
    def after(rate):
        rule = weight_mirror(net, CE, learning_rate=rate, decay=rate, noise=jnp.float64(1))
        state = rule.init(new_key(), params, x[0])
        return state, rule.grads(params, state, x, y, key=new_key())[2]

    before, state = after(jnp.array([0.1, 0.2]))
    change = jax.tree.map(lambda a, b: a - b, state, before)
    np.testing.assert_allclose(change[3]["kernel"][1], 2 * change[3]["kernel"][0], rtol=1e-4)
    assert not jnp.any(change[0]["table"]) and jnp.any(change[3]["kernel"])


@pytest.mark.slow
def test_decays_can_be_swept():
    net = mlp(jnp.tanh)
    params, x, y = problem(net, CE)
    state = kolen_pollack(net, CE).init(new_key(), params, x[0])
    grads = jax.vmap(lambda d: kolen_pollack(net, CE, decay=d).grads(params, state, x, y)[1])
    both = grads(jnp.array([0.0, 0.5]))
    rise = both[2]["kernel"][1] - both[2]["kernel"][0]
    np.testing.assert_allclose(rise, 0.5 * params[2]["kernel"], rtol=1e-10, atol=1e-13)
    assert distance(both[2]["bias"][1], both[2]["bias"][0]) == 0


def test_numbers_that_make_no_sense():
    net = jb.serial(jb.dense(6), jb.dense(3))
    with pytest.raises(ValueError, match=r"kolen_pollack: decay must not be negative, got -0.1"):
        kolen_pollack(net, CE, decay=-0.1)
    with pytest.raises(TypeError, match=r"optimizer must be a Grad.* optax.sgd\(0.1\), got 0.1"):
        kolen_pollack(net, CE, optimizer=0.1)
    for name, value in (("learning_rate", 0), ("noise", -1.0), ("decay", -0.5), ("decay", 1.5)):
        with pytest.raises(ValueError, match=f"weight_mirror: {name} must be .*, got {value}"):
            weight_mirror(net, CE, **{name: value})
    for samples in (0, 2.0):
        with pytest.raises(ValueError, match=r"samples must be .*integer"):
            weight_mirror(net, CE, samples=samples)
    params, x, y = problem(net, CE)
    rule = weight_mirror(net, CE)
    with pytest.raises(ValueError, match=r"weight_mirror needs a key: .*noise.*key=key"):
        rule.grads(params, rule.init(new_key(), params, x[0]), x, y)
