"""Associative memory as layers, with learned patterns or learned queries.

All are updates of the modern Hopfield network, that is attention:

    q <- softmax(beta q K^T) K  (steps - 1 times),   y = softmax(beta q K^T) V

`associative_lookup` learns K and V, `associative_pool` learns q, and `self_association` computes
all three from its input. beta is the inverse temperature.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.nn.initializers import Initializer, lecun_normal, normal

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Network, Params
from jaxbrain.networks.parts import as_float, float_like, require_features


@configured
def associative_lookup(
    patterns: int,
    features: int,
    *,
    beta: float | jax.Array | None = None,
    steps: int = 1,
    key_init: Initializer = normal(1.0),
    value_init: Initializer = lecun_normal(in_axis=-2, out_axis=-1),
) -> Network:
    """A learned table of keys and values, read by similarity.

    y = softmax(beta x K^T) V

    Args:
      patterns: number of stored patterns.
      features: length of each value.
      beta: positive; None: 1 / sqrt(inputs), as in attention.
      steps: number of updates; all but the last are among the keys.
      key_init: initializer of K ``[patterns, inputs]``.
      value_init: initializer of V ``[patterns, features]``.

    Returns:
      A network ``[..., inputs] -> [..., features]`` with params ``{"keys", "values"}``. With given
      patterns as both it is a memory of them.

    Raises:
      ValueError: if a number is not positive.

    Source: the Hopfield layer of Ramsauer et al. 2021, arXiv 2008.02217.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> layer, patterns = associative_lookup(2, 3, beta=8.0), jnp.eye(2, 3)
      >>> layer.apply({"keys": patterns, "values": patterns}, jnp.array([0.9, 0.1, 0.3])).round(2)
      Array([1., 0., 0.], dtype=float32)
    """
    patterns = require_count("associative_lookup", "patterns", patterns)
    features = require_count("associative_lookup", "features", features)
    name = f"associative_lookup({patterns}, {features})"
    _require_options("associative_lookup", beta, steps)

    def init(key: jax.Array, x: Any) -> Params:
        _require_axes(name, x, 1, "[..., inputs]")
        key_of_keys, key_of_values = jax.random.split(key)
        return {
            "keys": key_init(key_of_keys, (patterns, x.shape[-1]), float_like(x)),
            "values": value_init(key_of_values, (patterns, features), float_like(x)),
        }

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        require_features(name, x, params["keys"].shape[1])
        x = as_float(x, params["keys"].dtype)
        rows = x.reshape(-1, x.shape[-1])
        y = _retrieve(rows, params["keys"], params["values"], beta, steps)
        return y.reshape(*x.shape[:-1], features)

    return Network(init, apply)


@configured
def associative_pool(
    queries: int,
    features: int,
    *,
    beta: float | jax.Array | None = None,
    steps: int = 1,
    kernel_init: Initializer = lecun_normal(),
    query_init: Initializer = normal(1.0),
) -> Network:
    """A set of any size to a fixed number of vectors, one for each learned query.

    y = softmax(beta Q (X W_key)^T) X W_value

    Args:
      queries: number of learned queries.
      features: length of queries, keys and values.
      beta: positive; None: 1 / sqrt(features), as in attention.
      steps: number of updates; all but the last are among the keys.
      query_init: initializer of Q ``[queries, features]``.

    Returns:
      A network ``[items, inputs] -> [queries, features]`` with params ``{"queries", "key_kernel",
      "value_kernel"}``; the order of the items does not matter.

    Raises:
      ValueError: if a number is not positive; at trace time, if the input is not
        ``[items, inputs]``.

    Source: Hopfield pooling of Ramsauer et al. 2021, arXiv 2008.02217; for bags of items Widrich et
    al. 2020, arXiv 2007.13505.

    Examples:
      >>> import jax
      >>> layer, bag = associative_pool(1, 4), jax.numpy.ones((30, 8))
      >>> params = layer.init(jax.random.key(0), bag)
      >>> layer.apply(params, bag).shape, layer.apply(params, bag[:5]).shape
      ((1, 4), (1, 4))
    """
    queries = require_count("associative_pool", "queries", queries)
    features = require_count("associative_pool", "features", features)
    name = f"associative_pool({queries}, {features})"
    _require_options("associative_pool", beta, steps)

    def init(key: jax.Array, x: Any) -> Params:
        _require_axes(name, x, 2, "[items, inputs]")
        dtype, shape = float_like(x), (x.shape[-1], features)
        query_key, key_key, value_key = jax.random.split(key, 3)
        return {
            "queries": query_init(query_key, (queries, features), dtype),
            "key_kernel": kernel_init(key_key, shape, dtype),
            "value_kernel": kernel_init(value_key, shape, dtype),
        }

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        _require_axes(name, x, 2, "[items, inputs]")
        require_features(name, x, params["key_kernel"].shape[0])
        x = as_float(x, params["queries"].dtype)
        keys, values = x @ params["key_kernel"], x @ params["value_kernel"]
        return _retrieve(params["queries"], keys, values, beta, steps)

    return Network(init, apply)


@configured
def self_association(
    features: int,
    *,
    heads: int = 1,
    beta: float | jax.Array | None = None,
    steps: int = 1,
    kernel_init: Initializer = lecun_normal(),
) -> Network:
    """Self-attention: each item of a set recalls from the whole set.

    y = softmax(beta X W_query (X W_key)^T) X W_value  in each head

    Args:
      features: of all heads together.
      heads: number of heads, a divisor of features.
      beta: positive; None: 1 / sqrt(features / heads), as in attention.
      steps: number of updates; all but the last are among the keys.

    Returns:
      A network ``[items, inputs] -> [items, features]`` with params ``{"query_kernel",
      "key_kernel", "value_kernel"}``; a `dense` after it mixes the heads.

    Raises:
      ValueError: if a number is not positive or heads do not divide features; at trace time, if the
        input is not ``[items, inputs]``.

    Source: Ramsauer et al. 2021, arXiv 2008.02217; Vaswani et al. 2017, arXiv 1706.03762.

    Examples:
      >>> import jax
      >>> layer, x = self_association(8, heads=2), jax.numpy.ones((5, 3))
      >>> layer.apply(layer.init(jax.random.key(0), x), x).shape
      (5, 8)
    """
    features = require_count("self_association", "features", features)
    heads = require_count("self_association", "heads", heads)
    if features % heads:
        raise ValueError(f"self_association: heads must divide features, {features}, got {heads}")
    name = f"self_association({features})"
    _require_options("self_association", beta, steps)
    kernels = ("query_kernel", "key_kernel", "value_kernel")

    def init(key: jax.Array, x: Any) -> Params:
        _require_axes(name, x, 2, "[items, inputs]")
        shape, keys = (x.shape[-1], features), jax.random.split(key, 3)
        made = zip(kernels, keys, strict=True)
        return {kernel: kernel_init(k, shape, float_like(x)) for kernel, k in made}

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        _require_axes(name, x, 2, "[items, inputs]")
        require_features(name, x, params["key_kernel"].shape[0])
        x = as_float(x, params["key_kernel"].dtype)
        parts = ((x @ params[kernel]).reshape(len(x), heads, -1) for kernel in kernels)
        retrieve = jax.vmap(lambda q, k, v: _retrieve(q, k, v, beta, steps), in_axes=1, out_axes=1)
        return retrieve(*parts).reshape(len(x), features)

    return Network(init, apply)


def _retrieve(
    queries: jax.Array,
    keys: jax.Array,
    values: jax.Array,
    beta: float | jax.Array | None,
    steps: int,
) -> jax.Array:
    """Updates of the modern Hopfield network among the keys, the last one into the values."""
    sharpness = jnp.asarray(keys.shape[-1] ** -0.5 if beta is None else beta).astype(keys.dtype)
    for among in (*(keys for _ in range(steps - 1)), values):
        queries = jax.nn.softmax(sharpness * (queries @ keys.T)) @ among
    return queries


def _require_options(layer: str, beta: Any, steps: int) -> None:
    """Refuse a beta or a number of steps that is not positive."""
    require_count(layer, "steps", steps)
    if beta is not None and not isinstance(beta, Tracer) and not beta > 0:
        raise ValueError(f"{layer}: beta must be positive, got {beta}")


def _require_axes(name: str, x: Any, axes: int, wanted: str) -> None:
    bad = not x.shape if axes == 1 else len(x.shape) != axes or x.shape[0] == 0
    if bad:
        none = "" if axes == 1 else " with at least one item"
        raise ValueError(f"{name} needs an input {wanted}{none}, got shape {x.shape}")
