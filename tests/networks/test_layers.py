"""Layers against NumPy at generic values, and their errors."""

import functools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb

new_key = partial(jax.random.key, 11)
RNG = np.random.default_rng(5)


def generic(*shape):
    return jnp.asarray(RNG.normal(size=shape), "float32")


def made(layer, x):
    """Parameters with a bias that is not zero."""
    return jax.tree.map(lambda p: p + 0.3 * generic(*p.shape), layer.init(new_key(), x))


@pytest.mark.parametrize("shape", [(4,), (2, 4)])
def test_dense(shape):
    layer, x = jb.dense(3), generic(*shape)
    params = made(layer, x)
    want = np.asarray(x) @ np.asarray(params["kernel"]) + np.asarray(params["bias"])[None][0]
    np.testing.assert_allclose(layer.apply(params, x), want, rtol=1e-5)
    bare = jb.dense(3, bias_init=None)
    assert set(bare.init(new_key(), x)) == {"kernel"}
    want = np.asarray(x) @ np.asarray(params["kernel"])
    np.testing.assert_allclose(bare.apply({"kernel": params["kernel"]}, x), want, rtol=1e-5)


def test_initializers_are_used():
    layer = jb.dense(
        200, kernel_init=jax.nn.initializers.normal(2.0), bias_init=jax.nn.initializers.ones
    )
    params = layer.init(new_key(), jnp.zeros(100))
    assert abs(float(params["kernel"].std()) - 2) < 0.05
    assert params["bias"].tolist() == [1.0] * 200
    default = jb.dense(200).init(new_key(), jnp.zeros(100))
    assert abs(float(default["kernel"].std()) - 0.1) < 0.005  # lecun: 1 / sqrt(inputs)
    kernel = jb.conv(60, 3).init(new_key(), jnp.zeros((5, 5, 10)))["kernel"]
    assert abs(float(kernel.std()) - 1 / np.sqrt(90)) < 0.005
    assert abs(float(jb.embed(500, 20).init(new_key(), jnp.array(0))["table"].std()) - 1) < 0.03


def test_flatten_and_elementwise():
    x = generic(2, 3, 2)
    np.testing.assert_array_equal(jb.flatten().apply((), x), np.asarray(x).reshape(-1))
    leaky = jb.elementwise(functools.partial(jax.nn.leaky_relu, negative_slope=0.3))
    want = np.where(x > 0, x, 0.3 * np.asarray(x))
    np.testing.assert_allclose(leaky.apply((), x), want, rtol=1e-6)
    np.testing.assert_allclose(
        jb.elementwise(jax.nn.gelu).apply((), x),
        jax.nn.gelu(x),
        rtol=1e-5,
    )
    assert repr(jb.elementwise(jax.nn.relu)) == "elementwise(jax.nn.relu)"


@pytest.mark.parametrize("dtype", ["int32", "uint8", "int8"])
@pytest.mark.parametrize("vocabulary", [5, 256])
def test_embed_takes_rows_and_nothing_else(vocabulary, dtype):
    layer = jb.embed(vocabulary, 3)
    params = layer.init(new_key(), jnp.array(0))
    y = layer.apply(params, jnp.array([[4, 0], [1, 1]], dtype))
    np.testing.assert_array_equal(y, np.asarray(params["table"])[[[4, 0], [1, 1]]])
    outside = {"int32": [-1, vocabulary, 10**6], "int8": [-1, -128], "uint8": []}[dtype]
    if dtype == "uint8" and vocabulary == 5:
        outside = [5, 255]
    if outside:
        assert np.all(np.isnan(layer.apply(params, jnp.array(outside, dtype))))


def test_dropout_rate_and_scale():
    x = generic(40, 500) + 3.0
    y = np.asarray(jb.dropout(0.2).apply((), x, key=new_key()))
    silent = y == 0
    assert abs(silent.mean() - 0.2) < 0.01  # 20,000 draws: the deviation is 0.003
    np.testing.assert_allclose(y[~silent], np.asarray(x)[~silent] / 0.8, rtol=1e-6)
    assert abs(silent.mean(0).std() - np.sqrt(0.16 / 40)) < 0.005  # each its own draw
    np.testing.assert_array_equal(jb.dropout(0.2).apply((), x), x)
    np.testing.assert_array_equal(jb.dropout(0.0).apply((), x, key=new_key()), x)
    assert np.mean(jb.dropout(0.9).apply((), x, key=new_key()) == 0) > 0.88


