"""The modern Hopfield network: real-valued patterns, recalled by attention."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.eager import loops
from jaxbrain.core.requirements import as_number, require_count, require_positive
from jaxbrain.core.types import Info, Memory, Params
from jaxbrain.memory.patterns import append, require_rows, require_size
from jaxbrain.memory.relaxation import relax


@configured
def modern_hopfield(
    *, beta: float | jax.Array, max_steps: int = 1, tolerance: float | jax.Array = 1e-4
) -> Memory:
    """The modern Hopfield network: the update of the state is attention.

    s <- X^T softmax(beta X s)
    E(s) = -lse(beta, X s) + s.s / 2 + ln(K) / beta + max_mu |x_mu|^2 / 2 >= 0

    lse(beta, h) = ln(sum_mu exp(beta h_mu)) / beta

    Where patterns are well separated, one step is nearly always enough: its error decreases
    exponentially with beta (x_mu.x_mu - max_nu x_mu.x_nu). Where they are not, the state converges
    to the mean of the patterns near the cue. params are ``{"patterns"}``, K of them.

    Args:
      beta: inverse temperature, positive; attention uses 1 / sqrt(units).
      max_steps: maximum number of updates. Recall is differentiable in both directions with 1, in
        the forward direction with more.
      tolerance: recall ends where no unit changes by more.

    Source: Ramsauer et al. 2021, arXiv 2008.02217.

    Examples:
      >>> import jax
      >>> patterns = jax.numpy.array([[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]])
      >>> memory = modern_hopfield(beta=8.0)
      >>> state, info = memory.recall(memory.store(patterns), jax.numpy.array([0.8, 0.3, 1.5]))
      >>> state.round(3).tolist()
      [1.0, 0.0, 2.0]
    """
    where = "modern_hopfield"
    require_positive(where, "beta", beta)
    require_count(where, "max_steps", max_steps)
    require_positive(where, "tolerance", tolerance, zero=True)

    def store(patterns: Any) -> Params:
        return {"patterns": require_rows("patterns", patterns)}

    @loops()
    def recall(params: Params, cue: Any, *, key: jax.Array | None = None) -> tuple[Any, Info]:
        patterns = params["patterns"]
        cue = require_size("cue", cue, patterns.shape[1]).astype(patterns.dtype)
        sharpness, limit = as_number(beta, patterns), as_number(tolerance, patterns)

        def update(state: jax.Array, step: jax.Array) -> jax.Array:
            return jax.nn.softmax(sharpness * (state @ patterns.T)) @ patterns

        def at_rest(before: jax.Array, after: jax.Array) -> jax.Array:
            return jnp.all(jnp.abs(after - before) <= limit)

        state, steps, converged = relax(update, cue, max_steps, at_rest)
        return state, Info(steps, converged, energy(params, state))

    def energy(params: Params, state: Any) -> jax.Array:
        patterns = params["patterns"]
        state = require_size("state", state, patterns.shape[1]).astype(patterns.dtype)
        sharpness = as_number(beta, patterns)
        soft = jax.nn.logsumexp(sharpness * (state @ patterns.T)) / sharpness
        count = jnp.log(as_number(len(patterns), patterns)) / sharpness
        largest = jnp.max(jnp.sum(patterns**2, axis=1))
        return -soft + jnp.sum(state**2) / 2 + count + largest / 2

    return Memory(store, recall, energy, add_row)


def add_row(params: Params, pattern: Any) -> Params:
    """``add`` of a memory whose params are its patterns."""
    before = params["patterns"]
    return {"patterns": append(before, require_size("pattern", pattern, before.shape[1]))}
