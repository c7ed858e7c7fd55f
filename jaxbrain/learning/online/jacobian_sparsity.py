"""Which numbers of a carry a weight can move within some steps: the wiring of a cell, as found."""

import functools
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from jaxbrain.core.structure import take_apart
from jaxbrain.core.types import Cell
from jaxbrain.learning.online.rule import flat_state

_POINTS = 48  # where a Jacobian is looked at: an entry that is zero at half of them is not missed
_SCALES = (0.3, 1.0, 3.0)


class Reach(NamedTuple):
    """What weights reach, and how to compute just that.

    Attributes:
      rows: ``[n_params, width]``, the numbers of the carry that each weight reaches.
      kept: whether a place of rows is used; if wide, ``[n_state, n_params]``.
      entered: as kept, where the weight enters in the step itself.
      between: ``[n_params, width, width]``, whether the second moves the first in one step.
      outputs: ``[n_params, ...]``, the outputs that each weight reaches.
      kept_outputs: as kept, for the outputs.
      to_outputs: as between, from rows to outputs.
      colour_params: ``[n_state]``; rows of ds/dp of one colour have no column in common.
      colour_state: the same for ds_t/ds_{t-1}.
      colour_outputs: the same for dy/ds, ``[n_outputs]``.
      width: the most numbers that a weight reaches.
      wide: so many that the whole matrix is cheaper than its parts.
      closed: whether what is kept moves no output beyond those kept.
    """

    rows: np.ndarray
    kept: np.ndarray
    entered: np.ndarray
    between: np.ndarray
    outputs: np.ndarray
    kept_outputs: np.ndarray
    to_outputs: np.ndarray
    colour_params: np.ndarray
    colour_state: np.ndarray
    colour_outputs: np.ndarray
    width: int
    wide: bool
    closed: bool


def reach(cell: Cell, x: Any, n: int | None) -> Reach:
    """What the weights of a cell reach within n steps.

    Args:
      cell: the cell.
      x: the input of one step, or its shape.
      n: steps; None: any number.

    Returns:
      A Reach, kept for the next call with an equal cell.

    Raises:
      TypeError: if x is not floating.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> reach(jb.cells.elman(3), jax.ShapeDtypeStruct((2,), "float32"), 1).rows[:, 0].tolist()
      [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]
    """
    leaves, treedef = jax.tree.flatten(x)
    if not all(jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in leaves):
        raise TypeError(
            f"{cell}: which weights an input reaches is only found for floating inputs, got "
            f"{[str(jnp.result_type(leaf)) for leaf in leaves]}; embed labels before the cell"
        )
    shapes = tuple((jnp.shape(leaf), str(jnp.result_type(leaf))) for leaf in leaves)
    return _reach(_known(cell), treedef, shapes, n)


def _known(cell: Any) -> Any:
    """The cell with stand-ins for the numbers it was built from that are traced, as under `fit`."""
    node = take_apart(cell)
    if node.kind == "traced":
        return _stand_in(cell.shape, str(cell.dtype))
    parts = tuple(map(_known, node.parts))
    same = all(a is b for a, b in zip(parts, node.parts, strict=True))
    return cell if same or node.build is None else node.build(parts)


