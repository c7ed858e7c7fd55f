"""Basic layers: dense, elementwise functions, embeddings, dropout, normalization."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal, normal, zeros

from jaxbrain.core.config import configured, without_weights
from jaxbrain.core.requirements import (
    require_array,
    require_count,
    require_number,
    require_positive,
)
from jaxbrain.core.types import Network, Params
from jaxbrain.networks.parts import (
    align,
    as_float,
    float_like,
    no_params,
    require_features,
    standardized,
    weights,
)


@without_weights
@configured
def elementwise(function: Callable[[jax.Array], jax.Array]) -> Network:
    """A function without parameters as a layer, such as an activation.

    y = function(x)

    Args:
      function: any pure function of one array, such as ``jax.nn.relu``.

    Raises:
      TypeError: if function is not callable.

    Examples:
      >>> import jax
      >>> elementwise(jax.nn.relu).apply((), jax.numpy.array([-1.0, 2.0])).tolist()
      [0.0, 2.0]
    """

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        jax.tree.map(partial(require_array, "elementwise"), x)
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
      features: number of outputs.

    Returns:
      A network ``[..., inputs] -> [..., features]`` with params ``{"kernel", "bias"}``: W
      ``[inputs, features]`` and b ``[features]``.

    Examples:
      >>> import jax
      >>> layer, x = dense(3), jax.numpy.ones(2)
      >>> layer.init(jax.random.key(0), x)["kernel"].shape
      (2, 3)
    """
    features = require_count("dense", "features", features)
    name = f"dense({features})"

    def init(key: jax.Array, x: Any) -> Params:
        require_array(name, x)
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
    """All axes of one example as one: ``[...] -> [features]``.

    Examples:
      >>> import jax
      >>> flatten().apply((), jax.numpy.ones((8, 8, 3))).shape
      (192,)
    """

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        require_array("flatten", x)
        return x.reshape(-1)

    return Network(no_params, apply)


@configured
def embed(vocabulary: int, features: int, *, table_init: Initializer = normal(1.0)) -> Network:
    """A learned vector for each token.

    y = E[x]

    Args:
      vocabulary: number of tokens; inputs are 0..vocabulary-1, any other gives nan.
      features: length of each vector.
      table_init: initializer of E ``[vocabulary, features]``.

    Returns:
      A network ``[...] (integer) -> [..., features]`` with params ``{"table"}``.

    Raises:
      TypeError: at trace time, if the input is not integer.

    Examples:
      >>> import jax
      >>> layer, tokens = embed(10, 4), jax.numpy.array([3, 1])
      >>> layer.apply(layer.init(jax.random.key(0), tokens), tokens).shape
      (2, 4)
    """
    vocabulary = require_count("embed", "vocabulary", vocabulary)
    features = require_count("embed", "features", features)
    name = f"embed({vocabulary}, {features})"

    def init(key: jax.Array, x: Any) -> Params:
        return {"table": table_init(key, (vocabulary, features), jnp.float32)}

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        require_array(name, x)
        if not jnp.issubdtype(x.dtype, jnp.integer):
            raise TypeError(f"{name} needs integer tokens, got {x.dtype}; use x.astype('int32')")
        x = x.astype("int32") if x.dtype.itemsize < 4 else x
        # "fill" would count a negative token from the end, as Python does
        tokens = jnp.where(x < 0, vocabulary, x)
        return params["table"].at[tokens].get(mode="fill", fill_value=jnp.nan)

    return Network(init, apply)


@without_weights
@configured
def dropout(rate: float | jax.Array) -> Network:
    """Dropout: a random part of the inputs is set to zero, the rest is scaled to keep the mean.

    y_i = x_i m_i / (1 - rate), m_i ~ Bernoulli(1 - rate); without a key, y = x

    Args:
      rate: probability of zero, in [0, 1); may be traced.

    Raises:
      ValueError: if rate is not in [0, 1).

    Source: Srivastava et al. 2014, JMLR 15.

    Examples:
      >>> import jax
      >>> y = dropout(0.2).apply((), jax.numpy.ones(1000), key=jax.random.key(0))
      >>> sorted(set(y.tolist()))
      [0.0, 1.25]
    """
    require_number("dropout", "rate", rate, at_least=0, below=1)

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        require_array("dropout", x)
        x = as_float(x, jnp.float32)
        if key is None or (isinstance(rate, float | int) and rate == 0):
            return x
        kept = jax.random.bernoulli(key, 1 - rate, x.shape)
        scale = 1 / jnp.asarray(1 - rate, x.dtype)  # the same bits for a known and a traced rate
        return jnp.where(kept, x * scale, jnp.zeros_like(x))

    return Network(no_params, apply)


@configured
def layer_norm(*, epsilon: float = 1e-5) -> Network:
    """Layer normalization over the last axis, then a learned scale and shift.

    y = scale (x - mean(x)) / sqrt(var(x) + epsilon) + bias

    Args:
      epsilon: keeps the result finite for a constant input; positive.

    Returns:
      A network of ``[..., features]`` with params ``{"scale", "bias"}``.

    Raises:
      ValueError: if epsilon is not positive.

    Source: Ba, Kiros and Hinton 2016, arXiv 1607.06450.

    Examples:
      >>> import jax
      >>> layer, x = layer_norm(), jax.numpy.array([1.0, 3.0])
      >>> layer.apply(layer.init(jax.random.key(0), x), x).round(3).tolist()
      [-1.0, 1.0]
    """
    require_positive("layer_norm", "epsilon", epsilon)

    def init(key: jax.Array, x: Any) -> Params:
        require_array("layer_norm", x)
        if not x.shape:
            raise ValueError("layer_norm needs an input [..., features], got a scalar; use x[None]")
        shape, dtype = x.shape[-1:], float_like(x)
        return {"scale": jnp.ones(shape, dtype), "bias": jnp.zeros(shape, dtype)}

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        require_features("layer_norm", x, params["scale"].shape[0])
        x = as_float(x, params["scale"].dtype)
        y = standardized(x, -1, epsilon)
        return y * align(params["scale"], y) + align(params["bias"], y)

    return Network(init, apply)
