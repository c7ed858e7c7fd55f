"""Feedback alignment and direct projections against their equations in NumPy, and identities."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning import chain
from tests.theory import (
    ACTIVATIONS,
    CE,
    HALF,
    by_hand,
    convnet,
    distance,
    mlp,
    output_error,
    problem,
    same,
    weights,
)

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 2)


@pytest.mark.parametrize("loss", [CE, HALF], ids=["ce", "half"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_feedback_alignment_is_its_equation(name, loss):
    act, f, slope = ACTIVATIONS[name]
    net = mlp(act)
    params, x, y = problem(net, loss)
    rule = jb.feedback_alignment(net, loss)
    state = rule.init(jax.random.key(9), params, x[0])
    ws, bs = weights(params), weights(state)
    want = by_hand(ws, x, y, loss, f, slope, lambda i, d, e: d @ bs[i][0].T)
    run = jax.jit(rule.grads)
    _value, grads, after = run(params, state, x, y)
    same(grads, want)
    assert distance(after, state) == 0  # the feedback is fixed
    other = rule.init(jax.random.key(10), params, x[0])
    elsewhere = run(params, other, x, y)[1]
    assert distance(elsewhere[0], grads[0]) > 0.3 and distance(elsewhere[4], grads[4]) == 0


@pytest.mark.parametrize("loss", [CE, HALF], ids=["ce", "half"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_direct_feedback_alignment_is_its_equation(name, loss):
    act, f, slope = ACTIVATIONS[name]
    net = mlp(act)
    params, x, y = problem(net, loss)
    rule = jb.direct_feedback_alignment(net, loss)
    state = rule.init(jax.random.key(9), params, x[0])
    assert [b.shape for b in state] == [(3, 6), (3, 5)]
    want = by_hand(
        weights(params), x, y, loss, f, slope, lambda i, d, e: e @ np.asarray(state[i - 1])
    )
    run = jax.jit(rule.grads)
    _value, grads, after = run(params, state, x, y)
    same(grads, want)
    assert distance(after, state) == 0
    other = rule.init(jax.random.key(10), params, x[0])
    elsewhere = run(params, other, x, y)[1]
    assert distance(elsewhere[0], grads[0]) > 0.3 and distance(elsewhere[4], grads[4]) == 0


NETS = {"mlp": (lambda: mlp(jnp.tanh), (4,)), "conv": (convnet, (8, 8, 2))}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.slow
def test_feedback_through_the_forward_weights_is_backprop(name):
    net, shape = NETS[name][0](), NETS[name][1]
    params, x, y = problem(net, CE, shape=shape)
    exact = jb.backprop(net, CE).grads(params, (), x, y)
    rule = jb.feedback_alignment(net, CE)
    value, grads, _ = rule.grads(params, params, x, y)
    assert abs(value - exact[0]) < 1e-12 and distance(grads, exact[1]) < 1e-12
    random = rule.grads(params, rule.init(new_key(), params, x[0]), x, y)[1]
    assert distance(random, exact[1]) > 0.1  # the control: the feedback does matter


def test_direct_feedback_through_the_transposed_weights_is_backprop():
    act = jb.elementwise(jnp.tanh)
    net = jb.serial(jb.dense(6), act, jb.dense(3))
    params, x, y = problem(net, CE)
    rule = jb.direct_feedback_alignment(net, CE)
    exact, run = jax.jit(jb.backprop(net, CE).grads)(params, (), x, y)[1], jax.jit(rule.grads)
    assert distance(run(params, (params[2]["kernel"].T,), x, y)[1], exact) < 1e-12
    random = run(params, rule.init(new_key(), params, x[0]), x, y)[1]
    assert distance(random, exact) > 0.1


@pytest.mark.slow
def test_direct_feedback_in_a_convolution_is_the_gradient_of_a_projection():
    """dW_l = d/dW_l of <B_l e, block_l(input)> with e and the input held."""
    net = convnet()
    params, x, y = problem(net, CE, shape=(8, 8, 2))
    rule = jb.direct_feedback_alignment(net, CE)
    state = rule.init(new_key(), params, x[0])
    grads = rule.grads(params, state, x, y)[1]
    activities = chain.forward(net, params, x)
    error = output_error(CE, np.asarray(activities[-1]), y)
    blocks = [(0, 3), (3, 6), (6, 8)]
    assert chain.blocks(params)[:-1] == blocks and len(state) == 3
    for b, (start, stop) in zip(state, blocks, strict=True):

        def project(p, b=b, start=start, stop=stop):
            part = jb.batch(jb.serial(*net.layers[start:stop]))
            out = part.apply((p, *params[start + 1 : stop]), activities[start])
            return jnp.sum((error @ b).reshape(out.shape) * out)

        assert distance(grads[start], jax.grad(project)(params[start])) < 1e-12
    exact = jb.backprop(net, CE).grads(params, (), x, y)[1]
    assert distance(grads[8], exact[8]) < 1e-12 < distance(grads[0], exact[0])


@pytest.mark.slow
def test_tokens_can_be_taught_by_feedback():
    net = jb.serial(jb.embed(5, 4), jb.elementwise(jnp.tanh), jb.flatten(), jb.dense(3))
    x, y = jnp.array([[0, 4], [1, 1], [2, 3]]), jnp.array([0, 1, 2])
    params = net.init(new_key(), x[0])
    exact = jb.backprop(net, CE).grads(params, (), x, y)[1]
    assert distance(jb.feedback_alignment(net, CE).grads(params, params, x, y)[1], exact) < 1e-6


@pytest.mark.slow
def test_feedback_alignment_aligns():
    """Lillicrap et al. 2016: the angle to backprop starts near 90 degrees and falls."""
    net = jb.serial(jb.dense(20, bias_init=None), jb.dense(10, bias_init=None))
    fa, bp = jb.feedback_alignment(net, HALF), jb.backprop(net, HALF)

    def uniform(key, shape, bound):
        return jax.random.uniform(key, shape, "float32", -bound, bound)

    def train(key):
        kt, k1, k2, kb, kx = jax.random.split(key, 5)
        teacher = uniform(kt, (30, 10), 1.0)
        start = ({"kernel": uniform(k1, (30, 20), 0.01)}, {"kernel": uniform(k2, (20, 10), 0.01)})
        state = ({"kernel": jnp.zeros((30, 20), "float32")}, {"kernel": uniform(kb, (20, 10), 0.5)})

        def step(params, x):
            loss, grads, _ = fa.grads(params, state, x, x @ teacher)
            angle = jb.analysis.angles(grads, bp.grads(params, (), x, x @ teacher)[1])
            return jax.tree.map(lambda p, g: p - 0.02 * g, params, grads), (loss, angle)

        return jax.lax.scan(step, start, jax.random.normal(kx, (500, 16, 30), "float32"))[1]

    losses, angles = jax.jit(jax.vmap(train))(jax.random.split(new_key(), 5))
    np.testing.assert_allclose(angles[:, :, 1], 0, atol=0.1)  # the last layer has no feedback
    assert np.all(np.abs(angles[:, 0, 0] - 90) < 20)
    assert np.all(angles[:, -50:, 0] < 60)
    assert np.all(losses[:, -50:].mean(1) < 0.5 * losses[:, :5].mean(1))


@pytest.mark.slow
def test_feedback_of_its_own_teaches_what_begins_at_zero():
    """A readout that begins at zero draws feedback of zero: the hidden layer is frozen."""
    zeros, uniform = jax.nn.initializers.zeros, jax.nn.initializers.uniform(0.5)
    net = jb.serial(jb.dense(5), jb.elementwise(jnp.tanh), jb.dense(3, kernel_init=zeros))
    x, y = jax.random.normal(jax.random.key(0), (6, 4)), jnp.array([0, 1, 2, 0, 1, 2])
    params = net.init(jax.random.key(1), x[0])

    def hidden(**options):
        rule = jb.feedback_alignment(net, jb.losses.softmax_cross_entropy, **options)
        state = rule.init(jax.random.key(2), params, x[0])
        return rule.grads(params, state, x, y)[1][0]["kernel"], state

    frozen, _ = hidden()
    moved, feedback = hidden(feedback_init=uniform)
    assert not frozen.any() and jnp.abs(moved).max() > 1e-3
    assert jax.tree.structure(feedback) == jax.tree.structure(params)
    error = jnp.full((6, 3), 1 / 3) - jax.nn.one_hot(y, 3)
    slope = 1 - jnp.tanh(x @ params[0]["kernel"]) ** 2
    want = x.T @ ((error @ feedback[2]["kernel"].T) * slope) / 6
    np.testing.assert_allclose(moved, want, rtol=1e-5, atol=1e-6)


CASES = [("tanh", CE), ("relu", HALF)]


@pytest.mark.parametrize("activation, loss", CASES, ids=["tanh ce", "relu half"])
def test_target_projection_is_its_equation(activation, loss):
    act, f, slope = ACTIVATIONS[activation]
    net = mlp(act)
    params, x, y = problem(net, loss)
    rule = jb.learning.direct_random_target_projection(net, loss)
    state = rule.init(new_key(), params, x[0])
    assert [b.shape for b in state] == [(3, 6), (3, 5)]
    target = np.eye(3)[np.asarray(y)] if loss is CE else np.asarray(y)
    ws = weights(params)
    want = by_hand(
        ws, x, y, loss, f, slope, lambda i, d, e: -target @ np.asarray(state[i - 1]) / len(target)
    )
    _, grads, after = jax.jit(rule.grads)(params, state, x, y)
    same(grads, want)
    assert distance(after, state) == 0
    # the signal of hidden layers is independent of the output, that of direct feedback is not
    moved = (*params[:4], jax.tree.map(lambda w: 2 * w, params[4]))
    direct = jb.direct_feedback_alignment(net, loss)
    for other, independent in ((rule, True), (direct, False)):
        run = jax.jit(other.grads)
        a, b = (run(p, state, x, y)[1] for p in (params, moved))
        assert (distance(a[:4], b[:4]) == 0) == independent and distance(a[4], b[4]) > 0.01


def test_where_the_error_is_the_target_projection_is_direct_feedback():
    """Of the loss -<output, y> the error is -y, whatever the output."""
    net = convnet()
    params, x, y = problem(net, HALF, shape=(8, 8, 2))
    product = lambda o, y: -jnp.vdot(o, y)  # noqa: E731
    drtp = jb.learning.direct_random_target_projection(net, product)
    state = drtp.init(new_key(), params, x[0])
    assert distance(state, drtp.init(jax.random.key(8), params, x[0])) > 0.5

    @jax.jit
    def both():
        rules = drtp, jb.direct_feedback_alignment(net, product)
        return [rule.grads(params, state, x, y)[1] for rule in rules]

    assert distance(*both()) < 1e-12


def test_target_projection_through_the_forward_weights_raises_the_output_of_the_target():
    """With B = W^T the hidden layer descends the negative mean output of the target's unit."""
    net = jb.serial(jb.dense(6), jb.elementwise(jnp.tanh), jb.dense(3))
    params, x, y = problem(net, CE)
    rule = jb.learning.direct_random_target_projection(net, CE)
    grads = jax.jit(rule.grads)(params, (params[2]["kernel"].T,), x, y)[1]
    rise = lambda p: -jnp.mean(jnp.take_along_axis(jb.batch(net).apply(p, x), y[:, None], 1))  # noqa: E731
    assert distance(grads[0], jax.jit(jax.grad(rise))(params)[0]) < 1e-12


def test_target_projection_refuses_targets_of_another_shape():
    net = jb.serial(jb.dense(6), jb.dense(3))
    params, x, _ = problem(net, CE)
    product = lambda o, y: jnp.sum(o) * jnp.sum(y)  # noqa: E731
    rule = jb.learning.direct_random_target_projection(net, product)
    with pytest.raises(ValueError, match=r"direct_random_target_projection needs targets in the"):
        rule.grads(params, rule.init(new_key(), params, x[0]), x, jnp.zeros((7, 2)))
