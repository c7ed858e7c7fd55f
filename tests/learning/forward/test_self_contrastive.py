"""Self-contrastive forward-forward: the gradient of each block, which knows no label."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning import self_contrastive_forward_forward
from jaxbrain.learning.forward import standardized_network
from tests.theory import CE, distance, mlp, output_error, problem, same, weights

pytestmark = pytest.mark.x64

TANH = jb.elementwise(jnp.tanh)


def standardized(h):
    axes = tuple(range(1, h.ndim))
    return (h - h.mean(axes, keepdims=True)) / np.sqrt(h.var(axes, keepdims=True) + 1e-5)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def by_numpy(params, x, y, shift, s=3.0, above=0.4, below=0.3):
    """Two hidden layers of tanh: dL/dW = x^T (dL/dg 2h/D f'(z)) of both pairs; and the output."""
    ws, n, total, grads = weights(params), len(x), 0.0, []
    one = standardized(np.asarray(x))
    other = np.roll(one, shift, axis=0)
    for i in range(2):
        w, b = ws[i]
        given = [one, (one + other) / 2 if i == 0 else other]
        h = [np.tanh(a @ w + b[None]) for a in given]
        kernel, bias = 0, 0
        for a, out, sign, theta in zip(given, h, (1, -1), (above, below), strict=True):
            z = sign * s * (theta - np.mean(out**2, axis=1))
            total += np.mean(np.log1p(np.exp(z)))
            push = (-sign * s * sigmoid(z) / n)[:, None] * 2 * out / out.shape[1] * (1 - out**2)
            kernel, bias = kernel + a.T @ push, bias + push.sum(0)
        grads.append((kernel, bias))
        one, other = (standardized(out) for out in h)
    output = one @ ws[2][0] + ws[2][1][None]
    error = output_error(CE, output, np.asarray(y))
    readout = np.mean([CE(o, label) for o, label in zip(output, y, strict=True)])
    return total + readout, [*grads, (one.T @ error, error.sum(0))], output


def test_self_contrastive_is_its_equations():
    """For the distances of partners in a batch of four, which the key draws; never zero."""
    net = mlp(jnp.tanh)
    params, x, y = problem(net, CE, n=4)
    rule = self_contrastive_forward_forward(
        net, CE, threshold=0.4, negative_threshold=0.3, sharpness=3.0
    )
    run = jax.jit(lambda key: rule.grads(params, (), x, y, key=key))
    values = [by_numpy(params, x, y, shift)[0] for shift in range(3)]
    drawn = set()
    for n in range(24):
        value, grads, state = run(jax.random.key(n))
        shift = int(np.argmin(np.abs(np.array(values) - value)))
        want, changes, output = by_numpy(params, x, y, shift)
        np.testing.assert_allclose(value, want, rtol=1e-9)
        same([g for g in grads if g], changes)
        drawn.add(shift)
    assert drawn == {1, 2} and state == ()  # a distance of 3 makes the pairs of 1
    np.testing.assert_allclose(jb.batch(rule.network).apply(params, x), output, rtol=1e-9)


CONV = jb.serial(
    jb.conv(4, 3), TANH, jb.max_pool(2), jb.conv(3, 2), TANH, jb.flatten(), jb.dense(3)
)  # fmt: skip


def by_hand(params, x, shift):
    """The local losses of the two hidden blocks of CONV, the input of the second held."""
    one, losses = jnp.asarray(standardized(np.asarray(x))), []
    pair = (one, jnp.roll(one, shift, axis=0))
    for start, stop in ((0, 3), (3, 6)):
        layers = [(jb.batch(CONV.layers[i]), params[i]) for i in range(start, stop)]

        def tail(h, layers=layers):
            for layer, p in layers[1:]:
                h = layer.apply(p, h)
            return h

        a, b = (layers[0][0].apply(layers[0][1], h) for h in pair)
        pair = (tail(a), tail((a + b) / 2 if start == 0 else b))
        right, wrong = (jnp.mean(h**2, axis=tuple(range(1, h.ndim))) for h in pair)
        losses.append(-jnp.mean(jax.nn.log_sigmoid(10 * (right - 0.5))
                                + jax.nn.log_sigmoid(10 * (0.5 - wrong))))  # fmt: skip
        axes = tuple(range(1, pair[0].ndim))
        held = [jax.lax.stop_gradient(h) for h in pair]
        pair = [(h - h.mean(axes, keepdims=True))
                / jnp.sqrt(h.var(axes, keepdims=True) + 1e-5) for h in held]  # fmt: skip
    return losses


def test_convolutions_descend_their_own_losses_and_labels_and_other_blocks_have_no_effect():
    params, x, y = problem(CONV, CE, shape=(4, 4, 1), n=2)  # two samples: the other is the partner
    rule = self_contrastive_forward_forward(CONV, CE, threshold=0.5, negative_threshold=0.5)
    run = jax.jit(lambda p, y: rule.grads(p, (), x, y, key=jax.random.key(0))[1])
    grads = run(params, y)
    want = jax.jit(jax.grad(lambda p: sum(by_hand(p, x, 1))))(params)
    for i in (0, 3):
        assert distance(grads[i], want[i]) < 1e-9
    other = run(params, (y + 1) % 3)
    for i, hidden in ((0, True), (3, True), (6, False)):  # the control: the readout has labels
        assert jnp.array_equal(grads[i]["kernel"], other[i]["kernel"]) == hidden
    changed = [jax.tree.map(lambda p: 2 * p, params[i]) if i == 3 else params[i] for i in range(7)]
    other = run(tuple(changed), y)
    for i, before in ((0, True), (3, False), (6, False)):
        assert jnp.array_equal(grads[i]["kernel"], other[i]["kernel"]) == before


@pytest.mark.slow
def test_it_tells_pairs_of_digits(digits):
    (x, y), test = digits
    layers = itertools.chain(*((jb.dense(64), jb.elementwise(jax.nn.relu)) for _ in range(2)))
    net = jb.serial(*layers, jb.dense(10))
    rule = self_contrastive_forward_forward(net, CE)
    state, history = jb.run(
        rule, optax.adam(1e-3), (x, y), key=jax.random.key(0), epochs=30, batch_size=64
    )
    assert history.loss[-1] < 0.4 * history.loss[0]
    assert (
        jb.evaluate(rule.network, state.params, test, {"accuracy": jb.accuracy})["accuracy"] > 0.9
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: self_contrastive_forward_forward(jb.serial(jb.dense(3)), CE),
         "self_contrastive_forward_forward needs a hidden layer"),
        (lambda: self_contrastive_forward_forward(jb.serial(jb.embed(5, 3), jb.dense(3)), CE),
         "needs inputs that are numbers, they are standardized"),
        (lambda: self_contrastive_forward_forward(mlp(jnp.tanh), CE, negative_threshold=0.0),
         "negative_threshold must be positive, got 0.0"),
        (lambda: self_contrastive_forward_forward(mlp(jnp.tanh), CE).grads(
            (), (), jnp.ones((1, 4)), jnp.ones(1, int)), "two examples or more, .* got one"),
        (lambda: standardized_network(jb.dense(3)), "standardized_network teaches a chain"),
    ],
)  # fmt: skip
def test_what_it_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
