"""Replay: a buffer of fixed size holds old examples, which are mixed into new batches."""

from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp

from jaxbrain.core.annotations import Key, Pytree
from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import tree_on_device
from jaxbrain.core.config import configured, traceable
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
    """A uniform random sample of a stream of any length.

    Attributes:
      items: a tree of ``[capacity, ...]``; the first ``min(seen, capacity)`` are filled.
      seen: ``[]`` int32, number of items of the stream so far.
    """

    items: Any
    seen: jax.Array

    @property
    def capacity(self) -> int:
        """Maximum number of items."""
        return jax.tree.leaves(self.items)[0].shape[0]

    @property
    def filled(self) -> jax.Array:
        """Number of items ``[]``."""
        return jnp.minimum(self.seen, self.capacity)


@checked
def replay_buffer(capacity: int, example: Pytree) -> ReplayBuffer:
    """An empty replay buffer, for `add` and `sample`.

    Args:
      capacity: maximum number of items.
      example: one item, a tree of arrays or of ``jax.ShapeDtypeStruct``, such as ``(x[0], y[0])``.

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


@checked
def add(key: Key, buffer: ReplayBuffer, items: Pytree) -> ReplayBuffer:
    """Reservoir sampling: each item of the stream is kept with the same probability.

    item n, counted from 0, goes to place n if the buffer has room, else to a random place of
    0..n if the buffer has it: P(kept) = capacity / seen

    Args:
      key: of the places.
      buffer: before these items.
      items: a tree of ``[n, ...]``, in the order of the stream; a single item is ``item[None]``.

    Raises:
      ValueError: if structure, shapes or dtypes differ from those of the buffer.

    Source: Vitter 1985, algorithm R, doi 10.1145/3147.3165.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> buffer = add(jax.random.key(0), replay_buffer(3, jnp.int32(0)), jnp.arange(2))
      >>> int(buffer.filled), buffer.items[:2].tolist()
      (2, [0, 1])
    """
    items = tree_on_device("add", "items", items)
    n = _require_rows(buffer, items)
    order = jnp.arange(n, dtype="int32")
    count = buffer.seen + order  # of the items before each
    drawn = jax.random.randint(key, (n,), 0, count + 1, "int32")
    places = jnp.where(count < buffer.capacity, count, drawn)
    # of two items in the same place the later one stays
    last = jnp.full(buffer.capacity, -1, "int32").at[places].max(order, mode="drop")

    def put(old: jax.Array, new: jax.Array) -> jax.Array:
        taken = (last >= 0).reshape(-1, *(1,) * (old.ndim - 1))
        return jnp.where(taken, new[jnp.maximum(last, 0)], old)

    return ReplayBuffer(jax.tree.map(put, buffer.items, items), buffer.seen + n)


@checked
def sample(key: Key, buffer: ReplayBuffer, n: int) -> Any:
    """Random items of a buffer, with replacement.

    Args:
      key: of the choice.
      buffer: with at least one item. Under a trace this is not checked; an empty one gives zeros.
      n: number of items.

    Returns:
      A tree of ``[n, ...]``.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> buffer = add(jax.random.key(0), replay_buffer(5, jnp.int32(0)), jnp.array([7, 7]))
      >>> sample(jax.random.key(1), buffer, 3).tolist()
      [7, 7, 7]
    """
    require_count("sample", "n", n)
    if not isinstance(buffer.seen, jax.core.Tracer) and int(buffer.seen) == 0:
        raise ValueError("sample: the buffer is empty; add items first")
    rows = _rows(key, buffer, n)
    return jax.tree.map(lambda a: a[rows], buffer.items)


_REPLAY = 0x2E91A4  # separates the keys of the old examples from those of the rule


@traceable("buffer")
@configured
def with_replay(rule: LearningRule, buffer: ReplayBuffer, *, n: int) -> LearningRule:
    """Any learning rule with old examples mixed into each batch.

    the rule on (batch, n items of the buffer): the old examples have the weight n / (batch + n)

    While the buffer is empty, rows of the batch take the place of the old examples. Its key is
    required. Another buffer of the same shapes compiles nothing in `jaxbrain.fit`.

    Args:
      rule: of the task; its state stays.
      buffer: of pairs ``(x, y)``.
      n: number of old examples in each batch.

    Raises:
      TypeError: if rule is no LearningRule, or the items are no pairs.

    Source: McClelland, McNaughton and O'Reilly 1995, doi 10.1037/0033-295X.102.3.419; Rolnick et
    al. 2019, arXiv 1811.11682.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> rule = jb.backprop(jb.dense(1, bias_init=None), jb.losses.half_mse)
      >>> buffer = replay_buffer(10, (jnp.zeros(1), jnp.zeros(1)))
      >>> buffer = add(jax.random.key(0), buffer, (jnp.ones((4, 1)), 2 * jnp.ones((4, 1))))
      >>> mixed, x = with_replay(rule, buffer, n=3), jnp.zeros((1, 1))
      >>> loss, _, _ = mixed.grads({"kernel": jnp.zeros((1, 1))}, (), x, x, key=jax.random.key(1))
      >>> float(loss)  # the mean of 0 and three times 2
      1.5
    """
    if not isinstance(buffer.items, tuple | list) or len(buffer.items) != 2:
        raise TypeError("with_replay: the items of buffer must be pairs (x, y)")
    require_count("with_replay", "n", n)

    def grads(
        params: Params, state: Any, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Any]:
        if key is None:
            raise ValueError(
                "with_replay needs a key: old examples are drawn; pass rule.grads(..., key=key)"
            )
        rows = _rows(jax.random.fold_in(key, _REPLAY), buffer, n)
        own = jnp.arange(n) % len(jax.tree.leaves(x)[0])

        def mix(new: jax.Array, old: jax.Array) -> jax.Array:
            drawn = jnp.where(buffer.seen > 0, old[rows], new[own])
            return jnp.concatenate([new, drawn])

        x, y = jax.tree.map(mix, (x, y), tuple(buffer.items))
        return rule.grads(params, state, x, y, key=key)

    return LearningRule(rule.init, grads, rule.network)


def _rows(key: jax.Array, buffer: ReplayBuffer, n: int) -> jax.Array:
    return jax.random.randint(key, (n,), 0, jnp.maximum(buffer.filled, 1), "int32")


def _require_rows(buffer: ReplayBuffer, items: Any) -> int:
    """The number of items; refuse items unlike those of the buffer."""

    def like(a: jax.Array) -> tuple:
        return a.shape[1:], a.dtype.name

    wanted, got = (jax.tree.map(like, tree) for tree in (buffer.items, items))
    lengths = {a.shape[:1] for a in jax.tree.leaves(items)}
    if wanted != got or len(lengths) != 1 or () in lengths:
        shapes = jax.tree.map(jnp.shape, items)
        raise ValueError(
            "items must be rows [n, ...] of the shapes and dtypes of the buffer, "
            f"{wanted}, got {got} of the shapes {shapes}; of a single item take item[None]"
        )
    return lengths.pop()[0]
