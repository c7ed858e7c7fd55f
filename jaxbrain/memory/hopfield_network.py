"""Hopfield's network of units that are +1 or -1, and how it is updated.

An update is a function ``(weights, state, key, max_steps) -> Settled``: `asynchronous`,
`synchronous`, what `heat_bath` returns, or yours.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.core
import jax.numpy as jnp
from jax import lax

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_count, require_positive
from jaxbrain.core.types import Memory
from jaxbrain.memory.patterns import Info, require_size, sign_or_stay
from jaxbrain.memory.storage import Storage, as_add, as_storage, hebb, warn_of_load


class Settled(NamedTuple):
    """Where an update ends.

    Attributes:
      state: s ``[n]``.
      field: sum_j w_ij s_j ``[n]`` of that state, which its energy is made of.
      steps: sweeps made.
      converged: whether the last one changed nothing.
    """

    state: jax.Array
    field: jax.Array
    steps: jax.Array
    converged: jax.Array


Update = Callable[[jax.Array, jax.Array, jax.Array | None, int], Settled]

# So many noisy units share one product of matrices; more would make what they do to each other
# as dear as the product.
_BLOCK = 32


def asynchronous(
    weights: jax.Array, state: jax.Array, key: jax.Array | None, max_steps: int
) -> Settled:
    """One unit after the other, each seeing those before it as they are now, until none changes.

    s_i <- sign(sum_j w_ij s_j), and as it was where the sum is zero

    The energy never rises, so it comes to rest. One step is a sweep through all units, in the order
    of their index; with a key in an order drawn once.

    Args:
      weights: ``[n, n]``, symmetric, no negative diagonal.
      state: ``[n]`` of +1 and -1, and 0 where it is not known.
      key: of the order, or None.
      max_steps: sweeps at most.

    Returns:
      A Settled.

    Examples:
      >>> import jax.numpy as jnp
      >>> weights = jnp.array([[0.0, 1.0], [1.0, 0.0]])
      >>> asynchronous(weights, jnp.array([1.0, -1.0]), None, 10).state.tolist()
      [-1.0, -1.0]
    """
    weights, state = jnp.asarray(weights), jnp.asarray(state)
    n = state.shape[0]
    order = jnp.arange(n) if key is None else jax.random.permutation(key, n)
    place = jnp.argsort(order).astype(jnp.int32)
    columns = weights.T
    tie = _rounding(weights)

    # Most units that are visited stay as they are: go from change to change, keep the field, and
    # end a sweep where no unit further on would change.
    def change(carry: tuple) -> tuple:
        state, field, last, changes, steps, _ = carry
        turns = (sign_or_stay(field, state, tie) != state) & (place > last)
        here = jnp.min(jnp.where(turns, place, n))
        swept = here == n
        unit = order[jnp.minimum(here, n - 1)]
        new = jnp.where(swept, state[unit], jnp.sign(field[unit]))
        field = field + (new - state[unit]) * columns[unit]
        state = jnp.where(place == here, new, state)
        rests = swept & (changes == 0)
        last, changes = jnp.where(swept, -1, here), jnp.where(swept, 0, changes + 1)
        return state, field, last, changes, jnp.where(swept, steps + 1, steps), rests

    none = jnp.int32(0)
    start = (state, weights @ state, none - 1, none, none, jnp.bool_(False))
    end = lax.while_loop(lambda c: ~c[5] & (c[4] < max_steps), change, start)
    return Settled(end[0], end[1], end[4], end[5])


def synchronous(
    weights: jax.Array, state: jax.Array, key: jax.Array | None, max_steps: int
) -> Settled:
    """All units at once, until none changes or the state of two steps ago would be back.

    s <- sign(W s), and as it was where the sum is zero

    The energy may rise, and the network may end in a cycle of two states: then it stops, and has
    not converged. Faster than `asynchronous`.

    Args:
      weights: ``[n, n]``, symmetric.
      state: ``[n]`` of +1 and -1, and 0 where it is not known.
      key: not used.
      max_steps: updates at most.

    Returns:
      A Settled.

    Examples:
      >>> import jax.numpy as jnp
      >>> weights = jnp.array([[0.0, 1.0], [1.0, 0.0]])
      >>> found = synchronous(weights, jnp.array([1.0, -1.0]), None, 10)
      >>> int(found.steps), bool(found.converged)
      (1, False)
    """

    tie = _rounding(weights)

    # a row vector: under vmap that is the faster product of matrices
    def step(carry: tuple) -> tuple:
        state, field, _, steps = carry
        new = sign_or_stay(field, state, tie)
        return new, new @ weights, state, steps + 1

    def unfinished(carry: tuple) -> jax.Array:
        state, field, before, steps = carry
        new = sign_or_stay(field, state, tie)
        return jnp.any(new != state) & jnp.any(new != before) & (steps < max_steps)

    start = (state, state @ weights, jnp.full_like(state, jnp.nan), jnp.int32(0))
    state, field, _, steps = lax.while_loop(unfinished, step, start)
    # the step that changes nothing needs no product, and counts if it is one of those allowed
    rests = jnp.all(sign_or_stay(field, state, tie) == state) & (steps < max_steps)
    return Settled(state, field, steps + rests.astype(jnp.int32), rests)


@configured
def heat_bath(temperature: float | jax.Array) -> Update:
    """Units that are noisy: one after the other, each +1 with a chance that grows with its field.

    P(s_i = 1) = 1 / (1 + exp(-2 h_i / temperature)),  h_i = sum_j w_ij s_j

    Glauber dynamics: in the long run the chance of a state is exp(-energy / temperature) / Z. It
    never comes to rest and makes max_steps sweeps; as the temperature falls to zero it becomes
    `asynchronous`. Needs a key.

    Glauber (1963), doi 10.1063/1.1703954.

    Args:
      temperature: in units of the energy.

    Returns:
      An update for `hopfield`.

    Raises:
      ValueError: if the temperature is not positive, or a recall has no key.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> weights = jnp.array([[0.0, 1.0], [1.0, 0.0]])
      >>> found = heat_bath(0.1)(weights, jnp.array([1.0, -1.0]), jax.random.key(0), 10)
      >>> bool(found.state[0] == found.state[1]), int(found.steps)
      (True, 10)
    """
    require_positive("heat_bath", "temperature", temperature)

    def update(
        weights: jax.Array, state: jax.Array, key: jax.Array | None, max_steps: int
    ) -> Settled:
        if key is None:
            raise ValueError("heat_bath needs a key: each unit is drawn; pass recall(..., key=key)")
        state, n = jnp.asarray(state), state.shape[0]
        rows = _blocks(weights)
        scale = as_number(temperature, state) / 2

        def sweep(step: jax.Array, carry: tuple) -> tuple:
            state = carry[0]
            # s = 1 where the field is above a logistic draw: the chance above
            draws = jax.random.logistic(jax.random.fold_in(key, step), (n,), state.dtype)
            new = _sweep(rows, state, scale * draws)
            return new, jnp.all(new == state)

        state, rests = lax.fori_loop(0, max_steps, sweep, (state, jnp.bool_(False)))
        return Settled(state, state @ weights, jnp.int32(max_steps), rests)

    return update


@configured
def hopfield(
    *,
    storage: Callable[[jax.Array], jax.Array] | Storage = hebb,
    update: Update = asynchronous,
    self_coupling: float | jax.Array = 0.0,
    max_steps: int = 100,
) -> Memory:
    """A Hopfield network: patterns are the states in which it comes to rest.

    E(s) = -1/2 sum_ij w_ij s_i s_j,  s_i <- sign(sum_j w_ij s_j)

    params are the weights ``[n, n]``, as the storage rule returns them; any symmetric matrix will
    do. A cue may hold 0 where a bit is not known.

    Hopfield (1982), doi 10.1073/pnas.79.8.2554.

    Args:
      storage: `hebb`, `storkey` (incremental, holds more), `pseudo_inverse` (holds most), or a
        function ``(patterns) -> weights`` of your own, alone or in a `Storage`.
      update: `asynchronous` (the energy never rises), `synchronous` (all at once, may cycle), or
        ``heat_bath(temperature)``, whose recall needs a key.
      self_coupling: the share of the weights' diagonal that counts. With 1 more patterns are fixed
        points under `storkey` and `pseudo_inverse`; with 0 more cues lead to them.
      max_steps: sweeps of one recall at most.

    Returns:
      A Memory; storing more than the rule can hold warns.

    Raises:
      TypeError: if storage or update is no function.
      ValueError: if self_coupling is negative, or max_steps no positive integer.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> memory = hopfield()
      >>> patterns = jax.random.rademacher(jax.random.key(0), (3, 100), dtype=jnp.float32)
      >>> params = memory.store(patterns)
      >>> state, info = memory.recall(params, patterns[0].at[:20].set(0.0))
      >>> bool(jnp.all(state == patterns[0])), bool(info.converged)
      (True, True)
    """
    rule = as_storage("hopfield", storage)
    _require_update(update)
    require_positive("hopfield", "self_coupling", self_coupling, zero=True)
    require_count("hopfield", "max_steps", max_steps)

    def store(patterns: jax.Array) -> jax.Array:
        warn_of_load("hopfield", rule, patterns)
        return rule.store(patterns)

    def recall(
        params: jax.Array, cue: jax.Array, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Info]:
        state = require_cue("cue", cue, params)
        weights = coupled(params, self_coupling)
        found = update(weights, state, key, max_steps)
        energy = -0.5 * jnp.sum(found.state * found.field)
        return found.state, Info(found.steps, found.converged, energy)

    def energy(params: jax.Array, state: jax.Array) -> jax.Array:
        state = require_size("state", state, params.shape[-1]).astype(params.dtype)
        return -0.5 * jnp.sum(state * (state @ coupled(params, self_coupling)))

    return Memory(store, recall, energy, as_add(rule))


def require_cue(name: str, cue: jax.Array, weights: jax.Array) -> jax.Array:
    """The cue in the dtype of the weights; refuse other values than +1, -1, and 0 for not known."""
    state = require_size(name, cue, weights.shape[-1])
    wrong = jnp.square(state) != jnp.abs(state)
    if not isinstance(wrong, jax.core.Tracer) and bool(jnp.any(wrong)):
        raise ValueError(
            f"{name} must hold +1, -1, and 0 where a bit is not known, got "
            f"{float(state[wrong][0]):g}; of bits make 2 * bits - 1"
        )
    return state.astype(weights.dtype)


def coupled(weights: jax.Array, self_coupling: float | jax.Array) -> jax.Array:
    """The weights with that share of their diagonal."""
    missing = (1 - as_number(self_coupling, weights)) * jnp.diagonal(weights)
    return weights - jnp.diag(missing)


def _rounding(weights: jax.Array) -> jax.Array:
    """What rounding makes of a field of zero; taken for a sign it could keep a recall going."""
    scale = jnp.max(jnp.sum(jnp.abs(weights), axis=1))
    return 4 * float(jnp.finfo(weights.dtype).eps) * scale


def _blocks(weights: jax.Array) -> jax.Array:
    """The rows in blocks of units ``[blocks, size, n]``, the last one filled with zeros."""
    n = weights.shape[0]
    size = min(_BLOCK, n)
    return jnp.pad(weights, ((0, -n % size), (0, 0))).reshape(-1, size, n)


def _sweep(rows: jax.Array, state: jax.Array, noise: jax.Array) -> jax.Array:
    """Update each unit once, in the order of their index, to the sign of its field less the noise.

    By blocks: the field of a block's units is one product, and then only what changes within the
    block is added to it. For many states under vmap that is a product of matrices.
    """
    blocks, size, n = rows.shape
    filled = blocks * size - n
    places = size * jnp.arange(blocks)
    noise = jnp.pad(noise, (0, filled)).reshape(blocks, size)

    def block(state: jax.Array, part: tuple) -> tuple[jax.Array, None]:
        place, rows, noise = part
        among = lax.dynamic_slice_in_dim(jnp.pad(rows, ((0, 0), (0, filled))), place, size, axis=1)
        mine = lax.dynamic_slice_in_dim(state, place, size)

        def unit(i: jax.Array, carry: tuple) -> tuple:
            mine, field = carry
            new = sign_or_stay(field[i], mine[i])
            return mine.at[i].set(new), field + (new - mine[i]) * among[:, i]

        start = (mine, rows @ state[:n] - noise)
        mine, _ = lax.fori_loop(0, size, unit, start)
        return lax.dynamic_update_slice_in_dim(state, mine, place, axis=0), None

    return lax.scan(block, jnp.pad(state, (0, filled)), (places, rows, noise))[0][:n]


def _require_update(update: Update) -> None:
    if update is heat_bath:
        raise TypeError("hopfield: update must have a temperature: pass update=heat_bath(0.1)")
    if not callable(update):
        raise TypeError(
            "hopfield: update must be a function such as jaxbrain.memory.asynchronous or "
            f"jaxbrain.memory.synchronous, got {update!r}"
        )


def _name(update: Update) -> str:
    return getattr(update, "__qualname__", "update").split(".")[0]
