"""Sign symmetry and target projection against their equations, and what all feedback shares."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning.feedback.fixed import carry_back
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
RULES = {
    **SIGNS,
    "direct_random_target_projection": L.direct_random_target_projection,
    "kolen_pollack": L.kolen_pollack,
    "weight_mirror": L.weight_mirror,
}
signs = pytest.mark.parametrize("name", SIGNS)


def forward_feedback(net, params, x):
    """Each rule, with its feedback drawn, and with the forward weights in its place."""
    magnitudes = jax.tree.map(jnp.abs, params)
    kp = L.kolen_pollack(net, CE, decay=0.0, optimizer=optax.sgd(0.1))
    drawn = kp.init(new_key(), params, x[0])
    yield kp, drawn, drawn._replace(feedback=params)
    for make in (L.sign_symmetry, L.fixed_random_sign_symmetry):
        rule = make(net, CE)
        drawn = rule.init(new_key(), params, x[0])
        yield rule, drawn, magnitudes
    mirror = L.weight_mirror(net, CE, samples=2)
    yield mirror, mirror.init(new_key(), params, x[0]), params


NETS = {"mlp": (lambda: mlp(jnp.tanh), (4,)), "conv": (convnet, (8, 8, 2))}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.slow
def test_feedback_through_the_forward_weights_is_backprop(name):
    net, shape = NETS[name][0](), NETS[name][1]
    params, x, y = problem(net, CE, shape=shape)
    exact = jb.backprop(net, CE).grads(params, (), x, y)[1]
    for rule, drawn, forward in forward_feedback(net, params, x):
        grads = jax.jit(lambda state, rule=rule: rule.grads(params, state, x, y, key=new_key())[1])
        assert distance(grads(forward), exact) < 1e-12, rule
        assert distance(grads(drawn), exact) > 0.1, rule  # the feedback does matter


@pytest.mark.parametrize("name", NETS)
@pytest.mark.slow
def test_batch_random_magnitudes_that_are_those_of_the_weights_are_backprop(name):
    net, shape = NETS[name][0](), NETS[name][1]
    params, x, y = problem(net, CE, shape=shape)
    params = jax.tree.map(lambda w: 0.3 * jnp.sign(w) if w.ndim > 1 else w, params)
    exact = jb.backprop(net, CE).grads(params, (), x, y)[1]
    constant = jax.nn.initializers.constant
    for size, close in ((-0.3, True), (0.2, False)):  # magnitudes: their own sign is dropped
        rule = L.batch_random_sign_symmetry(net, CE, feedback_init=constant(size))
        assert (distance(rule.grads(params, (), x, y, key=new_key())[1], exact) < 1e-12) == close


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
    _, grads, after = rule.grads(params, state, x, y)
    same(grads, want)
    assert distance(after, state) == 0


def test_fixed_magnitudes_stay_and_their_signs_follow_the_weights():
    act, f, slope = ACTIVATIONS["tanh"]
    net = mlp(act)
    params, x, y = problem(net, CE)
    rule = L.fixed_random_sign_symmetry(net, CE)
    params = jax.tree.map(lambda w: 0.2 * w, params)
    state = start = rule.init(new_key(), params, x[0])
    before = weights(params)
    for _ in range(8):
        _, grads, state = rule.grads(params, state, x, y)
        params = jax.tree.map(lambda w, g: w - 0.8 * g, params, grads)
    ws, ms = weights(params), weights(state)
    turned = [int(np.sum(np.sign(w) != np.sign(v))) for (w, _), (v, _) in zip(ws, before)]  # noqa: B905
    assert min(turned[1:]) > 0 and distance(state, start) == 0
    assert all(np.all(m > 0) and np.std(m) > 0.1 for m, _ in ms)

    def back(signs):
        return lambda i, d, e: d @ (ms[i][0] * np.sign(signs[i][0])).T

    grads = rule.grads(params, state, x, y)[1]
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


@pytest.mark.parametrize("activation, loss", CASES, ids=["tanh ce", "relu half"])
def test_target_projection_is_its_equation(activation, loss):
    act, f, slope = ACTIVATIONS[activation]
    net = mlp(act)
    params, x, y = problem(net, loss)
    rule = L.direct_random_target_projection(net, loss)
    state = rule.init(new_key(), params, x[0])
    assert [b.shape for b in state] == [(3, 6), (3, 5)]
    target = np.eye(3)[np.asarray(y)] if loss is CE else np.asarray(y)
    ws = weights(params)
    want = by_hand(
        ws, x, y, loss, f, slope, lambda i, d, e: -target @ np.asarray(state[i - 1]) / len(target)
    )
    _, grads, after = rule.grads(params, state, x, y)
    same(grads, want)
    assert distance(after, state) == 0
    # the hidden layers do not ask what the output was, those of direct feedback do
    moved = (*params[:4], jax.tree.map(lambda w: 2 * w, params[4]))
    direct = jb.direct_feedback_alignment(net, loss)
    for other, silent in ((rule, True), (direct, False)):
        a, b = (other.grads(p, state, x, y)[1] for p in (params, moved))
        assert (distance(a[:4], b[:4]) == 0) == silent and distance(a[4], b[4]) > 0.01


@pytest.mark.parametrize("name", NETS)
def test_where_the_error_is_the_target_projection_is_direct_feedback(name):
    """Of the loss -<output, y> the error is -y, whatever the output."""
    net, shape = NETS[name][0](), NETS[name][1]
    params, x, y = problem(net, HALF, shape=shape)
    product = lambda o, y: -jnp.vdot(o, y)  # noqa: E731
    drtp = L.direct_random_target_projection(net, product)
    state = drtp.init(new_key(), params, x[0])
    assert distance(state, drtp.init(jax.random.key(8), params, x[0])) > 0.5
    exact = jb.direct_feedback_alignment(net, product).grads(params, state, x, y)[1]
    assert distance(drtp.grads(params, state, x, y)[1], exact) < 1e-12
    half = jb.direct_feedback_alignment(net, HALF).grads(params, state, x, y)[1]
    assert distance(drtp.grads(params, state, x, y)[1], half) > 0.1


def test_target_projection_through_the_forward_weights_goes_uphill_with_the_target():
    """With B = W^T the hidden layer moves so that the output of the target's unit rises."""
    net = jb.serial(jb.dense(6), jb.elementwise(jnp.tanh), jb.dense(3))
    params, x, y = problem(net, CE)
    rule = L.direct_random_target_projection(net, CE)
    grads = rule.grads(params, (params[2]["kernel"].T,), x, y)[1]
    rise = lambda p: -jnp.mean(jnp.take_along_axis(jb.batch(net).apply(p, x), y[:, None], 1))  # noqa: E731
    assert distance(grads[0], jax.grad(rise)(params)[0]) < 1e-12


