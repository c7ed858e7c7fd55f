"""Bidirectional associative memory: pairs, each side of which recalls the other."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Memory
from jaxbrain.memory.patterns import (
    Info,
    require_as_many,
    require_bipolar,
    require_pair,
    require_size,
    sign_or_stay,
)


@configured
def bidirectional(*, max_steps: int = 100) -> Memory:
    """Bidirectional associative memory (BAM): either side of a pair recalls the other.

    W = sum_k a_k b_k^T;  b <- sgn(a W), a <- sgn(W b) until neither moves;  E = -a W b

    A unit whose input is zero keeps its sign, so the energy falls with every change and recall
    always comes to rest. What is stored is a pair of ``[pairs, p]`` and ``[pairs, q]``, of +1 and
    -1; the cue is of the first side, ``[p]``, and the state a pair ``(a, b)``. From the other
    side: `swap_sides`. At the start, where b is not known yet, a b without input is +1.

    Args:
      max_steps: rounds, to a and back to b, at most.

    Returns:
      A Memory with an energy; it adds one pair at a time.

    Raises:
      ValueError: if max_steps is no positive integer; storing, if the patterns are no pair of as
        many rows of +1 and -1; recalling, if the cue is not of the size stored, or not +1 and -1.

    Warns:
      UserWarning: storing min(p, q) pairs or more.

    References:
      Kosko (1988), Bidirectional associative memories, doi 10.1109/21.87054.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> memory = bidirectional()
      >>> a = jnp.array([[1, -1, 1, -1, 1, -1], [1, 1, 1, -1, -1, -1]])
      >>> b = jnp.array([[1, 1, -1, -1], [1, -1, 1, -1]])
      >>> params = memory.store((a, b))
      >>> state, info = memory.recall(params, jnp.array([-1, -1, 1, -1, 1, -1]))
      >>> [side.tolist() for side in state]
      [[1.0, -1.0, 1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]]
      >>> bool(info.converged), float(info.energy)
      (True, -24.0)
    """
    require_count("bidirectional", "max_steps", max_steps)

    def store(patterns: Any) -> Any:
        a, b = require_pair("bidirectional", patterns)
        a, b = require_bipolar("patterns[0]", a), require_bipolar("patterns[1]", b)
        require_as_many(a, b)
        _warn_when_full(len(a), min(a.shape[1], b.shape[1]))
        return {"weights": a.T @ b.astype(a.dtype)}

    def recall(params: Any, cue: Any, *, key: jax.Array | None = None) -> tuple[Any, Info]:
        weights = params["weights"]
        require_size("cue", cue, weights.shape[0])
        a = require_bipolar("cue", cue, ndim=1).astype(weights.dtype)
        b = sign_or_stay(a @ weights, jnp.ones_like(weights[0]))

        def going(carry: Any) -> jax.Array:
            _, steps, moved = carry
            return moved & (steps < max_steps)

        def step(carry: Any) -> Any:
            (a, b), steps, _ = carry
            new_a = sign_or_stay(weights @ b, a)
            new_b = sign_or_stay(new_a @ weights, b)
            moved = jnp.any(new_a != a) | jnp.any(new_b != b)
            return (new_a, new_b), steps + 1, moved

        start = (a, b), jnp.int32(0), jnp.bool_(True)
        state, steps, moved = jax.lax.while_loop(going, step, start)
        return state, Info(steps, ~moved, energy(params, state))

    def energy(params: Any, state: Any) -> jax.Array:
        a, b = state
        return -(a @ params["weights"] @ b)

    def add(params: Any, pattern: Any) -> Any:
        weights = params["weights"]
        a, b = require_pair("bidirectional", pattern, "pattern")
        require_size("pattern[0]", a, weights.shape[0])
        require_size("pattern[1]", b, weights.shape[1])
        a = require_bipolar("pattern[0]", a, ndim=1).astype(weights.dtype)
        b = require_bipolar("pattern[1]", b, ndim=1).astype(weights.dtype)
        return {"weights": weights + jnp.outer(a, b)}

    return Memory(store, recall, energy, add)


def swap_sides(params: Any) -> Any:
    """The same pairs the other way round: recall then takes a cue of b and returns ``(b, a)``.

    Args:
      params: of a `bidirectional` memory.

    Returns:
      Params of the same memory.

    Examples:
      >>> import jax.numpy as jnp
      >>> memory = bidirectional()
      >>> params = memory.store((jnp.array([[1, -1, 1]]), jnp.array([[-1, 1]])))
      >>> state, _ = memory.recall(swap_sides(params), jnp.array([-1, 1]))
      >>> [side.tolist() for side in state]
      [[-1.0, 1.0], [1.0, -1.0, 1.0]]
    """
    return {"weights": params["weights"].T}


def _warn_when_full(pairs: int, limit: int) -> None:
    if pairs >= limit:
        warnings.warn(
            f"bidirectional: {pairs} pairs are more than it can hold, which is below the smaller "
            f"side, min(p, q) = {limit} (Kosko 1988)",
            UserWarning,
            stacklevel=3,
        )
