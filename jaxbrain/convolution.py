"""Convolution and pooling: layers over the spatial axes of one example, ``[*space, channels]``."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import Initializer, lecun_normal, zeros

from jaxbrain.layers import align, as_float, no_params, positive, require_features, weights
from jaxbrain.network import Network, Params


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
    features = positive("conv", "features", features)
    window = _window("conv", "window", window, 2)
    strides = _window("conv", "stride", stride, len(window))
    padding = _padding(padding, len(window))
    name = f"conv({features}, {window})"

    def init(key: jax.Array, x: Any) -> Params:
        _require_axes(name, x, len(window) + 1)
        return weights(key, (*window, x.shape[-1], features), x, kernel_init, bias_init)

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        _require_axes(name, x, len(window) + 1)
        require_features(name, x, params["kernel"].shape[-2])
        space = "".join("DHW"[-len(window) :]) if len(window) <= 3 else ""
        layout = (f"N{space}C", f"{space}IO", f"N{space}C")
        y = jax.lax.conv_general_dilated(
            as_float(x, params["kernel"])[None],
            params["kernel"],
            strides,
            padding,
            dimension_numbers=layout,
        )[0]
        return y if bias_init is None else y + align(params["bias"], y)

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

    return Network(no_params, apply, (), name)


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

    return Network(no_params, apply, (), name)


def _window(layer: str, argument: str, value: Any, axes: int) -> tuple[int, ...]:
    sizes = tuple(value) if isinstance(value, Sequence) else (value,) * axes
    sizes = tuple(positive(layer, argument, size) for size in sizes)
    if argument == "stride" and len(sizes) != axes:
        raise ValueError(
            f"{layer}: stride must have one entry per spatial axis, {axes}, got {sizes}"
        )
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


def _padding(padding: Any, axes: int) -> Any:
    if padding in ("SAME", "VALID"):
        return padding
    pairs = () if isinstance(padding, str) else tuple(map(tuple, padding))
    if len(pairs) != axes or any(len(pair) != 2 for pair in pairs):
        raise ValueError(
            'conv: padding must be "SAME", "VALID" or a pair (before, after) for each of the '
            f"{axes} spatial axes, got {padding!r}"
        )
    return pairs
