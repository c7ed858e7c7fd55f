"""Convolution and pooling against SciPy and loops, and their errors."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

import jaxbrain as jb

new_key = partial(jax.random.key, 11)
RNG = np.random.default_rng(5)


def generic(*shape):
    return jnp.asarray(RNG.normal(size=shape), "float32")


def made(layer, x):
    """Parameters with a bias that is not zero."""
    return jax.tree.map(lambda p: p + 0.3 * generic(*p.shape), layer.init(new_key(), x))


def padded(x, window, strides, padding):
    """x with the zeros that the padding means, by TensorFlow's rule for SAME."""
    space = x.shape[:-1]
    if padding == "VALID":
        widths = [(0, 0)] * len(space)
    elif padding == "SAME":
        total = [
            max((-(-n // s) - 1) * s + w - n, 0)
            for n, s, w in zip(space, strides, window, strict=True)
        ]
        widths = [(t // 2, t - t // 2) for t in total]
    else:
        widths = padding
    return np.pad(np.asarray(x), [*widths, (0, 0)])


def correlate(x, kernel, strides):
    """Channel by channel with SciPy, then every s-th entry."""
    features = kernel.shape[-1]
    steps = tuple(slice(None, None, s) for s in strides)
    return np.stack(
        [
            sum(
                scipy.signal.correlate(x[..., c], kernel[..., c, f], "valid", "direct")
                for c in range(x.shape[-1])
            )[steps]
            for f in range(features)
        ],
        axis=-1,
    )


CONVS = [
    ((7, 6, 2), (3, 2), 1, "SAME"),
    ((7, 6, 2), (3, 2), 1, "VALID"),
    ((7, 6, 2), (3, 3), (2, 1), "SAME"),
    ((7, 6, 2), (2, 3), (3, 2), "VALID"),
    ((7, 6, 2), (3, 3), 2, ((1, 0), (2, 1))),
    ((9, 2), (4,), 2, "SAME"),
    ((9, 2), (3,), 1, "VALID"),
    ((4, 5, 3, 2), (2, 3, 2), (1, 2, 1), "SAME"),
    ((4, 5, 3, 2), (2, 2, 3), 1, "VALID"),
]


@pytest.mark.parametrize("shape, window, stride, padding", CONVS, ids=str)
def test_conv_is_correlation(shape, window, stride, padding):
    layer, x = jb.conv(3, window, stride=stride, padding=padding), generic(*shape)
    params = made(layer, x)
    strides = stride if isinstance(stride, tuple) else (stride,) * len(window)
    want = correlate(padded(x, window, strides, padding), np.asarray(params["kernel"]), strides)
    want = want + np.asarray(params["bias"])
    np.testing.assert_allclose(layer.apply(params, x), want, rtol=1e-4, atol=1e-5)


def test_conv_of_one_number_is_square_and_can_do_without_bias():
    layer, x = jb.conv(2, 3, bias_init=None), generic(5, 5, 1)
    params = layer.init(new_key(), x)
    assert set(params) == {"kernel"} and params["kernel"].shape == (3, 3, 1, 2)
    assert layer.apply(params, x).shape == (5, 5, 2)


def test_padding_as_lists_is_the_same_network():
    pairs = [(1, 1), (0, 2)]
    assert jb.conv(2, 3, padding=pairs) == jb.conv(2, 3, padding=list(pairs))
    assert jb.conv(2, 3, padding=pairs) != jb.conv(2, 3, padding=[(1, 1), (0, 1)])


def pooled(x, window, strides, padding, reduce):
    """A loop over windows; only what lies inside counts."""
    pads = padded(np.ones_like(x), window, strides, padding) > 0
    data = np.where(pads, padded(x, window, strides, padding), np.nan)
    counts = [(n - w) // s + 1 for n, w, s in zip(data.shape[:-1], window, strides, strict=True)]
    out = np.empty((*counts, x.shape[-1]))
    for place in itertools.product(*map(range, counts)):
        part = tuple(
            slice(p * s, p * s + w) for p, s, w in zip(place, strides, window, strict=True)
        )
        out[place] = reduce(data[part], axis=tuple(range(len(window))))
    return out


POOLS = [
    ((6, 7, 2), (2, 3), None, "VALID"),
    ((6, 7, 2), (3, 3), (2, 1), "SAME"),
    ((9, 2), (4,), 2, "SAME"),
    ((6, 7, 2), (3, 2), 2, ((1, 0), (0, 1))),
    ((4, 4, 4, 1), (2, 2, 3), None, "SAME"),
]


@pytest.mark.parametrize("shape, window, stride, padding", POOLS, ids=str)
@pytest.mark.parametrize("pool, reduce", [(jb.max_pool, np.nanmax), (jb.avg_pool, np.nanmean)])
def test_pooling(pool, reduce, shape, window, stride, padding):
    layer, x = pool(window, stride=stride, padding=padding), generic(*shape) - 3.0
    strides = window if stride is None else (stride,) * len(window) if stride == 2 else stride
    want = pooled(np.asarray(x), window, strides, padding, reduce)
    np.testing.assert_allclose(layer.apply((), x), want, rtol=1e-5)


def test_max_pool_of_integers():
    x = jnp.arange(16).reshape(4, 4, 1) - 20
    assert jb.max_pool(2).apply((), x)[..., 0].tolist() == [[-15, -13], [-7, -5]]


def test_the_mean_of_bright_pixels_is_bright():
    assert jb.avg_pool(2).apply((), jnp.full((2, 2, 1), 200, "uint8")).tolist() == [[[200.0]]]


IMAGE = jax.ShapeDtypeStruct((6, 6, 2), jnp.float32)


def apply(layer, at, x):
    return jax.eval_shape(layer.apply, jax.eval_shape(layer.init, new_key(), at), x)


def shape(*sizes, dtype="float32"):
    return jax.ShapeDtypeStruct(sizes, dtype)


# what is done, the error, what its message says
MISTAKES = {
    "conv axes": (
        lambda: apply(jb.conv(2, 3), IMAGE, shape(6, 6)),
        ValueError,
        r"needs one example of 3 axes, .*shape \(6, 6\); add a channel axis with x\[\.\.\., None\]",
    ),
    "conv batch": (lambda: apply(jb.conv(2, 3), IMAGE, shape(9, 6, 6, 2)), ValueError, "jb.batch"),
    "conv features": (
        lambda: apply(jb.conv(2, 3), IMAGE, shape(6, 6, 1)),
        ValueError,
        "2 input feat",
    ),
    "conv stride": (
        lambda: jb.conv(2, (3, 3), stride=(1,)),
        ValueError,
        "stride must have one entry",
    ),
    "conv kernel": (
        lambda: jb.conv(2, (3, 3, 3, 3)),
        ValueError,
        "conv: kernel_size must cover 1 to 3 spatial",
    ),
    "conv no kernel": (lambda: jb.conv(2, ()), ValueError, "kernel_size must cover 1 to 3"),
    "conv negative": (
        lambda: jb.conv(2, (3, -3)),
        ValueError,
        "kernel_size must be a positive int",
    ),
    "conv padding": (lambda: jb.conv(2, 3, padding="SOME"), ValueError, "conv: padding must be"),
    "conv pairs": (lambda: jb.conv(2, 3, padding=((1, 1),)), ValueError, "conv: padding must be"),
    "conv pad 1": (lambda: jb.conv(2, 3, padding=1), ValueError, "padding must be .* got 1"),
    "pool padding": (lambda: jb.max_pool(2, padding="same"), ValueError, "max_pool: padding must"),
    "pool pairs": (
        lambda: jb.avg_pool(2, padding=(1, 1)),
        ValueError,
        r"avg_pool: padding must be .* got \(1, 1\)",
    ),
    "pool axes": (lambda: apply(jb.max_pool(2), IMAGE, shape(4)), ValueError, "max_pool.*3 axes"),
    "pool window": (lambda: jb.avg_pool(0), ValueError, "avg_pool: window must be a positive"),
    "pool stride": (lambda: jb.avg_pool(2, stride=0), ValueError, "avg_pool: stride"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name):
    call, error, message = MISTAKES[name]
    with pytest.raises(error, match=message):
        call()


def image(*shape):
    return jax.ShapeDtypeStruct(shape, "float32")


LARGER = [  # a network, an image without room, one with room, what is named
    (jb.max_pool(5), (4, 4, 1), (5, 5, 1), r"max_pool: the window \(5, 5\) .* \(4, 4, 1\)"),
    (jb.avg_pool(5), (9, 4, 1), (5, 5, 1), r"avg_pool: the window \(5, 5\) .* \(9, 4, 1\)"),
    (jb.max_pool(2, padding="SAME"), (0, 4, 1), (1, 4, 1), r"max_pool.* shape \(0, 4, 1\)"),
    (jb.max_pool(4, padding=((1, 1), (0, 1))), (2, 2, 1), (2, 3, 1), r"shape \(2, 2, 1\)"),
    (
        jb.conv(2, 3, padding="VALID"),
        (3, 2, 1),
        (3, 3, 1),
        r"conv\(2, \(3, 3\)\): the window \(3, 3\) .* \(3, 2, 1\)",
    ),
    (
        jb.serial(*[jb.max_pool(2)] * 4, jb.flatten(), jb.dense(2)),
        (8, 8, 1),
        (16, 16, 1),
        r"max_pool: the window \(2, 2\) .* shape \(1, 1, 1\); .*fewer or smaller pools",
    ),
    (
        jb.residual(jb.serial(jb.conv(1, (3,)), jb.conv(1, (9,), padding=((3, 3),)))),
        (2, 1),
        None,
        r"conv\(1, \(9,\)\): the window \(9,\) .* \(2, 1\)",
    ),
]


@pytest.mark.parametrize("net, small, large, message", LARGER, ids=range(len(LARGER)))
def test_a_window_larger_than_the_input_is_refused(net, small, large, message):
    with pytest.raises(ValueError, match=message):
        made = jax.eval_shape(net.init, new_key(), image(*small))
        jax.eval_shape(net.apply, made, image(*small))
    if large is not None:
        made = jax.eval_shape(net.init, new_key(), image(*large))
        assert 0 not in jax.eval_shape(net.apply, made, image(*large)).shape


def test_a_window_of_padding_alone_is_refused():
    with pytest.raises(ValueError, match="padding must be smaller than the window"):
        jb.avg_pool(2, padding=((2, 0), (0, 0)))
    with pytest.raises(TypeError, match="conv: padding must be an integer, got '1'"):
        jb.conv(2, 3, padding=(("1", 1), (1, 1)))