@functools.lru_cache(maxsize=64)
def _stand_in(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Positive numbers below 1; the same array for a shape, so that cells are found again."""
    drawn = np.random.default_rng(0).uniform(0.3, 0.9, shape)
    return drawn.astype(dtype)


@functools.lru_cache(maxsize=32)
def _reach(cell: Cell, treedef: Any, shapes: tuple, n: int | None) -> Reach:
    immediate, carried, shown, read = _patterns(cell, treedef, shapes)
    before, inside = np.zeros_like(immediate), immediate
    for _ in range(len(carried) if n is None else n - 1):
        before, inside = inside, inside | _product(carried, inside)
        if np.array_equal(before, inside):
            break
    outside = shown | _product(read, inside if n is None else before)
    closed = not np.any(_product(read, inside) & ~outside)
    colours = _colours(immediate), _colours(carried), _colours(read)
    width = max(int(inside.sum(0).max(initial=0)), 1)
    across = 1 if closed else max(int(outside.sum(0).max(initial=0)), 1)
    if width * max(width, across) > len(carried):
        none = np.zeros((0, 0), int)
        return Reach(none, inside, none, none, none, outside, none, *colours, width, True, closed)
    rows, kept = _places(inside, width)
    outputs, kept_outputs = _places(outside, across)
    entered = np.take_along_axis(immediate.T, rows, axis=1) & kept
    between = carried[rows[:, :, None], rows[:, None, :]] & kept[:, :, None] & kept[:, None, :]
    to_outputs = read[outputs[:, :, None], rows[:, None, :]]
    to_outputs &= kept_outputs[:, :, None] & kept[:, None, :]
    parts = rows, kept, entered, between, outputs, kept_outputs, to_outputs
    return Reach(*parts, *colours, width, False, closed)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a.astype(np.float32) @ b.astype(np.float32) > 0


def _places(pattern: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of each column that are set, ``[columns, width]``, and which places are used."""
    rows = np.argsort(~pattern.T, axis=1, kind="stable")[:, :width]
    return rows, np.take_along_axis(pattern.T, rows, axis=1)


@functools.lru_cache(maxsize=32)
def _patterns(cell: Cell, treedef: Any, shapes: tuple) -> tuple[np.ndarray, ...]:
    """Where ds/dp, ds_t/ds_{t-1}, dy/dp and dy/ds are not zero at some of many random points."""

    def look(params: Any, carry: Any, key: jax.Array, scale: jax.Array) -> Any:
        flat, unravel = ravel_pytree(params)
        state, join = flat_state(carry)
        k_params, k_state, *keys = jax.random.split(key, len(shapes) + 2)
        x = [scale.astype(d) * _normal(k, s, d) for k, (s, d) in zip(keys, shapes, strict=True)]
        x = jax.tree.unflatten(treedef, x)
        flat += 0.1 * _normal(k_params, flat.shape, flat.dtype)
        state += scale.astype(state.dtype) * _normal(k_state, state.shape, state.dtype)

        def move(p: jax.Array, s: jax.Array) -> jax.Array:
            after, y = cell.step(unravel(p), join(s), x)
            return jnp.concatenate([flat_state(after)[0], ravel_pytree(y)[0]])

        both, pull = jax.vjp(move, flat, state)
        # nan is not zero either: where a random point is out of the domain, nothing is left out
        rows = jnp.eye(len(both), dtype=both.dtype)
        return jax.lax.map(lambda v: jax.tree.map(lambda a: a != 0, pull(v)), rows)

    @jax.jit
    def anywhere(params: Any, carry: Any, keys: jax.Array, scales: jax.Array) -> Any:
        def add(seen: Any, at: Any) -> tuple[Any, None]:
            return jax.tree.map(jnp.logical_or, seen, look(params, carry, *at)), None

        seen = jax.eval_shape(look, params, carry, keys[0], scales[0])
        nothing = jax.tree.map(lambda a: jnp.zeros(a.shape, bool), seen)
        return jax.lax.scan(add, nothing, (keys, scales))[0]

    with jax.ensure_compile_time_eval():
        keys = jax.random.split(jax.random.key(0), _POINTS)
        scales = jnp.asarray([_SCALES[i % len(_SCALES)] for i in range(_POINTS)])
        x = jax.tree.unflatten(treedef, [jnp.zeros(s, d) for s, d in shapes])
        params = cell.init(jax.random.key(1), x)
        seen = map(np.asarray, anywhere(params, cell.carry(params, x), keys, scales))
        immediate, carried = seen
    n = carried.shape[1]
    return immediate[:n], carried[:n], immediate[n:], carried[n:]


def _normal(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    return jax.random.normal(key, shape, dtype)


def _colours(pattern: np.ndarray) -> np.ndarray:
    """Greedy colours of rows, such that no two of one colour have a column in common."""
    numbers = pattern.astype(np.float32)
    meet = numbers @ numbers.T > 0
    colour = np.zeros(len(pattern), int)
    for i in range(1, len(pattern)):
        taken = set(colour[:i][meet[i, :i]].tolist())
        colour[i] = next(c for c in range(len(pattern)) if c not in taken)
    return colour
