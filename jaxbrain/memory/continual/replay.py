"""Replay: a store of fixed size for what was seen, from which old and new are learned together."""

from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import LearningRule, Params

__all__ = [
    "ReplayBuffer",
    "add",
    "replay_buffer",
    "sample",
    "with_replay",
]


def __dir__() -> list[str]:
    return __all__


class ReplayBuffer(NamedTuple):
    """A fair sample of a stream of any length.

    Attributes:
      items: a tree of ``[capacity, ...]``; the first ``min(seen, capacity)`` are filled.
      seen: ``[]`` int32, how many came by.
    """

    items: Any
    seen: jax.Array

    @property
    def capacity(self) -> int:
        """How many items it can hold."""
        return jax.tree.leaves(self.items)[0].shape[0]

    @property
    def filled(self) -> jax.Array:
        """``[]``, how many items it holds."""
        return jnp.minimum(self.seen, self.capacity)


def replay_buffer(capacity: int, example: Any) -> ReplayBuffer:
    """An empty store.

    Args:
      capacity: how many items it can hold.
      example: one item, a tree of arrays or of ``jax.ShapeDtypeStruct``, such as ``(x[0], y[0])``.

    Returns:
      A ReplayBuffer, which `add` fills and `sample` draws from.

    Raises:
      ValueError: if capacity is no positive integer, or example holds no array.

    Examples:
      >>> import jax.numpy as jnp
      >>> replay_buffer(100, (jnp.zeros(64), jnp.int32(0))).items[0].shape
      (100, 64)
    """
    require_count("replay_buffer", "capacity", capacity)
    if not jax.tree.leaves(example):
        raise ValueError("replay_buffer: example must hold at least one array, got none")
    items = jax.tree.map(
        lambda a: jnp.zeros((capacity, *jnp.shape(a)), jnp.result_type(a)), example
    )
    return ReplayBuffer(items, jnp.int32(0))


def add(buffer: ReplayBuffer, items: Any, *, key: jax.Array) -> ReplayBuffer:
    """Let items come by, one after another; each of all seen is kept with the same chance.

    the n-th item takes place n if there is room, else a random place of 0..n-1 if that is one of
    the store's: P(kept) = capacity / seen

    Args:
      buffer: of `replay_buffer`.
      items: a tree of ``[n, ...]``, one row each; what is one item is ``item[None]``.
      key: of the places.

    Returns:
      The ReplayBuffer after them.

    Raises:
      ValueError: if items have not the structure, shapes and dtypes of those stored.

    Source: Vitter 1985, algorithm R, doi 10.1145/3147.3165.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> buffer = add(replay_buffer(3, jnp.int32(0)), jnp.arange(2), key=jax.random.key(0))
      >>> int(buffer.filled), buffer.items[:2].tolist()
      (2, [0, 1])
    """
    items = jax.tree.map(jnp.asarray, items)
    n = _require_rows(buffer, items)
    order = jnp.arange(n, dtype="int32")
    count = buffer.seen + order  # that came before each
    drawn = jax.random.randint(key, (n,), 0, count + 1, "int32")
    places = jnp.where(count < buffer.capacity, count, drawn)
    # where two take the same place the later stays
    last = jnp.full(buffer.capacity, -1, "int32").at[places].max(order, mode="drop")

    def put(old: jax.Array, new: jax.Array) -> jax.Array:
        taken = (last >= 0).reshape(-1, *(1,) * (old.ndim - 1))
        return jnp.where(taken, new[jnp.maximum(last, 0)], old)

    return ReplayBuffer(jax.tree.map(put, buffer.items, items), buffer.seen + n)


