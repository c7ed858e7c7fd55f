"""Fast weights: synapses that are written within an episode, by slow weights that are trained.

The fast weights W ``[key, value]`` lead from the units of a key to those of a value (the transpose
of Schlag et al.): a query q reads y = q W. `hebbian_write` and `delta_write` bind a value to a key.
The cells do so at each step, with keys, values and queries that slow weights project from the
input; `jaxbrain.cells.scan` and `jaxbrain.cells.unroll` take derivatives of 64 steps or more in
chunks. A ``key`` of a write is an address, not a random key.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal

from jaxbrain.cells.stages import SequenceStep
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import (
    as_number,
    require_count,
    require_fraction,
    require_positive,
)
from jaxbrain.core.types import Cell, Params
from jaxbrain.memory.episodic.chunks import (
    CHUNK,
    Sequence,
    delta_chunks,
    derived_in_chunks,
    hebbian_chunks,
)
from jaxbrain.memory.episodic.feature_maps import FeatureMap, elu_plus_one, unit
from jaxbrain.networks.parts import as_real, require_features, weights


class Projection(NamedTuple):
    """Projections of the input of a step by the slow weights.

    Attributes:
      query: ``[..., key]``.
      key: ``[..., key]``.
      value: ``[..., value]``.
      learning_rate: ``[...]``, fraction of the error that a write corrects; None: Hebbian.
    """

    query: jax.Array
    key: jax.Array
    value: jax.Array
    learning_rate: jax.Array | None


def read(fast: jax.Array, query: jax.Array) -> jax.Array:
    """The value that the fast weights hold for a query.

    y = q W

    Args:
      fast: W ``[key, value]``.
      query: q ``[key]``.

    Examples:
      >>> import jax.numpy as jnp
      >>> read(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([0.0, 1.0])).tolist()
      [3.0, 4.0]
    """
    _require_fit("read", fast, query=query)
    return query @ fast


def hebbian_write(
    fast: jax.Array, key: jax.Array, value: jax.Array, *, retention: float | jax.Array = 1.0
) -> jax.Array:
    """Hebbian binding of a value to a key: their outer product is added.

    W <- retention W + k^T v

    A key that is orthogonal to all others is read exactly; similar keys read a sum of values.

    Args:
      fast: W ``[key, value]``.
      key: the address k ``[key]``.
      value: v ``[value]``.
      retention: fraction of the earlier writes that is kept, 0 to 1.

    Source: Schmidhuber 1992, doi 10.1162/neco.1992.4.1.131; Ba et al. 2016, arXiv 1610.06258.

    Examples:
      >>> import jax.numpy as jnp
      >>> k, v = jnp.array([0.0, 1.0]), jnp.array([2.0, 3.0])
      >>> fast = hebbian_write(jnp.zeros((2, 2)), k, v)
      >>> read(hebbian_write(fast, k, v), k).tolist()  # written twice
      [4.0, 6.0]
    """
    require_fraction("hebbian_write", "retention", retention)
    _require_fit("hebbian_write", fast, key=key, value=value)
    return as_number(retention, fast) * fast + key[:, None] * value[None]


def delta_write(
    fast: jax.Array,
    key: jax.Array,
    value: jax.Array,
    *,
    learning_rate: float | jax.Array = 1.0,
) -> jax.Array:
    """Binding of a value to a key by the delta rule: the new value replaces the old one.

    W <- W + learning_rate k^T (v - k W)

    One step of gradient descent on 1/2 |v - k W|^2. With learning rate 1 and a key of length 1 the
    value is then read exactly, and orthogonal keys keep theirs: keys of d units hold d pairs. A
    further key disturbs them: over orthonormal keys the squared errors sum to |v - k W|^2.

    Args:
      fast: W ``[key, value]``.
      key: the address k ``[key]``, of length 1 for an exact write.
      value: v ``[value]``.
      learning_rate: fraction of the error that is corrected, 0 to 1.

    Source: Widrow and Hoff 1960; Schlag et al. 2021, arXiv 2102.11174.

    Examples:
      >>> import jax.numpy as jnp
      >>> k, v = jnp.array([0.6, 0.8]), jnp.array([2.0, 3.0])
      >>> fast = delta_write(jnp.ones((2, 2)), k, v)
      >>> read(fast, k).round(5).tolist()
      [2.0, 3.0]
    """
    require_fraction("delta_write", "learning_rate", learning_rate)
    _require_fit("delta_write", fast, key=key, value=value)
    return fast + as_number(learning_rate, fast) * key[:, None] * (value - key @ fast)[None]


@configured
def hebbian_fast_weights(
    key_size: int,
    value_size: int,
    *,
    retention: float | jax.Array = 1.0,
    feature_map: FeatureMap | None = None,
    kernel_init: Initializer = lecun_normal(),
) -> Cell:
    """Fast weights with Hebbian writes: causal linear attention without normalization.

    W <- retention W + phi(k)^T v,  y = phi(q) W,  (q, k, v) = (x A_q, x A_k, x A_v)

    With retention 1, y_t = sum_{s <= t} (phi(q_t) . phi(k_s)) v_s: the read comes after the write.
    params are ``{"query", "key", "value"}``, each a ``{"kernel": [inputs, size]}``. The carry is W
    ``[features, value_size]``, zero at the start. A step takes x or its `Projection`.

    Args:
      key_size: of keys and queries, before the feature map.
      value_size: of values and outputs.
      retention: fraction of the fast weights that is kept in a step, 0 to 1.
      feature_map: phi, ``[..., key_size] -> [..., features]``; None is the identity.

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
    require_fraction("hebbian_fast_weights", "retention", retention)
    name = f"hebbian_fast_weights({key_size}, {value_size})"

    def update(kept: Any, fast: jax.Array, x: Projection) -> tuple[jax.Array, jax.Array]:
        fast = hebbian_write(fast, x.key, x.value, retention=kept)
        return fast, read(fast, x.query)

    def chunked(kept: jax.Array, fast: jax.Array, xs: Projection) -> tuple[jax.Array, jax.Array]:
        return hebbian_chunks(kept, fast, xs.query, xs.key, xs.value)

    sizes = _sizes("hebbian_fast_weights", key_size, value_size)
    form = _Form(feature_map or _identity, jnp.zeros_like, update, chunked, retention)
    return _cell(name, sizes, kernel_init, form)