@pytest.mark.parametrize("shape", [(6,), (2, 6)])
def test_layer_norm(shape):
    layer, x = jb.layer_norm(epsilon=0.03), 2 * generic(*shape) + 1
    params = made(layer, x)
    x64 = np.asarray(x, "float64")
    mean, var = x64.mean(-1, keepdims=True), x64.var(-1, keepdims=True)
    want = np.asarray(params["scale"]) * (x64 - mean) / np.sqrt(var + 0.03)
    np.testing.assert_allclose(
        layer.apply(params, x), want + np.asarray(params["bias"]), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("offset", [0.0, 1e3, 3e4])
def test_layer_norm_far_from_zero(offset):
    x = offset + jnp.array([1.0, -2.0, 0.5, 4.0, -3.5])
    layer = jb.layer_norm()
    x64 = np.asarray(x, "float64")
    want = (x64 - x64.mean()) / np.sqrt(x64.var() + 1e-5)
    np.testing.assert_allclose(layer.apply(layer.init(new_key(), x), x), want, atol=2e-3)


def test_layer_norm_of_a_constant():
    layer, x = jb.layer_norm(), jnp.full(4, 7.0)
    params = layer.init(new_key(), x)
    assert layer.apply(params, x).tolist() == [0.0] * 4
    assert np.all(np.isfinite(jax.grad(lambda x: layer.apply(params, x)[0])(x)))


@pytest.mark.parametrize(
    "layer, shape", [(jb.dense(2), (3,)), (jb.conv(2, 2), (3, 3, 1))], ids=repr
)
def test_integer_inputs_get_float_weights(layer, shape):
    """Pixels as they come from a file."""
    x = jnp.ones(shape, "uint8")
    params = layer.init(new_key(), x)
    assert params["kernel"].dtype == jnp.float32
    y = layer.apply(params, x)
    np.testing.assert_allclose(y, layer.apply(params, x.astype("float32")))


@pytest.mark.parametrize(
    "layer, shape",
    [
        (jb.avg_pool(2), (4, 4, 1)),
        (jb.layer_norm(), (2, 5)),
        (jb.dropout(0.25), (40,)),
        (jb.residual(jb.dense(5)), (5,)),
    ],
    ids=repr,
)
def test_pixels_are_computed_with_as_floats(layer, shape):
    x = jnp.asarray(RNG.integers(190, 256, shape), "uint8")
    params = layer.init(new_key(), x)
    for key in (lambda: None, new_key):
        y = layer.apply(params, x, key=key())
        assert y.dtype == jnp.float32
        want = layer.apply(params, x.astype("float32"), key=key())
        np.testing.assert_allclose(y, want, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_many_dropout_rates_at_once(dtype):
    x, rates = (generic(200) + 9.0).astype(dtype), jnp.array([0.0, 0.25, 0.5])
    ys = jax.vmap(lambda rate: jb.dropout(rate).apply((), x, key=new_key()))(rates)
    assert ys.dtype == dtype
    for rate, y in zip(rates.tolist(), ys, strict=True):
        want = jb.dropout(rate).apply((), x, key=new_key())
        np.testing.assert_allclose(np.float32(y), np.float32(want), rtol=1e-2)


FOUR = jax.ShapeDtypeStruct((4,), jnp.float32)


def apply(layer, at, x):
    return jax.eval_shape(layer.apply, jax.eval_shape(layer.init, new_key(), at), x)


def shape(*sizes, dtype="float32"):
    return jax.ShapeDtypeStruct(sizes, dtype)


# what is done, the error, what its message says
MISTAKES = {
    "dense 0": (
        lambda: jb.dense(0),
        ValueError,
        "dense: features must be a positive integer, got 0",
    ),
    "dense 2.0": (
        lambda: jb.dense(2.0),
        ValueError,
        "features must be an integer, got 2.0",
    ),
    "dense True": (lambda: jb.dense(True), TypeError, "features"),
    "dense typo": (lambda: jb.dense(3, kernal_init=None), TypeError, "kernal_init"),
    "dense positional": (lambda: jb.dense(3, jax.nn.initializers.ones), TypeError, "positional"),
    "dense features": (
        lambda: apply(jb.dense(3), FOUR, shape(5)),
        ValueError,
        r"dense\(3\) was made for 4 input features, got an input of shape \(5,\)",
    ),
    "dense scalar": (lambda: apply(jb.dense(3), shape(), shape()), ValueError, "got a scalar"),
    "embed float": (
        lambda: apply(jb.embed(5, 3), shape(), shape(2)),
        TypeError,
        "needs integer tokens",
    ),
    "embed 0": (lambda: jb.embed(0, 3), ValueError, "embed: vocabulary"),
    "dropout 1": (lambda: jb.dropout(1), ValueError, r"rate must be at least 0 and below 1, got 1"),
    "dropout < 0": (lambda: jb.dropout(-0.1), ValueError, "rate must be at least 0"),
    "dropout nan": (lambda: jb.dropout(float("nan")), ValueError, "rate must be a finite"),
    "norm epsilon": (lambda: jb.layer_norm(epsilon=0.0), ValueError, "epsilon must be positive"),
    "norm features": (
        lambda: apply(jb.layer_norm(), FOUR, shape(5)),
        ValueError,
        "4 input features",
    ),
    "norm scalar": (lambda: apply(jb.layer_norm(), shape(), shape()), ValueError, "layer_norm"),
    "elementwise": (lambda: jb.elementwise("relu"), TypeError, "must be a function, got 'relu'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name):
    call, error, message = MISTAKES[name]
    with pytest.raises(error, match=message):
        call()