@pytest.mark.parametrize("key", [None, new_key()], ids=["quiet", "noisy"])
@pytest.mark.slow
def test_all_feedback_meets_the_same_noise(key):
    """The masks of dropout are those of back-propagation, with whatever key the rule draws from."""
    net = jb.serial(
        jb.dropout(0.1), jb.dense(8), jb.elementwise(jnp.tanh), jb.dropout(0.5), jb.dense(3)
    )
    params, x, y = problem(net, CE)
    value, exact, _ = jb.backprop(net, CE).grads(params, (), x, y, key=key)
    shared, grads = carry_back(net, CE, params, params, x, y, key=key)
    np.testing.assert_allclose(shared, value, rtol=1e-12)
    assert distance(grads, exact) < 1e-12
    for name, make in RULES.items():
        rule = make(net, CE, decay=0.0) if name == "kolen_pollack" else make(net, CE)
        if key is None and name in ("batch_random_sign_symmetry", "weight_mirror"):
            continue
        state = rule.init(new_key(), params, x[0])
        mine, change, _ = rule.grads(params, state, x, y, key=key)
        np.testing.assert_allclose(mine, value, rtol=1e-12)
        assert distance(change[4], exact[4]) < 1e-12 < distance(change[1], exact[1])


@pytest.mark.parametrize("name", RULES)
def test_what_cannot_be_taught_is_refused(name):
    with pytest.raises(ValueError, match=f"(?s){name}.*parallel.* is none.*jb.serial"):
        RULES[name](jb.parallel(jb.dense(3), jb.dense(2)), CE)
    nested = jb.serial(jb.dense(4), jb.serial(jb.dense(4), jb.dense(2)))
    with pytest.raises(ValueError, match=f"{name} needs a flat chain, but layer 1.*unpack"):
        RULES[name](nested, CE)
    with pytest.raises(TypeError, match=f"{name}: net must be a Network, got tuple"):
        RULES[name]((jb.dense(3),), CE)
    with pytest.raises(TypeError, match="momentum"):
        RULES[name](jb.serial(jb.dense(3)), CE, momentum=0.9)


