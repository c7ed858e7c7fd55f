"""Bidirectional associative memory: either side of a pair recalls the other."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.eager import loops
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Info, Memory
from jaxbrain.memory.patterns import (
    require_as_many,
    require_bipolar,
    require_pair,
    require_size,
    sign_or_stay,
    warn_when_full,
)
from jaxbrain.memory.relaxation import relax


@configured
def bidirectional_associative_memory(*, max_steps: int = 100) -> Memory:
    """Bidirectional associative memory (BAM): either side of a pair recalls the other.

    W = sum_k a_k b_k^T;  b <- sgn(a W), a <- sgn(W b) until neither changes;  E = -a W b

    Patterns are pairs ``([pairs, p], [pairs, q])`` of +1 and -1, fewer than min(p, q) of them; the
    cue is one a ``[p]`` and the state ``(a, b)``. A unit without input keeps its sign (a unit of b
    starts from +1), so that every change lowers the energy and recall always converges.

    The transpose stores the pairs the other way round: ``recall({"weights": W.T}, b)`` returns
    ``(b, a)``.

    Args:
      max_steps: maximum number of rounds, to a and back to b.

    References:
      Kosko (1988), Bidirectional associative memories, doi 10.1109/21.87054.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> memory = bidirectional_associative_memory()
      >>> a = jnp.array([[1, -1, 1, -1, 1, -1], [1, 1, 1, -1, -1, -1]])
      >>> b = jnp.array([[1, 1, -1, -1], [1, -1, 1, -1]])
      >>> params = memory.store((a, b))
      >>> (_, recalled), info = memory.recall(params, jnp.array([-1, -1, 1, -1, 1, -1]))
      >>> recalled.tolist(), float(info.energy)
      ([1.0, 1.0, -1.0, -1.0], -24.0)
      >>> (_, recalled), _ = memory.recall({"weights": params["weights"].T}, b[1])
      >>> recalled.tolist()
      [1.0, 1.0, 1.0, -1.0, -1.0, -1.0]
    """
    where = "bidirectional_associative_memory"
    require_count(where, "max_steps", max_steps)

    def store(patterns: Any) -> Any:
        a, b = require_pair(where, patterns)
        a, b = require_bipolar("patterns[0]", a), require_bipolar("patterns[1]", b)
        require_as_many(a, b)
        limit = min(a.shape[1], b.shape[1])
        holds = f"fewer than the smaller side, min(p, q) = {limit} (Kosko 1988)"
        warn_when_full(len(a) >= limit, where, f"{len(a)} pairs", holds)
        return {"weights": a.T @ b.astype(a.dtype)}

    @loops(check=_require_cue)
    def recall(params: Any, cue: Any, *, key: jax.Array | None = None) -> tuple[Any, Info]:
        weights = params["weights"]
        a = require_bipolar("cue", cue, size=weights.shape[0]).astype(weights.dtype)
        b = sign_or_stay(a @ weights, jnp.ones_like(weights[0]))

        def there_and_back(state: Any, step: jax.Array) -> Any:
            a = sign_or_stay(weights @ state[1], state[0])
            return a, sign_or_stay(a @ weights, state[1])

        def at_rest(before: Any, after: Any) -> jax.Array:
            return jnp.array_equal(before[0], after[0]) & jnp.array_equal(before[1], after[1])

        state, steps, converged = relax(there_and_back, (a, b), max_steps, at_rest)
        return state, Info(steps, converged, energy(params, state))

    def energy(params: Any, state: Any) -> jax.Array:
        weights = params["weights"]
        a, b = require_pair(where, state, "state")
        a = require_size("state[0]", a, weights.shape[0]).astype(weights.dtype)
        b = require_size("state[1]", b, weights.shape[1]).astype(weights.dtype)
        return -(a @ weights @ b)

    def add(params: Any, pattern: Any) -> Any:
        weights = params["weights"]
        a, b = require_pair(where, pattern, "pattern")
        a = require_bipolar("pattern[0]", a, size=weights.shape[0]).astype(weights.dtype)
        b = require_bipolar("pattern[1]", b, size=weights.shape[1]).astype(weights.dtype)
        return {"weights": weights + jnp.outer(a, b)}

    return Memory(store, recall, energy, add)


def _require_cue(params: Any, cue: Any, **_: Any) -> None:
    require_bipolar("cue", cue, size=params["weights"].shape[0])
