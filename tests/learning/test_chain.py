"""Layer pullbacks, noise and refusals that all rules of a chain share."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning import chain
from tests.theory import CE, HALF, distance, problem

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 2)
RULES = {
    "feedback_alignment": jb.feedback_alignment,
    "direct_feedback_alignment": jb.direct_feedback_alignment,
    "predictive_coding": jb.predictive_coding,
}


def test_with_dropout_the_rules_have_the_noise_of_the_network():
    """The same key, the same masks: only the rule differs between rules."""
    net = jb.serial(
        jb.dropout(0.1), jb.dense(8), jb.elementwise(jnp.tanh), jb.dropout(0.5), jb.dense(3)
    )
    params, x, y = problem(net, CE)
    direct = jb.direct_feedback_alignment(net, CE)
    state = direct.init(new_key(), params, x[0])

    @jax.jit
    def run(key):
        rules = (
            (jb.backprop(net, CE), ()),
            (jb.feedback_alignment(net, CE), params),
            (direct, state),
        )
        keys = [jax.random.clone(key) for _ in rules]
        return [r.grads(params, s, x, y, key=k)[:2] for (r, s), k in zip(rules, keys, strict=True)]

    (value, exact), aligned, projected = run(new_key())
    np.testing.assert_allclose([aligned[0], projected[0]], value, rtol=1e-12)
    assert distance(aligned[1], exact) < 1e-12
    assert distance(projected[1][4], exact[4]) < 1e-12 < distance(projected[1][1], exact[1])
    assert abs(run(jax.random.key(3))[0][0] - value) > 1e-3  # the control: other masks


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
    layer = jb.dense(3)
    x, signal = np.ones((5, 2)) * [[0.3, -1.2]], np.arange(15.0).reshape(5, 3)
    params = layer.init(new_key(), jnp.asarray(x)[0])
    change = chain.pull_params(layer, params, jnp.asarray(x), jnp.asarray(signal))
    np.testing.assert_allclose(change["kernel"], x.T @ signal)
    np.testing.assert_allclose(change["bias"], signal.sum(0))
    back = chain.pull_input(layer, params, jnp.asarray(x), jnp.asarray(signal))
    np.testing.assert_allclose(back, signal @ np.asarray(params["kernel"]).T)
    assert chain.pull_params(jb.flatten(), (), x, signal) == ()


NO_CHAIN = {
    "dense": (jb.dense(3), r"teaches a chain.*got dense\(3\).*jb.serial"),
    "parallel": (jb.parallel(jb.dense(3), jb.dense(2)), "got parallel"),
    "residual": (jb.residual(jb.serial(jb.dense(4))), "got residual"),
    "batch": (jb.batch(jb.serial(jb.dense(4))), "got batch"),
    "precision": (
        jb.with_precision(jb.serial(jb.dense(4)), jnp.bfloat16),
        "got with_precision.*wrap single layers",
    ),
}


@pytest.mark.parametrize("name", NO_CHAIN)
@pytest.mark.parametrize("rule", RULES)
def test_what_is_no_chain_is_refused(rule, name):
    net, message = NO_CHAIN[name]
    with pytest.raises(ValueError, match=f"(?s){rule}.*{message}"):
        RULES[rule](net, CE)


@pytest.mark.parametrize("rule", [*RULES.values(), jb.backprop])
def test_what_is_no_network_is_refused(rule):
    with pytest.raises(TypeError, match=r"net must be a Network .*, got a tuple"):
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


WRAPPED = (
    lambda layer: layer, jb.batch, jb.residual, jb.affine, lambda layer: jb.repeated(layer, 2),
    lambda layer: jb.with_precision(layer, "float32"), lambda layer: jb.serial(layer, layer),
)  # fmt: skip


@pytest.mark.parametrize("wrap", WRAPPED)
def test_weights_are_seen_within_any_composition(wrap):
    inner, act = jb.serial(jb.flatten(), jb.dense(2)), jb.elementwise(jnp.tanh)
    assert chain.has_weights(wrap(inner)) and chain.has_weights(wrap(jb.residual(inner)))
    assert not chain.has_weights(wrap(act)) and not chain.has_weights(wrap(jb.serial(act, act)))


@pytest.mark.parametrize("make", [*RULES.values(), jb.backprop])
def test_a_chain_without_weights_has_nothing_to_learn(make):
    net = jb.serial(jb.elementwise(jnp.tanh), jb.flatten())
    rule, x = make(net, HALF), jnp.ones((2, 3))
    params = net.init(new_key(), x[0])
    value, grads, _ = rule.grads(params, rule.init(new_key(), params, x[0]), x, 2 * x)
    assert grads == ((), ())
    np.testing.assert_allclose(value, 1.5 * (2 - np.tanh(1)) ** 2)
