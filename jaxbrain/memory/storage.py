"""How patterns become the weights of a Hopfield network.

A rule is a function ``(patterns) -> weights``: `hebb`, `storkey`, `pseudo_inverse`, or yours. Each
of them comes with the function that adds one pattern to the weights, and with what it can hold.

The weights are those of the rule's paper: the diagonal is zero for `hebb`, and that of the formula
for the two others. How much of it counts in recall is a matter of the network (`self_coupling` of
`jaxbrain.memory.hopfield`).
"""

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.core
import jax.numpy as jnp

from jaxbrain.memory.patterns import require_bipolar


class Storage(NamedTuple):
    """A rule of storage with what belongs to it, for a rule of your own.

    Attributes:
      store: ``(patterns) -> weights``, ``[patterns, n]`` to ``[n, n]``, symmetric.
      add: ``(weights, pattern) -> weights`` with one pattern more; None where the rule needs all.
      capacity: ``(n) -> patterns`` that n units can hold; None where it is not known.
    """

    store: Callable[[jax.Array], jax.Array]
    add: Callable[[jax.Array, jax.Array], jax.Array] | None = None
    capacity: Callable[[int], float] | None = None

    def __str__(self) -> str:
        return getattr(self.store, "__name__", "storage")


def hebb(patterns: jax.Array) -> jax.Array:
    """Hebb's rule: units that agree in a pattern excite each other; the diagonal is zero.

    w_ij = 1/n sum_p x_pi x_pj,  w_ii = 0

    Holds 0.138 n random patterns with few errors, n / (2 ln n) without any.

    Hopfield (1982), doi 10.1073/pnas.79.8.2554.

    Args:
      patterns: ``[patterns, n]`` of +1 and -1.

    Returns:
      ``[n, n]``.

    Raises:
      ValueError: if the patterns have another shape or other values.

    Examples:
      >>> import jax.numpy as jnp
      >>> hebb(jnp.array([[1.0, -1.0], [1.0, -1.0]])).tolist()
      [[0.0, -1.0], [-1.0, 0.0]]
    """
    x = require_bipolar("patterns", patterns)
    n = x.shape[1]
    return _off_diagonal(x.T @ x / n)


def add_hebb(weights: jax.Array, pattern: jax.Array) -> jax.Array:
    """One pattern more by Hebb's rule.

    Args:
      weights: ``[n, n]``, as `hebb` returns them.
      pattern: ``[n]`` of +1 and -1.

    Returns:
      ``[n, n]``.

    Raises:
      ValueError: if the pattern has another shape or other values.

    Examples:
      >>> import jax.numpy as jnp
      >>> add_hebb(jnp.zeros((2, 2)), jnp.array([1.0, -1.0])).tolist()
      [[0.0, -0.5], [-0.5, 0.0]]
    """
    x = _one(weights, pattern)
    return weights + _off_diagonal(jnp.outer(x, x) / x.shape[0])


def storkey(patterns: jax.Array) -> jax.Array:
    """Storkey's rule: Hebb's, less what the weights so far already say of the pattern.

    w_ij += 1/n (x_i x_j - x_i h_ji - h_ij x_j),  h_ij = sum_{k not i, j} w_ik x_k

    One pattern after the other, each unit seeing no more than its own field. Holds
    n / sqrt(2 ln n) random patterns without an error.

    Storkey (1997), doi 10.1007/BFb0020196.

    Args:
      patterns: ``[patterns, n]`` of +1 and -1; the later ones are kept a little better.

    Returns:
      ``[n, n]``.

    Raises:
      ValueError: if the patterns have another shape or other values.

    Examples:
      >>> import jax.numpy as jnp
      >>> storkey(jnp.array([[1.0, -1.0], [1.0, 1.0]])).tolist()
      [[1.5, 0.0], [0.0, 1.5]]
    """
    x = require_bipolar("patterns", patterns)
    nothing = jnp.zeros((x.shape[1],) * 2, x.dtype)
    return jax.lax.scan(lambda w, one: (_storkey_step(w, one), None), nothing, x)[0]


def add_storkey(weights: jax.Array, pattern: jax.Array) -> jax.Array:
    """One pattern more by Storkey's rule.

    Args:
      weights: ``[n, n]``, as `storkey` returns them.
      pattern: ``[n]`` of +1 and -1.

    Returns:
      ``[n, n]``.

    Raises:
      ValueError: if the pattern has another shape or other values.

    Examples:
      >>> import jax.numpy as jnp
      >>> add_storkey(jnp.zeros((2, 2)), jnp.array([1.0, -1.0])).tolist()
      [[0.5, -0.5], [-0.5, 0.5]]
    """
    return _storkey_step(weights, _one(weights, pattern))


def _storkey_step(w: jax.Array, x: jax.Array) -> jax.Array:
    own = jnp.diagonal(w) * x
    # w_ij x_j leaves out k = j; on the diagonal, where i = j, that was left out before
    field = (w @ x - own)[:, None] - _off_diagonal(w) * x[None, :]
    told = field * x[None, :]
    return w + (jnp.outer(x, x) - told - told.T) / x.shape[0]