def sample(buffer: ReplayBuffer, n: int, *, key: jax.Array) -> Any:
    """Draw items at random, with replacement.

    Args:
      buffer: with at least one item; under a trace, where that is not known, an empty one gives
        zeros.
      n: how many.
      key: of the draw.

    Returns:
      A tree of ``[n, ...]``.

    Raises:
      ValueError: if the store is known to be empty, or n is no positive integer.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> buffer = add(replay_buffer(5, jnp.int32(0)), jnp.array([7, 7]), key=jax.random.key(0))
      >>> sample(buffer, 3, key=jax.random.key(1)).tolist()
      [7, 7, 7]
    """
    require_count("sample", "n", n)
    if not isinstance(buffer.seen, jax.core.Tracer) and int(buffer.seen) == 0:
        raise ValueError("sample: the replay_buffer is empty; add items first")
    rows = _rows(buffer, n, key)
    return jax.tree.map(lambda a: a[rows], buffer.items)


_REPLAY = 0x2E91A4  # separates the keys of what is replayed from those of the rule


@configured
def with_replay(rule: LearningRule, buffer: ReplayBuffer, *, n: int) -> LearningRule:
    """A learning rule that mixes old examples into every batch.

    the rule on (batch, n items of the store): their mean loss, so the old weigh n / (batch + n)

    With an empty store the batch rehearses rows of its own. Compiles once for all contents.

    Args:
      rule: what teaches.
      buffer: of pairs ``(x, y)``.
      n: old examples in each batch.

    Returns:
      A LearningRule with the state of rule, which needs a key.

    Raises:
      TypeError: if rule is no LearningRule, or the items are no pairs.
      ValueError: if n is no positive integer, or at trace time if there is no key.

    Source: McClelland, McNaughton and O'Reilly 1995, doi 10.1037/0033-295X.102.3.419; Rolnick et
    al. 2019, arXiv 1811.11682.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> rule = jb.backprop(jb.dense(1), jb.losses.half_mse)
      >>> buffer = replay_buffer(10, (jnp.zeros(2), jnp.zeros(1)))
      >>> buffer = add(buffer, (jnp.ones((4, 2)), jnp.ones((4, 1))), key=jax.random.key(0))
      >>> with_replay(rule, buffer, n=8)
      with_replay(backprop, n=8)
    """
    if not isinstance(rule, LearningRule):
        raise TypeError(f"with_replay: rule must be a LearningRule, got {type(rule).__name__}")
    if not isinstance(buffer.items, tuple | list) or len(buffer.items) != 2:
        raise TypeError("with_replay: the items of buffer must be pairs (x, y)")
    require_count("with_replay", "n", n)

    def grads(
        params: Params, state: Any, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Any]:
        if key is None:
            raise ValueError(
                "with_replay needs a key: the old examples are drawn; pass rule.grads(..., key=key)"
            )
        rows = _rows(buffer, n, jax.random.fold_in(key, _REPLAY))
        own = jnp.arange(n) % len(jax.tree.leaves(x)[0])

        def mix(new: jax.Array, old: jax.Array) -> jax.Array:
            drawn = jnp.where(buffer.seen > 0, old[rows], new[own])
            return jnp.concatenate([new, drawn])

        x, y = jax.tree.map(mix, (x, y), tuple(buffer.items))
        return rule.grads(params, state, x, y, key=key)

    return LearningRule(rule.init, grads, rule.network)


def _rows(buffer: ReplayBuffer, n: int, key: jax.Array) -> jax.Array:
    return jax.random.randint(key, (n,), 0, jnp.maximum(buffer.filled, 1), "int32")


def _require_rows(buffer: ReplayBuffer, items: Any) -> int:
    """How many items there are, if they are like those stored."""

    def like(a: jax.Array) -> tuple:
        return a.shape[1:], a.dtype.name

    wanted, got = (jax.tree.map(like, tree) for tree in (buffer.items, items))
    lengths = {a.shape[:1] for a in jax.tree.leaves(items)}
    if wanted != got or len(lengths) != 1 or () in lengths:
        shapes = jax.tree.map(jnp.shape, items)
        raise ValueError(
            "items must be rows [n, ...] of the shapes and dtypes in the replay_buffer, "
            f"{wanted}, got {got} of the shapes {shapes}; of a single item take item[None]"
        )
    return lengths.pop()[0]
