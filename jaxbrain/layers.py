"""Layers: networks of one example to compose with `serial`. Activations are ``jax.nn``'s functions,
through `elementwise`; initialisers are ``jax.nn.initializers``."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import Initializer, lecun_normal, normal, zeros

from jaxbrain.network import Network, Params


def elementwise(function: Callable[[jax.Array], jax.Array]) -> Network:
    """A function without parameters as a layer, such as an activation.

    y = function(x)

    Args:
      function: any pure function of one array, ``jax.nn.relu`` for instance.

    Returns:
      A network without parameters, named after the function.

    Raises:
      TypeError: if function is not callable.

    Examples:
      >>> import jax
      >>> elementwise(jax.nn.relu).apply((), jax.numpy.array([-1.0, 2.0])).tolist()
      [0.0, 2.0]
    """
    if not callable(function):
        raise TypeError(f"elementwise: function must be callable, got {type(function).__name__}")
    name = getattr(function, "__name__", None) or type(function).__name__

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        return function(x)

    return Network(_nothing, apply, (), name)


def dense(
    features: int, *, kernel_init: Initializer = lecun_normal(), bias_init: Initializer | None = zeros
) -> Network:
    """A fully connected layer.

    y = x W + b

    Args:
      features: the number of outputs.
      kernel_init: initialiser of W ``[inputs, features]``.
      bias_init: initialiser of b ``[features]``; None leaves the bias out.

    Returns:
      A network ``[..., inputs] -> [..., features]`` with params ``{"kernel", "bias"}``.

    Raises:
      ValueError: if features is not positive, or at trace time if the inputs do not fit the kernel.

    Examples:
      >>> import jax
      >>> layer = dense(3)
      >>> params = layer.init(jax.random.key(0), jax.numpy.ones(2))
      >>> params["kernel"].shape, layer.apply(params, jax.numpy.ones(2)).shape
      ((2, 3), (3,))
    """
    features = _positive("dense", "features", features)
    name = f"dense({features})"

    def init(key: jax.Array, x: Any) -> Params:
        if not x.shape:
            raise ValueError(f"{name} needs an input [..., features], got a scalar; use x[None]")
        return _weights(key, (x.shape[-1], features), x, kernel_init, bias_init)

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        _require_features(name, x, params["kernel"].shape[0])
        y = x @ params["kernel"]
        return y if bias_init is None else y + _align(params["bias"], y)

    return Network(init, apply, (), name)


def conv(
    features: int,
    window: int | Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: str | Sequence[tuple[int, int]] = "SAME",
    kernel_init: Initializer = lecun_normal(),
    bias_init: Initializer | None = zeros,
) -> Network:
    """A convolution (cross-correlation, as usual in deep learning) over the spatial axes.

    y[i, j, f] = b[f] + sum_{u, v, c} x[i s + u, j s + v, c] W[u, v, c, f]

    Args:
      features: the number of output channels.
      window: the size of the kernel, ``(3, 3)``; its length is the number of spatial axes. One
        integer means a square of two.
      stride: one number or one per spatial axis.
      padding: as in ``jax.lax``: ``"SAME"``, ``"VALID"`` or pairs.
      kernel_init: initialiser of W ``[*window, channels, features]``.
      bias_init: initialiser of b ``[features]``; None leaves the bias out.

    Returns:
      A network ``[*space, channels] -> [*space, features]`` with params ``{"kernel", "bias"}``.

    Raises:
      ValueError: if a size is not positive, or at trace time if the input has other axes.

    Examples:
      >>> import jax
      >>> layer, x = conv(4, (3, 3), stride=2), jax.numpy.ones((8, 8, 1))
      >>> layer.apply(layer.init(jax.random.key(0), x), x).shape
      (4, 4, 4)
    """
    features = _positive("conv", "features", features)
    window = _window("conv", "window", window, 2)
    strides = _window("conv", "stride", stride, len(window))
    name = f"conv({features}, {window})"

    def init(key: jax.Array, x: Any) -> Params:
        _require_axes(name, x, len(window) + 1)
        return _weights(key, (*window, x.shape[-1], features), x, kernel_init, bias_init)

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        _require_axes(name, x, len(window) + 1)
        _require_features(name, x, params["kernel"].shape[-2])
        space = "".join("DHW"[-len(window) :]) if len(window) <= 3 else ""
        layout = (f"N{space}C", f"{space}IO", f"N{space}C")
        y = jax.lax.conv_general_dilated(
            x[None], params["kernel"], strides, padding, dimension_numbers=layout
        )[0]
        return y if bias_init is None else y + _align(params["bias"], y)

    return Network(init, apply, (), name)


def max_pool(
    window: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: str = "VALID",
) -> Network:
    """The largest value of each window, channel by channel.

    Args:
      window: one integer (a square of two axes) or one per spatial axis.
      stride: one number or one per spatial axis; None: the window.
      padding: ``"VALID"`` or ``"SAME"``.

    Returns:
      A network ``[*space, channels] -> [*space, channels]`` without parameters.

    Raises:
      ValueError: if a size is not positive, or at trace time if the input has other axes.

    Examples:
      >>> import jax
      >>> max_pool(2).apply((), jax.numpy.ones((8, 8, 3))).shape
      (4, 4, 3)
    """
    window, stride = _pooling("max_pool", window, stride)
    name = f"max_pool({window})"

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        _require_axes(name, x, len(window) + 1)
        low = -jnp.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min
        least = np.asarray(low, x.dtype)
        return jax.lax.reduce_window(x, least, jax.lax.max, (*window, 1), (*stride, 1), padding)

    return Network(_nothing, apply, (), name)


def avg_pool(
    window: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: str = "VALID",
) -> Network:
    """The mean of each window, channel by channel; padding does not count.

    Args:
      window: one integer (a square of two axes) or one per spatial axis.
      stride: one number or one per spatial axis; None: the window.
      padding: ``"VALID"`` or ``"SAME"``.

    Returns:
      A network ``[*space, channels] -> [*space, channels]`` without parameters.

    Raises:
      ValueError: if a size is not positive, or at trace time if the input has other axes.

    Examples:
      >>> import jax
      >>> x = jax.numpy.arange(4.0).reshape(2, 2, 1)
      >>> avg_pool(2).apply((), x).tolist()
      [[[1.5]]]
    """
    window, stride = _pooling("avg_pool", window, stride)
    name = f"avg_pool({window})"

    def total(x: jax.Array) -> jax.Array:
        zero = np.asarray(0, x.dtype)
        return jax.lax.reduce_window(x, zero, jax.lax.add, (*window, 1), (*stride, 1), padding)

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        _require_axes(name, x, len(window) + 1)
        return total(x) / total(jnp.ones(x.shape, x.dtype))

    return Network(_nothing, apply, (), name)


def flatten() -> Network:
    """All axes of one example in one: ``[...] -> [features]``.

    Returns:
      A network without parameters.

    Examples:
      >>> import jax
      >>> flatten().apply((), jax.numpy.ones((8, 8, 3))).shape
      (192,)
    """

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        return x.reshape(-1)

    return Network(_nothing, apply, (), "flatten()")


def embed(vocabulary: int, features: int, *, table_init: Initializer = normal(1.0)) -> Network:
    """A learned vector for each token.

    y = E[x]

    Args:
      vocabulary: the number of tokens; inputs are 0..vocabulary-1, any other gives nan.
      features: the length of each vector.
      table_init: initialiser of E ``[vocabulary, features]``.

    Returns:
      A network ``[...] (integer) -> [..., features]`` with params ``{"table"}``.

    Raises:
      ValueError: if a size is not positive.
      TypeError: at trace time, if the input is not integer.

    Examples:
      >>> import jax
      >>> layer = embed(10, 4)
      >>> params = layer.init(jax.random.key(0), jax.numpy.array(3))
      >>> layer.apply(params, jax.numpy.array([3, 1])).shape
      (2, 4)
    """
    vocabulary = _positive("embed", "vocabulary", vocabulary)
    features = _positive("embed", "features", features)
    name = f"embed({vocabulary}, {features})"

    def init(key: jax.Array, x: Any) -> Params:
        return {"table": table_init(key, (vocabulary, features), jnp.float32)}

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        if not jnp.issubdtype(x.dtype, jnp.integer):
            raise TypeError(f"{name} needs integer tokens, got {x.dtype}; use x.astype('int32')")
        # "fill" would count a negative token from the end, as Python does
        tokens = jnp.where(x < 0, vocabulary, x)
        return params["table"].at[tokens].get(mode="fill", fill_value=jnp.nan)

    return Network(init, apply, (), name)


def dropout(rate: float) -> Network:
    """Silence a random part of the inputs and scale up the rest, so that the mean stays.

    y_i = x_i m_i / (1 - rate), m_i ~ Bernoulli(1 - rate); without a key, y = x

    Args:
      rate: the probability of being silenced, in [0, 1).

    Returns:
      A network without parameters; noise only where apply gets a key.

    Raises:
      ValueError: if rate is not in [0, 1).

    Source: Srivastava et al. 2014, JMLR 15.

    Examples:
      >>> import jax
      >>> dropout(0.2).apply((), jax.numpy.ones(3)).tolist()
      [1.0, 1.0, 1.0]
      >>> y = dropout(0.2).apply((), jax.numpy.ones(1000), key=jax.random.key(0))
      >>> sorted(set(y.tolist()))
      [0.0, 1.25]
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: rate must be in [0, 1), the part to silence, got {rate}")

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        if key is None or rate == 0:
            return x
        kept = jax.random.bernoulli(key, 1 - rate, x.shape)
        return jnp.where(kept, x / (1 - rate), jnp.zeros_like(x))

    return Network(_nothing, apply, (), f"dropout({rate})")


