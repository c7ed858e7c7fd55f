"""The loop of a recall: updates until nothing changes, up to a maximum number."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def relax(
    update: Callable[[Any, jax.Array], Any],
    state: Any,
    max_steps: int,
    at_rest: Callable[[Any, Any], jax.Array],
) -> tuple[Any, jax.Array, jax.Array]:
    """State, steps and convergence of ``update(state, step)`` until ``at_rest(before, after)``.

    A single step needs no loop and is differentiable in both directions.
    """
    if max_steps == 1:
        after = update(state, jnp.int32(0))
        return after, jnp.int32(1), at_rest(state, after)

    def unfinished(carry: tuple) -> jax.Array:
        _, steps, done = carry
        return ~done & (steps < max_steps)

    def once(carry: tuple) -> tuple:
        before, steps, _ = carry
        after = update(before, steps)
        return after, steps + 1, at_rest(before, after)

    return jax.lax.while_loop(unfinished, once, (state, jnp.int32(0), jnp.bool_(False)))
