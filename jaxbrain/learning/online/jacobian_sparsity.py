"""Sparsity pattern of the influence matrix after n steps, detected numerically.

The Jacobians of one step are evaluated at random points. An entry that is zero at all of them is
taken to be zero everywhere, so a mask within the cell counts, and a weight of zero does not.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from jaxbrain.core.structure import take_apart
from jaxbrain.core.types import Cell, Params
from jaxbrain.core.vectors import to_carry
from jaxbrain.learning.online.first_carry import pull_first_carry
from jaxbrain.learning.online.jacobian_coloring import Coloring, color_rows
from jaxbrain.learning.online.linearization import floating, real_state

_POINTS = 48  # an entry that is zero at half of all points, as with relu, is not missed
_SCALES = (0.3, 1.0, 3.0)
_MAGNITUDES = (1.0, 10.0, 100.0, 1000.0)


class Columns(NamedTuple):
    """The rows of the nonzero entries in each column of a sparse matrix.

    Attributes:
      rows: ``[columns, width]``.
      used: ``[columns, width]``, False where a column has fewer entries than the widest one.
    """

    rows: np.ndarray
    used: np.ndarray


@dataclass(frozen=True, eq=False)
class SparsityPattern:
    """Nonzero entries of the Jacobians of a cell and of the influence that is kept; all boolean.

    Attributes:
      immediate: ds_t/dp at a fixed carry, and ds_0/dp of the first one, ``[n_state, n_params]``.
      carried: ds_t/ds_{t-1}, ``[n_state, n_state]``.
      read: dy_t/ds_{t-1}, ``[n_outputs, n_state]``.
      influence: ds/dp over n steps, ``[n_state, n_params]``.
      outputs: dy/dp over n steps, ``[n_outputs, n_params]``.
      starting: True for params that the first carry depends on ``[n_params]``; all outputs are
        credited to them.
    """

    immediate: np.ndarray
    carried: np.ndarray
    read: np.ndarray
    influence: np.ndarray
    outputs: np.ndarray
    starting: np.ndarray

    @property
    def width(self) -> int:
        """The most numbers of the carry that one weight moves."""
        return _width(self.influence)

    @functools.cached_property
    def closed(self) -> bool:
        """True if the influence that is kept moves no outputs but those that are kept."""
        return not np.any(_product(self.read, self.influence) & ~(self.outputs | self.starting))

    @functools.cached_property
    def dense(self) -> bool:
        """True if the whole influence matrix is cheaper than its columns."""
        across = 1 if self.closed else _width(self.outputs)
        return self.width * max(self.width, across) > len(self.carried)

    @functools.cached_property
    def columns(self) -> Columns:
        """The numbers of the carry that each weight moves."""
        return _columns(self.influence)

    @functools.cached_property
    def output_columns(self) -> Columns:
        """The outputs that each weight moves."""
        return _columns(self.outputs)

    @functools.cached_property
    def coloring(self) -> Coloring:
        """The coloring of the three Jacobians."""
        return Coloring(*map(color_rows, (self.immediate, self.carried, self.read)))


def sparsity_pattern(cell: Cell, x: Any, n: int | None) -> SparsityPattern:
    """The sparsity pattern of the influence over n steps of a cell.

    Args:
      cell: the cell.
      x: the input of one step, or its shape.
      n: steps; None: any number.

    Returns:
      A SparsityPattern, the same object for an equal cell.

    Raises:
      TypeError: if x is not floating.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> pattern = sparsity_pattern(jb.cells.elman(3), jax.ShapeDtypeStruct((2,), "float32"), 1)
      >>> pattern.columns.rows[:, 0].tolist()  # the unit that each weight enters
      [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]
    """
    leaves, treedef = jax.tree.flatten(x)
    if not all(jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in leaves):
        raise TypeError(
            f"{cell}: the sparsity pattern of a cell is only found for floating inputs, got "
            f"{[str(jnp.result_type(leaf)) for leaf in leaves]}; embed labels before the cell"
        )
    shapes = tuple((jnp.shape(leaf), str(jnp.result_type(leaf))) for leaf in leaves)
    return _pattern(_without_tracers(cell), treedef, shapes, n)


@functools.lru_cache(maxsize=32)
def _pattern(cell: Cell, treedef: Any, shapes: tuple, n: int | None) -> SparsityPattern:
    immediate, carried, shown, read, start = _jacobians(cell, treedef, shapes)
    immediate = immediate | start
    before, influence = np.zeros_like(immediate), immediate
    for _ in range(len(carried) if n is None else n - 1):
        before, influence = influence, influence | _product(carried, influence)
        if np.array_equal(before, influence):
            break
    outputs = shown | _product(read, influence if n is None else before)
    starting = np.asarray(start.any(axis=0))
    return SparsityPattern(immediate, carried, read, influence, outputs, starting)


@functools.lru_cache(maxsize=32)
def _jacobians(cell: Cell, treedef: Any, shapes: tuple) -> tuple[np.ndarray, ...]:
    """Patterns of ds_t/dp, ds_t/ds_{t-1}, dy/dp, dy/ds and ds_0/dp, nonzero at any random point."""
    x = jax.tree.unflatten(treedef, [jax.ShapeDtypeStruct(*shape) for shape in shapes])
    params = _initial(cell, x)
    state = jax.eval_shape(lambda p, x: real_state(cell.carry(p, x)), params, x)
    # one program, compiled and run by itself although the caller may be traced
    look = jax.jit(functools.partial(_look, cell)).lower(params, state, x).compile()
    rng = np.random.default_rng(0)

    def at_a_point(i: int) -> tuple[np.ndarray, ...]:
        scale, sign = _SCALES[i % len(_SCALES)], (np.abs, np.positive)[i % 2]
        at = _drawn(rng, params, sign), _normal(rng, state, scale), _normal(rng, x, scale)
        return tuple(map(np.asarray, look(*at)))

    seen = at_a_point(0)
    for i in range(1, _POINTS):
        seen = tuple(map(np.maximum, seen, at_a_point(i)))
    immediate, carried, start = (a != _ZERO for a in seen)
    n = carried.shape[1]
    return immediate[:n], carried[:n], immediate[n:], carried[n:], start


def _look(cell: Cell, params: Params, noise: jax.Array, x: Any) -> tuple[jax.Array, ...]:
    """Zeros of the Jacobians at one point: by params, by carry, and ds_0/dp."""
    carry = cell.carry(params, x)
    state = real_state(carry) + noise

    def move(p: Params, s: jax.Array) -> tuple[jax.Array, jax.Array]:
        after, y = cell.step(p, to_carry(s, carry), x)
        return real_state(after), ravel_pytree(y)[0]

    (after, y), pull = jax.vjp(move, params, state)

    def row(v: jax.Array) -> tuple[jax.Array, jax.Array]:
        entering, carried = pull((v[: after.size], v[after.size :]))
        return _zeros(ravel_pytree(floating(entering, params))[0]), _zeros(carried)

    immediate, carried = jax.vmap(row)(jnp.eye(after.size + y.size, dtype=state.dtype))
    back = pull_first_carry(cell, params, x)
    if back is None:
        return immediate, carried, jnp.full_like(immediate, _ZERO)[: state.size]
    rows = jnp.eye(state.size, dtype=state.dtype)
    return immediate, carried, jax.vmap(lambda v: _zeros(ravel_pytree(back(v))[0]))(rows)


_UNKNOWN, _ZERO, _NONZERO = 0, 1, 2


def _zeros(entries: jax.Array) -> jax.Array:
    """An entry that is nan, because the point is out of the domain, is not known there."""
    known = jnp.where(entries == 0, _ZERO, _NONZERO)
    return jnp.where(jnp.isnan(entries), _UNKNOWN, known).astype(jnp.uint8)


def _without_tracers(cell: Cell) -> Cell:
    """The cell with positive numbers in place of those that are traced, as under `fit`."""
    for scale in _MAGNITUDES[:-1]:
        try:
            return _with_numbers(cell, scale)
        except ValueError:
            continue  # refused by a constructor, such as a tau below dt
    return _with_numbers(cell, _MAGNITUDES[-1])


def _with_numbers(value: Any, scale: float) -> Any:
    node = take_apart(value)
    if node.kind == "traced":
        return _positive(value.shape, str(value.dtype), scale)
    parts = tuple(_with_numbers(part, scale) for part in node.parts)
    same = all(a is b for a, b in zip(parts, node.parts, strict=True))
    return value if same or node.build is None else node.build(parts)


@functools.lru_cache(maxsize=64)
def _positive(shape: tuple[int, ...], dtype: str, scale: float) -> np.ndarray:
    """Numbers below the scale; the same array for a shape, so that equal cells stay equal."""
    return (scale * np.random.default_rng(0).uniform(0.3, 0.9, shape)).astype(dtype)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a.astype(np.float32) @ b.astype(np.float32) > 0


def _width(pattern: np.ndarray) -> int:
    return max(int(pattern.sum(0).max(initial=0)), 1)


def _columns(pattern: np.ndarray) -> Columns:
    rows = np.argsort(~pattern.T, axis=1, kind="stable")[:, : _width(pattern)]
    return Columns(rows, np.take_along_axis(pattern.T, rows, axis=1))


def _initial(cell: Cell, x: Any) -> Params:
    """The shapes of the params; where some are integers, such as an index, their values."""
    key = jax.eval_shape(jax.random.key, 0)
    params = jax.eval_shape(cell.init, key, x)
    if all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in jax.tree.leaves(params)):
        return params
    with jax.ensure_compile_time_eval():
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), x)
        return jax.tree.map(np.asarray, cell.init(jax.random.key(0), zeros))


def _drawn(rng: np.random.Generator, params: Params, sign: Callable) -> Params:
    """Params of the size of initial ones; without ``cell.init``, which takes longer to compile."""

    def draw(leaf: Any) -> Any:
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf
        fan_in = math.prod(leaf.shape[:-1])
        return sign(_normal(rng, leaf, 1 / math.sqrt(max(fan_in, 1))))

    return jax.tree.map(draw, params)


def _normal(rng: np.random.Generator, like: Any, scale: float) -> Any:
    return jax.tree.map(lambda a: (scale * rng.normal(size=a.shape)).astype(a.dtype), like)
