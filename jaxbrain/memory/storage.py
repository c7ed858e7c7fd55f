"""Storage rules of Hopfield networks: from patterns to symmetric weights.

A rule is a function from patterns ``[patterns, n]`` of +1 and -1 to weights ``[n, n]``:
`outer_product`, `storkey`, `pseudo_inverse`, or one of your own. `outer_product_factors` and
`pseudo_inverse_factors` give the same weights as their `Factors`. Each comes with a function that
adds one pattern to the weights, and with a capacity. The diagonal is zero for `outer_product` and
that of the formula for the others; `self_coupling` of `jaxbrain.memory.hopfield` says how much of
it takes part in recall.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp

from jaxbrain.core.arguments import checked
from jaxbrain.core.types import Add, Store
from jaxbrain.memory.factors import Factors, Weights, local_fields
from jaxbrain.memory.patterns import append, require_bipolar, warn_when_full


class Storage(NamedTuple):
    """A storage rule with its incremental form and its capacity.

    Attributes:
      store: ``(patterns) -> weights``, ``[patterns, n]`` to ``[n, n]``, symmetric, or `Factors`.
      add: ``(weights, pattern) -> weights`` with one pattern more; None if the rule has no such
        form.
      capacity: ``(n) -> patterns`` that n units can hold; None if it is not known.
    """

    store: Callable[[jax.Array], Any]
    add: Callable[[Any, jax.Array], Any] | None = None
    capacity: Callable[[int], float] | None = None

    def __str__(self) -> str:
        return getattr(self.store, "__name__", "storage")


@checked
def outer_product(patterns: jax.Array) -> jax.Array:
    """Hebb's rule: weights are the correlations of the units, with a zero diagonal.

    w_ij = 1/n sum_p x_pi x_pj,  w_ii = 0

    Capacity: 0.138 n random patterns with few errors, n / (2 ln n) without errors.

    Hopfield (1982), doi 10.1073/pnas.79.8.2554.

    Args:
      patterns: x ``[patterns, n]`` of +1 and -1.

    Examples:
      >>> import jax.numpy as jnp
      >>> outer_product(jnp.array([[1.0, -1.0], [1.0, -1.0]])).tolist()
      [[0.0, -1.0], [-1.0, 0.0]]
    """
    x = require_bipolar("patterns", patterns)
    return _off_diagonal(x.T @ x / x.shape[1])


@checked
def add_outer_product(weights: jax.Array, pattern: jax.Array) -> jax.Array:
    """Weights of `outer_product` with one pattern more.

    Args:
      weights: ``[n, n]``.
      pattern: ``[n]`` of +1 and -1.

    Examples:
      >>> import jax.numpy as jnp
      >>> add_outer_product(jnp.zeros((2, 2)), jnp.array([1.0, -1.0])).tolist()
      [[0.0, -0.5], [-0.5, 0.0]]
    """
    x = _one(weights, pattern)
    return weights + _off_diagonal(jnp.outer(x, x) / x.shape[0])


@checked
def outer_product_factors(patterns: jax.Array) -> Factors:
    """Weights of `outer_product` as `Factors`: exact, and faster for few patterns in many units.

    W = 1/n (X^T X - P I)

    Args:
      patterns: X ``[patterns, n]`` of +1 and -1.

    Examples:
      >>> import jax.numpy as jnp
      >>> weights = outer_product_factors(jnp.array([[1.0, -1.0], [1.0, -1.0]]))
      >>> local_fields(weights, jnp.array([1.0, 0.0])).tolist()
      [0.0, -1.0]
    """
    x = require_bipolar("patterns", patterns)
    count, n = x.shape
    counts = jnp.full(n, count, x.dtype)
    return Factors(x, counts, counts, jnp.asarray(1 / n, x.dtype))


@checked
def add_outer_product_factors(weights: Factors, pattern: jax.Array) -> Factors:
    """Factors of `outer_product_factors` with one row more: a new shape, which compiles again.

    Args:
      weights: with rows ``[patterns, n]``.
      pattern: ``[n]`` of +1 and -1.

    Examples:
      >>> import jax.numpy as jnp
      >>> one = outer_product_factors(jnp.array([[1.0, 1.0]]))
      >>> add_outer_product_factors(one, jnp.array([1.0, -1.0])).rows.tolist()
      [[1.0, 1.0], [1.0, -1.0]]
    """
    x = _one(weights, pattern)
    rows, counts = append(weights.rows, x), weights.removed + 1
    return Factors(rows, counts, counts, weights.scale)


@checked
def storkey(patterns: jax.Array) -> jax.Array:
    """Storkey's rule: Hebb's rule without what the present weights already predict.

    w_ij += 1/n (x_i x_j - x_i h_ji - h_ij x_j),  h_ij = sum_{k not i, j} w_ik x_k

    Local and incremental: one pattern after the other; later patterns are stored slightly better.
    Capacity: n / sqrt(2 ln n) random patterns without errors.

    Storkey (1997), doi 10.1007/BFb0020196.

    Args:
      patterns: x ``[patterns, n]`` of +1 and -1.

    Examples:
      >>> import jax.numpy as jnp
      >>> storkey(jnp.array([[1.0, -1.0], [1.0, 1.0]])).tolist()
      [[1.5, 0.0], [0.0, 1.5]]
    """
    x = require_bipolar("patterns", patterns)
    start = jnp.zeros((x.shape[1],) * 2, x.dtype)
    return jax.lax.scan(_storkey_turn, start, x)[0]


@checked
def add_storkey(weights: jax.Array, pattern: jax.Array) -> jax.Array:
    """Weights of `storkey` with one pattern more.

    Args:
      weights: ``[n, n]``.
      pattern: ``[n]`` of +1 and -1.

    Examples:
      >>> import jax.numpy as jnp
      >>> add_storkey(jnp.zeros((2, 2)), jnp.array([1.0, -1.0])).tolist()
      [[0.5, -0.5], [-0.5, 0.5]]
    """
    return _storkey_step(weights, _one(weights, pattern))


def _storkey_turn(w: jax.Array, x: jax.Array) -> tuple[jax.Array, None]:
    return _storkey_step(w, x), None


def _storkey_step(w: jax.Array, x: jax.Array) -> jax.Array:
    own = jnp.diagonal(w) * x
    # w_ij x_j leaves out k = j; on the diagonal, where i = j, it was left out with k = i
    field = (w @ x - own)[:, None] - _off_diagonal(w) * x[None, :]
    predicted = field * x[None, :]
    return w + (jnp.outer(x, x) - predicted - predicted.T) / x.shape[0]


@checked
def pseudo_inverse(patterns: jax.Array) -> jax.Array:
    """The projection rule: every pattern is a fixed point, up to n of them.

    W = X^+ X, so that W x_p = x_p and the trace is the number of patterns

    Not local: each weight depends on all patterns. Basins of attraction shrink with the load and
    nearly vanish beyond n / 2 patterns.

    Personnaz, Guyon and Dreyfus (1986), doi 10.1103/PhysRevA.34.4217.

    Args:
      patterns: X ``[patterns, n]`` of +1 and -1.

    Raises:
      ValueError: if the patterns are linearly dependent; traced, if there are more than n.

    Examples:
      >>> import jax.numpy as jnp
      >>> pseudo_inverse(jnp.array([[1.0, 1.0]])).round(3).tolist()
      [[0.5, 0.5], [0.5, 0.5]]
    """
    directions = _directions(patterns)
    return directions @ directions.T


def _directions(patterns: jax.Array) -> jax.Array:
    """Orthonormal columns that span the patterns ``[n, patterns]``."""
    x = require_bipolar("patterns", patterns)
    count, n = x.shape
    if count > n:
        raise ValueError(
            f"patterns must be linearly independent for pseudo_inverse, got {count} of {n} units; "
            f"store at most {n}, or store them with storkey"
        )
    directions, triangle = jnp.linalg.qr(x.T)
    _require_independent(triangle, n)
    return directions


@checked
def add_pseudo_inverse(weights: jax.Array, pattern: jax.Array) -> jax.Array:
    """Weights of `pseudo_inverse` with one pattern more; a stored pattern changes nothing.

    W += r r^T / (r.r),  r = x - W x

    Greville (1960), doi 10.1137/1002004.

    Args:
      weights: W ``[n, n]``.
      pattern: x ``[n]`` of +1 and -1.

    Examples:
      >>> import jax.numpy as jnp
      >>> add_pseudo_inverse(jnp.zeros((2, 2)), jnp.array([1.0, -1.0])).tolist()
      [[0.5, -0.5], [-0.5, 0.5]]
    """
    x = _one(weights, pattern)
    new = x - weights @ x
    return weights + _share(new) * jnp.outer(new, new)


@checked
def pseudo_inverse_factors(patterns: jax.Array) -> Factors:
    """Weights of `pseudo_inverse` as `Factors`, faster for few patterns in many units.

    W = Q Q^T, with orthonormal columns Q that span the patterns

    Args:
      patterns: ``[patterns, n]`` of +1 and -1.

    Raises:
      ValueError: as `pseudo_inverse`.

    Examples:
      >>> import jax.numpy as jnp
      >>> x = jnp.array([[1.0, 1.0, -1.0]])
      >>> local_fields(pseudo_inverse_factors(x), x[0]).round(3).tolist()
      [1.0, 1.0, -1.0]
    """
    rows = _directions(patterns).T
    squares = jnp.sum(jnp.square(rows), axis=0)
    return Factors(rows, squares, jnp.zeros_like(squares), jnp.ones((), rows.dtype))


@checked
def add_pseudo_inverse_factors(weights: Factors, pattern: jax.Array) -> Factors:
    """Factors of `pseudo_inverse_factors` with one row more; zeros for a stored pattern.

    Args:
      weights: with rows ``[patterns, n]``.
      pattern: ``[n]`` of +1 and -1.

    Examples:
      >>> import jax.numpy as jnp
      >>> one = pseudo_inverse_factors(jnp.array([[1.0, 1.0]]))
      >>> add_pseudo_inverse_factors(one, jnp.array([-1.0, -1.0])).rows[1].tolist()
      [0.0, 0.0]
    """
    x = _one(weights, pattern)
    new = x - local_fields(weights, x)
    row = jnp.sqrt(_share(new)) * new
    squares = weights.squares + jnp.square(row)
    return weights._replace(rows=append(weights.rows, row), squares=squares)


def _share(new: jax.Array) -> jax.Array:
    """1 / |r|^2 of what a pattern adds to a projection; 0 if it is within rounding."""
    square = jnp.sum(jnp.square(new))
    known = square < jnp.square(_tolerance(new.shape[0], new.dtype)) * new.shape[0]
    return jnp.where(known, 0.0, 1 / jnp.where(known, 1.0, square))


def _require_independent(triangle: jax.Array, n: int) -> None:
    """Each pattern must have a component that those before it lack: the diagonal of the QR."""
    if isinstance(triangle, jax.core.Tracer):
        return
    parts = jnp.abs(jnp.diagonal(triangle))
    dependent = parts < _tolerance(n, parts.dtype) * math.sqrt(n)
    if bool(jnp.any(dependent)):
        place = int(jnp.argmax(dependent))
        raise ValueError(
            f"patterns must be linearly independent for pseudo_inverse, but patterns[{place}] is "
            "a combination of those before it; leave it out (duplicates, also with the opposite "
            "sign: np.unique(patterns, axis=0)), or store them with storkey"
        )


def _tolerance(n: int, dtype: jnp.dtype) -> float:
    """The rounding error of a pattern of length 1 from which its projection was subtracted."""
    return 4 * n * float(jnp.finfo(dtype).eps)


def _one(weights: Weights, pattern: jax.Array) -> jax.Array:
    """The pattern, of the size and the dtype of the weights."""
    return require_bipolar("pattern", pattern, size=weights.shape[-1]).astype(weights.dtype)


def _off_diagonal(weights: jax.Array) -> jax.Array:
    return weights * (1 - jnp.eye(weights.shape[0], dtype=weights.dtype))


def _outer_product_capacity(n: int) -> float:
    return 0.138 * n


def _storkey_capacity(n: int) -> float:
    return n / math.sqrt(2 * math.log(max(n, 2)))


_RULES: dict[Callable[[jax.Array], Any], Storage] = {
    outer_product: Storage(outer_product, add_outer_product, _outer_product_capacity),
    outer_product_factors: Storage(
        outer_product_factors, add_outer_product_factors, _outer_product_capacity
    ),
    storkey: Storage(storkey, add_storkey, _storkey_capacity),
    pseudo_inverse: Storage(pseudo_inverse, add_pseudo_inverse, float),
    pseudo_inverse_factors: Storage(pseudo_inverse_factors, add_pseudo_inverse_factors, float),
}


def storing(memory: str, storage: Callable[[jax.Array], Any] | Storage) -> tuple[Store, Add | None]:
    """``store`` and ``add`` of a memory whose params are the weights of a storage rule."""
    if not callable(storage) and not isinstance(storage, Storage):
        raise TypeError(
            f"{memory}: storage must be a function (patterns) -> weights such as "
            f"jaxbrain.memory.outer_product, or a Storage, got {storage!r}"
        )
    rule = storage if isinstance(storage, Storage) else _RULES.get(storage, Storage(storage))

    def store(patterns: jax.Array) -> Weights:
        if rule.capacity is not None and jnp.ndim(patterns) == 2:
            count, n = jnp.shape(patterns)
            limit = rule.capacity(n)
            holds = f"{rule} stores about {limit:.0f} random patterns in {n} units"
            warn_when_full(count > limit, memory, f"{count} patterns", holds)
        return rule.store(patterns)

    if rule.add is None:
        return store, None
    add_one = rule.add

    def add(params: Weights, pattern: jax.Array) -> Weights:
        return add_one(params, pattern)

    return store, add
