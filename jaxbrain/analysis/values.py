"""Numbers that a measure computes with: real floats of at least 32 bits, scaled before squaring."""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.arrays import on_device


def as_floats(function: str, argument: str, values: Any) -> jax.Array:
    """The values as real floats of at least 32 bits.

    Half precision is widened: it is too coarse for sums over many samples, and JAX has no linear
    algebra for it.

    Raises:
      TypeError, ValueError: as `jaxbrain.core.arrays.on_device`.
      TypeError: for complex values, whose imaginary parts would be lost.

    Examples:
      >>> as_floats("speed", "x", [True, False]).tolist()
      [1.0, 0.0]
    """
    values = on_device(function, argument, values)
    if jnp.iscomplexobj(values):
        raise TypeError(
            f"{function}: {argument} must be real, got {values.dtype}; give its real and "
            "imaginary parts as units, or jnp.abs of it"
        )
    if not jnp.issubdtype(values.dtype, jnp.floating):
        return values.astype(float)
    return values.astype("float32") if values.dtype.itemsize < 4 else values


def require_activity(function: str, argument: str, values: Any, axes: int) -> jax.Array:
    """The values as floats, of at least so many axes, none of them empty; finite unless traced."""
    values = as_floats(function, argument, values)
    if values.ndim < axes or 0 in values.shape:
        raise ValueError(
            f"{function}: {argument} must have at least {axes} axes, none of them empty, got shape "
            f"{list(values.shape)}"
        )
    # By NumPy: under a trace, jax.numpy would trace known values too.
    if not isinstance(values, jax.core.Tracer) and not np.isfinite(np.asarray(values)).all():
        raise ValueError(
            f"{function}: {argument} must be finite, got nan or infinity; leave those samples out"
        )
    return values


def require_in_range(function: str, argument: str, squares: Any) -> None:
    """Refuse values whose squares, or sums of squares, are infinite; traced ones pass."""
    known = [a for a in jax.tree.leaves(squares) if not isinstance(a, jax.core.Tracer)]
    if not all(np.isfinite(np.asarray(a)).all() for a in known):
        raise ValueError(
            f"{function}: the squares of {argument} do not fit into {known[0].dtype}; rescale it"
        )


def scaled(values: jax.Array, axis: int | None = None) -> tuple[jax.Array, jax.Array]:
    """``(values / scale, scale)``, with the largest magnitude from 1 to 2.

    Squares of extreme values would leave the range of floats. The scale is a power of two, so that
    the division changes no digit; it is 1 where all values are zero or one is not finite.

    Args:
      values: not empty.
      axis: of the values that share a scale; None: all share one.

    Returns:
      The scale has the axes of the values, those that share it of length 1.

    Examples:
      >>> [part.tolist() for part in scaled(jnp.array([3 * 2.0**100, 2.0**100]))]
      [[1.5, 0.5], [2.535...e+30]]
    """
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(values), axis=axis, keepdims=True))
    power = largest / (2 * jnp.frexp(largest)[0])
    usable = jnp.isfinite(power) & (power >= jnp.finfo(largest.dtype).tiny)
    scale = jnp.where(usable, power, 1)
    return values / scale, scale
