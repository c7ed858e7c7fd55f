"""PEPITA against its equations in NumPy, and its limits."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning import pepita
from tests.theory import (
    ACTIVATIONS,
    CE,
    HALF,
    convnet,
    distance,
    mlp,
    output_error,
    problem,
    run_forward,
    same,
    weights,
)

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 5)


def setting(net, loss, shape=(4,), scale=0.3):
    """With feedback large enough to tell the terms apart."""
    params, x, y = problem(net, loss, shape=shape)
    rule = pepita(net, loss, feedback_init=jax.nn.initializers.normal(scale))
    return rule, params, rule.init(new_key(), params, x[0]), x, y


@pytest.mark.parametrize("loss", [CE, HALF], ids=["ce", "half"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_pepita_is_its_equations(name, loss):
    act, f, _ = ACTIVATIONS[name]
    rule, params, feedback, x, y = setting(mlp(act), loss)
    run = jax.jit(rule.grads)
    value, grads, after = run(params, feedback, x, y)
    ws, n = weights(params), len(x)
    h = run_forward(ws, x, f)[1]
    modulated = h[0] + n * output_error(loss, h[-1], y) @ np.asarray(feedback)
    h2 = run_forward(ws, modulated, f)[1]
    signals = [(h[i] - h2[i]) / n for i in (1, 2)] + [output_error(loss, h2[-1], y)]
    same(grads, [(h2[i].T @ s, s.sum(0)) for i, s in enumerate(signals)])
    np.testing.assert_allclose(value, np.mean([loss(h[-1][i], y[i]) for i in range(n)]))
    assert distance(after, feedback) == 0
    flipped = run(params, -feedback, x, y)[1]
    assert distance(flipped, grads) > 0.3  # the control: the sign of the feedback matters


def test_without_feedback_only_the_last_layer_learns():
    rule, params, feedback, x, y = setting(mlp(jnp.tanh), CE)
    grads = jax.jit(rule.grads)(params, 0 * feedback, x, y)[1]
    exact = jax.jit(jb.backprop(rule.network, CE).grads)(params, (), x, y)[1]
    assert distance(grads[4], exact[4]) < 1e-12
    assert all(np.all(g == 0) for g in jax.tree.leaves(grads[:4]))


def test_small_feedback_is_feedback_alignment_through_the_forward_weights():
    """h_1 - h'_1 = -f'(z_1) (e F W_1) to first order, so g_1 is the pull of that signal."""
    rule, params, drawn, x, y = setting(mlp(jnp.tanh), CE, scale=1.0)
    (w, _), *_ = ws = weights(params)
    z, h = run_forward(ws, x, np.tanh)
    error, run = output_error(CE, h[-1], y), jax.jit(rule.grads)
    for scale, near in ((1e-2, 3e-2), (1e-4, 3e-4)):
        feedback = scale * drawn
        signal = -(error @ np.asarray(feedback) @ w) * (1 - np.tanh(z[0]) ** 2)
        want = {"kernel": h[0].T @ signal, "bias": signal.sum(0)}
        got = run(params, feedback, x, y)[1][0]
        assert near / 100 < distance(got, want) < near


@pytest.mark.slow
def test_a_convolution_learns_what_a_product_with_the_difference_would():
    """g = d/dW <h - h', layer(h'_{l-1})>, the difference taken before pooling."""
    net = convnet()
    rule, params, feedback, x, y = setting(net, CE, shape=(8, 8, 2))
    value, grads, _ = rule.grads(params, feedback, x, y)
    assert feedback.shape == (3, 128)
    error = jax.grad(lambda o: jnp.sum(jax.vmap(CE)(o, y)))(jb.batch(net).apply(params, x))
    inputs = [x, x + (error @ feedback).reshape(x.shape)]
    passes = []
    for a in inputs:
        passes.append([a])
        for layer, p in zip(net.layers, params, strict=True):
            passes[-1].append(jb.batch(layer).apply(p, passes[-1][-1]))
    first, second = passes
    for start, at in ((0, 2), (3, 5), (6, 7)):  # conv and tanh, twice; layer norm
        signal = (first[at] - second[at]) / len(x)
        want = jax.grad(
            lambda p, s=start, v=signal: jnp.sum(jb.batch(net.layers[s]).apply(p, second[s]) * v)
        )(params[start])
        assert distance(grads[start], want) < 1e-12
    last = jb.backprop(net.layers[-1], CE).grads
    assert distance(grads[8], last(params[8], (), second[8], y)[1]) < 1e-12
    np.testing.assert_allclose(value, jnp.mean(jax.vmap(CE)(first[-1], y)))


def test_the_default_scale_is_the_papers():
    rule = pepita(mlp(jnp.tanh), CE)
    x = jnp.zeros(600)
    feedback = rule.init(new_key(), rule.network.init(new_key(), x), x)
    limit = 0.05 * np.sqrt(6 / 600)
    assert 0.99 * limit < np.max(np.abs(feedback)) <= limit
    np.testing.assert_allclose(np.std(feedback), limit / np.sqrt(3), rtol=0.05)


def test_both_passes_meet_the_same_dropout():
    net = jb.serial(jb.dense(6), jb.dropout(0.4), jb.elementwise(jnp.tanh), jb.dense(3))
    rule, params, feedback, x, y = setting(net, CE)
    value, grads, _ = jax.jit(rule.grads)(params, 0 * feedback, x, y, key=new_key())
    assert np.all(grads[0]["kernel"] == 0)
    exact = jax.jit(jb.backprop(net, CE).grads)(params, (), x, y, key=new_key())[0]
    np.testing.assert_allclose(value, exact, rtol=1e-12)


def test_refusals():
    with pytest.raises(ValueError, match="pepita teaches a chain"):
        pepita(jb.dense(3), CE)
    with pytest.raises(ValueError, match=r"pepita needs inputs that are numbers, the error is"):
        pepita(jb.serial(jb.embed(5, 4), jb.dense(3)), CE)


@pytest.mark.slow
def test_pepita_beats_frozen_hidden_layers(digits):
    """The floor of the reference is .933; 10 times the feedback stays near chance."""
    with jax.enable_x64(False):
        act = jb.elementwise(jnp.tanh)
        net = jb.serial(jb.dense(128), act, jb.dense(64), act, jb.dense(10))
        accuracies = []
        for scale in (0.05, 0.5):
            small = jax.nn.initializers.variance_scaling(2 * scale**2, "fan_out", "uniform")
            rule = pepita(net, CE, feedback_init=small)
            _, history = jb.fit(
                rule, optax.adam(2e-3), digits[0], key=new_key(), epochs=20, batch_size=32,
                validation=digits[1], metrics={"accuracy": jb.accuracy}, progress=False,
            )  # fmt: skip
            accuracies.append(history.metrics["accuracy"][-1])
        assert accuracies[0] > 0.95 and accuracies[1] < 0.6
