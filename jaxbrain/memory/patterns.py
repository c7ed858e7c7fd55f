"""Patterns: corruption, overlap, and the checks that memories share."""

from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from jaxbrain.core.annotations import AsArray, Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import on_device
from jaxbrain.core.notice import warn
from jaxbrain.core.requirements import require_fraction


@checked
def corrupt(key: Key, pattern: AsArray, fraction: float) -> jax.Array:
    """A pattern with a fraction of its bits flipped, at random places.

    Args:
      key: of the places.
      pattern: ``[n]`` of +1 and -1.
      fraction: of the bits, 0 to 1; exactly ``round(fraction * n)`` are flipped.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> int(jnp.sum(corrupt(jax.random.key(0), jnp.ones(100), 0.2) < 0))
      20
    """
    require_fraction("corrupt", "fraction", fraction)
    n = pattern.shape[-1]
    places = jnp.arange(n) < jnp.round(jnp.asarray(fraction) * n).astype(int)
    return jnp.where(jax.random.permutation(key, places), -pattern, pattern)


@checked
def mask(pattern: AsArray, fraction: float, *, value: float = -1.0) -> jax.Array:
    """A pattern whose end is hidden: its last part has one value.

    Args:
      pattern: ``[n]``; the end of an image that is flattened by rows is its lower part.
      fraction: of the pattern, 0 to 1.
      value: of the hidden part, such as the background of an image, or 0 for unknown bits.

    Examples:
      >>> import jax.numpy as jnp
      >>> mask(jnp.array([1.0, -1.0, 1.0, 1.0]), 0.5).tolist()
      [1.0, -1.0, -1.0, -1.0]
    """
    require_fraction("mask", "fraction", fraction)
    n = pattern.shape[-1]
    seen = jnp.arange(n) < n - jnp.round(jnp.asarray(fraction) * n).astype(int)
    return jnp.where(seen, pattern, jnp.asarray(value, pattern.dtype))


@checked
def overlap(state: AsArray, pattern: AsArray) -> jax.Array:
    """Overlap of two patterns: 1 if they are equal, 0 if unrelated, -1 if opposite.

    m = 1/n sum_i s_i x_i; the fraction of wrong bits is (1 - m) / 2

    Args:
      state: s ``[n]`` of +1 and -1.
      pattern: x ``[n]`` of +1 and -1.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(overlap(jnp.array([1.0, 1.0, -1.0, 1.0]), jnp.ones(4)))
      0.5
    """
    if state.shape != pattern.shape:
        raise ValueError(
            f"overlap: state {state.shape} and pattern {pattern.shape} must have the same shape"
        )
    return jnp.mean(state * pattern)


def require_bipolar(name: str, patterns: Any, *, size: int | None = None) -> jax.Array:
    """Patterns of +1 and -1 as floats: one of a given size, else ``[patterns, units]``."""
    return _require_values(
        name, patterns, size, lambda a: jnp.abs(a) == 1, "+1 and -1", "bits make 2 * bits - 1"
    )


def require_binary(name: str, patterns: Any, *, size: int | None = None) -> jax.Array:
    """Patterns of 0 and 1 as floats: one of a given size, else ``[patterns, units]``."""
    good = lambda a: (a == 0) | (a == 1)  # noqa: E731
    return _require_values(name, patterns, size, good, "0 and 1", "signs make (signs + 1) / 2")


def _require_values(
    name: str,
    patterns: Any,
    size: int | None,
    good: Callable[[jax.Array], jax.Array],
    wanted: str,
    advice: str,
) -> jax.Array:
    """Refuse other shapes, and other values unless they are traced."""
    array = require_rows(name, patterns) if size is None else require_size(name, patterns, size)
    if not isinstance(array, jax.core.Tracer) and not bool(jnp.all(good(array))):
        wrong = float(array[~good(array)][0])
        raise ValueError(f"{name} must hold only {wanted}, got {wrong:g}; of {advice}")
    return array


def require_rows(name: str, patterns: Any) -> jax.Array:
    """Patterns ``[patterns, units]`` as floats; refuse other shapes."""
    array = as_floats(patterns, name)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must have the shape [patterns, units], got {array.shape}")
    return array


def require_size(name: str, cue: Any, n: int) -> jax.Array:
    """A cue ``[n]`` as floats; refuse other sizes than that of the stored patterns."""
    array = as_floats(cue, name)
    if array.shape != (n,):
        raise ValueError(
            f"{name} must have the shape ({n},), as the stored patterns, got {array.shape}; "
            "many cues: jax.vmap(memory.recall, in_axes=(None, 0))"
        )
    return array


def require_pair(memory: str, patterns: Any, name: str = "patterns") -> tuple[Any, Any]:
    """Both sides of a pair; refuse anything else."""
    if not isinstance(patterns, tuple | list) or len(patterns) != 2:
        got = type(patterns).__name__
        raise ValueError(f"{name} must be a pair of arrays for {memory}, got {got}; pass (a, b)")
    return patterns[0], patterns[1]


def require_as_many(a: jax.Array, b: jax.Array) -> None:
    """Refuse sides of different numbers of rows."""
    if len(a) != len(b):
        raise ValueError(
            f"patterns must have as many rows on both sides, got {len(a)} and {len(b)}: "
            "row i of one side belongs to row i of the other"
        )


def warn_when_full(full: bool, memory: str, stored: str, capacity: str) -> None:
    """Warn of overload, at the line that calls ``store`` or ``add``."""
    if full:
        warn(f"{memory}: {stored} are more than it can hold: {capacity}")


def append(patterns: jax.Array, pattern: jax.Array) -> jax.Array:
    """The stored patterns ``[patterns, units]`` with one row more."""
    return jnp.concatenate([patterns, pattern.astype(patterns.dtype)[None]])


def sign_or_stay(field: jax.Array, state: jax.Array, tie: float | jax.Array = 0.0) -> jax.Array:
    """The sign of the field; the state where the field is not larger than the tie."""
    return jnp.where(jnp.abs(field) <= tie, state, jnp.sign(field))


def as_floats(values: Any, name: str = "values") -> jax.Array:
    """An array of floats: integers become the default float."""
    array = on_device("", name, values)
    if jnp.issubdtype(array.dtype, jnp.floating):
        return array
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise TypeError(f"a memory keeps real numbers, got dtype {array.dtype}; use x.real")
    return array.astype(jnp.result_type(float))
