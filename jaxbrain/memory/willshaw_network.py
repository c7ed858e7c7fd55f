"""The Willshaw memory: sparse patterns of zeros and ones in synapses that are on or off."""

import warnings
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_fraction, require_positive
from jaxbrain.core.types import Memory
from jaxbrain.memory.patterns import Info, as_floats, require_as_many, require_size


@configured
def willshaw(*, threshold: float = 1.0) -> Memory:
    """The Willshaw memory (non-holographic associative memory): binary synapses, sparse patterns.

    W_ij = 1 if any pattern has a_i = b_j = 1, else 0;  b_j = 1 if sum_i a_i W_ij >= theta sum_i a_i

    Patterns hold 0 and 1: a pair ``[patterns, n]``, ``[patterns, m]``, or one array, whose patterns
    recall themselves. From any part of a stored pattern the whole is recalled, never less; what
    is too much is the law of `willshaw_load`: a unit is spuriously on with a probability of about
    load^k for a cue of k active units. Recall is one step and has no energy.

    Args:
      threshold: theta, the share of the active units of the cue that an output needs. 1 is the
        paper's; less for cues with active units that are wrong.

    Returns:
      A Memory without an energy; it adds one pattern at a time. Its synapses are booleans.

    Raises:
      ValueError: if threshold is not above 0 and at most 1; storing, if the patterns hold other
        than 0 and 1; recalling, if the cue does, or is not of the size stored.

    Warns:
      UserWarning: storing more patterns than `willshaw_capacity`.

    References:
      Willshaw, Buneman & Longuet-Higgins (1969), Non-holographic associative memory,
      doi 10.1038/222960a0.

    Examples:
      >>> import jax.numpy as jnp
      >>> memory = willshaw()
      >>> patterns = jnp.array([[1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0, 0, 0]])
      >>> params = memory.store(patterns)
      >>> state, _ = memory.recall(params, jnp.array([1, 1, 0, 0, 0, 0, 0, 0]))
      >>> state.astype(int).tolist()
      [1, 1, 1, 0, 0, 0, 0, 0]
    """
    require_fraction("willshaw", "threshold", threshold)
    require_positive("willshaw", "threshold", threshold)

    def store(patterns: Any) -> Any:
        a, b = _sides(patterns)
        a, b = _require_binary("patterns", a, 2), _require_binary("patterns", b, 2)
        require_as_many(a, b)
        _warn_when_full(a, b)
        return {"synapses": a.T @ b.astype(a.dtype) > 0}

    def recall(params: Any, cue: Any, *, key: jax.Array | None = None) -> tuple[Any, Info]:
        synapses = params["synapses"]
        cue = _require_binary("cue", require_size("cue", cue, synapses.shape[0]), 1)
        sums, active = cue @ synapses.astype(cue.dtype), jnp.sum(cue)
        # sums are whole numbers: half a thousandth is for theta times active, which is rounded
        enough = sums + 5e-4 >= jnp.asarray(threshold).astype(cue.dtype) * active
        state = (enough & (active > 0)).astype(cue.dtype)
        return state, Info(jnp.int32(1), jnp.bool_(True), None)

    def add(params: Any, pattern: Any) -> Any:
        synapses = params["synapses"]
        a, b = _sides(pattern)
        a = _require_binary("pattern", require_size("pattern", a, synapses.shape[0]), 1)
        b = _require_binary("pattern", require_size("pattern", b, synapses.shape[1]), 1)
        return {"synapses": synapses | ((a > 0)[:, None] & (b > 0)[None])}

    return Memory(store, recall, None, add)


def willshaw_load(
    patterns: int | jax.Array, activity: float | jax.Array, other: float | jax.Array
) -> jax.Array:
    """The share of synapses that are on after so many random patterns.

    p = 1 - (1 - f_a f_b)^M

    Args:
      patterns: M.
      activity: f_a, the share of active units of one side.
      other: f_b, that of the other side.

    Returns:
      From 0 to 1, in the default float.

    Examples:
      >>> round(float(willshaw_load(1000, 0.02, 0.03)), 4)
      0.4513
    """
    number = jnp.asarray(patterns, float)
    both = jnp.asarray(activity, float) * jnp.asarray(other, float)
    return -jnp.expm1(number * jnp.log1p(-both))


def willshaw_capacity(activity: float | jax.Array, other: float | jax.Array) -> jax.Array:
    """The number of random patterns that turn half of the synapses on.

    M = ln(1/2) / ln(1 - f_a f_b), about ln 2 / (f_a f_b)

    There a synapse holds most: ln 2 = 0.69 bits, for cues of log2 m active units and m large.

    Args:
      activity: f_a, the share of active units of one side.
      other: f_b, that of the other side.

    Returns:
      In the default float.

    Examples:
      >>> round(float(willshaw_capacity(0.02, 0.03)))
      1155
    """
    both = jnp.asarray(activity, float) * jnp.asarray(other, float)
    return -jnp.log(jnp.asarray(2, float)) / jnp.log1p(-both)


def _sides(patterns: Any) -> tuple[Any, Any]:
    """A pair as it is; one array is a pair with itself."""
    if isinstance(patterns, tuple) and len(patterns) == 2:
        return patterns[0], patterns[1]
    return patterns, patterns


def _require_binary(name: str, patterns: Any, ndim: int) -> jax.Array:
    """The patterns as an array of floats; refuse others than 0 and 1 where they are known."""
    array = as_floats(patterns)
    if array.ndim != ndim or array.size == 0:
        wanted = "[patterns, units]" if ndim == 2 else "[units]"
        raise ValueError(f"{name} must have the shape {wanted}, got {array.shape}")
    if not isinstance(array, jax.core.Tracer) and not bool(jnp.all((array == 0) | (array == 1))):
        wrong = array[(array != 0) & (array != 1)][0]
        raise ValueError(
            f"{name} must hold 0 and 1 alone, got {float(wrong):g}; of signs make (signs + 1) / 2"
        )
    return array


def _warn_when_full(a: jax.Array, b: jax.Array) -> None:
    if isinstance(a, jax.core.Tracer) or isinstance(b, jax.core.Tracer):
        return
    activity, other = float(jnp.mean(a)), float(jnp.mean(b))
    if 0 < activity * other < 1 and len(a) > (limit := float(willshaw_capacity(activity, other))):
        warnings.warn(
            f"willshaw: {len(a)} patterns are more than it can hold: with shares of active units "
            f"of {activity:.3g} and {other:.3g} half of the synapses are on after {limit:.0f}, "
            "and beyond that recall adds units that are wrong; make the patterns sparser",
            UserWarning,
            stacklevel=3,
        )
