"""Convolution and pooling: layers over the spatial axes of one example, ``[*space, channels]``."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import Initializer, lecun_normal, zeros

from jaxbrain.core.config import configured, without_weights
from jaxbrain.core.requirements import require_array, require_count, require_integer
from jaxbrain.core.types import Network, Params
from jaxbrain.networks.parts import (
    align,
    as_float,
    as_real,
    no_params,
    require_features,
    weights,
)


@configured
def conv(
    features: int,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: str | Sequence[tuple[int, int]] = "SAME",
    kernel_init: Initializer = lecun_normal(),
    bias_init: Initializer | None = zeros,
) -> Network:
    """A convolution over the spatial axes (a cross-correlation, as usual in deep learning).

    y[i, j, f] = b[f] + sum_{u, v, c} x[i s + u, j s + v, c] W[u, v, c, f]

    Args:
      features: number of output channels.
      kernel_size: one size per spatial axis, such as ``(3, 3)``; one integer is a square.
      stride: one number or one per spatial axis.
      padding: ``"SAME"``, ``"VALID"`` or a pair (before, after) per spatial axis.

    Returns:
      A network ``[*space, channels] -> [*space, features]`` with params ``{"kernel", "bias"}``: W
      ``[*kernel_size, channels, features]`` and b ``[features]``.

    Raises:
      ValueError: if a size is not positive or padding is invalid; at trace time, if the input has
        another number of axes.

    Examples:
      >>> import jax
      >>> layer, x = conv(4, (3, 3), stride=2), jax.numpy.ones((8, 8, 1))
      >>> layer.apply(layer.init(jax.random.key(0), x), x).shape
      (4, 4, 4)
    """
    features = require_count("conv", "features", features)
    kernel_size = _sizes("conv", "kernel_size", kernel_size, 2)
    axes = len(kernel_size)
    strides = _sizes("conv", "stride", stride, axes)
    padding = _padding("conv", padding, axes)
    name = f"conv({features}, {kernel_size})"

    def init(key: jax.Array, x: Any) -> Params:
        _require_axes(name, x, axes + 1)
        _require_room(name, x.shape, kernel_size, padding)
        return weights(key, (*kernel_size, x.shape[-1], features), x, kernel_init, bias_init)

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        _require_axes(name, x, axes + 1)
        _require_room(name, x.shape, kernel_size, padding)
        require_features(name, x, params["kernel"].shape[-2])
        space = "DHW"[-axes:]
        layout = (f"N{space}C", f"{space}IO", f"N{space}C")
        y = jax.lax.conv_general_dilated(
            as_float(x, params["kernel"].dtype)[None],
            params["kernel"],
            strides,
            padding,
            dimension_numbers=layout,
        )[0]
        return y if bias_init is None else y + align(params["bias"], y)

    return Network(init, apply)


def patches(layer: Network, x: jax.Array) -> jax.Array:
    """Patches below the kernel of a convolution, ``[batch, places, k]`` of ``[batch, *space, c]``.

    y[places] = patches @ W, with W the kernel as ``[k, features]``, k = window * c.

    Examples:
      >>> patches(conv(1, (2, 2), padding="VALID"), jnp.arange(6.0).reshape(1, 2, 3, 1)).tolist()
      [[[0.0, 1.0, 3.0, 4.0], [1.0, 2.0, 4.0, 5.0]]]
    """
    given = layer.config.parameters  # pyright: ignore[reportOptionalMemberAccess]
    while "net" in given:  # within `with_precision` or `affine`
        given = given["net"].config.parameters
    window = _sizes("conv", "kernel_size", given["kernel_size"], 2)
    space = "DHW"[-len(window) :]
    found = jax.lax.conv_general_dilated_patches(
        x,
        window,
        _sizes("conv", "stride", given["stride"], len(window)),
        _padding("conv", given["padding"], len(window)),
        dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
        precision=jax.lax.Precision.HIGHEST,  # a copy, not a product
    )
    # the channel is the slowest index of a patch, and of a kernel the fastest
    channels = x.shape[-1]
    found = found.reshape(len(x), -1, channels, found.shape[-1] // channels)
    return jnp.swapaxes(found, -1, -2).reshape(*found.shape[:2], -1)


@without_weights
@configured
def max_pool(
    window: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = "VALID",
) -> Network:
    """Max pooling: the largest value of each window, per channel.

    Args:
      window: one size per spatial axis; one integer is a square.
      stride: one number or one per spatial axis; None: the window.
      padding: ``"VALID"``, ``"SAME"`` or a pair (before, after) per spatial axis.

    Raises:
      ValueError: if a size is not positive or padding is invalid; at trace time, if the input has
        another number of axes.

    Examples:
      >>> import jax
      >>> max_pool(2).apply((), jax.numpy.ones((8, 8, 3))).shape
      (4, 4, 3)
    """
    sizes, strides, pads = _pooling("max_pool", window, stride, padding)

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        _require_axes("max_pool", x, len(sizes))
        x = as_real("max_pool", x, jnp.float32) if x.dtype.kind in "bc" else x
        _require_room("max_pool", x.shape, sizes, pads)
        low = -jnp.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min
        least = np.asarray(low, x.dtype)
        return jax.lax.reduce_window(x, least, jax.lax.max, sizes, strides, pads)

    return Network(no_params, apply)


@without_weights
@configured
def avg_pool(
    window: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = "VALID",
) -> Network:
    """Average pooling: the mean of each window, per channel, without the padding.

    Args:
      window: one size per spatial axis; one integer is a square.
      stride: one number or one per spatial axis; None: the window.
      padding: ``"VALID"``, ``"SAME"`` or a pair (before, after) per spatial axis.

    Raises:
      ValueError: if a size is not positive or padding is invalid; at trace time, if the input has
        another number of axes.

    Examples:
      >>> import jax
      >>> x = jax.numpy.arange(4.0).reshape(2, 2, 1)
      >>> avg_pool(2).apply((), x).tolist()
      [[[1.5]]]
    """
    sizes, strides, pads = _pooling("avg_pool", window, stride, padding)

    def total(x: jax.Array) -> jax.Array:
        return jax.lax.reduce_window(x, np.asarray(0, x.dtype), jax.lax.add, sizes, strides, pads)

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        _require_axes("avg_pool", x, len(sizes))
        _require_room("avg_pool", x.shape, sizes, pads)
        x = as_float(x, jnp.float32)
        return total(x) / total(jnp.ones_like(x))

    return Network(no_params, apply)


def _sizes(layer: str, argument: str, value: Any, axes: int) -> tuple[int, ...]:
    sizes = tuple(value) if isinstance(value, Sequence) else (value,) * axes
    sizes = tuple(require_count(layer, argument, size) for size in sizes)
    if argument == "stride" and len(sizes) != axes:
        raise ValueError(
            f"{layer}: stride must have one entry per spatial axis, {axes}, got {sizes}"
        )
    if not 1 <= len(sizes) <= 3:
        raise ValueError(f"{layer}: {argument} must cover 1 to 3 spatial axes, got {sizes}")
    return sizes


def _pooling(layer: str, window: Any, stride: Any, padding: Any) -> tuple[tuple, tuple, Any]:
    """Arguments of ``jax.lax.reduce_window``; channels are axes of size 1."""
    window = _sizes(layer, "window", window, 2)
    stride = window if stride is None else _sizes(layer, "stride", stride, len(window))
    padding = _padding(layer, padding, len(window))
    if isinstance(padding, str):
        return (*window, 1), (*stride, 1), padding
    if any(max(pad) >= size for pad, size in zip(padding, window, strict=True)):
        raise ValueError(
            f"{layer}: padding must be smaller than the window {window}, got {padding}: a window "
            "of nothing but padding has no value"
        )
    return (*window, 1), (*stride, 1), (*padding, (0, 0))


def _require_axes(name: str, x: Any, axes: int) -> None:
    require_array(name, x)
    if len(x.shape) != axes:
        raise ValueError(
            f"{name} needs one example of {axes} axes, [*space, channels], got shape {x.shape}; "
            "add a channel axis with x[..., None], and use jb.batch(net) for a batch"
        )


def _require_room(name: str, shape: tuple, window: tuple, padding: Any) -> None:
    """Refuse an input without a single place for the window."""
    axes = len(shape) - 1
    needed = (1,) * axes if padding == "SAME" else window[:axes]
    pads = ((0, 0),) * axes if isinstance(padding, str) else padding[:axes]
    if any(n + sum(pad) < size for n, pad, size in zip(shape, pads, needed, strict=False)):
        raise ValueError(
            f"{name}: the window {window[:axes]} is larger than the input of shape {shape}; take "
            'a smaller window, fewer or smaller pools before it, or padding="SAME"'
        )


def _padding(layer: str, padding: Any, axes: int) -> Any:
    if isinstance(padding, str) and padding in ("SAME", "VALID"):
        return padding
    pairs = padding if isinstance(padding, Sequence) and not isinstance(padding, str) else ()
    pairs = tuple(tuple(pair) if isinstance(pair, Sequence) else () for pair in pairs)
    if len(pairs) != axes or any(len(pair) != 2 for pair in pairs):
        raise ValueError(
            f'{layer}: padding must be "SAME", "VALID" or a pair (before, after) for each of the '
            f"{axes} spatial axes, got {padding!r}"
        )
    for pair in pairs:
        for pixels in pair:
            require_integer(layer, "padding", pixels)
    return pairs