def layer_norm(*, epsilon: float = 1e-5) -> Network:
    """Normalise the last axis of one example, then scale and shift it.

    y = scale (x - mean(x)) / sqrt(var(x) + epsilon) + bias

    Args:
      epsilon: keeps a constant input finite; positive.

    Returns:
      A network of ``[..., features]`` with params ``{"scale", "bias"}``.

    Raises:
      ValueError: if epsilon is not positive.

    Source: Ba, Kiros and Hinton 2016, arXiv 1607.06450.

    Examples:
      >>> import jax
      >>> layer, x = layer_norm(), jax.numpy.array([1.0, 3.0])
      >>> params = layer.init(jax.random.key(0), x)
      >>> layer.apply(params, x).round(3).tolist()
      [-1.0, 1.0]
    """
    if not epsilon > 0:
        raise ValueError(f"layer_norm: epsilon must be positive, got {epsilon}")

    def init(key: jax.Array, x: Any) -> Params:
        shape, dtype = x.shape[-1:], _float_like(x)
        return {"scale": jnp.ones(shape, dtype), "bias": jnp.zeros(shape, dtype)}

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        _require_features("layer_norm()", x, params["scale"].shape[0])
        y = jax.nn.standardize(x, axis=-1, epsilon=epsilon)
        return y * _align(params["scale"], y) + _align(params["bias"], y)

    return Network(init, apply, (), "layer_norm()")


