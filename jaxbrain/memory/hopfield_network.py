"""The Hopfield network of bipolar units and its update rules.

An update is a function ``(weights, state, key, max_steps) -> Relaxed``: `asynchronous`,
`synchronous`, the result of `heat_bath`, or one of your own. Weights are a matrix ``[n, n]``, or
its `Factors`. States ``[n]`` hold +1 and -1, and 0 where a bit is unknown.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
from jax import lax

from jaxbrain.core.annotations import AsArray, AsArrays, Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import on_device
from jaxbrain.core.config import configured
from jaxbrain.core.eager import compiled_once, loops
from jaxbrain.core.requirements import as_number, require_count, require_positive
from jaxbrain.core.types import Info, Memory
from jaxbrain.memory.factors import (
    Factors,
    Weights,
    in_blocks,
    local_fields,
    rounding,
    sweep,
    with_part_of_diagonal,
)
from jaxbrain.memory.patterns import require_size, sign_or_stay
from jaxbrain.memory.storage import Storage, outer_product, storing


class Relaxed(NamedTuple):
    """The end of a relaxation.

    Attributes:
      state: s ``[n]``.
      field: sum_j w_ij s_j ``[n]`` of that state, from which its energy is computed.
      steps: sweeps made.
      converged: True if the last sweep changed nothing.
    """

    state: jax.Array
    field: jax.Array
    steps: jax.Array
    converged: jax.Array


Update = Callable[[Any, jax.Array, jax.Array | None, int], Relaxed]

# Units that share one matrix product in noisy recall. With more of them, their interactions within
# the block would cost as much as the product.
_BLOCK = 32


class _Change(NamedTuple):
    """Asynchronous recall after one change of a unit, or after the end of a sweep."""

    state: jax.Array
    field: jax.Array
    place: jax.Array  # of the unit that changed, in the order of the sweep; -1 before the first
    changes: jax.Array  # in this sweep
    steps: jax.Array
    converged: jax.Array


@checked
@compiled_once("max_steps")
def asynchronous(weights: AsArrays, state: AsArray, key: Key | None, max_steps: int) -> Relaxed:
    """Asynchronous update: one unit after the other, in sweeps, until no unit changes.

    s_i <- sign(sum_j w_ij s_j); a unit whose sum is zero keeps its state

    Each unit sees the units before it as they are now. The energy never rises, so that the network
    always converges.

    Args:
      weights: ``[n, n]``, symmetric, with a diagonal that is not negative.
      state: ``[n]``.
      key: of one random order of the units for all sweeps; None is the order of their index.
      max_steps: maximum number of sweeps.

    Examples:
      >>> import jax.numpy as jnp
      >>> weights = jnp.array([[0.0, 1.0], [1.0, 0.0]])
      >>> asynchronous(weights, jnp.array([1.0, -1.0]), None, 10).state.tolist()
      [-1.0, -1.0]
    """
    n = state.shape[0]
    order = jnp.arange(n) if key is None else jax.random.permutation(key, n)
    places = jnp.argsort(order).astype(jnp.int32)
    if isinstance(weights, Factors):
        return _in_blocks(weights, state, order, max_steps)
    columns, tie = weights.T, rounding(weights)

    # Most units of a sweep keep their state. So go from change to change, keep the field up to
    # date, and end a sweep where no later unit would change.
    def change(now: _Change) -> _Change:
        turns = (sign_or_stay(now.field, now.state, tie) != now.state) & (places > now.place)
        here = jnp.min(jnp.where(turns, places, n))
        swept = here == n
        unit = order[jnp.minimum(here, n - 1)]
        new = jnp.where(swept, now.state[unit], jnp.sign(now.field[unit]))
        return _Change(
            state=jnp.where(places == here, new, now.state),
            field=now.field + (new - now.state[unit]) * columns[unit],
            place=jnp.where(swept, -1, here),
            changes=jnp.where(swept, 0, now.changes + 1),
            steps=now.steps + swept.astype(jnp.int32),
            converged=swept & (now.changes == 0),
        )

    def unfinished(now: _Change) -> jax.Array:
        return ~now.converged & (now.steps < max_steps)

    zero = jnp.int32(0)
    start = _Change(state, weights @ state, zero - 1, zero, zero, jnp.bool_(False))
    end = lax.while_loop(unfinished, change, start)
    return Relaxed(end.state, end.field, end.steps, end.converged)


@checked
@compiled_once("max_steps")
def synchronous(weights: AsArrays, state: AsArray, key: Key | None, max_steps: int) -> Relaxed:
    """Synchronous update: all units at once, until none changes or a cycle of two states begins.

    s <- sign(W s); a unit whose sum is zero keeps its state

    The energy may rise. In a cycle of two states the network stops and has not converged. Faster
    than `asynchronous`.

    Args:
      weights: ``[n, n]``, symmetric.
      state: ``[n]``.
      key: not used.
      max_steps: maximum number of updates.

    Examples:
      >>> import jax.numpy as jnp
      >>> weights = jnp.array([[0.0, 1.0], [1.0, 0.0]])
      >>> found = synchronous(weights, jnp.array([1.0, -1.0]), None, 10)
      >>> int(found.steps), bool(found.converged)
      (1, False)
    """
    tie = rounding(weights)

    def step(carry: tuple) -> tuple:
        state, field, _, steps = carry
        new = sign_or_stay(field, state, tie)
        return new, local_fields(weights, new), state, steps + 1

    def unfinished(carry: tuple) -> jax.Array:
        state, field, before, steps = carry
        new = sign_or_stay(field, state, tie)
        return jnp.any(new != state) & jnp.any(new != before) & (steps < max_steps)

    start = (state, local_fields(weights, state), jnp.full_like(state, jnp.nan), jnp.int32(0))
    state, field, _, steps = lax.while_loop(unfinished, step, start)
    # the step that changes nothing needs no product, and counts if it is one of those allowed
    rests = jnp.all(sign_or_stay(field, state, tie) == state) & (steps < max_steps)
    return Relaxed(state, field, steps + rests.astype(jnp.int32), rests)


@configured
def heat_bath(temperature: float | jax.Array) -> Update:
    """Heat bath (Glauber dynamics): noisy units, updated one after the other.

    P(s_i = 1) = 1 / (1 + exp(-2 h_i / temperature)),  h_i = sum_j w_ij s_j

    In equilibrium, P(s) = exp(-energy(s) / temperature) / Z. A recall makes max_steps sweeps. As
    the temperature falls to zero it becomes `asynchronous`. It needs a key.

    Glauber (1963), doi 10.1063/1.1703954.

    Args:
      temperature: in units of the energy, positive.

    Returns:
      An update for `hopfield`.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> weights = jnp.array([[0.0, 1.0], [1.0, 0.0]])
      >>> found = heat_bath(0.1)(weights, jnp.array([1.0, -1.0]), jax.random.key(0), 10)
      >>> bool(found.state[0] == found.state[1]), int(found.steps)
      (True, 10)
    """
    require_positive("heat_bath", "temperature", temperature)

    @loops("max_steps")
    def update(
        weights: Weights, state: jax.Array, key: jax.Array | None, max_steps: int
    ) -> Relaxed:
        if key is None:
            raise ValueError("heat_bath needs a key: each unit is drawn; pass recall(..., key=key)")
        state, n = on_device("heat_bath", "state", state), state.shape[0]
        scale = as_number(temperature, state) / 2
        in_turn = _sweeper(weights)

        def sweep(step: jax.Array, carry: tuple) -> tuple:
            state, _ = carry
            # s = 1 where the field exceeds a logistic draw: this has the probability above
            draws = jax.random.logistic(jax.random.fold_in(key, step), (n,), state.dtype)
            new = in_turn(state, scale * draws)
            return new, jnp.all(new == state)

        state, rests = lax.fori_loop(0, max_steps, sweep, (state, jnp.bool_(False)))
        return Relaxed(state, local_fields(weights, state), jnp.int32(max_steps), rests)

    return update


@configured
def hopfield(
    *,
    storage: Callable[[jax.Array], Any] | Storage = outer_product,
    update: Update = asynchronous,
    self_coupling: float | jax.Array = 0.0,
    max_steps: int = 100,
) -> Memory:
    """The Hopfield network: patterns are stable states of a recurrent network.

    E(s) = -1/2 sum_ij w_ij s_i s_j,  s_i <- sign(sum_j w_ij s_j)

    params are the weights ``[n, n]`` of the storage rule, or its `Factors`; any symmetric matrix is
    allowed.

    Hopfield (1982), doi 10.1073/pnas.79.8.2554.

    Args:
      storage: `outer_product`, `storkey` (incremental, larger capacity), `pseudo_inverse` (largest
        capacity), or your own ``(patterns) -> weights``, alone or in a `Storage`. Of the first and
        the third, `outer_product_factors` and `pseudo_inverse_factors` recall the same states,
        `synchronous` faster below n / 2 patterns, `asynchronous` for one cue at a time below about
        n / 10.
      update: `asynchronous` (the energy never rises), `synchronous` (may end in a cycle), or
        ``heat_bath(temperature)``, whose recall needs a key.
      self_coupling: fraction of the diagonal of the weights that takes part. With 1 more patterns
        of `storkey` and `pseudo_inverse` are fixed points; with 0 more cues lead to them.
      max_steps: maximum number of sweeps of a recall.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> memory = hopfield()
      >>> patterns = jax.random.rademacher(jax.random.key(0), (3, 100), dtype=jnp.float32)
      >>> cue = patterns[0].at[:20].set(0.0)
      >>> state, info = memory.recall(memory.store(patterns), cue)
      >>> bool(jnp.all(state == patterns[0])), bool(info.converged)
      (True, True)
    """
    store, add = storing("hopfield", storage)
    require_positive("hopfield", "self_coupling", self_coupling, zero=True)
    require_count("hopfield", "max_steps", max_steps)

    @loops(check=lambda params, cue, **_: require_cue("cue", cue, params))
    def recall(
        params: Weights, cue: jax.Array, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Info]:
        state = require_cue("cue", cue, params)
        weights = coupled(params, self_coupling)
        found = update(weights, state, key, max_steps)
        energy = -0.5 * jnp.sum(found.state * found.field)
        return found.state, Info(found.steps, found.converged, energy)

    def energy(params: Weights, state: jax.Array) -> jax.Array:
        state = require_size("state", state, params.shape[-1]).astype(params.dtype)
        return -0.5 * jnp.sum(state * local_fields(coupled(params, self_coupling), state))

    return Memory(store, recall, energy, add)


def require_cue(name: str, cue: jax.Array, weights: Weights) -> jax.Array:
    """The cue in the dtype of the weights; refuse values other than +1, -1, and 0 for unknown."""
    state = require_size(name, cue, weights.shape[-1])
    wrong = jnp.square(state) != jnp.abs(state)
    if not isinstance(wrong, jax.core.Tracer) and bool(jnp.any(wrong)):
        raise ValueError(
            f"{name} must hold +1, -1, and 0 for unknown bits, got "
            f"{float(state[wrong][0]):g}; of bits make 2 * bits - 1"
        )
    return state.astype(weights.dtype)


def coupled(weights: Any, self_coupling: float | jax.Array) -> Any:
    """The weights with a fraction of their diagonal."""
    if isinstance(weights, Factors):
        return with_part_of_diagonal(weights, self_coupling)
    missing = (1 - as_number(self_coupling, weights)) * jnp.diagonal(weights)
    return weights - jnp.diag(missing)


def _in_blocks(weights: Factors, state: jax.Array, order: jax.Array, max_steps: int) -> Relaxed:
    """`asynchronous` for factors: sweep by sweep, the units in order."""
    columns, removed = weights.rows[:, order], weights.removed[order]
    blocks = in_blocks(weights._replace(rows=columns, removed=removed))
    none, tie = jnp.zeros_like(state), rounding(weights) / weights.scale

    def once(carry: tuple) -> tuple:
        state, _, steps = carry
        new = sweep(blocks, state, none, tie)
        return new, jnp.all(new == state), steps + 1

    def unfinished(carry: tuple) -> jax.Array:
        _, rests, steps = carry
        return ~rests & (steps < max_steps)

    start = state[order], jnp.bool_(False), jnp.int32(0)
    state, rests, steps = lax.while_loop(unfinished, once, start)
    state = state[jnp.argsort(order)]
    return Relaxed(state, local_fields(weights, state), steps, rests)


def _sweeper(weights: Weights) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """``(state, noise) -> state``: one noisy sweep."""
    if isinstance(weights, Factors):
        blocks, scale = in_blocks(weights), weights.scale
        return lambda state, noise: sweep(blocks, state, noise / scale)
    rows = _blocks(weights)
    return lambda state, noise: _sweep(rows, state, noise)


def _blocks(weights: jax.Array) -> jax.Array:
    """The rows in blocks of units ``[blocks, size, n]``, the last one padded with zeros."""
    n = weights.shape[0]
    size = min(_BLOCK, n)
    return jnp.pad(weights, ((0, -n % size), (0, 0))).reshape(-1, size, n)


def _sweep(rows: jax.Array, state: jax.Array, noise: jax.Array) -> jax.Array:
    """One update of each unit, in the order of the index, to the sign of its field less the noise.

    In blocks: the fields of the units of a block are one product, to which the changes within the
    block are added. For many states under vmap it is a matrix product.
    """
    blocks, size, n = rows.shape
    filled = blocks * size - n
    places = size * jnp.arange(blocks)
    noise = jnp.pad(noise, (0, filled)).reshape(blocks, size)

    def block(state: jax.Array, part: tuple) -> tuple[jax.Array, None]:
        place, rows, noise = part
        within = lax.dynamic_slice_in_dim(jnp.pad(rows, ((0, 0), (0, filled))), place, size, axis=1)
        mine = lax.dynamic_slice_in_dim(state, place, size)

        def unit(i: jax.Array, carry: tuple) -> tuple:
            mine, field = carry
            new = sign_or_stay(field[i], mine[i])
            return mine.at[i].set(new), field + (new - mine[i]) * within[:, i]

        start = (mine, rows @ state[:n] - noise)
        mine, _ = lax.fori_loop(0, size, unit, start)
        return lax.dynamic_update_slice_in_dim(state, mine, place, axis=0), None

    return lax.scan(block, jnp.pad(state, (0, filled)), (places, rows, noise))[0][:n]
