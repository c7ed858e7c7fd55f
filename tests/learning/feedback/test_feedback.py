"""Properties of all feedback rules."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning.feedback.fixed import carry_back
from tests.theory import CE, HALF, convnet, distance, mlp, problem

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 2)
L = jb.learning
RULES = {
    "sign_symmetry": L.sign_symmetry,
    "fixed_random_sign_symmetry": L.fixed_random_sign_symmetry,
    "batch_random_sign_symmetry": L.batch_random_sign_symmetry,
    "direct_random_target_projection": L.direct_random_target_projection,
    "kolen_pollack": L.kolen_pollack,
    "weight_mirror": L.weight_mirror,
}


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


@pytest.mark.parametrize("key", [lambda: None, new_key], ids=["quiet", "noisy"])
@pytest.mark.slow
def test_all_feedback_meets_the_same_noise(key):
    """The masks of dropout are those of back-propagation."""
    net = jb.serial(
        jb.dropout(0.1), jb.dense(8), jb.elementwise(jnp.tanh), jb.dropout(0.5), jb.dense(3)
    )
    params, x, y = problem(net, CE)
    value, exact, _ = jb.backprop(net, CE).grads(params, (), x, y, key=key())
    shared, grads = carry_back(net, CE, params, params, x, y, key=key())
    np.testing.assert_allclose(shared, value, rtol=1e-12)
    assert distance(grads, exact) < 1e-12
    for name, make in RULES.items():
        rule = make(net, CE, decay=0.0) if name == "kolen_pollack" else make(net, CE)
        if key() is None and name in ("batch_random_sign_symmetry", "weight_mirror"):
            continue
        state = rule.init(new_key(), params, x[0])
        mine, change, _ = rule.grads(params, state, x, y, key=key())
        np.testing.assert_allclose(mine, value, rtol=1e-12)
        assert distance(change[4], exact[4]) < 1e-12 < distance(change[1], exact[1])


@pytest.mark.parametrize("name", RULES)
def test_what_cannot_be_taught_is_refused(name):
    with pytest.raises(ValueError, match=f"(?s){name}.*got parallel.*jb.serial"):
        RULES[name](jb.parallel(jb.dense(3), jb.dense(2)), CE)
    with pytest.raises(TypeError, match=f"{name}: net must be a Network .*, got a tuple"):
        RULES[name]((jb.dense(3),), CE)
    with pytest.raises(TypeError, match="momentum"):
        RULES[name](jb.serial(jb.dense(3)), CE, momentum=0.9)


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


OPTIONS = {"kolen_pollack": {"optimizer": optax.adam(1e-2)}, "weight_mirror": {"samples": 8}}


# not target projection, which sometimes saturates narrow layers
@pytest.mark.parametrize("name", sorted(set(RULES) - {"direct_random_target_projection"}))
@pytest.mark.slow
def test_hidden_layers_learn(name, digits):
    """Sixteen hidden units; with frozen hidden weights the accuracy is 0.80."""
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
