"""Patterns of +1 and -1: what memories require of them, how to spoil them, how like they are.

Also `Info`, which every recall returns beside the state.
"""

from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp

from jaxbrain.core.requirements import require_fraction


class Info(NamedTuple):
    """How a recall went.

    Attributes:
      steps: updates (of all units: sweeps) until it came to rest, or all that were allowed.
      converged: True where the last one changed nothing (or less than the tolerance).
      energy: of the state returned; None where the memory has no energy.
    """

    steps: jax.Array
    converged: jax.Array
    energy: jax.Array | None


def flip(key: jax.Array, pattern: jax.Array, fraction: float) -> jax.Array:
    """Turn over a fraction of the bits, at random places.

    Args:
      key: of the places.
      pattern: ``[n]`` of +1 and -1.
      fraction: of the bits; the number of flips is the nearest whole one, never another.

    Returns:
      ``[n]``.

    Raises:
      ValueError: if fraction is not from 0 to 1.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> int(jnp.sum(flip(jax.random.key(0), jnp.ones(100), 0.2) < 0))
      20
    """
    require_fraction("flip", "fraction", fraction)
    n = pattern.shape[-1]
    places = jnp.arange(n) < jnp.round(jnp.asarray(fraction) * n).astype(int)
    return jnp.where(jax.random.permutation(key, places), -pattern, pattern)


def cover(pattern: jax.Array, fraction: float, *, value: float = -1.0) -> jax.Array:
    """Hide the end of a pattern: what is covered has one value throughout.

    Args:
      pattern: ``[n]``; of an image flattened by rows the end is its lower part.
      fraction: of the pattern.
      value: of what is covered; the background of an image.

    Returns:
      ``[n]``.

    Raises:
      ValueError: if fraction is not from 0 to 1.

    Examples:
      >>> import jax.numpy as jnp
      >>> cover(jnp.array([1.0, -1.0, 1.0, 1.0]), 0.5).tolist()
      [1.0, -1.0, -1.0, -1.0]
    """
    require_fraction("cover", "fraction", fraction)
    n = pattern.shape[-1]
    seen = jnp.arange(n) < n - jnp.round(jnp.asarray(fraction) * n).astype(int)
    return jnp.where(seen, pattern, jnp.asarray(value, pattern.dtype))


def overlap(state: jax.Array, pattern: jax.Array) -> jax.Array:
    """How like two patterns are: 1 is equal, 0 unrelated, -1 the negative.

    m = 1/n sum_i s_i x_i

    Args:
      state: ``[n]`` of +1 and -1.
      pattern: ``[n]`` of +1 and -1.

    Returns:
      A scalar; the share of wrong bits is (1 - m) / 2.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(overlap(jnp.array([1.0, 1.0, -1.0, 1.0]), jnp.ones(4)))
      0.5
    """
    if state.shape != pattern.shape:
        raise ValueError(f"overlap: state {state.shape} and pattern {pattern.shape} must be alike")
    return jnp.mean(state * pattern)


def require_bipolar(name: str, patterns: Any, *, ndim: int = 2) -> jax.Array:
    """The patterns as an array of floats; refuse others than +1 and -1 where they are known."""
    array = as_floats(patterns)
    if array.ndim != ndim or array.size == 0:
        wanted = "[patterns, units]" if ndim == 2 else "[units]"
        raise ValueError(f"{name} must have the shape {wanted}, got {array.shape}")
    if not isinstance(array, jax.core.Tracer) and not bool(jnp.all(jnp.abs(array) == 1)):
        wrong = array[jnp.abs(array) != 1][0]
        raise ValueError(
            f"{name} must hold +1 and -1 alone, got {float(wrong):g}; of bits make 2 * bits - 1"
        )
    return array


def require_size(name: str, cue: Any, n: int) -> jax.Array:
    """The cue as an array of floats; refuse another size than that of the patterns stored."""
    array = as_floats(cue)
    if array.shape != (n,):
        raise ValueError(
            f"{name} must have the shape ({n},), as the patterns stored, got {array.shape}; "
            "many cues: jax.vmap(memory.recall, in_axes=(None, 0))"
        )
    return array


def require_pair(memory: str, patterns: Any, name: str = "patterns") -> tuple[Any, Any]:
    """Both sides; refuse what is no pair."""
    if not isinstance(patterns, tuple | list) or len(patterns) != 2:
        got = type(patterns).__name__
        raise ValueError(f"{name} must be a pair of arrays for {memory}, got {got}; pass (a, b)")
    return patterns[0], patterns[1]


def require_as_many(a: jax.Array, b: jax.Array) -> None:
    """Refuse sides of different numbers of rows."""
    if len(a) != len(b):
        raise ValueError(
            f"patterns must be as many on both sides, got {len(a)} and {len(b)}: "
            "row i of the one belongs to row i of the other"
        )


def sign_or_stay(field: jax.Array, state: jax.Array, tie: float | jax.Array = 0.0) -> jax.Array:
    """The sign of the field; where that is no more than the tie, the state."""
    return jnp.where(jnp.abs(field) <= tie, state, jnp.sign(field))


def as_floats(values: Any) -> jax.Array:
    """An array of floats: whole numbers become the default float."""
    array = jnp.asarray(values)
    if jnp.issubdtype(array.dtype, jnp.floating):
        return array
    return array.astype(jnp.result_type(float))
