"""Sign symmetry against its equation in NumPy."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from tests.theory import (
    ACTIVATIONS,
    CE,
    HALF,
    by_hand,
    convnet,
    distance,
    mlp,
    problem,
    same,
    weights,
)

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 2)
L = jb.learning
SIGNS = {
    "sign_symmetry": L.sign_symmetry,
    "fixed_random_sign_symmetry": L.fixed_random_sign_symmetry,
    "batch_random_sign_symmetry": L.batch_random_sign_symmetry,
}
NETS = {"mlp": (lambda: mlp(jnp.tanh), (4,)), "conv": (convnet, (8, 8, 2))}
signs = pytest.mark.parametrize("name", SIGNS)


def test_batch_random_magnitudes_are_drawn_for_each_batch():
    """With the feedback read from the gradient: of one output, of the biases below it is e B^T."""
    net = jb.serial(jb.dense(6), jb.dense(1))
    params, x, y = problem(net, HALF)
    rule = L.batch_random_sign_symmetry(net, HALF)
    run = jax.jit(lambda k: rule.grads(params, (), x, y, key=k)[1])
    rows = [run(k) for k in (new_key(), new_key(), jax.random.key(3))]
    first, same_key, other = ((g[0]["bias"] / g[1]["bias"]) for g in rows)
    np.testing.assert_array_equal(np.sign(first), np.sign(params[1]["kernel"][:, 0]))
    np.testing.assert_array_equal(np.sign(first), np.sign(other))
    np.testing.assert_array_equal(first, same_key)
    assert np.std(np.abs(first)) > 0.05 and distance(first, other) > 0.1


@pytest.mark.parametrize("name", NETS)
def test_batch_random_magnitudes_that_are_those_of_the_weights_are_backprop(name):
    net, shape = NETS[name][0](), NETS[name][1]
    params, x, y = problem(net, CE, shape=shape)
    params = jax.tree.map(lambda w: 0.3 * jnp.sign(w) if w.ndim > 1 else w, params)
    exact = jax.jit(jb.backprop(net, CE).grads)(params, (), x, y)[1]

    @jax.jit
    def grads(size):
        constant = lambda key, shape, dtype: jnp.full(shape, size, dtype)  # noqa: E731
        rule = L.batch_random_sign_symmetry(net, CE, feedback_init=constant)
        return rule.grads(params, (), x, y, key=new_key())[1]

    assert distance(grads(-0.3), exact) < 1e-12  # magnitudes: their own sign is dropped
    assert distance(grads(0.2), exact) > 0.1


CASES = [("tanh", CE), ("relu", HALF)]


@pytest.mark.parametrize("activation, loss", CASES, ids=["tanh ce", "relu half"])
@pytest.mark.parametrize("scale", [None, 0.7])
def test_sign_symmetry_is_its_equation(activation, loss, scale):
    act, f, slope = ACTIVATIONS[activation]
    net = mlp(act)
    params, x, y = problem(net, loss)
    rule = L.sign_symmetry(net, loss, scale=scale)
    start = jax.tree.map(lambda w: 2 * w, params)  # the scale is that of the start
    state = rule.init(new_key(), start, x[0])
    ws = weights(params)
    sizes = [scale or 2 * np.sqrt(np.mean(w**2)) for w, _ in ws]
    want = by_hand(ws, x, y, loss, f, slope, lambda i, d, e: d @ (sizes[i] * np.sign(ws[i][0])).T)
    _, grads, after = jax.jit(rule.grads)(params, state, x, y)
    same(grads, want)
    assert distance(after, state) == 0


def test_fixed_magnitudes_stay_and_their_signs_follow_the_weights():
    act, f, slope = ACTIVATIONS["tanh"]
    net = mlp(act)
    params, x, y = problem(net, CE)
    rule = L.fixed_random_sign_symmetry(net, CE)
    params = jax.tree.map(lambda w: 0.2 * w, params)
    state = start = rule.init(new_key(), params, x[0])
    before, run = weights(params), jax.jit(rule.grads)
    for _ in range(20):
        _, grads, state = run(params, state, x, y)
        params = jax.tree.map(lambda w, g: w - 0.8 * g, params, grads)
    ws, ms = weights(params), weights(state)
    turned = [int(np.sum(np.sign(w) != np.sign(v))) for (w, _), (v, _) in zip(ws, before)]  # noqa: B905
    assert min(turned[1:]) > 0 and distance(state, start) == 0
    assert all(np.all(m > 0) and np.std(m) > 0.1 for m, _ in ms)

    def back(signs):
        return lambda i, d, e: d @ (ms[i][0] * np.sign(signs[i][0])).T

    grads = run(params, state, x, y)[1]
    same(grads, by_hand(ws, x, y, CE, f, slope, back(ws)))
    stale = by_hand(ws, x, y, CE, f, slope, back(before))[0][0]  # the control: of the old signs
    assert np.linalg.norm(grads[0]["kernel"] - stale) > 0.01 * np.linalg.norm(stale)


@signs
@pytest.mark.slow
def test_signs_of_the_feedback_agree_after_training(name):
    """With one output B is read off the gradient: of the biases below it is e B^T."""
    net = jb.serial(jb.dense(40), jb.dense(1))
    params, x, y = problem(net, HALF)
    for rule, agree in ((SIGNS[name](net, HALF), True), (jb.feedback_alignment(net, HALF), False)):
        trained, state = params, rule.init(new_key(), params, x[0])
        grads = jax.jit(lambda p, s, k, rule=rule: rule.grads(p, s, x, y, key=k)[1:])
        for i in range(5):
            change, state = grads(trained, state, jax.random.key(i))
            trained = jax.tree.map(lambda w, g: w - 0.1 * g, trained, change)
        change = grads(trained, state, new_key())[0]
        b = np.asarray(change[0]["bias"]) / float(change[1]["bias"][0])  # e B^T over e
        w = np.asarray(trained[1]["kernel"])[:, 0]
        assert np.all(np.sign(b) == np.sign(w)) == agree
        again = grads(trained, state, jax.random.key(77))[0]
        fresh = np.asarray(again[0]["bias"]) / float(again[1]["bias"][0])
        assert np.allclose(b, fresh) == (name != "batch_random_sign_symmetry" or not agree)
        if name == "sign_symmetry" and agree:
            assert np.std(np.abs(b)) < 1e-12
        elif agree:  # magnitudes like those of the network's own weights, a standard deviation
            assert 0.6 < np.sqrt(np.mean(b**2)) * np.sqrt(40) < 1.4


def test_refusals():
    net = jb.serial(jb.dense(6), jb.dense(3))
    for scale in (0, -1.0, np.ones(2)):
        with pytest.raises((TypeError, ValueError), match="sign_symmetry: scale must be "):
            L.sign_symmetry(net, CE, scale=scale)
    params, x, _ = problem(net, CE)
    with pytest.raises(ValueError, match=r"batch_random_sign_symmetry needs a key.*key=key"):
        L.batch_random_sign_symmetry(net, CE).grads(params, (), x, jnp.zeros(7, int))


def test_scales_can_be_swept():
    net = mlp(jnp.tanh)
    params, x, y = problem(net, CE)

    @jax.jit
    @jax.vmap
    def grads(scale):
        rule = L.sign_symmetry(net, CE, scale=scale)
        return rule.grads(params, rule.init(new_key(), params, x[0]), x, y)[1]

    both = grads(jnp.array([0.5, 1.0]))
    # through the last layer once, through two for the first
    np.testing.assert_allclose(2 * both[2]["bias"][0], both[2]["bias"][1], rtol=1e-12)
    np.testing.assert_allclose(4 * both[0]["bias"][0], both[0]["bias"][1], rtol=1e-12)