@configured
def linear_attention(
    key_size: int,
    value_size: int,
    *,
    feature_map: FeatureMap = elu_plus_one,
    floor: float = 1e-6,
    kernel_init: Initializer = lecun_normal(),
) -> Cell:
    """Linear attention: Hebbian fast weights that read a weighted mean of the values.

    W <- W + phi(k)^T v,  z <- z + phi(k),  y = phi(q) W / max(phi(q) . z, floor)

    params as in `hebbian_fast_weights`; the carry is W ``[features, value_size]`` and z
    ``[features]``.

    Args:
      key_size: of keys and queries, before the feature map.
      value_size: of values and outputs.
      feature_map: phi, never negative, ``[..., key_size] -> [..., features]``.
      floor: smallest divisor, positive.

    Source: Katharopoulos et al. 2020, arXiv 2006.16236.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> cell, x = linear_attention(4, 2), jnp.ones(3)
      >>> params = cell.init(jax.random.key(0), x)
      >>> (fast, z), y = cell.step(params, cell.carry(params, x), x)
      >>> fast.shape, z.shape, bool(jnp.allclose(y, x @ params["value"]["kernel"], rtol=1e-5))
      ((4, 2), (4,), True)
    """
    require_positive("linear_attention", "floor", floor)
    name = f"linear_attention({key_size}, {value_size})"

    def start(fast: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.zeros_like(fast), jnp.zeros_like(fast[:, 0])

    def update(_: Any, carry: tuple[jax.Array, jax.Array], x: Projection) -> tuple[Any, jax.Array]:
        fast, total = hebbian_write(carry[0], x.key, x.value), carry[1] + x.key
        return (fast, total), read(fast, x.query) / jnp.maximum(x.query @ total, floor)

    def chunked(one: jax.Array, carry: Any, xs: Projection) -> tuple[Any, jax.Array]:
        # z is the fast weights of values that are all 1
        both = jnp.concatenate([carry[0], carry[1][:, None]], axis=1)
        values = jnp.pad(xs.value, ((0, 0), (0, 1)), constant_values=1)
        both, ys = hebbian_chunks(one, both, xs.query, xs.key, values)
        return (both[:, :-1], both[:, -1]), ys[:, :-1] / jnp.maximum(ys[:, -1:], floor)

    sizes = _sizes("linear_attention", key_size, value_size)
    return _cell(name, sizes, kernel_init, _Form(feature_map, start, update, chunked))


@configured
def delta_fast_weights(
    key_size: int,
    value_size: int,
    *,
    feature_map: FeatureMap | None = None,
    kernel_init: Initializer = lecun_normal(),
) -> Cell:
    """Fast weights with delta-rule writes: a key that is written again gets the new value.

    W <- W + b k^T (v - k W),  y = q W,  b = sigmoid(x A_b + c),  v = x A_v
    k = unit(phi(x A_k)),  q = unit(phi(x A_q))

    The read comes after the write. params and carry as in `hebbian_fast_weights`, and
    ``"learning_rate": {"kernel": [inputs, 1], "bias": [1]}``, A_b and c.

    Args:
      key_size: of keys and queries, before the feature map.
      value_size: of values and outputs.
      feature_map: phi, ``[..., key_size] -> [..., features]``; None is the identity.

    Source: Schlag et al. 2021, arXiv 2102.11174 (keys there sum to 1); keys of length 1: Yang et
    al. 2024, arXiv 2406.06484.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> cell, x = delta_fast_weights(4, 2), jnp.ones(3)
      >>> params = cell.init(jax.random.key(0), x)
      >>> sorted(params), cell.carry(params, x).shape
      (['key', 'learning_rate', 'query', 'value'], (4, 2))
    """
    name = f"delta_fast_weights({key_size}, {value_size})"
    features = feature_map or _identity

    def update(_: Any, fast: jax.Array, x: Projection) -> tuple[jax.Array, jax.Array]:
        fast = delta_write(
            fast, x.key, x.value, learning_rate=1.0 if x.learning_rate is None else x.learning_rate
        )
        return fast, read(fast, x.query)

    def chunked(_: Any, fast: jax.Array, xs: Projection) -> tuple[jax.Array, jax.Array]:
        rate = jnp.ones_like(xs.key[:, 0]) if xs.learning_rate is None else xs.learning_rate
        return delta_chunks(fast, xs.query, xs.key, xs.value, rate)

    def normal(x: jax.Array) -> jax.Array:
        return unit(features(x))

    sizes = _sizes("delta_fast_weights", key_size, value_size) | {"learning_rate": 1}
    return _cell(name, sizes, kernel_init, _Form(normal, jnp.zeros_like, update, chunked))


class _Form(NamedTuple):
    """The differences of the cells.

    Attributes:
      phi: the feature map of keys and queries.
      start: from fast weights of zeros to the first carry.
      update: ``(number, carry, projection) -> (carry, y)``, one step.
      chunked: the same for a whole sequence.
      number: the hyperparameter of both.
    """

    phi: FeatureMap
    start: Callable[[jax.Array], Any]
    update: Sequence
    chunked: Sequence
    number: float | jax.Array = 1.0


def _cell(name: str, sizes: dict[str, int], kernel_init: Initializer, form: _Form) -> Cell:
    """A Cell from its carry, one step and a sequence, all in terms of the fast weights."""
    phi, start, update, chunked, number = form
    derived = derived_in_chunks(update, chunked)

    def init(key: jax.Array, x: Any) -> Params:
        if len(x.shape) != 1:
            raise ValueError(f"{name} needs the input [features] of one step, got shape {x.shape}")
        params = {}
        for i, (part, size) in enumerate(sizes.items()):
            bias = jax.nn.initializers.zeros if part == "learning_rate" else None
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
        made, ends = as_real(name, xs, kernel.dtype) @ kernel, []
        for size in sizes.values():
            ends.append(size + (ends[-1] if ends else 0))
        query, key, value, *rest = jnp.split(made, ends[:-1], axis=-1)
        rate = (
            jax.nn.sigmoid(rest[0][..., 0] + params["learning_rate"]["bias"][0]) if rest else None
        )
        return Projection(phi(query), phi(key), value, rate)

    def step(
        params: Params, carry: Any, x: Any, *, key: jax.Array | None = None
    ) -> tuple[Any, jax.Array]:
        return update(number, carry, x if isinstance(x, Projection) else project(params, x))

    def sequence(params: Params, carry: Any, xs: Projection) -> tuple[Any, jax.Array]:
        return derived(as_number(number, xs.value), carry, xs)

    return Cell(init, carry, SequenceStep(step, sequence, least=2 * CHUNK), project)


def _sizes(name: str, key_size: int, value_size: int) -> dict[str, int]:
    keys = require_count(name, "key_size", key_size)
    return {"query": keys, "key": keys, "value": require_count(name, "value_size", value_size)}


def _identity(x: jax.Array) -> jax.Array:
    return x


def _require_fit(
    name: str,
    fast: jax.Array,
    *,
    query: jax.Array | None = None,
    key: jax.Array | None = None,
    value: jax.Array | None = None,
) -> None:
    """Refuse shapes that would broadcast, and vectors of the other side of the weights."""
    shape = jnp.shape(fast)
    if len(shape) != 2:
        raise ValueError(f"{name}: fast must be the weights [key, value], got shape {shape}")
    for vector, given, size in (("query", query, 0), ("key", key, 0), ("value", value, 1)):
        if given is not None and jnp.shape(given) != (shape[size],):
            raise ValueError(
                f"{name}: {vector} must have the shape ({shape[size]},) for fast weights {shape}, "
                f"got {jnp.shape(given)}; jax.vmap over many"
            )
