"""The learning rules against their equations in NumPy, and the identities that tie them."""

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
    run_forward,
    same,
    weights,
)

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 2)
RULES = {
    "feedback_alignment": jb.feedback_alignment,
    "direct_feedback_alignment": jb.direct_feedback_alignment,
    "predictive_coding": jb.predictive_coding,
}


@pytest.mark.parametrize("loss", [CE, HALF], ids=["ce", "half"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_backprop_is_the_delta_rule(name, loss):
    act, f, slope = ACTIVATIONS[name]
    net = mlp(act)
    params, x, y = problem(net, loss)
    ws = weights(params)
    want = by_hand(ws, x, y, loss, f, slope, lambda i, d, e: d @ ws[i][0].T)
    value, grads, state = jb.backprop(net, loss).grads(params, (), x, y)
    same(grads, want)
    o = run_forward(ws, x, f)[1][-1]
    np.testing.assert_allclose(value, np.mean([loss(o[i], y[i]) for i in range(7)]), rtol=1e-12)
    assert state == ()


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
    _value, grads, after = rule.grads(params, state, x, y)
    same(grads, want)
    assert distance(after, state) == 0  # the feedback is frozen
    other = rule.init(jax.random.key(10), params, x[0])
    elsewhere = rule.grads(params, other, x, y)[1]
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
    _value, grads, after = rule.grads(params, state, x, y)
    same(grads, want)
    assert distance(after, state) == 0
    other = rule.init(jax.random.key(10), params, x[0])
    elsewhere = rule.grads(params, other, x, y)[1]
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
    exact = jb.backprop(net, CE).grads(params, (), x, y)[1]
    assert distance(rule.grads(params, (params[2]["kernel"].T,), x, y)[1], exact) < 1e-12
    random = rule.grads(params, rule.init(new_key(), params, x[0]), x, y)[1]
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


@pytest.mark.parametrize("key", [None, new_key()], ids=["quiet", "noisy"])
@pytest.mark.slow
def test_with_dropout_the_rules_meet_the_same_noise(key):
    """The same key, the same masks: what differs between rules is the rule."""
    net = jb.serial(
        jb.dropout(0.1), jb.dense(8), jb.elementwise(jnp.tanh), jb.dropout(0.5), jb.dense(3)
    )
    params, x, y = problem(net, CE)
    value, exact, _ = jb.backprop(net, CE).grads(params, (), x, y, key=key)
    fa = jb.feedback_alignment(net, CE).grads(params, params, x, y, key=key)
    np.testing.assert_allclose(fa[0], value, rtol=1e-12)
    assert distance(fa[1], exact) < 1e-12
    dfa = jb.direct_feedback_alignment(net, CE)
    first = dfa.grads(params, dfa.init(new_key(), params, x[0]), x, y, key=key)
    np.testing.assert_allclose(first[0], value, rtol=1e-12)
    assert distance(first[1][4], exact[4]) < 1e-12


@pytest.mark.parametrize("name", RULES)
def test_the_same_key_is_the_same_noise_and_another_is_not(name):
    net = jb.serial(jb.dense(8), jb.elementwise(jnp.tanh), jb.dropout(0.5), jb.dense(3))
    params, x, y = problem(net, CE)
    rule = RULES[name](net, CE)
    state = rule.init(new_key(), params, x[0])
    grads = jax.jit(lambda k: rule.grads(params, state, x, y, key=k)[:2])
    a, b, c = grads(new_key()), grads(new_key()), grads(jax.random.key(5))
    assert a[0] == b[0] and distance(a[1], b[1]) == 0
    assert a[0] != c[0] and distance(a[1], c[1]) > 0.01


def test_the_layer_pullback_by_hand():
    layer, (x, signal) = (
        jb.dense(3),
        (np.ones((5, 2)) * [[0.3, -1.2]], np.arange(15.0).reshape(5, 3)),
    )
    params = layer.init(new_key(), jnp.asarray(x)[0])
    change = chain.pull_params(layer, params, jnp.asarray(x), jnp.asarray(signal))
    np.testing.assert_allclose(change["kernel"], x.T @ signal)
    np.testing.assert_allclose(change["bias"], signal.sum(0))
    back = chain.pull_input(layer, params, jnp.asarray(x), jnp.asarray(signal))
    np.testing.assert_allclose(back, signal @ np.asarray(params["kernel"]).T)
    assert chain.pull_params(jb.flatten(), (), x, signal) == ()


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

        def step(params, key):
            x = jax.random.normal(key, (16, 30), "float32")
            loss, grads, _ = fa.grads(params, state, x, x @ teacher)
            angle = jb.analysis.angles(grads, bp.grads(params, (), x, x @ teacher)[1])
            return jax.tree.map(lambda p, g: p - 0.02 * g, params, grads), (loss, angle)

        return jax.lax.scan(step, start, jax.random.split(kx, 500))[1]

    losses, angles = jax.jit(jax.vmap(train))(jax.random.split(new_key(), 5))
    np.testing.assert_allclose(angles[:, :, 1], 0, atol=0.1)  # the last layer has no feedback
    assert np.all(np.abs(angles[:, 0, 0] - 90) < 20)
    assert np.all(angles[:, -50:, 0] < 60)
    assert np.all(losses[:, -50:].mean(1) < 0.5 * losses[:, :5].mean(1))


NO_CHAIN = {
    "dense": (jb.dense(3), "teaches a chain.*dense.3. is none.*jb.serial"),
    "parallel": (jb.parallel(jb.dense(3), jb.dense(2)), "parallel.* is none"),
    "residual": (jb.residual(jb.serial(jb.dense(4))), "residual.* is none"),
    "batch": (jb.batch(jb.serial(jb.dense(4))), "batch.* is none"),
    "precision": (
        jb.with_precision(jb.serial(jb.dense(4)), jnp.bfloat16),
        "with_precision.* is none",
    ),
    "nested": (
        jb.serial(jb.dense(4), jb.serial(jb.dense(4), jb.dense(2))),
        r"flat chain, but layer 1 is itself composed: serial.*unpack.*jb.backprop",
    ),
    "nested parallel": (
        jb.serial(jb.parallel(jb.dense(4), jb.dense(1)), jb.dense(2)),
        "layer 0 is itself composed: parallel",
    ),
}


@pytest.mark.parametrize("name", NO_CHAIN)
@pytest.mark.parametrize("rule", RULES)
def test_what_is_no_flat_chain_is_refused(rule, name):
    net, message = NO_CHAIN[name]
    with pytest.raises(ValueError, match=f"(?s){rule}.*{message}"):
        RULES[rule](net, CE)


@pytest.mark.parametrize("rule", [*RULES.values(), jb.backprop])
def test_what_is_no_network_is_refused(rule):
    with pytest.raises(TypeError, match="net must be a Network, got tuple"):
        rule((jb.dense(3),), CE)
    with pytest.raises(TypeError, match="momentum"):
        rule(jb.serial(jb.dense(3)), CE, momentum=0.9)


@pytest.mark.parametrize("make", [*RULES.values(), jb.backprop])
@pytest.mark.parametrize(
    "y, loss, message",
    [
        (jnp.zeros(6, int), CE, "one target for each of the 7 examples"),
        (jnp.array(0), CE, "one target for each"),
        (jnp.zeros(7, int), lambda o, y: o, r"scalar.*got shape \(3,\)"),
        (jnp.zeros((7, 1), int), CE, r"y\[:, 0\]"),
        (jnp.zeros(7), HALF, "shape of the prediction"),
    ],
    ids=["lengths", "scalar", "loss", "column", "shape"],
)
def test_targets_that_do_not_fit(make, y, loss, message):
    net = jb.serial(jb.dense(3))
    rule, x = make(net, loss), jnp.ones((7, 2))
    params = net.init(new_key(), x[0])
    with pytest.raises(ValueError, match=message):
        rule.grads(params, rule.init(new_key(), params, x[0]), x, y)


@pytest.mark.parametrize("make", [*RULES.values(), jb.backprop])
def test_a_chain_without_weights_has_nothing_to_learn(make):
    net = jb.serial(jb.elementwise(jnp.tanh), jb.flatten())
    rule, x = make(net, HALF), jnp.ones((2, 3))
    params = net.init(new_key(), x[0])
    value, grads, _ = rule.grads(params, rule.init(new_key(), params, x[0]), x, 2 * x)
    assert grads == ((), ())
    np.testing.assert_allclose(value, 1.5 * (2 - np.tanh(1)) ** 2)


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
