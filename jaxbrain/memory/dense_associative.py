"""Dense associative memory: the Hopfield network with an energy steeper than quadratic.

    E(s) = -sum_mu F(x_mu . s)

F is an `Interaction`: `polynomial` (of degree 2: the Hopfield network), `rectified_polynomial` or
`exponential`. Updates work on the overlaps x_mu . s; there is no weight matrix.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.annotations import AsArray, Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured
from jaxbrain.core.eager import compiled_once, loops
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Info, Memory, Params
from jaxbrain.memory.hopfield_network import require_cue
from jaxbrain.memory.interactions import Interaction, polynomial
from jaxbrain.memory.patterns import (
    append,
    require_bipolar,
    require_size,
    sign_or_stay,
    warn_when_full,
)
from jaxbrain.memory.relaxation import relax


@checked
@compiled_once("interaction")
def dense_asynchronous(
    interaction: Interaction, patterns: AsArray, state: AsArray, key: Key | None
) -> jax.Array:
    """Asynchronous sweep of a dense memory: each unit sees the new values of those before it.

    s_i = sign(sum_mu F(r + x_mu,i) - F(r - x_mu,i)), r = sum_{j != i} x_mu,j s_j

    A unit whose two values have the same energy keeps its state; the energy never rises.

    Args:
      interaction: F.
      patterns: x ``[patterns, units]``.
      state: ``[units]`` of +1 and -1, and 0 where a bit is unknown.
      key: of a random order of the units; None is the order of their index.

    Examples:
      >>> import jax.numpy as jnp
      >>> patterns, cue = jnp.array([[1.0, 1.0, -1.0, -1.0]]), jnp.array([1.0, 1.0, 1.0, -1.0])
      >>> dense_asynchronous(polynomial(3), patterns, cue, None).tolist()
      [1.0, 1.0, -1.0, -1.0]
    """
    units = state.shape[0]
    order = jnp.arange(units) if key is None else jax.random.permutation(key, units)
    columns = patterns.T

    def turn(overlaps: jax.Array, unit: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        i, before = unit
        x = columns[i]
        rest = overlaps - x * before
        gain = interaction.value(rest + x, rest) - interaction.value(rest - x, rest)
        after = sign_or_stay(jnp.sum(gain), before)
        return rest + x * after, after

    _, new = jax.lax.scan(turn, state @ patterns.T, (order, state[order]))
    return new if key is None else state.at[order].set(new, unique_indices=True)


@checked
def dense_synchronous(
    interaction: Interaction, patterns: AsArray, state: AsArray, key: Key | None
) -> jax.Array:
    """Synchronous step of a dense memory: all units at once, with two matrix products.

    x_mu,i s_i is +1 or -1. So the two values of F that a unit compares, at the overlap h and at
    h - 2 x_mu,i s_i, are linear in it. The energy may rise, and two states may alternate: a recall
    stops when a state is about to return, and has not converged.

    Args:
      interaction: F.
      patterns: x ``[patterns, units]``.
      state: ``[units]`` of +1 and -1, and 0 where a bit is unknown.
      key: not used.

    Examples:
      >>> import jax.numpy as jnp
      >>> patterns, cue = jnp.array([[1.0, 1.0, -1.0, -1.0]]), jnp.array([1.0, 1.0, 1.0, -1.0])
      >>> dense_synchronous(polynomial(3), patterns, cue, None).tolist()
      [1.0, 1.0, -1.0, -1.0]
    """
    overlaps = state @ patterns.T
    f = [interaction.value(overlaps + d, overlaps) for d in (-2, -1, 0, 1, 2)]
    own = jnp.sum((f[2] - f[4]) + (f[2] - f[0])) / 2
    known, unknown = jnp.stack([(f[4] - f[0]) / 2, f[3] - f[1]]) @ patterns
    return sign_or_stay(jnp.where(state == 0, unknown, known + own * state), state)


@configured
def dense_associative_memory(
    *,
    interaction: Interaction = polynomial(3),
    update: Callable[..., jax.Array] = dense_asynchronous,
    max_steps: int = 100,
) -> Memory:
    """Dense associative memory: a capacity far above the number of units.

    E(s) = -sum_mu F(x_mu . s); each unit takes the value of lower energy

    params are ``{"patterns"}``. A cue may hold 0 where a bit is unknown. A key draws a random order
    of the units for each sweep.

    Args:
      interaction: F: `polynomial`, `rectified_polynomial` or `exponential`.
      update: `dense_asynchronous`, `dense_synchronous`, or your own ``(interaction, patterns,
        state, key) -> state``.
      max_steps: maximum number of sweeps.

    Source: Krotov and Hopfield 2016, arXiv 1606.01164; Demircigil et al. 2017, arXiv 1702.01929.

    Examples:
      >>> import jax
      >>> from jaxbrain.memory import exponential
      >>> patterns = jax.random.rademacher(jax.random.key(0), (100, 50), "float32")
      >>> memory = dense_associative_memory(interaction=exponential())
      >>> state, _ = memory.recall(memory.store(patterns), patterns[7].at[:20].set(0.0))
      >>> bool((state == patterns[7]).all())
      True
    """
    where = "dense_associative_memory"
    require_count(where, "max_steps", max_steps)

    def store(patterns: Any) -> Params:
        patterns = _wide(require_bipolar("patterns", patterns))
        warn_when_full(*_load(interaction, patterns))
        return {"patterns": patterns}

    @loops(check=lambda params, cue, **_: require_cue("cue", cue, params["patterns"]))
    def recall(params: Params, cue: Any, *, key: jax.Array | None = None) -> tuple[Any, Info]:
        patterns = params["patterns"]
        state = require_cue("cue", cue, patterns)

        def sweep(states: tuple[jax.Array, jax.Array], step: jax.Array) -> tuple[Any, Any]:
            order = None if key is None else jax.random.fold_in(key, step)
            return update(interaction, patterns, states[0], order), states[0]

        def at_rest(before: tuple[Any, Any], after: tuple[Any, Any]) -> jax.Array:
            state, (last, one_before) = after[0], before
            return jnp.array_equal(state, last) | jnp.array_equal(state, one_before)  # or a cycle

        start = state, jnp.full_like(state, jnp.nan)
        (state, before), steps, ended = relax(sweep, start, max_steps, at_rest)
        converged = jnp.array_equal(before, state)
        cycles = ended & ~converged
        state = jnp.where(cycles, before, state)
        return state, Info(steps - cycles.astype(jnp.int32), converged, energy(params, state))

    def energy(params: Params, state: Any) -> jax.Array:
        patterns = params["patterns"]
        state = require_size("state", state, patterns.shape[1]).astype(patterns.dtype)
        return interaction.energy(state @ patterns.T, patterns.shape[1])

    def add(params: Params, pattern: Any) -> Params:
        before = params["patterns"]
        patterns = append(before, require_bipolar("pattern", pattern, size=before.shape[1]))
        warn_when_full(*_load(interaction, patterns))
        return {"patterns": patterns}

    return Memory(store, recall, energy, add)


def _wide(patterns: jax.Array) -> jax.Array:
    """At least 32 bits: the overlaps of half precision are not whole numbers."""
    return patterns.astype(jnp.float32) if patterns.dtype.itemsize < 4 else patterns


def _load(interaction: Interaction, patterns: jax.Array) -> tuple[bool, str, str, str]:
    """The arguments of `warn_when_full`."""
    (stored, units), where = patterns.shape, "dense_associative_memory"
    limit = interaction.capacity(units)
    holds = f"{interaction} recalls {limit:.4g} of {units} units without errors"
    return stored > limit, where, f"{stored} patterns", holds