def test_numbers_and_targets_that_make_no_sense():
    net = jb.serial(jb.dense(6), jb.dense(3))
    for scale in (0, -1.0, np.ones(2)):
        with pytest.raises(ValueError, match="sign_symmetry: scale must be positive"):
            L.sign_symmetry(net, CE, scale=scale)
    params, x, _ = problem(net, CE)
    with pytest.raises(ValueError, match=r"batch_random_sign_symmetry needs a key.*key=key"):
        L.batch_random_sign_symmetry(net, CE).grads(params, (), x, jnp.zeros(7, int))
    rule = L.direct_random_target_projection(net, lambda o, y: jnp.sum(o) * jnp.sum(y))
    with pytest.raises(ValueError, match=r"direct_random_target_projection needs targets in the"):
        rule.grads(params, rule.init(new_key(), params, x[0]), x, jnp.zeros((7, 2)))


@pytest.mark.slow
def test_a_chain_without_weights_or_without_hidden_layers():
    x = jnp.linspace(-1, 1, 28).reshape(7, 4)
    for net in (jb.serial(jb.elementwise(jnp.tanh)), jb.serial(jb.dense(4))):
        params = net.init(new_key(), x[0])
        exact = jb.backprop(net, HALF).grads(params, (), x, x)[1]
        for name, make in RULES.items():
            rule = make(net, HALF, decay=0.0) if name == "kolen_pollack" else make(net, HALF)
            state = rule.init(new_key(), params, x[0])
            grads = rule.grads(params, state, x, x, key=new_key())[1]
            assert jax.tree.structure(grads) == jax.tree.structure(params)
            assert not jax.tree.leaves(grads) or distance(grads, exact) < 1e-12


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


OPTIONS = {"kolen_pollack": {"optimizer": optax.adam(1e-2)}, "weight_mirror": {"samples": 8}}


# the signal of target projection never fades: in a narrow layer it saturates now and then
@pytest.mark.parametrize("name", sorted(set(RULES) - {"direct_random_target_projection"}))
@pytest.mark.slow
def test_hidden_layers_learn(name, digits):
    """Sixteen hidden units: with their weights as they were drawn, 0.80 is right."""
    net = jb.serial(jb.dense(16), jb.elementwise(jnp.tanh), jb.dense(10))
    (x, y), test = [(jnp.asarray(a.reshape(len(a), -1), "float32"), b) for a, b in digits]
    rule = RULES[name](net, CE, **OPTIONS.get(name, {}))
    keys = jax.random.split(new_key(), 2)
    train = jax.jit(
        jax.vmap(lambda k: jb.run(rule, optax.adam(1e-2), (x, y), key=k, epochs=6, batch_size=32))
    )
    params = train(keys)[0].params
    accuracy = jax.vmap(lambda p: jb.evaluate(net, p, test, {"a": jb.accuracy})["a"])(params)
    assert np.all(accuracy > 0.9), accuracy