def pseudo_inverse(patterns: jax.Array) -> jax.Array:
    """The projection on the patterns: every one is a fixed point, up to n of them.

    W = X^+ X,  so that W x_p = x_p and the trace is the number of patterns

    Not local: each weight depends on all patterns. The nearer to n patterns, the smaller the
    region from which one is recalled: beyond n / 2 hardly any.

    Personnaz, Guyon and Dreyfus (1986), doi 10.1103/PhysRevA.34.4217.

    Args:
      patterns: ``[patterns, n]`` of +1 and -1, linearly independent.

    Returns:
      ``[n, n]``.

    Raises:
      ValueError: if the patterns have another shape or other values, or if one of them is a sum of
        others (not seen under a trace, except that there are more than n).

    Examples:
      >>> import jax.numpy as jnp
      >>> pseudo_inverse(jnp.array([[1.0, 1.0]])).round(3).tolist()
      [[0.5, 0.5], [0.5, 0.5]]
    """
    x = require_bipolar("patterns", patterns)
    count, n = x.shape
    if count > n:
        raise ValueError(
            f"patterns must be linearly independent for pseudo_inverse, got {count} of {n} units; "
            f"store at most {n}, or store them with storkey"
        )
    directions, triangle = jnp.linalg.qr(x.T)
    _require_independent(triangle, n)
    return directions @ directions.T


def add_pseudo_inverse(weights: jax.Array, pattern: jax.Array) -> jax.Array:
    """One pattern more in the projection; one that it holds already changes nothing.

    W += r r^T / (r.r),  r = x - W x

    Greville (1960), doi 10.1137/1002004.

    Args:
      weights: ``[n, n]``, as `pseudo_inverse` returns them.
      pattern: ``[n]`` of +1 and -1.

    Returns:
      ``[n, n]``.

    Raises:
      ValueError: if the pattern has another shape or other values.

    Examples:
      >>> import jax.numpy as jnp
      >>> add_pseudo_inverse(jnp.zeros((2, 2)), jnp.array([1.0, -1.0])).tolist()
      [[0.5, -0.5], [-0.5, 0.5]]
    """
    x = _one(weights, pattern)
    new = x - weights @ x
    square = jnp.sum(jnp.square(new))
    known = square < jnp.square(_tolerance(x.shape[0], x.dtype)) * x.shape[0]
    share = jnp.where(known, 0.0, 1 / jnp.where(known, 1.0, square))
    return weights + share * jnp.outer(new, new)


def _require_independent(triangle: jax.Array, n: int) -> None:
    """Each pattern must have a part that those before it lack: the diagonal of the QR."""
    if isinstance(triangle, jax.core.Tracer):
        return
    parts = jnp.abs(jnp.diagonal(triangle))
    dependent = parts < _tolerance(n, parts.dtype) * math.sqrt(n)
    if bool(jnp.any(dependent)):
        place = int(jnp.argmax(dependent))
        raise ValueError(
            f"patterns must be linearly independent for pseudo_inverse, but patterns[{place}] is "
            "made up of those before it; leave it out (a pattern twice, or with its negative: "
            "np.unique(patterns, axis=0)), or store them with storkey"
        )


def _tolerance(n: int, dtype: jnp.dtype) -> float:
    """What rounding leaves of a pattern of length 1 from which all of itself was taken."""
    return 4 * n * float(jnp.finfo(dtype).eps)


def _one(weights: jax.Array, pattern: jax.Array) -> jax.Array:
    """The pattern, of the size and the dtype of the weights."""
    x = require_bipolar("pattern", pattern, ndim=1)
    if weights.shape != (x.shape[0],) * 2:
        raise ValueError(
            f"pattern must have the shape ({weights.shape[-1]},), as those stored, got {x.shape}"
        )
    return x.astype(weights.dtype)


def _off_diagonal(weights: jax.Array) -> jax.Array:
    return weights * (1 - jnp.eye(weights.shape[0], dtype=weights.dtype))


def _hebb_capacity(n: int) -> float:
    return 0.138 * n


def _storkey_capacity(n: int) -> float:
    return n / math.sqrt(2 * math.log(max(n, 2)))


_RULES: dict[Callable[[jax.Array], jax.Array], Storage] = {
    hebb: Storage(hebb, add_hebb, _hebb_capacity),
    storkey: Storage(storkey, add_storkey, _storkey_capacity),
    pseudo_inverse: Storage(pseudo_inverse, add_pseudo_inverse, float),
}


def as_storage(memory: str, storage: Callable[[jax.Array], jax.Array] | Storage) -> Storage:
    """A rule with what belongs to it; of a function that is not known here that is nothing."""
    if isinstance(storage, Storage):
        return storage
    if not callable(storage):
        raise TypeError(
            f"{memory}: storage must be a function (patterns) -> weights such as "
            f"jaxbrain.memory.hebb, or a Storage, got {storage!r}"
        )
    return _RULES.get(storage, Storage(storage))


def as_add(storage: Storage) -> Callable[[jax.Array, jax.Array], jax.Array] | None:
    """The add of a memory whose params are the weights."""
    rule = storage.add
    if rule is None:
        return None

    def add(params: jax.Array, pattern: jax.Array) -> jax.Array:
        return rule(params, pattern)

    return add


def warn_of_load(memory: str, storage: Storage, patterns: jax.Array) -> None:
    """Warn where more patterns are stored than the rule can hold."""
    if storage.capacity is None or jnp.ndim(patterns) != 2:
        return
    count, n = jnp.shape(patterns)
    limit = storage.capacity(n)
    if count > limit:
        warnings.warn(
            f"{memory}: {count} patterns are more than {storage} can hold in {n} units, which is "
            f"about {limit:.0f} of random patterns; expect errors in recall",
            stacklevel=3,
        )
