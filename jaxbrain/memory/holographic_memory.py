"""Holographic memory: pairs of symbols superimposed in one vector."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Info, Memory
from jaxbrain.memory.patterns import require_as_many, require_pair, warn_when_full
from jaxbrain.memory.symbols import VectorSymbols, as_inexact, clean_up


@configured
def holographic(symbols: VectorSymbols) -> Memory:
    """Holographic memory: pairs of symbols superimposed in one vector.

    t = sum_k key_k * value_k;  recall(key): the stored value most similar to unbind(t, key)

    Patterns are a pair ``(keys [pairs, n], values [pairs, n])``, a cue is a key, the state its
    value. The trace t has the width n for any number of pairs; the values are stored for clean-up.
    Recall is one step and has no energy.

    Args:
      symbols: `holographic_reduced`, `fourier_holographic_reduced` or `multiply_add_permute`.

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
      >>> params["trace"].shape, bool((state == values[2]).all())
      ((256,), True)
    """

    def store(patterns: Any) -> Any:
        keys, values = require_pair("holographic", patterns)
        keys, values = _vectors("patterns[0]", keys), _vectors("patterns[1]", values)
        require_as_many(keys, values)
        if jnp.iscomplexobj(values) and not jnp.iscomplexobj(keys):
            raise ValueError(f"patterns[1] must be real, as the keys, got {values.dtype}")
        trace = jnp.sum(jax.vmap(symbols.bind)(keys, values.astype(keys.dtype)), axis=0)
        numbers = trace.size * (2 if jnp.iscomplexobj(trace) else 1)
        limit = holographic_capacity(numbers)
        holds = f"a trace of {numbers} real numbers answers {limit} without a mistake"
        warn_when_full(len(keys) > limit, "holographic", f"{len(keys)} pairs", holds)
        return {"trace": trace, "values": values}

    def recall(params: Any, cue: Any, *, key: jax.Array | None = None) -> tuple[Any, Info]:
        trace, values = params["trace"], params["values"]
        found = symbols.unbind(trace, _one("cue", cue, trace))
        state = values[clean_up(symbols, values, found)]
        return state, Info(jnp.int32(1), jnp.bool_(True), None)

    def add(params: Any, pattern: Any) -> Any:
        trace, values = params["trace"], params["values"]
        cue, value = require_pair("holographic", pattern, "pattern")
        cue, value = _one("pattern[0]", cue, trace), _one("pattern[1]", value, trace)
        more = jnp.concatenate([values, value.astype(values.dtype)[None]])
        return {"trace": trace + symbols.bind(cue, value), "values": more}

    return Memory(store, recall, None, add)


@checked
def holographic_capacity(n: int) -> int:
    """Number of pairs that a trace of n real numbers recalls with less than one mistake.

    The largest k with k (k - 1) Phi(-sqrt(n / 2k)) <= 1, at least 1

    One wrong value is chosen where crosstalk of variance 2 k / n exceeds the signal 1. There are
    k recalls with k - 1 wrong values each; the sum bounds the expected number of mistakes.

    Args:
      n: width of the vectors; twice the width of complex vectors.

    References:
      Plate (1995), doi 10.1109/72.377968; normal approximation: Frady, Kleyko & Sommer (2018),
      doi 10.1162/neco_a_01084.

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
    array = as_inexact(vectors, "vectors")
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must have the shape [pairs, n], got {array.shape}")
    return array


def _one(name: str, vector: Any, like: jax.Array) -> jax.Array:
    array = as_inexact(vector, "vector")
    if array.shape != like.shape:
        raise ValueError(
            f"{name} must have the shape {like.shape}, as the trace, got {array.shape}; "
            "many cues: jax.vmap(memory.recall, in_axes=(None, 0))"
        )
    if jnp.iscomplexobj(array) and not jnp.iscomplexobj(like):
        raise ValueError(f"{name} must be real, as the trace, got {array.dtype}")
    return array.astype(like.dtype)
