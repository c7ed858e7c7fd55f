"""Dense associative memory: the Hopfield network whose energy is steeper than quadratic.

    E(s) = -sum_mu F(x_mu . s)

F is an `Interaction`: `polynomial` (of degree 2: the Hopfield network), `rectified_polynomial` or
`exponential`. All is computed from the overlaps x_mu . s; there is no weight matrix.
"""

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Memory, Params
from jaxbrain.memory.hopfield_network import require_cue
from jaxbrain.memory.interactions import Interaction, polynomial
from jaxbrain.memory.patterns import Info, require_bipolar, require_size, sign_or_stay
from jaxbrain.memory.relaxation import relax


def one_by_one(
    interaction: Interaction, patterns: jax.Array, state: jax.Array, key: jax.Array | None
) -> jax.Array:
    """One sweep, each unit seeing what those before it became; the energy never rises.

    s_i = sign(sum_mu F(r + x_mu,i) - F(r - x_mu,i)), r = sum_{j != i} x_mu,j s_j

    Args:
      interaction: F.
      patterns: ``[patterns, units]``.
      state: ``[units]`` of +1 and -1, and 0 where it is not known.
      key: of a random order; None: the order of the index.

    Returns:
      ``[units]``; a unit whose two values have the same energy stays.

    Examples:
      >>> import jax.numpy as jnp
      >>> patterns = jnp.array([[1.0, 1.0, -1.0, -1.0]])
      >>> one_by_one(polynomial(3), patterns, jnp.array([1.0, 1.0, 1.0, -1.0]), None).tolist()
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


def all_at_once(
    interaction: Interaction, patterns: jax.Array, state: jax.Array, key: jax.Array | None
) -> jax.Array:
    """One step of all units together, each seeing what the others were: two matrix products.

    Because x_mu,i s_i is +1 or -1, the two values of F that a unit compares, at the overlap h and
    at h - 2 x_mu,i s_i, are linear in it. The energy may rise, and two states may follow each other
    for ever: a recall stops when one would come again, and has not converged.

    Args:
      interaction: F.
      patterns: ``[patterns, units]``.
      state: ``[units]`` of +1 and -1, and 0 where it is not known.
      key: not used: there is no order.

    Returns:
      ``[units]``; a unit whose two values have the same energy stays.

    Examples:
      >>> import jax.numpy as jnp
      >>> from jaxbrain.memory import exponential
      >>> patterns = jnp.array([[1.0, 1.0, -1.0, -1.0]])
      >>> all_at_once(exponential(), patterns, jnp.array([1.0, 1.0, 1.0, -1.0]), None).tolist()
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
    update: Callable[..., jax.Array] = one_by_one,
    max_steps: int = 100,
) -> Memory:
    """A memory of binary patterns that holds many more than it has units.

    E(s) = -sum_mu F(x_mu . s); each unit takes the value of lower energy

    Args:
      interaction: F: `polynomial`, `rectified_polynomial` or `exponential`.
      update: `one_by_one` or `all_at_once`: ``(interaction, patterns, state, key) -> state``.
      max_steps: sweeps at most.

    Returns:
      A memory of ``[patterns, units]`` of +1 and -1, with params ``{"patterns"}``. A cue may hold 0
      where a bit is not known. A key puts the units of each sweep in a random order; without one it
      is that of the index. ``add`` appends: the shapes of the params grow, and jit compiles anew.

    Raises:
      TypeError: if interaction is no `Interaction`, or update no function.
      ValueError: if max_steps is not positive, or where patterns or a cue are not +1 and -1.

    Warns:
      UserWarning: if more is stored than the theory allows without errors.

    Source: Krotov and Hopfield 2016, arXiv 1606.01164; Demircigil et al. 2017, arXiv 1702.01929.

    Examples:
      >>> import jax
      >>> from jaxbrain.memory import exponential
      >>> patterns = jax.random.rademacher(jax.random.key(0), (100, 50), "float32")
      >>> memory = dense_associative_memory(interaction=exponential())
      >>> cue = patterns[7].at[:20].set(0.0)
      >>> state, info = memory.recall(memory.store(patterns), cue)
      >>> bool((state == patterns[7]).all()), bool(info.converged)
      (True, True)
    """
    where = "dense_associative_memory"
    require_count(where, "max_steps", max_steps)
    if not isinstance(interaction, Interaction):
        raise TypeError(
            f"{where}: interaction must be an Interaction such as polynomial(3), "
            f"got {getattr(interaction, '__name__', interaction)!r}"
        )
    if not callable(update):
        raise TypeError(f"{where}: update must be a function such as one_by_one, got {update!r}")

    def store(patterns: Any) -> Params:
        patterns = _wide(require_bipolar("patterns", patterns))
        _warn(interaction, patterns)
        return {"patterns": patterns}

    def recall(params: Params, cue: Any, *, key: jax.Array | None = None) -> tuple[Any, Info]:
        patterns = params["patterns"]
        state = require_cue("cue", cue, patterns)

        def sweep(states: tuple[jax.Array, jax.Array], step: jax.Array) -> tuple[Any, Any]:
            order = None if key is None else jax.random.fold_in(key, step)
            return update(interaction, patterns, states[0], order), states[0]

        def at_rest(before: tuple[Any, Any], after: tuple[Any, Any]) -> jax.Array:
            return _equal(after[0], before[0]) | _equal(after[0], before[1])  # or in a cycle of two

        start = state, jnp.full_like(state, jnp.nan)
        (state, before), steps, ended = relax(sweep, start, max_steps, at_rest)
        converged = _equal(before, state)
        cycles = ended & ~converged
        state = jnp.where(cycles, before, state)
        return state, Info(steps - cycles.astype(jnp.int32), converged, energy(params, state))

    def energy(params: Params, state: Any) -> jax.Array:
        patterns = params["patterns"]
        state = require_size("state", state, patterns.shape[1]).astype(patterns.dtype)
        return interaction.energy(state @ patterns.T, patterns.shape[1])

    def add(params: Params, pattern: Any) -> Params:
        before = params["patterns"]
        pattern = require_bipolar(
            "pattern", require_size("pattern", pattern, before.shape[1]), ndim=1
        )
        patterns = jnp.concatenate([before, pattern.astype(before.dtype)[None]])
        _warn(interaction, patterns)
        return {"patterns": patterns}

    options = [repr(interaction)] if interaction != polynomial(3) else []
    options += [getattr(update, "__name__", "update")] if update is not one_by_one else []
    return Memory(store, recall, energy, add)


def _equal(before: jax.Array, after: jax.Array) -> jax.Array:
    return jnp.all(before == after)


def _wide(patterns: jax.Array) -> jax.Array:
    """At least 32 bits: the overlaps of half precision are not whole numbers."""
    return patterns.astype(jnp.float32) if patterns.dtype.itemsize < 4 else patterns


def _warn(interaction: Interaction, patterns: jax.Array) -> None:
    stored, units = patterns.shape
    most = interaction.capacity(units)
    if stored > most:
        warnings.warn(
            f"{stored} patterns are more than the {int(most)} that {interaction} of {units} units "
            "recalls without errors; take a steeper interaction or more units",
            UserWarning,
            stacklevel=3,
        )
