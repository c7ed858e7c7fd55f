"""Fast weights: synapses that are written within an episode, by slow weights that learn over many.

The fast weights W ``[key, value]`` lead from the units of a key to those of a value, as all weights
of jaxbrain do (the transpose of Schlag et al.): a query q reads y = q W. `hebbian_write` and
`delta_write` bind a value to a key; the Cells do so at each step, with keys, values and queries
that trained kernels make of their input. A ``key`` of the writes is an address, not a random key.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_count, require_fraction
from jaxbrain.core.types import Cell, Params
from jaxbrain.memory.episodic.feature_maps import FeatureMap, elu_plus_one, unit
from jaxbrain.networks.parts import as_float, require_features, weights


class Projection(NamedTuple):
    """What the slow weights make of the input of a step.

    Attributes:
      query: ``[..., key]``.
      key: ``[..., key]``.
      value: ``[..., value]``.
      rate: ``[...]``, how much of the error a write corrects; None for the Hebbian write.
    """

    query: jax.Array
    key: jax.Array
    value: jax.Array
    rate: jax.Array | None


def read(fast: jax.Array, query: jax.Array) -> jax.Array:
    """What the fast weights answer.

    y = q W

    Args:
      fast: W ``[key, value]``.
      query: q ``[key]``.

    Returns:
      ``[value]``.

    Raises:
      ValueError: if the shapes do not fit.

    Examples:
      >>> import jax.numpy as jnp
      >>> read(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([0.0, 1.0])).tolist()
      [3.0, 4.0]
    """
    _require_fit("read", fast, query=query)
    return query @ fast


def hebbian_write(
    fast: jax.Array, key: jax.Array, value: jax.Array, *, decay: float | jax.Array = 1.0
) -> jax.Array:
    """Bind a value to a key by adding their outer product; what was there stays, or decays.

    W <- decay W + k^T v

    A key that is orthogonal to all others is read exactly; of others the reading is the sum.

    Args:
      fast: W ``[key, value]``.
      key: the address k ``[key]``.
      value: v ``[value]``.
      decay: what is left of the earlier writes, 0 to 1.

    Returns:
      ``[key, value]``.

    Raises:
      ValueError: if the shapes do not fit or decay is out of range.

    Source: Schmidhuber 1992, doi 10.1162/neco.1992.4.1.131; Ba et al. 2016, arXiv 1610.06258.

    Examples:
      >>> import jax.numpy as jnp
      >>> k, v = jnp.array([0.0, 1.0]), jnp.array([2.0, 3.0])
      >>> fast = hebbian_write(jnp.zeros((2, 2)), k, v)
      >>> read(hebbian_write(fast, k, v), k).tolist()  # written twice, read twice as large
      [4.0, 6.0]
    """
    require_fraction("hebbian_write", "decay", decay)
    _require_fit("hebbian_write", fast, key=key, value=value)
    return as_number(decay, fast) * fast + key[:, None] * value[None]


def delta_write(
    fast: jax.Array, key: jax.Array, value: jax.Array, *, rate: float | jax.Array = 1.0
) -> jax.Array:
    """Bind a value to a key by correcting what the key reads now: the new replaces the old.

    W <- W + rate k^T (v - k W)

    One step of gradient descent on 1/2 |v - k W|^2. With rate 1 and a key of length 1 the reading
    after the write is the value, exactly; orthogonal keys are left alone, so that d units of a key
    hold d pairs. One more disturbs: over orthonormal keys the squared errors sum to |v - k W|^2.

    Args:
      fast: W ``[key, value]``.
      key: the address k ``[key]``, of length 1 for an exact write.
      value: v ``[value]``.
      rate: the part of the error that is corrected, 0 to 1.

    Returns:
      ``[key, value]``.

    Raises:
      ValueError: if the shapes do not fit or rate is out of range.

    Source: Widrow and Hoff 1960; Schlag et al. 2021, arXiv 2102.11174.

    Examples:
      >>> import jax.numpy as jnp
      >>> k, v = jnp.array([0.6, 0.8]), jnp.array([2.0, 3.0])
      >>> fast = delta_write(jnp.ones((2, 2)), k, v)
      >>> read(fast, k).round(5).tolist()
      [2.0, 3.0]
    """
    require_fraction("delta_write", "rate", rate)
    _require_fit("delta_write", fast, key=key, value=value)
    return fast + as_number(rate, fast) * key[:, None] * (value - key @ fast)[None]


@configured
def hebbian_fast_weights(
    key_size: int,
    value_size: int,
    *,
    decay: float | jax.Array = 1.0,
    feature_map: FeatureMap | None = None,
    kernel_init: Initializer = lecun_normal(),
) -> Cell:
    """Fast weights with Hebbian writes: causal linear attention without its softmax.

    W <- decay W + phi(k)^T v, y = phi(q) W, with q, k, v = x A_q, x A_k, x A_v

    Without decay y_t = sum_{s <= t} (phi(q_t) . phi(k_s)) v_s: a step reads what it has written.

    Args:
      key_size: of keys and queries, before the feature map.
      value_size: of values and outputs.
      decay: what is left of the fast weights after a step, 0 to 1.
      feature_map: phi, of keys and queries ``[..., key_size] -> [..., features]``; None: as is.
      kernel_init: initialiser of the slow weights A.

    Returns:
      A Cell ``[inputs] -> [value_size]`` with params ``{"query", "key", "value"}``, each a
      ``{"kernel": [inputs, ...]}``, and the fast weights ``[features, value_size]`` as its carry,
      zero before the first step. A step takes x or the Projection that `project` makes of it.

    Raises:
      ValueError: if a size is not positive or decay is out of range.

    Source: Schlag et al. 2021, arXiv 2102.11174; Ba et al. 2016, arXiv 1610.06258.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> cell, xs = hebbian_fast_weights(4, 2), jnp.ones((5, 3))
      >>> params = cell.init(jax.random.key(0), xs[0])
      >>> fast, ys = jax.lax.scan(lambda c, x: cell.step(params, c, x),
      ...                         cell.carry(params, xs[0]), cell.project(params, xs))
      >>> fast.shape, ys.shape
      ((4, 2), (5, 2))
    """
    require_fraction("hebbian_fast_weights", "decay", decay)
    name = f"hebbian_fast_weights({key_size}, {value_size})"

    def update(fast: jax.Array, x: Projection) -> tuple[jax.Array, jax.Array]:
        fast = hebbian_write(fast, x.key, x.value, decay=decay)
        return fast, read(fast, x.query)

    sizes = _sizes("hebbian_fast_weights", key_size, value_size)
    return _cell(name, sizes, feature_map or _same, kernel_init, jnp.zeros_like, update)


@configured
def linear_attention(
    key_size: int,
    value_size: int,
    *,
    feature_map: FeatureMap = elu_plus_one,
    floor: float = 1e-6,
    kernel_init: Initializer = lecun_normal(),
) -> Cell:
    """Hebbian fast weights whose readings are weighted means of the values.

    W <- W + phi(k)^T v, z <- z + phi(k), y = phi(q) W / max(phi(q) . z, floor)

    Args:
      key_size: of keys and queries, before the feature map.
      value_size: of values and outputs.
      feature_map: phi, which must not be negative, ``[..., key_size] -> [..., features]``.
      floor: the least that is divided by; positive.
      kernel_init: initialiser of the slow weights.

    Returns:
      A Cell with the params of `hebbian_fast_weights`; its carry is W ``[features, value_size]``
      and z ``[features]``.

    Raises:
      ValueError: if a size is not positive.

    Source: Katharopoulos et al. 2020, arXiv 2006.16236.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> cell, x = linear_attention(4, 2), jnp.ones(3)
      >>> params = cell.init(jax.random.key(0), x)
      >>> carry, y = cell.step(params, cell.carry(params, x), x)
      >>> bool(jnp.allclose(y, x @ params["value"]["kernel"], rtol=1e-5))  # the mean of one
      True
    """
    name = f"linear_attention({key_size}, {value_size})"

    def start(fast: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.zeros_like(fast), jnp.zeros_like(fast[:, 0])

    def update(carry: tuple[jax.Array, jax.Array], x: Projection) -> tuple[Any, jax.Array]:
        fast, total = hebbian_write(carry[0], x.key, x.value), carry[1] + x.key
        return (fast, total), read(fast, x.query) / jnp.maximum(x.query @ total, floor)

    sizes = _sizes("linear_attention", key_size, value_size)
    return _cell(name, sizes, feature_map, kernel_init, start, update)


@configured
def delta_fast_weights(
    key_size: int,
    value_size: int,
    *,
    feature_map: FeatureMap | None = None,
    kernel_init: Initializer = lecun_normal(),
) -> Cell:
    """Fast weights with delta-rule writes: a key that comes again gets the new value.

    W <- W + b k^T (v - k W), y = q W, with b = sigmoid(x A_b + c), v = x A_v and keys and queries
    of length 1, k = unit(phi(x A_k)), q = unit(phi(x A_q))

    A step reads what it has written. A network that asks without writing learns to make b small.

    Args:
      key_size: of keys and queries, before the feature map.
      value_size: of values and outputs.
      feature_map: phi, of keys and queries ``[..., key_size] -> [..., features]``; None: as is.
      kernel_init: initialiser of the slow weights.

    Returns:
      A Cell as `hebbian_fast_weights`, with ``"rate": {"kernel": [inputs, 1], "bias": [1]}``
      among its params.

    Raises:
      ValueError: if a size is not positive.

    Source: Schlag et al. 2021, arXiv 2102.11174 (keys there sum to 1); keys of length 1: Yang et
    al. 2024, arXiv 2406.06484.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> cell, x = delta_fast_weights(4, 2), jnp.ones(3)
      >>> params = cell.init(jax.random.key(0), x)
      >>> sorted(params), cell.carry(params, x).shape
      (['key', 'query', 'rate', 'value'], (4, 2))
    """
    name = f"delta_fast_weights({key_size}, {value_size})"
    features = feature_map or _same

    def update(fast: jax.Array, x: Projection) -> tuple[jax.Array, jax.Array]:
        fast = delta_write(fast, x.key, x.value, rate=1.0 if x.rate is None else x.rate)
        return fast, read(fast, x.query)

    def normal(x: jax.Array) -> jax.Array:
        return unit(features(x))

    sizes = _sizes("delta_fast_weights", key_size, value_size) | {"rate": 1}
    return _cell(name, sizes, normal, kernel_init, jnp.zeros_like, update)


def _cell(
    name: str,
    sizes: dict[str, int],
    phi: FeatureMap,
    kernel_init: Initializer,
    start: Callable[[jax.Array], Any],
    update: Callable[[Any, Projection], tuple[Any, jax.Array]],
) -> Cell:
    """A Cell from what it carries and one step of it, both in terms of the fast weights."""

    def init(key: jax.Array, x: Any) -> Params:
        if len(x.shape) != 1:
            raise ValueError(f"{name} needs the input [features] of one step, got shape {x.shape}")
        params = {}
        for i, (part, size) in enumerate(sizes.items()):
            bias = jax.nn.initializers.zeros if part == "rate" else None
            shape = x.shape[0], size
            params[part] = weights(jax.random.fold_in(key, i), shape, x, kernel_init, bias)
        return params

    def carry(params: Params, x: Any) -> Any:
        kernel = params["key"]["kernel"]
        features = jax.eval_shape(phi, jax.ShapeDtypeStruct(kernel.shape[1:], kernel.dtype))
        return start(jnp.zeros((*features.shape, sizes["value"]), kernel.dtype))

    def project(params: Params, xs: jax.Array) -> Projection:
        kernel = jnp.concatenate([params[part]["kernel"] for part in sizes], axis=1)
        require_features(name, xs, kernel.shape[0])
        made, ends = as_float(xs, kernel.dtype) @ kernel, []
        for size in sizes.values():
            ends.append(size + (ends[-1] if ends else 0))
        query, key, value, *rest = jnp.split(made, ends[:-1], axis=-1)
        rate = jax.nn.sigmoid(rest[0][..., 0] + params["rate"]["bias"][0]) if rest else None
        return Projection(phi(query), phi(key), value, rate)

    def step(
        params: Params, carry: Any, x: Any, *, key: jax.Array | None = None
    ) -> tuple[Any, jax.Array]:
        return update(carry, x if isinstance(x, Projection) else project(params, x))

    return Cell(init, carry, step, project)


def _sizes(name: str, key_size: int, value_size: int) -> dict[str, int]:
    keys = require_count(name, "key_size", key_size)
    return {"query": keys, "key": keys, "value": require_count(name, "value_size", value_size)}


def _same(x: jax.Array) -> jax.Array:
    return x


def _require_fit(
    name: str,
    fast: jax.Array,
    *,
    query: jax.Array | None = None,
    key: jax.Array | None = None,
    value: jax.Array | None = None,
) -> None:
    """Refuse shapes that would broadcast, or vectors for the other side of the weights."""
    shape = jnp.shape(fast)
    if len(shape) != 2:
        raise ValueError(f"{name}: fast must be the weights [key, value], got shape {shape}")
    for vector, given, size in (("query", query, 0), ("key", key, 0), ("value", value, 1)):
        if given is not None and jnp.shape(given) != (shape[size],):
            raise ValueError(
                f"{name}: {vector} must have the shape ({shape[size]},) for fast weights {shape}, "
                f"got {jnp.shape(given)}; jax.vmap over many"
            )
