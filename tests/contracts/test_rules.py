"""Every public learning rule through one list of properties."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.core.config import label
from tests.contract import KEYWORD, close, counter, equal, places, signature
from tests.tables import MECHANISMS, RULES, most_slow

new_key = partial(jax.random.key, 1)
TANH = jb.elementwise(jnp.tanh)
CE = jb.losses.softmax_cross_entropy
rules = pytest.mark.parametrize("name", RULES)


NET = jb.serial(jb.dense(5), TANH, jb.dropout(0.3), jb.dense(3))


def made(name):
    return RULES[name].make(NET, CE)


def setting(name, dtype="float32"):
    rule = made(name)
    x = jax.random.normal(jax.random.key(2), (6, 4), "float32").astype(dtype)
    y = jnp.arange(6, dtype="int32") % 3
    params = NET.init(new_key(), x[0])
    return rule, params, rule.init(jax.random.key(3), params, x[0]), x, y


def noise(name):
    """A key, where the rule cannot do without."""
    return new_key() if RULES[name].random else None


@rules
def test_rule_signatures_and_identity(name):
    rule, params, _, x, _ = setting(name)
    again = made(name)
    assert signature(rule.init) == places("key", "params", "x")
    assert signature(rule.grads) == places("params", "state", "x", "y") + KEYWORD
    assert rule == again and hash(rule) == hash(again) and jax.tree.leaves(rule) == []
    assert rule != RULES[name].make(jb.serial(jb.dense(4), TANH, jb.dense(3)), CE)
    assert rule != RULES[name].make(NET, jb.losses.half_mse)
    assert all(rule != made(other) for other in RULES if other != name)
    assert label(rule) == name
    assert rule.network == again.network
    state = rule.init(new_key(), params, x[0])
    equal(state, rule.init(new_key(), params, jax.ShapeDtypeStruct((4,), "float32")))
    other = jax.tree.leaves(rule.init(jax.random.key(8), params, x[0]))
    pairs = zip(jax.tree.leaves(state), other, strict=True)
    assert any(not np.array_equal(a, b) for a, b in pairs) == RULES[name].draws


ORDINARY = MECHANISMS | {"equilibrium_propagation", "contrastive_hebbian", "node_perturbation"}


@pytest.mark.parametrize("name", most_slow(RULES, ORDINARY))
def test_rule_gives_gradients_of_the_params(name):
    rule, params, state, x, y = setting(name)
    traced = counter(lambda rule, p, s, x, y, key=None: rule.grads(p, s, x, y, key=key))
    run = jax.jit(traced)
    loss, grads, after = run(rule, params, state, x, y, noise(name))
    equal(run(made(name), params, state, x, y, noise(name)), (loss, grads, after))
    assert traced.traces == 1
    assert jax.tree.map(jnp.shape, grads) == jax.tree.map(jnp.shape, params)
    assert jax.tree.structure(grads) == jax.tree.structure(params)
    assert loss.shape == () and np.isfinite(loss)
    assert all(np.all(np.isfinite(g)) and np.any(g != 0) for g in jax.tree.leaves(grads))
    close(rule.grads(params, state, x, y, key=noise(name)), (loss, grads, after))  # eager
    if RULES[name].random:
        with pytest.raises(ValueError, match=f"{name} needs a key"):
            jax.eval_shape(rule.grads, params, state, x, y)
    else:
        order = np.array([3, 0, 5, 1, 4, 2])  # of the batch: it does not matter
        close(run(rule, params, state, x[order], y[order])[:2], (loss, grads))
        if not RULES[name].own_loss:
            mean = np.mean(
                [CE(rule.network.apply(params, a), b) for a, b in zip(x, y, strict=True)]
            )
            np.testing.assert_allclose(loss, mean, rtol=1e-5)  # of what the network predicts
    noisy = run(rule, params, state, x, y, new_key())
    equal(run(rule, params, state, x, y, new_key()), noisy)
    assert noisy[0] != run(rule, params, state, x, y, jax.random.key(7))[0]


@pytest.mark.parametrize("name", most_slow(RULES, MECHANISMS))
@pytest.mark.parametrize("wide", [False, True], ids=["32", "64"])
def test_rule_keeps_the_type_of_its_state(name, wide):
    """Else no scan can carry it."""
    shapes = lambda tree: jax.tree.map(lambda a: (a.shape, a.dtype.name), tree)  # noqa: E731
    for dtype in ("float32", "bfloat16"):
        with jax.enable_x64(wide):
            rule, x = made(name), jax.ShapeDtypeStruct((6, 4), dtype)
            params = jax.eval_shape(lambda x: NET.init(new_key(), x[0]), x)
            start = lambda p, x: rule.init(jax.random.key(3), p, x[0])  # noqa: B023, E731
            state = jax.eval_shape(start, params, x)
            grads = partial(rule.grads, key=noise(name))
            arguments = params, state, x, jnp.zeros(6, "int32")
            if RULES[name].wide and dtype == "bfloat16":  # half precision is refused
                with pytest.raises(TypeError, match=r"32 bits, got bfloat16.*with_precision"):
                    jax.eval_shape(grads, *arguments)
                continue
            loss, grads, after = jax.eval_shape(grads, *arguments)
        assert shapes(after) == shapes(state)
        assert shapes(grads) == shapes(params)
        assert loss.dtype == dtype
