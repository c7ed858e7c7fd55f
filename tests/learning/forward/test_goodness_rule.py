"""Forward-forward: each block has the gradient of its own logistic loss, and goodness predicts."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning import forward_forward
from jaxbrain.learning.forward import (
    draw_label,
    goodness,
    goodness_network,
    likely_label,
    overlay_label,
)
from tests.theory import CE, HALF, distance, mlp, output_error, problem, same, weights

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 6)
TANH = jb.elementwise(jnp.tanh)


def next_label(key, logits, label):
    """A wrong label that is known beforehand."""
    return (label + 1) % logits.shape[-1]


def drawn(x, vectors):
    """The first entries are the label times max|x| of the example."""
    x = np.array(x)
    x[:, : vectors.shape[1]] = np.max(np.abs(x), axis=1, keepdims=True) * vectors
    return x


def normalized(h):
    return h / np.sqrt(np.mean(h**2, axis=1, keepdims=True) + 1e-8)


def softplus(z):
    return np.log1p(np.exp(z))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_forward_forward_is_its_equations():
    """Two hidden layers of tanh: dL/dW = x^T (dL/dg 2h/D f'(z)) of right and wrong labels."""
    net, s, theta = mlp(jnp.tanh), 3.0, 0.4
    params, x, y = problem(net, CE)
    rule = forward_forward(net, CE, threshold=theta, sharpness=s, negatives=next_label)
    value, grads, state = jax.jit(rule.grads)(params, (), x, y, key=new_key())
    ws, n, y = weights(params), len(x), np.asarray(y)
    a = [drawn(x, v) for v in (np.eye(3)[y], np.eye(3)[(y + 1) % 3], np.full((n, 3), 1 / 3))]
    total = 0.0
    for i in range(2):
        w, b = ws[i]
        kernel, bias = 0, 0
        h = [np.tanh(view @ w + b[None]) for view in a]
        for view, out, sign in zip(a, h, (1, -1), strict=False):
            z = sign * s * (theta - np.mean(out**2, axis=1))
            total += np.mean(softplus(z))
            push = -sign * s * sigmoid(z) / n
            delta = push[:, None] * 2 * out / out.shape[1] * (1 - out**2)
            kernel, bias = kernel + view.T @ delta, bias + delta.sum(0)
        np.testing.assert_allclose(grads[2 * i]["kernel"], kernel, rtol=1e-9)
        np.testing.assert_allclose(grads[2 * i]["bias"], bias, rtol=1e-9)
        a = [normalized(out) for out in h]
    output = a[2] @ ws[2][0] + ws[2][1][None]
    error = output_error(CE, output, y)
    same([grads[-1]], [(a[2].T @ error, error.sum(0))])
    readout = np.mean([CE(o, label) for o, label in zip(output, y, strict=True)])
    np.testing.assert_allclose(value, total + readout, rtol=1e-9)
    assert state == ()


CONV = jb.serial(
    jb.conv(4, 3), TANH, jb.max_pool(2), jb.flatten(), jb.dense(6), TANH, jb.dense(3)
)  # fmt: skip
NETS = {"mlp": (mlp(jnp.tanh), (4,)), "conv": (CONV, (4, 4, 1))}


def local_loss(net, params, x, y, block, held):
    """The loss of one hidden block (start, stop), with the blocks before it held."""
    start, stop = block

    def value(p, x, label):
        h = draw_label(x, jax.nn.one_hot(label, 3, dtype=x.dtype))
        for i, layer in enumerate(net.layers[:stop]):
            if held[i] and i:
                h = h / jnp.sqrt(jnp.mean(h**2) + 1e-8)
            h = layer.apply(p if i == start else params[i], h)
        return jnp.mean(h**2)

    def loss(p):
        right = jax.vmap(lambda a, b: value(p, a, b))(x, y)
        wrong = jax.vmap(lambda a, b: value(p, a, (b + 1) % 3))(x, y)
        logits = jnp.stack([40 * (right - 0.5), 40 * (0.5 - wrong)])
        return -jnp.mean(jnp.sum(jax.nn.log_sigmoid(logits), axis=0))

    return loss


@pytest.mark.parametrize("name", NETS)
@pytest.mark.slow
def test_every_block_descends_its_own_loss_only(name):
    net, shape = NETS[name]
    params, x, y = problem(net, CE, shape=shape)
    rule = forward_forward(net, CE, negatives=next_label)
    grads = jax.jit(lambda p: rule.grads(p, (), x, y, key=new_key())[1])(params)
    held = [bool(p) for p in params]
    starts = [i for i, h in enumerate(held) if h]
    for start, stop in itertools.pairwise(starts):
        loss = local_loss(net, params, x, y, (start, stop), held)
        assert distance(grads[start], jax.grad(loss)(params[start])) < 1e-9
    other = forward_forward(net, HALF, negatives=next_label)
    targets = jax.nn.one_hot(y, 3, dtype="float64")
    readout = jax.jit(lambda p: other.grads(p, (), x, targets, key=new_key())[1])(params)
    assert distance(readout[:-1], grads[:-1]) < 1e-12  # the loss teaches the readout, no other
    assert distance(readout[-1], grads[-1]) > 0.1
    # the control: with the gradient of all blocks together the first would be another
    together = jax.grad(lambda p: sum(
        local_loss(net, [p, *params[1:]], x, y, (start, stop), held)(
            p if start == starts[0] else params[start]
        ) for start, stop in itertools.pairwise(starts)
    ))(params[0])  # fmt: skip
    assert distance(grads[0], together) > 0.1


def test_the_rule_draws_wrong_labels_only():
    """The negatives of the rule, over all examples and keys."""
    net = mlp(jnp.tanh)
    params, x, y = problem(net, CE)
    seen = []

    def spy(key, logits, label):
        wrong = likely_label(key, logits, label)
        jax.debug.callback(lambda a, b: seen.append((int(a), int(b))), label, wrong)
        return wrong

    rule = forward_forward(net, CE, negatives=spy)
    run = jax.jit(lambda k: rule.grads(params, (), x, y, key=k)[0])
    values = [run(k) for k in jax.random.split(new_key(), 40)]
    jax.effects_barrier()
    assert len(seen) == 40 * len(y) and {a for a, _ in seen} == {0, 1, 2}
    assert all(a != b for a, b in seen) and len(set(seen)) == 6
    assert len(set(map(float, values))) > 5  # another key, other labels


@pytest.mark.parametrize("hidden", [1, 3])
def test_the_prediction_is_the_label_of_most_goodness(hidden):
    """Of all hidden layers but the first; with one hidden layer, of that one."""
    net = jb.serial(*[layer for _ in range(hidden) for layer in (jb.dense(5), TANH)], jb.dense(3))
    params, x, _ = problem(net, CE)
    network = forward_forward(net, CE).network
    votes = jax.jit(jb.batch(network).apply)(params, x)
    assert network == goodness_network(net) != goodness_network(net, draw=overlay_label)
    assert jb.from_json(jb.to_json(network)) == network
    every = []
    for label in range(3):
        h, values = drawn(x, np.eye(3)[[label] * len(x)]), []
        for w, b in weights(params)[:-1]:
            h = np.tanh(h @ w + b[None])
            values.append(np.mean(h**2, axis=1))
            h = normalized(h)
        every.append(values)
    every = np.array(every)  # [label, layer, example]
    want = every[:, 1 if hidden > 1 else 0 :].sum(1).T
    np.testing.assert_allclose(votes, want, rtol=1e-9)
    best = jax.vmap(jb.accuracy)(votes, jnp.asarray(want.argmax(1)))
    assert np.all(best == 1)
    if hidden > 1:
        assert np.max(np.abs(votes - every.sum(1).T)) > 0.01  # the control: the first does not vote


def test_no_goodness_is_passed_on():
    """The goodness of a layer depends on the direction of its input only."""
    net = mlp(jax.nn.relu)
    params, x, _ = problem(net, CE)
    params = jax.tree.map(lambda p: p if p.ndim > 1 else 0 * p, params)
    bright = ({"kernel": 3 * params[0]["kernel"], "bias": params[0]["bias"]}, *params[1:])
    g = [goodness(net, p, draw_label(x[0], jnp.eye(3)[1]))[0] for p in (params, bright)]
    np.testing.assert_allclose(g[1], [9 * g[0][0], g[0][1]], rtol=1e-6)


def test_refusals():
    with pytest.raises(ValueError, match="forward_forward needs a hidden layer"):
        forward_forward(jb.serial(jb.dense(3)), CE)
    with pytest.raises(ValueError, match="forward_forward needs inputs that are numbers"):
        forward_forward(jb.serial(jb.embed(5, 4), TANH, jb.dense(3)), CE)
    for option in ("threshold", "sharpness"):
        with pytest.raises(ValueError, match=f"{option} must be positive, got 0"):
            forward_forward(mlp(jnp.tanh), CE, **{option: 0})
    net = mlp(jnp.tanh)
    params, x, y = problem(net, CE, shape=(3,))
    with pytest.raises(ValueError, match=r"first 3 entries of the input, which has only 3"):
        forward_forward(net, CE).grads(params, (), x, y, key=new_key())
    single = jb.serial(jb.dense(4), TANH, jb.dense(1))
    params, x, y = problem(single, HALF)
    with pytest.raises(ValueError, match=r"one output for each class.*got shape \(1,\)"):
        forward_forward(single, HALF).grads(params, (), x, y, key=new_key())


@pytest.mark.slow
def test_forward_forward_beats_frozen_hidden_layers(digits):
    """The floor of the reference is .933, its own number .951."""
    with jax.enable_x64(False):
        relu = jb.elementwise(jax.nn.relu)
        net = jb.serial(jb.dense(128), relu, jb.dense(64), relu, jb.dense(10))
        _, history = jb.fit(
            forward_forward(net, CE), optax.adam(2e-3), digits[0], key=new_key(), epochs=20,
            batch_size=32, validation=digits[1], metrics={"accuracy": jb.accuracy}, progress=False,
        )  # fmt: skip
        assert history.metrics["accuracy"][-1] > 0.94
