"""Willshaw memory: sparse patterns of zeros and ones in binary synapses."""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_fraction, require_positive
from jaxbrain.core.types import Info, Memory
from jaxbrain.memory.patterns import require_as_many, require_binary, warn_when_full


@configured
def willshaw(*, threshold: float = 1.0) -> Memory:
    """Willshaw memory (non-holographic associative memory): binary synapses, sparse patterns.

    W_ij = 1 if any pattern has a_i = b_j = 1, else 0;  b_j = 1 if sum_i a_i W_ij >= theta sum_i a_i

    Patterns are a pair ``([patterns, n], [patterns, m])`` of 0 and 1, or one array, whose patterns
    recall themselves. Any part of a stored pattern recalls all of its active units; for a cue of k
    active units, other units are active with a probability of about `willshaw_load` ^ k. Recall is
    one step and has no energy. params are ``{"synapses"}``, booleans.

    Args:
      threshold: theta, the fraction of the active units of the cue that an output needs, above 0.
        1 is that of the paper; lower for cues with wrong active units.

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
        a, b = (require_binary("patterns", side) for side in _sides(patterns))
        require_as_many(a, b)
        warn_when_full(*_load(a, b))
        return {"synapses": a.T @ b.astype(a.dtype) > 0}

    def recall(params: Any, cue: Any, *, key: jax.Array | None = None) -> tuple[Any, Info]:
        synapses = params["synapses"]
        cue = require_binary("cue", cue, size=synapses.shape[0])
        sums, active = cue @ synapses.astype(cue.dtype), jnp.sum(cue)
        # sums are whole numbers: 0.0005 is for the rounding of theta times active
        enough = sums + 5e-4 >= jnp.asarray(threshold).astype(cue.dtype) * active
        state = (enough & (active > 0)).astype(cue.dtype)
        return state, Info(jnp.int32(1), jnp.bool_(True), None)

    def add(params: Any, pattern: Any) -> Any:
        synapses = params["synapses"]
        pairs = zip(_sides(pattern), synapses.shape, strict=True)
        a, b = (require_binary("pattern", side, size=n) > 0 for side, n in pairs)
        return {"synapses": synapses | (a[:, None] & b[None])}

    return Memory(store, recall, None, add)


@checked
def willshaw_load(
    patterns: float | jax.Array | np.ndarray, activity: float | jax.Array, other: float | jax.Array
) -> jax.Array:
    """Fraction of active synapses after a number of random patterns.

    p = 1 - (1 - f_a f_b)^M

    Args:
      patterns: M.
      activity: f_a, the fraction of active units of one side.
      other: f_b, that of the other side.

    Examples:
      >>> round(float(willshaw_load(1000, 0.02, 0.03)), 4)
      0.4513
    """
    number = jnp.asarray(patterns, float)
    both = jnp.asarray(activity, float) * jnp.asarray(other, float)
    return -jnp.expm1(number * jnp.log1p(-both))


@checked
def willshaw_capacity(
    activity: float | jax.Array | np.ndarray, other: float | jax.Array | np.ndarray
) -> jax.Array:
    """Number of random patterns that activate half of the synapses.

    M = ln(1/2) / ln(1 - f_a f_b), about ln 2 / (f_a f_b)

    At this load a synapse stores most: ln 2 = 0.69 bits, for cues of log2 m active units, large m.

    Args:
      activity: f_a, the fraction of active units of one side.
      other: f_b, that of the other side.

    Examples:
      >>> round(float(willshaw_capacity(0.02, 0.03)))
      1155
    """
    both = jnp.asarray(activity, float) * jnp.asarray(other, float)
    return -jnp.log(jnp.asarray(2, float)) / jnp.log1p(-both)


def _sides(patterns: Any) -> tuple[Any, Any]:
    """Both sides of a pair; one array is a pair with itself."""
    if isinstance(patterns, tuple) and len(patterns) == 2:
        return patterns[0], patterns[1]
    return patterns, patterns


def _load(a: jax.Array, b: jax.Array) -> tuple[bool, str, str, str]:
    """The arguments of `warn_when_full`; activities that are traced are not checked."""
    if isinstance(a, jax.core.Tracer) or isinstance(b, jax.core.Tracer):
        return False, "willshaw", "", ""
    activity, other = float(jnp.mean(a)), float(jnp.mean(b))
    limit = float(willshaw_capacity(activity, other)) if 0 < activity * other < 1 else float("inf")
    holds = (
        f"at activities of {activity:.3g} and {other:.3g} half of the synapses are active after "
        f"{limit:.0f}, and recall then adds wrong units; take sparser patterns"
    )
    return len(a) > limit, "willshaw", f"{len(a)} patterns", holds
