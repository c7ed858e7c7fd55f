"""A holographic memory: pairs of symbols in one vector."""

import math
import warnings
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Memory
from jaxbrain.memory.patterns import Info, require_as_many, require_pair
from jaxbrain.memory.symbols import VectorSymbols, as_inexact, clean_up


@configured
def holographic(symbols: VectorSymbols) -> Memory:
    """A holographic memory: pairs of symbols in one vector.

    t = sum_k key_k * value_k;  the value of a key is what of all values unbind(t, key) is most like

    What is stored is a pair ``(keys [pairs, n], values [pairs, n])``; the trace has the width n
    whatever their number, only the values, for the cleaning up, grow with it. A cue is a key, the
    state its value, clean. Recall is one step and has no energy.

    Args:
      symbols: `holographic_reduced`, `fourier_holographic_reduced` or `multiply_add_permute`.

    Returns:
      A Memory without an energy; it adds one pair at a time.

    Raises:
      TypeError: if symbols are none.
      ValueError: storing, if the patterns are no pair of as many vectors of the width of the
        symbols; recalling, if the cue is not one of that width.

    Warns:
      UserWarning: storing more pairs than `holographic_capacity`.

    References:
      Plate (1995), Holographic reduced representations, doi 10.1109/72.377968.

    Examples:
      >>> import jax
      >>> from jaxbrain.memory import holographic_reduced
      >>> symbols = holographic_reduced(256)
      >>> keys, values = symbols.draw(jax.random.key(0), 8).reshape(2, 4, 256)
      >>> memory = holographic(symbols)
      >>> params = memory.store((keys, values))
      >>> state, _ = memory.recall(params, keys[2])
      >>> bool((state == values[2]).all())
      True
    """
    if not isinstance(symbols, VectorSymbols):
        raise TypeError(
            "holographic: symbols must be VectorSymbols, such as holographic_reduced(1024), got "
            f"{type(symbols).__name__}"
        )
    bind = jax.vmap(symbols.bind)

    def store(patterns: Any) -> Any:
        keys, values = require_pair("holographic", patterns)
        keys, values = _vectors("patterns[0]", keys), _vectors("patterns[1]", values)
        require_as_many(keys, values)
        if jnp.iscomplexobj(values) and not jnp.iscomplexobj(keys):
            raise ValueError(f"patterns[1] must be real, as the keys, got {values.dtype}")
        trace = jnp.sum(bind(keys, values.astype(keys.dtype)), axis=0)
        _warn_when_full(len(keys), _reals(trace))
        return {"trace": trace, "values": values}

    def recall(params: Any, cue: Any, *, key: jax.Array | None = None) -> tuple[Any, Info]:
        trace, values = params["trace"], params["values"]
        cue = _one("cue", cue, trace)
        state = values[clean_up(symbols, values, symbols.unbind(trace, cue))]
        return state, Info(jnp.int32(1), jnp.bool_(True), None)

    def add(params: Any, pattern: Any) -> Any:
        trace, values = params["trace"], params["values"]
        cue, value = require_pair("holographic", pattern, "pattern")
        cue, value = _one("pattern[0]", cue, trace), _one("pattern[1]", value, trace)
        more = jnp.concatenate([values, value.astype(values.dtype)[None]])
        return {"trace": trace + symbols.bind(cue, value), "values": more}

    return Memory(store, recall, None, add)


def holographic_capacity(n: int) -> int:
    """The number of pairs that a trace of n real numbers answers with less than one mistake.

    The greatest k with k (k - 1) Phi(-sqrt(n / 2k)) <= 1

    One wrong value is taken for the right one where crosstalk of variance 2 k / n exceeds the
    signal, 1; there are k answers with k - 1 wrong values each, and the sum bounds the mistakes,
    on average.

    Args:
      n: width of the vectors; twice that where they are complex.

    Returns:
      A number of pairs, at least 1.

    Raises:
      ValueError: if n is no positive integer.

    References:
      Plate (1995), doi 10.1109/72.377968, and Frady, Kleyko & Sommer (2018),
      doi 10.1162/neco_a_01084, for the normal approximation.

    Examples:
      >>> holographic_capacity(1024)
      46
    """
    require_count("holographic_capacity", "n", n)
    k = 1
    while (k + 1) * k * math.erfc(math.sqrt(n / (4 * (k + 1)))) / 2 <= 1:
        k += 1
    return k


def _vectors(name: str, vectors: Any) -> jax.Array:
    array = as_inexact(vectors)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must have the shape [pairs, n], got {array.shape}")
    return array


def _one(name: str, vector: Any, like: jax.Array) -> jax.Array:
    array = as_inexact(vector)
    if array.shape != like.shape:
        raise ValueError(
            f"{name} must have the shape {like.shape}, as the trace, got {array.shape}; "
            "many cues: jax.vmap(memory.recall, in_axes=(None, 0))"
        )
    if jnp.iscomplexobj(array) and not jnp.iscomplexobj(like):
        raise ValueError(f"{name} must be real, as the trace, got {array.dtype}")
    return array.astype(like.dtype)


def _reals(trace: jax.Array) -> int:
    return trace.size * (2 if jnp.iscomplexobj(trace) else 1)


def _warn_when_full(pairs: int, numbers: int) -> None:
    limit = holographic_capacity(numbers)
    if pairs > limit:
        warnings.warn(
            f"holographic: {pairs} pairs are more than it can hold: a trace of {numbers} real "
            f"numbers answers {limit} without a mistake; take wider symbols",
            UserWarning,
            stacklevel=3,
        )
