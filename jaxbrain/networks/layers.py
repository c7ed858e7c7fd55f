"""Layers: networks of one example to compose with `serial`. Activations are ``jax.nn``'s functions,
through `elementwise`; initialisers are ``jax.nn.initializers``."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.nn.initializers import Initializer, lecun_normal, normal, zeros

from jaxbrain.core.config import configured, without_weights
from jaxbrain.core.types import Network, Params


@without_weights
@configured
def elementwise(function: Callable[[jax.Array], jax.Array]) -> Network:
    """A function without parameters as a layer, such as an activation.

    y = function(x)

    Args:
      function: any pure function of one array, ``jax.nn.relu`` for instance.

    Returns:
      A network without parameters.

    Raises:
      TypeError: if function is not callable.

    Examples:
      >>> import jax
      >>> elementwise(jax.nn.relu).apply((), jax.numpy.array([-1.0, 2.0])).tolist()
      [0.0, 2.0]
    """
    if not callable(function):
        raise TypeError(f"elementwise: function must be callable, got {type(function).__name__}")

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        return function(x)

    return Network(no_params, apply)


@configured
def dense(
    features: int,
    *,
    kernel_init: Initializer = lecun_normal(),
    bias_init: Initializer | None = zeros,
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
    features = positive("dense", "features", features)
    name = f"dense({features})"

    def init(key: jax.Array, x: Any) -> Params:
        if not x.shape:
            raise ValueError(f"{name} needs an input [..., features], got a scalar; use x[None]")
        return weights(key, (x.shape[-1], features), x, kernel_init, bias_init)

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        require_features(name, x, params["kernel"].shape[0])
        x = as_float(x, params["kernel"].dtype)
        y = x @ params["kernel"]
        return y if bias_init is None else y + align(params["bias"], y)

    return Network(init, apply)


@without_weights
@configured
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

    return Network(no_params, apply)


@configured
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
    vocabulary = positive("embed", "vocabulary", vocabulary)
    features = positive("embed", "features", features)
    name = f"embed({vocabulary}, {features})"

    def init(key: jax.Array, x: Any) -> Params:
        return {"table": table_init(key, (vocabulary, features), jnp.float32)}

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        if not jnp.issubdtype(x.dtype, jnp.integer):
            raise TypeError(f"{name} needs integer tokens, got {x.dtype}; use x.astype('int32')")
        # "fill" would count a negative token from the end, as Python does
        x = x.astype("int32") if x.dtype.itemsize < 4 else x
        tokens = jnp.where(x < 0, vocabulary, x)
        return params["table"].at[tokens].get(mode="fill", fill_value=jnp.nan)

    return Network(init, apply)


@without_weights
@configured
def dropout(rate: float | jax.Array) -> Network:
    """Silence a random part of the inputs and scale up the rest, so that the mean stays.

    y_i = x_i m_i / (1 - rate), m_i ~ Bernoulli(1 - rate); without a key, y = x

    Args:
      rate: the probability of being silenced, in [0, 1); under ``jax.vmap``, many at once.

    Returns:
      A network without parameters; noise only where apply gets a key.

    Raises:
      ValueError: if rate is not in [0, 1); a traced rate is not checked.

    Source: Srivastava et al. 2014, JMLR 15.

    Examples:
      >>> import jax
      >>> dropout(0.2).apply((), jax.numpy.ones(3)).tolist()
      [1.0, 1.0, 1.0]
      >>> y = dropout(0.2).apply((), jax.numpy.ones(1000), key=jax.random.key(0))
      >>> sorted(set(y.tolist()))
      [0.0, 1.25]
    """
    if not isinstance(rate, Tracer) and not 0 <= rate < 1:
        raise ValueError(f"dropout: rate must be in [0, 1), the part to silence, got {rate}")

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        x = as_float(x, jnp.float32)
        if key is None or (isinstance(rate, float | int) and rate == 0):
            return x
        kept = jax.random.bernoulli(key, 1 - rate, x.shape)
        return jnp.where(kept, x / jnp.asarray(1 - rate, x.dtype), jnp.zeros_like(x))

    return Network(no_params, apply)


@configured
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
        if not x.shape:
            raise ValueError("layer_norm needs an input [..., features], got a scalar; use x[None]")
        shape, dtype = x.shape[-1:], float_like(x)
        return {"scale": jnp.ones(shape, dtype), "bias": jnp.zeros(shape, dtype)}

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        require_features("layer_norm", x, params["scale"].shape[0])
        x = as_float(x, params["scale"].dtype)
        variance = jnp.var(x, axis=-1, keepdims=True)  # the mean of squares cancels far from zero
        y = jax.nn.standardize(x, axis=-1, variance=variance, epsilon=epsilon)
        return y * align(params["scale"], y) + align(params["bias"], y)

    return Network(init, apply)


def no_params(key: jax.Array, x: Any) -> tuple:
    """The init of a layer without parameters."""
    return ()


def weights(
    key: jax.Array,
    shape: tuple[int, ...],
    x: Any,
    kernel_init: Initializer,
    bias_init: Initializer | None,
) -> Params:
    """A kernel and, unless its initialiser is None, a bias over the last axis."""
    bias_key = jax.random.fold_in(key, 1)  # not split: where biases are constant, XLA drops it
    params = {"kernel": kernel_init(key, shape, float_like(x))}
    if bias_init is not None:
        params["bias"] = bias_init(bias_key, shape[-1:], float_like(x))
    return params


def float_like(x: Any) -> Any:
    """Parameters have the input's float type, and float32 for integer inputs."""
    return x.dtype if jnp.issubdtype(x.dtype, jnp.floating) else jnp.float32


def align(vector: jax.Array, y: jax.Array) -> jax.Array:
    """A vector over the last axis, with as many axes as y."""
    return vector.reshape((1,) * (y.ndim - 1) + vector.shape)


def positive(layer: str, argument: str, value: Any) -> int:
    """Refuse what is no positive integer."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{layer}: {argument} must be a positive integer, got {value!r}")
    return int(value)


def require_features(name: str, x: Any, features: int) -> None:
    """Refuse an input whose last axis is not the one that the weights were made for."""
    if not x.shape or x.shape[-1] != features:
        raise ValueError(
            f"{name} was made for {features} input features, got an input of shape {x.shape}; "
            "check the last axis, or init the network anew for this input"
        )


def as_float(x: jax.Array, dtype: Any) -> jax.Array:
    """Integer inputs, such as pixels, in a float type; floats stay as they are."""
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(dtype)
