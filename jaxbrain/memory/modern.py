"""The modern Hopfield network: patterns of real numbers, recalled by attention."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_count, require_positive
from jaxbrain.core.types import Memory, Params
from jaxbrain.memory.patterns import Info, as_floats, require_size
from jaxbrain.memory.relaxation import relax


@configured
def modern_hopfield(
    *, beta: float | jax.Array, max_steps: int = 1, tolerance: float | jax.Array = 1e-4
) -> Memory:
    """A memory of real-valued patterns X whose update is attention.

    s <- X^T softmax(beta X s)

    E(s) = -lse(beta, X s) + s.s / 2 + ln(K) / beta + max_mu |x_mu|^2 / 2

    lse(beta, h) = ln(sum_mu exp(beta h_mu)) / beta

    One step is nearly always enough where patterns are well apart; where they are not, the state
    comes to rest at the mean of those near the cue. The error after one step falls exponentially
    with beta times the separation min_nu (x_mu.x_mu - x_mu.x_nu).

    Args:
      beta: the inverse temperature, positive; attention has 1 / sqrt(features). Under
        ``jax.vmap``, many at once.
      max_steps: updates at most. With 1 the recall is differentiable in both directions, with
        more in the forward direction alone, as is every loop of unknown length.
      tolerance: the recall ends where no feature moves more than this.

    Returns:
      A memory of ``[patterns, features]`` with params ``{"patterns"}``; the energy is never
      negative. It makes no noise: a key changes nothing. ``add`` appends: the shapes of the
      params grow, and jit compiles anew.

    Raises:
      ValueError: if beta or max_steps is not positive, tolerance is negative, or at trace time if
        patterns or a cue do not have the shape.

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
        return {"patterns": require_patterns(patterns)}

    def recall(params: Params, cue: Any, *, key: jax.Array | None = None) -> tuple[Any, Info]:
        patterns = params["patterns"]
        cue = require_size("cue", cue, patterns.shape[1]).astype(patterns.dtype)
        sharpness, limit = as_number(beta, patterns), as_number(tolerance, patterns)

        def update(state: jax.Array, step: jax.Array) -> jax.Array:
            return jax.nn.softmax(sharpness * (state @ patterns.T)) @ patterns

        def at_rest(before: jax.Array, after: jax.Array) -> jax.Array:
            return jnp.all(jnp.abs(after - before) <= limit)

        state, steps, still = relax(update, cue, max_steps, at_rest)
        return state, Info(steps, still, energy(params, state))

    def energy(params: Params, state: Any) -> jax.Array:
        patterns = params["patterns"]
        state = require_size("state", state, patterns.shape[1]).astype(patterns.dtype)
        sharpness = as_number(beta, patterns)
        soft = jax.nn.logsumexp(sharpness * (state @ patterns.T)) / sharpness
        count = jnp.log(as_number(len(patterns), patterns)) / sharpness
        largest = jnp.max(jnp.sum(patterns**2, axis=1))
        return -soft + jnp.sum(state**2) / 2 + count + largest / 2

    def add(params: Params, pattern: Any) -> Params:
        return append(params, pattern)

    options = [] if isinstance(beta, Tracer) else [f"beta={float(beta):g}"]
    options += [f"max_steps={max_steps}"] if max_steps != 1 else []
    return Memory(store, recall, energy, add)


def require_patterns(patterns: Any) -> jax.Array:
    """Patterns of real numbers as an array of floats ``[patterns, features]``."""
    array = as_floats(patterns)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"patterns must have the shape [patterns, features], got {array.shape}")
    return array


def append(params: Params, pattern: Any) -> Params:
    """The patterns stored and one more; the shape of the params grows."""
    before = params["patterns"]
    pattern = require_size("pattern", pattern, before.shape[1])
    return {"patterns": jnp.concatenate([before, pattern.astype(before.dtype)[None]])}
