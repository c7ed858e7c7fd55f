"""Association as layers against attention, the memory that they come from, and a task of bags."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb

new_key = partial(jax.random.key, 6)


def normal(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), "float32")


def attention(q, k, v, scale=None):
    """Of rows, in one head; the values are filled up to the length of the keys, as it asks for."""
    filled = jnp.pad(v, ((0, 0), (0, k.shape[1] - v.shape[1])))
    y = jax.nn.dot_product_attention(q[:, None], k[:, None], filled[:, None], scale=scale)[:, 0]
    return y[:, : v.shape[1]]


def near(a, b):
    np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("beta", [None, 0.7])
def test_lookup_is_attention_to_the_table(beta):
    layer, x = jb.associative_lookup(9, 5, beta=beta), normal((4, 6))
    params = layer.init(new_key(), x)
    assert {k: v.shape for k, v in params.items()} == {"keys": (9, 6), "values": (9, 5)}
    want = attention(x, params["keys"], params["values"], beta)
    near(layer.apply(params, x), want)
    near(layer.apply(params, x[1]), want[1])
    near(layer.apply(params, x.reshape(2, 2, 6)), want.reshape(2, 2, 5))
    other = jb.associative_lookup(9, 5, beta=1.5).apply(params, x)
    assert np.abs(other - want).max() > 1e-2


@pytest.mark.parametrize("beta", [None, 0.7])
def test_pool_is_attention_of_the_queries_to_the_set(beta):
    layer, x = jb.associative_pool(3, 5, beta=beta), normal((7, 6))
    params = layer.init(new_key(), x)
    y = layer.apply(params, x)
    keys, values = x @ params["key_kernel"], x @ params["value_kernel"]
    near(y, attention(params["queries"], keys, values, beta))
    near(layer.apply(params, x[::-1]), y)  # a set has no order
    assert layer.apply(params, x[:2]).shape == (3, 5)
    assert np.abs(layer.apply(params, x[:2]) - y).max() > 1e-2


@pytest.mark.parametrize(("heads", "beta"), [(1, None), (2, None), (3, 0.7)])
def test_self_association_is_attention_in_each_head(heads, beta):
    layer, x = jb.self_association(6, heads=heads, beta=beta), normal((7, 4))
    params = layer.init(new_key(), x)
    q, k, v = (
        (x @ params[f"{name}_kernel"]).reshape(7, heads, -1) for name in ("query", "key", "value")
    )
    want = jax.nn.dot_product_attention(q, k, v, scale=beta).reshape(7, 6)
    near(layer.apply(params, x), want)
    order = np.random.default_rng(1).permutation(7)
    near(layer.apply(params, x[order]), want[order])
    whole = attention(*(a.reshape(7, 6) for a in (q, k, v)), scale=beta)
    assert heads == 1 or np.abs(whole - want).max() > 1e-2


@pytest.mark.parametrize("steps", [1, 3])
def test_lookup_among_patterns_is_their_memory(steps):
    """Keys that are their own values: as many steps of the modern Hopfield network."""
    patterns, cues = normal((8, 5)), normal((6, 5), 1)
    memory = jb.memory.modern_hopfield(beta=1.3, max_steps=steps, tolerance=0.0)
    want = jax.vmap(memory.recall, in_axes=(None, 0))(memory.store(patterns), cues)[0]
    layer = jb.associative_lookup(8, 5, beta=1.3, steps=steps)
    near(layer.apply({"keys": patterns, "values": patterns}, cues), want)
    one = jb.associative_lookup(8, 5, beta=1.3, steps=4 - steps)
    assert np.abs(one.apply({"keys": patterns, "values": patterns}, cues) - want).max() > 1e-2


def test_steps_move_the_queries_among_the_keys_before_they_read_the_values():
    layer, x = jb.associative_pool(2, 4, beta=2.0, steps=2), normal((5, 3))
    params = layer.init(new_key(), x)
    keys, values = x @ params["key_kernel"], x @ params["value_kernel"]
    moved = attention(params["queries"], keys, keys, 2.0)
    near(layer.apply(params, x), attention(moved, keys, values, 2.0))


@pytest.mark.parametrize(
    "layer", [jb.associative_lookup(5, 4), jb.associative_pool(2, 4), jb.self_association(4)]
)
def test_every_parameter_has_a_gradient(layer):
    x = normal((6, 3))
    params = layer.init(new_key(), x)
    grads = jax.grad(lambda p: jnp.sum(layer.apply(p, x) ** 2))(params)
    assert all(np.abs(g).max() > 1e-4 for g in jax.tree.leaves(grads))


def test_beta_may_be_swept():
    x = normal((4, 6))
    params = jb.associative_lookup(9, 5).init(new_key(), x)

    def answer(beta):
        return jb.associative_lookup(9, 5, beta=beta).apply(params, x)

    many = jax.vmap(answer)(jnp.array([0.3, 3.0]))
    near(many[1], answer(3.0))
    assert np.abs(many[0] - many[1]).max() > 1e-2


def test_large_inputs_do_not_overflow():
    x = 1e4 * normal((6, 3))
    for layer in (jb.associative_lookup(5, 4), jb.associative_pool(2, 4), jb.self_association(4)):
        params = layer.init(new_key(), x)
        grads = jax.grad(lambda p, layer=layer: jnp.sum(layer.apply(p, x)))(params)
        assert all(np.all(np.isfinite(g)) for g in jax.tree.leaves(grads))


def bags(n, seed):
    """12 random items of 8 features; in half of the bags one of them is near a fixed pattern."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 12, 8)).astype("float32")
    y = np.arange(n) % 2
    mark = 3 * np.random.default_rng(0).choice([-1, 1], 8)
    where = rng.integers(12, size=n)
    x[y == 1, where[y == 1]] = mark + 0.3 * rng.normal(size=(n // 2, 8))
    return x, y


@pytest.mark.slow
def test_a_pool_learns_which_item_of_a_bag_counts():
    """The mean of the items, with the same readout, learns far less: one of twelve is not seen."""
    data, test = bags(600, 1), bags(400, 2)
    readout = (jb.flatten(), jb.dense(2))
    pool = jb.serial(jb.associative_pool(1, 8), *readout)
    mean = jb.serial(jb.dense(8), jb.elementwise(mean_of_items), *readout)
    accuracy = []
    for net in (pool, mean):
        rule = jb.backprop(net, jb.losses.softmax_cross_entropy)
        state, _ = jb.fit(
            rule, optax.adam(1e-2), data, key=new_key(), epochs=15, batch_size=50, progress=False
        )
        scores = jb.evaluate(net, state.params, test, {"accuracy": jb.accuracy})
        accuracy.append(float(scores["accuracy"]))
    assert accuracy[0] > 0.98 and accuracy[0] > accuracy[1] + 0.02, accuracy


def mean_of_items(x):
    return jnp.mean(x, axis=0)


def test_a_lookup_learns_an_arbitrary_map():
    """20 random vectors with random labels, through a table of 20: it can only memorise them."""
    x, y = normal((20, 6)), np.random.default_rng(3).integers(4, size=20)
    net = jb.associative_lookup(20, 4)
    rule = jb.backprop(net, jb.losses.softmax_cross_entropy)
    state, _ = jb.fit(
        rule, optax.adam(5e-2), (x, y), key=new_key(), epochs=150, batch_size=20, progress=False
    )
    assert jb.evaluate(net, state.params, (x, y), {"a": jb.accuracy})["a"] == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jb.associative_lookup(0, 3), "associative_lookup: patterns must be a positive"),
        (lambda: jb.associative_lookup(3, 2.5), "features must be an integer, got 2.5"),
        (lambda: jb.associative_pool(-1, 3), "queries must be a positive integer"),
        (lambda: jb.self_association(6, heads=4), "heads must divide features, 6, got 4"),
        (lambda: jb.self_association(6, beta=0.0), "beta must be positive, got 0.0"),
        (lambda: jb.associative_pool(1, 3, steps=0), "steps must be a positive integer"),
        (
            lambda: jb.associative_pool(1, 3).init(new_key(), jnp.ones(4)),
            r"\[items, inputs\].*\(4,\)",
        ),
        (lambda: jb.self_association(3).init(new_key(), jnp.ones((2, 3, 4))), r"\[items, inputs\]"),
        (lambda: jb.associative_lookup(2, 3).init(new_key(), jnp.ones(())), r"\[..., inputs\]"),
        (
            lambda: jb.associative_lookup(2, 3).apply(
                {"keys": jnp.ones((2, 3)), "values": jnp.ones((2, 3))}, jnp.ones(4)
            ),
            "was made for 3 input features",
        ),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_names_show_the_options():
    assert repr(jb.associative_lookup(9, 5)) == "associative_lookup(9, 5)"
    assert repr(jb.self_association(6, heads=2, beta=0.5)) == (
        "self_association(6, heads=2, beta=0.5)"
    )
