"""Parts that layers share: initial weights, dtypes, checks of the input."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer

from jaxbrain.core.requirements import require_array
from jaxbrain.core.types import Params


def no_params(key: jax.Array, x: Any) -> tuple:
    """The ``init`` of a layer without parameters."""
    return ()


def weights(
    key: jax.Array,
    shape: tuple[int, ...],
    x: Any,
    kernel_init: Initializer,
    bias_init: Initializer | None,
) -> Params:
    """A kernel and, unless its initializer is None, a bias over the last axis."""
    bias_key = jax.random.fold_in(key, 1)  # not split: where biases are constant, XLA drops it
    params = {"kernel": kernel_init(key, shape, float_like(x))}
    if bias_init is not None:
        params["bias"] = bias_init(bias_key, shape[-1:], float_like(x))
    return params


def float_like(x: Any) -> Any:
    """The `float_dtype` of weights over the last axis of an input; refuse an empty one."""
    require_array("a network", x)
    if x.shape and x.shape[-1] == 0:
        raise ValueError(
            f"an input of shape {tuple(x.shape)} has no features: no weights can be drawn for it; "
            "give one example whose last axis holds its features"
        )
    return float_dtype(x)


def float_dtype(x: Any) -> Any:
    """The dtype of parameters: that of a float input, float32 for any other."""
    return x.dtype if jnp.issubdtype(x.dtype, jnp.floating) else jnp.float32


def as_float(x: jax.Array, dtype: Any) -> jax.Array:
    """Integer inputs, such as pixels, in a float dtype; floats stay as they are."""
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(dtype)


def as_real(name: str, x: jax.Array, dtype: Any) -> jax.Array:
    """Inputs in a float dtype, as `as_float`; refuse complex ones, whose parts would be lost."""
    if jnp.issubdtype(x.dtype, jnp.complexfloating):
        raise TypeError(
            f"{name} needs an input of real numbers, got dtype {x.dtype}; give x.real and x.imag "
            "as features, or jnp.abs(x)"
        )
    return as_float(x, dtype)


def standardized(x: jax.Array, axes: int | tuple[int, ...], epsilon: Any) -> jax.Array:
    """Mean 0 and variance 1 over some axes: (x - mean(x)) / sqrt(var(x) + epsilon)."""
    # given, for the default mean(x^2) - mean(x)^2 loses all digits far from zero
    variance = jnp.var(x, axis=axes, keepdims=True)
    return jax.nn.standardize(x, axes, variance=variance, epsilon=epsilon)


def align(vector: jax.Array, y: jax.Array) -> jax.Array:
    """A vector over the last axis, with as many axes as y."""
    return vector.reshape((1,) * (y.ndim - 1) + vector.shape)


def require_features(name: str, x: Any, features: int) -> None:
    """Refuse an input whose last axis is not the one that the weights were made for."""
    require_array(name, x)
    if not x.shape or x.shape[-1] != features:
        raise ValueError(
            f"{name} was made for {features} input features, got an input of shape {x.shape}; "
            "check the last axis, or make new params for this input with net.init(key, x)"
        )
