"""Local difference reconstruction: its equations in NumPy, and where its feedback weights rest."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning import (
    chain,
    difference_target_propagation,
    local_difference_reconstruction,
)
from tests.theory import CE, HALF, distance, output_error, problem, same, tanh_slope, weights
from tests.theory import run_forward as forward

pytestmark = pytest.mark.x64

TANH = jb.elementwise(jnp.tanh)


def test_local_difference_reconstruction_is_its_equations():
    net = jb.serial(*[jb.dense(3), TANH] * 3, jb.dense(3))
    params, x, y = problem(net, CE)
    eta, sigma, rate, steps = 0.7, 0.3, 0.1, 2
    rule = local_difference_reconstruction(
        net, CE, optimizer=optax.sgd(rate), target_step=eta, noise=sigma, steps=steps
    )
    state = rule.init(jax.random.key(9), params, x[0])
    _, grads, after = jax.jit(lambda p, s: rule.grads(p, s, x, y, key=jax.random.key(2)))(
        params, state
    )
    ws, n = weights(params), len(x)
    z, a = forward(ws, x, np.tanh)
    feedback = [np.asarray(v["kernel"]) for v in state.params]
    error = output_error(CE, a[-1], y)
    want, offset = [(a[3].T @ error, error.sum(0))], -eta * n * error @ ws[3][0].T
    for i in (2, 1, 0):
        delta = -offset * tanh_slope(z[i]) / (eta * n)
        want.insert(0, (a[i].T @ delta, delta.sum(0)))
        if i:
            moved = np.tanh(a[i + 1] + offset) - np.tanh(a[i + 1])
            offset = moved @ feedback[i - 1].T
    same(grads, want)
    losses = [0, 0]
    for t in range(steps):
        for j, v in enumerate(feedback):
            key = jax.random.fold_in(jax.random.fold_in(jax.random.key(2), t), j)
            below, above = (jax.random.normal(k, (n, 3), "float64") for k in jax.random.split(key))
            (w, b), h, output = ws[j + 1], a[j + 1], a[j + 2]
            f = np.tanh((h + sigma * np.asarray(below)) @ w + b[None])
            carried = (np.tanh(f) - np.tanh(output)) / sigma
            seen = (np.tanh(output + sigma * np.asarray(above)) - np.tanh(output)) / sigma
            losses[j] = (np.sum((seen @ v.T) ** 2) / 2 - np.sum(below * (carried @ v.T))) / n
            feedback[j] = v - rate * (v @ seen.T @ seen - np.asarray(below).T @ carried) / n
    for v, got in zip(feedback, after.params, strict=True):
        np.testing.assert_allclose(got["kernel"], v, rtol=1e-9)
    np.testing.assert_allclose(after.reconstruction, losses, rtol=1e-9)


def test_feedback_of_linear_layers_rests_at_the_transpose_and_not_at_the_inverse():
    net = jb.serial(*[jb.dense(3)] * 4)
    params, x, y = problem(net, HALF, shape=(3,), n=200)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    kernel = turn @ np.diag([1.5, 1.0, 0.6])
    params = tuple({**p, "kernel": jnp.asarray(kernel)} for p in params)
    truth = jax.jit(jb.backprop(net, HALF).grads)(params, (), x, y)[1]

    def learned(make):
        """The feedback weights after 500 batches of one step, and the gradients."""
        rule = make(net, HALF, optimizer=optax.sgd(optax.cosine_decay_schedule(0.1, 500)))

        def step(state, key):
            _, grads, state = rule.grads(params, state, x, y, key=key)
            return state, grads

        state = rule.init(jax.random.key(1), params, x[0])
        keys = jax.random.split(jax.random.key(2), 500)
        state, grads = jax.jit(lambda s, k: jax.lax.scan(step, s, k))(state, keys)
        kernels = [v.get("layer", v)["kernel"] for v in state.params]
        return kernels, jax.tree.map(lambda g: g[-1], grads)

    inverse = [np.linalg.inv(kernel).T] * 2
    found, grads = learned(local_difference_reconstruction)
    assert distance(found, [kernel] * 2) < 0.02 < 0.5 < distance(found, inverse)
    assert min(cosine(g, t) for g, t in zip(grads, truth, strict=True)) > 0.999
    found, grads = learned(difference_target_propagation)  # the control
    assert distance(found, inverse) < 0.02 and cosine(grads[0], truth[0]) < 0.95


def cosine(a, b):
    a, b = (np.concatenate([np.ravel(v) for v in jax.tree.leaves(tree)]) for tree in (a, b))
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_with_the_weights_of_its_blocks_it_is_backprop():
    """The activations are within blocks, where the derivative is exact."""
    block = jb.residual(jb.serial(jb.dense(8), TANH))
    net = jb.serial(
        jb.dense(2), jb.conv(2, 2), jb.max_pool(2), jb.dropout(0.3), jb.flatten(), block,
        jb.dense(3),
    )  # fmt: skip
    params, x, y = problem(net, CE, shape=(4, 4, 1))
    rule = local_difference_reconstruction(net, CE)
    drawn = rule.init(jax.random.key(1), params, x[0])
    state = drawn._replace(params=tuple(params[i] for i, _ in chain.blocks(params)[1:-1]))
    pairs = ((rule, drawn), (rule, state), (jb.backprop(net, CE), ()))

    @jax.jit
    def grads(key):
        return [rule.grads(params, s, x, y, key=key)[1] for rule, s in pairs]

    random, own, truth = grads(jax.random.key(3))
    assert distance(own, truth) < 1e-10
    assert distance(random, truth) > 0.1  # the control: other weights


def test_local_difference_reconstruction_refuses():
    name, net = "local_difference_reconstruction", jb.serial(*[jb.dense(3)] * 3)
    with pytest.raises(ValueError, match=f"{name}: noise must be positive, got 0"):
        local_difference_reconstruction(net, CE, noise=0)
    params, x, y = problem(net, CE)
    rule = local_difference_reconstruction(net, CE)
    state = rule.init(jax.random.key(1), params, x[0])
    with pytest.raises(ValueError, match=rf"{name} needs a key.*learns from noise"):
        jax.eval_shape(rule.grads, params, state, x, y)


@pytest.mark.slow
def test_feedback_follows_the_weights_in_a_training(digits):
    train, _ = digits
    net = jb.serial(jb.dense(64), TANH, jb.dense(64), TANH, jb.dense(32), TANH, jb.dense(10))
    x, y = (a[:256] for a in train)
    found = {}
    with jax.enable_x64(False):
        for make in (local_difference_reconstruction, difference_target_propagation):
            rule = make(net, CE)
            state, _ = jb.fit(
                rule, optax.adam(1e-3), train,
                key=jax.random.key(0), epochs=8, batch_size=32, progress=False,
            )  # fmt: skip
            call = jax.jit(rule.grads)
            grads = call(state.params, state.rule_state, x, y, key=jax.random.key(1))[1]
            truth = jax.jit(jb.backprop(net, CE).grads)(state.params, (), x, y)[1]
            found[make] = cosine(grads[0], truth[0])
    assert found[local_difference_reconstruction] > 0.85 > found[difference_target_propagation]
