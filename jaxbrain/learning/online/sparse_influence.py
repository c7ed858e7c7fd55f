"""Influence matrices with a sparsity pattern, stored whole or by columns."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.types import Cell, Params
from jaxbrain.learning.online.first_carry import pull_first_carry
from jaxbrain.learning.online.jacobian_coloring import color_seeds, colored_entries
from jaxbrain.learning.online.jacobian_sparsity import SparsityPattern, sparsity_pattern
from jaxbrain.learning.online.linearization import LinearizedStep, real_state
from jaxbrain.learning.online.param_leaves import in_leaves
from jaxbrain.learning.online.rule import Influence, joint_influence
from jaxbrain.learning.online.whole_influence import exact_products, first_influence


def n_step_influence(cell: Cell, n: int | None) -> Influence:
    """The influence along paths of n steps at most.

    S_t = I_t + D_t S_{t-1} where the pattern of n steps is not zero, else 0, and S_0 = ds_0/dp

    The traces of each array of the params are ``[width, *shape]``, the numbers of the carry that
    each weight moves, or ``[n_state, *shape]`` where so many of them are not zero that the whole
    matrix is cheaper.

    Args:
      cell: the cell that is credited.
      n: the number of steps; None: any number.

    Returns:
      An Influence.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell, x = jb.cells.gru(3), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> start = [n_step_influence(cell, n).init(params, cell.carry(params, x), x) for n in (1, 2)]
      >>> [traces["kernel"].shape for traces in start]
      [(1, 2, 9), (3, 2, 9)]
    """

    def init(params: Params, carry: Any, x: Any) -> Params:
        pattern, state = sparsity_pattern(cell, x, n), real_state(carry)
        if pattern.dense:
            return first_influence(cell, params, carry, x)
        pull = pull_first_carry(cell, params, x)
        if pull is None:
            width = pattern.width
            return jax.tree.map(lambda p: jnp.zeros((width, *jnp.shape(p)), state.dtype), params)
        return _entering(pattern, pull, params, state.dtype)

    def advance(traces: Params, step: LinearizedStep) -> tuple[Params, Params]:
        pattern = sparsity_pattern(cell, step.x, n)
        if pattern.dense:
            return _advance_whole(pattern, traces, step)
        gradient = _gradient_of_columns(pattern, traces, step)
        return gradient, _update_of_columns(pattern, traces, step)

    return joint_influence(init, advance)


def unit_influence(rule: str, cell: Cell) -> Influence:
    """The exact influence of a cell whose units do not mix; refuse other cells."""
    influence = n_step_influence(cell, None)

    def init(params: Params, carry: Any, x: Any) -> Params:
        width, leaves = sparsity_pattern(cell, x, None).width, jax.tree.leaves(carry)
        arrays = sum(jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in leaves)
        if width > arrays:
            raise ValueError(
                f"{rule} needs a recurrence that does not mix units, and in {cell} a weight "
                f"moves {width} of the {real_state(carry).size} numbers of the carry; use "
                "jb.learning.rtrl, or the approximation jb.learning.snap"
            )
        return influence.init(params, carry, x)

    return influence._replace(init=init)


def _advance_whole(
    pattern: SparsityPattern, traces: Params, step: LinearizedStep
) -> tuple[Params, Params]:
    """dL/ds S through those outputs alone that n steps reach, and I + D S within the pattern."""
    past, after = exact_products(traces, step)
    kept = in_leaves(pattern.influence.T, step.cell_params)
    after = jax.tree.map(lambda s, kept: jnp.where(kept, s, 0), after, kept)
    if not pattern.closed:
        read = jax.vmap(step.back_from_output)(jnp.eye(len(step.signal), dtype=step.signal.dtype))
        reached = in_leaves((pattern.outputs | pattern.starting).T, step.cell_params)

        def through(s: jax.Array, reached: np.ndarray) -> jax.Array:
            return jnp.tensordot(step.signal, jnp.where(reached, jnp.tensordot(read, s, 1), 0), 1)

        past = jax.tree.map(through, traces, reached)
    return past, after


def _gradient_of_columns(pattern: SparsityPattern, traces: Params, step: LinearizedStep) -> Params:
    """dL/ds S as in `_advance_whole`, from the entries of each column."""

    def whole(traces: jax.Array, rows: np.ndarray) -> jax.Array:
        return jnp.sum(traces * step.credit[rows], axis=0)

    (rows, used), (outputs, shown) = pattern.columns, pattern.output_columns
    if pattern.closed:
        rows = in_leaves(rows, step.cell_params)
        return jax.tree.map(whole, traces, rows)
    nonzero = pattern.read[outputs[:, :, None], rows[:, None, :]]
    nonzero &= shown[:, :, None] & used[:, None, :]
    read = colored_entries(step.back_from_output, pattern.coloring.read, step.signal.dtype)

    def through(traces: Any, rows: Any, outputs: Any, nonzero: Any, starting: Any) -> jax.Array:
        paths = jnp.where(nonzero, read(outputs[:, None], rows[None]), 0) * traces[None]
        cut = jnp.sum(paths * step.signal[outputs][:, None], axis=(0, 1))
        return jnp.where(starting, whole(traces, rows), cut)

    of_params = (rows, outputs, nonzero, pattern.starting)
    leaves = (in_leaves(numbers, step.cell_params) for numbers in of_params)
    return jax.tree.map(through, traces, *leaves)


def _update_of_columns(pattern: SparsityPattern, traces: Params, step: LinearizedStep) -> Params:
    """I + D S at the entries of each column."""
    rows, used = pattern.columns
    dtype = step.state.dtype
    nonzero = pattern.carried[rows[:, :, None], rows[:, None, :]]
    nonzero &= used[:, :, None] & used[:, None, :]
    carried = colored_entries(lambda v: step.back(v)[1], pattern.coloring.carried, dtype)

    def add(entering: Any, traces: Any, rows: Any, nonzero: Any) -> jax.Array:
        between = jnp.where(nonzero, carried(rows[:, None], rows[None]), 0)
        return entering + jnp.sum(between * traces[None], axis=1)

    entering = _entering(pattern, lambda v: step.back_to_leaves(v)[0], step.cell_params, dtype)
    leaves = (in_leaves(numbers, step.cell_params) for numbers in (rows, nonzero))
    return jax.tree.map(add, entering, traces, *leaves)


def _entering(
    pattern: SparsityPattern, pull: Callable[[jax.Array], Params], params: Params, dtype: Any
) -> Params:
    """The entries of each column of what enters the carry by one step, or as the first carry."""
    (rows, used), color = pattern.columns, pattern.coloring.immediate
    seeds = color_seeds(color, dtype)
    nonzero = pattern.immediate[rows, np.arange(len(rows))[:, None]] & used
    chosen = nonzero[:, :, None] & (color[rows][:, :, None] == np.arange(len(seeds)))

    def entries(sums: jax.Array, chosen: np.ndarray) -> jax.Array:
        return jnp.sum(jnp.where(chosen, sums.astype(dtype)[None], 0), axis=1)

    return jax.tree.map(entries, jax.vmap(pull)(seeds), in_leaves(chosen, params))