def _nothing(key: jax.Array, x: Any) -> tuple:
    return ()


def _weights(
    key: jax.Array,
    shape: tuple[int, ...],
    x: Any,
    kernel_init: Initializer,
    bias_init: Initializer | None,
) -> Params:
    kernel_key, bias_key = jax.random.split(key)
    params = {"kernel": kernel_init(kernel_key, shape, _float_like(x))}
    if bias_init is not None:
        params["bias"] = bias_init(bias_key, shape[-1:], _float_like(x))
    return params


def _float_like(x: Any) -> Any:
    """Parameters have the input's float type, and float32 for integer inputs."""
    return x.dtype if jnp.issubdtype(x.dtype, jnp.floating) else jnp.float32


def _align(vector: jax.Array, y: jax.Array) -> jax.Array:
    """A vector over the last axis, with as many axes as y."""
    return vector.reshape((1,) * (y.ndim - 1) + vector.shape)


def _positive(layer: str, argument: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{layer}: {argument} must be a positive integer, got {value!r}")
    return int(value)


def _window(layer: str, argument: str, value: Any, axes: int) -> tuple[int, ...]:
    sizes = tuple(value) if isinstance(value, Sequence) else (value,) * axes
    sizes = tuple(_positive(layer, argument, size) for size in sizes)
    if argument == "stride" and len(sizes) != axes:
        raise ValueError(f"{layer}: stride must have one entry per spatial axis, {axes}, got {sizes}")
    if not 1 <= len(sizes) <= 3:
        raise ValueError(f"{layer}: {argument} must cover 1 to 3 spatial axes, got {sizes}")
    return sizes


def _pooling(layer: str, window: Any, stride: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    window = _window(layer, "window", window, 2)
    return window, window if stride is None else _window(layer, "stride", stride, len(window))


def _require_axes(name: str, x: Any, axes: int) -> None:
    if len(x.shape) != axes:
        raise ValueError(
            f"{name} needs one example of {axes} axes, [*space, channels], got shape {x.shape}; "
            "add a channel axis with x[..., None], and use jb.batch(net) for a batch"
        )


def _require_features(name: str, x: Any, features: int) -> None:
    if not x.shape or x.shape[-1] != features:
        raise ValueError(
            f"{name} was made for {features} input features, got an input of shape {x.shape}; "
            "check the last axis, or init the network anew for this input"
        )
