"""Influence matrices with a sparsity pattern, stored whole or by columns."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.types import Cell, Params
from jaxbrain.learning.online.first_carry import pull_first_carry
from jaxbrain.learning.online.jacobian_coloring import colored_entries
from jaxbrain.learning.online.jacobian_sparsity import SparsityPattern, sparsity_pattern
from jaxbrain.learning.online.linearization import LinearizedStep, real_state
from jaxbrain.learning.online.rule import Influence


def n_step_influence(cell: Cell, n: int | None) -> Influence:
    """The influence along paths of n steps at most.

    S_t = I_t + D_t S_{t-1} where the pattern of n steps is not zero, else 0, and S_0 = ds_0/dp

    The traces are ``[n_params, width]``, the numbers of the carry that each weight moves, or
    ``[n_state, n_params]`` where so many of them are not zero that the whole matrix is cheaper.

    Args:
      cell: the cell that is credited.
      n: the number of steps; None: any number.

    Returns:
      An Influence.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell, x = jb.cells.gru(3), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> [n_step_influence(cell, n).init(params, cell.carry(params, x), x).shape for n in (1, 2)]
      [(57, 1), (3, 57)]
    """

    def init(params: Params, carry: Any, x: Any) -> jax.Array:
        pattern, state = sparsity_pattern(cell, x, n), real_state(carry)
        pull = pull_first_carry(cell, params, x)
        if pull is None:
            shape = pattern.influence.shape if pattern.dense else pattern.columns.rows.shape
            return jnp.zeros(shape, state.dtype)
        if pattern.dense:
            return jax.vmap(pull)(jnp.eye(state.size, dtype=state.dtype))
        return _entering(pattern, pull, state.dtype)

    def gradient(traces: jax.Array, step: LinearizedStep) -> jax.Array:
        pattern = sparsity_pattern(cell, step.x, n)
        if pattern.dense:
            return _dense_gradient(pattern, traces, step)
        return _gradient_of_columns(pattern, traces, step)

    def update(traces: jax.Array, step: LinearizedStep) -> jax.Array:
        pattern = sparsity_pattern(cell, step.x, n)
        if pattern.dense:
            return jnp.where(pattern.influence, exact_update(traces, step), 0)
        return _update_of_columns(pattern, traces, step)

    return Influence(init, gradient, update)


def unit_influence(rule: str, cell: Cell) -> Influence:
    """The exact influence of a cell whose units do not mix; refuse other cells."""
    influence = n_step_influence(cell, None)

    def init(params: Params, carry: Any, x: Any) -> jax.Array:
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


def exact_update(traces: jax.Array, step: LinearizedStep) -> jax.Array:
    """I + D S, all matrices whole; S ``[n_state, n_params]``."""
    immediate, carried = jax.vmap(step.back)(jnp.eye(step.state.size, dtype=traces.dtype))
    return immediate + carried @ traces


def _dense_gradient(pattern: SparsityPattern, traces: jax.Array, step: LinearizedStep) -> jax.Array:
    """dL/ds S; through those outputs alone that n steps reach."""
    if pattern.closed:
        return step.credit @ traces
    rows = jnp.eye(len(step.signal), dtype=traces.dtype)
    outputs = jax.vmap(step.back_from_output)(rows) @ traces
    return step.signal @ jnp.where(pattern.outputs | pattern.starting, outputs, 0)


def _gradient_of_columns(
    pattern: SparsityPattern, traces: jax.Array, step: LinearizedStep
) -> jax.Array:
    """dL/ds S as in `_dense_gradient`, from the entries of each column."""
    (rows, used), (outputs, shown) = pattern.columns, pattern.output_columns
    if pattern.closed:
        return _whole_gradient(pattern, traces, step)
    read = colored_entries(step.back_from_output, pattern.coloring.read, traces.dtype)
    at = outputs[:, :, None], rows[:, None, :]
    nonzero = pattern.read[at] & shown[:, :, None] & used[:, None, :]
    credit = jnp.where(nonzero, read(*at), 0) * step.signal[outputs][:, :, None]
    cut = jnp.sum(credit * traces[:, None, :], axis=(1, 2))
    if not pattern.starting.any():
        return cut
    return jnp.where(pattern.starting, _whole_gradient(pattern, traces, step), cut)


def _whole_gradient(pattern: SparsityPattern, traces: jax.Array, step: LinearizedStep) -> jax.Array:
    return jnp.sum(traces * step.credit[pattern.columns.rows], axis=1)


def _update_of_columns(
    pattern: SparsityPattern, traces: jax.Array, step: LinearizedStep
) -> jax.Array:
    """I + D S at the entries of each column."""
    (rows, used), coloring = pattern.columns, pattern.coloring
    entering = _entering(pattern, lambda v: step.back(v)[0], traces.dtype)
    carried = colored_entries(lambda v: step.back(v)[1], coloring.carried, traces.dtype)
    between = rows[:, :, None], rows[:, None, :]
    nonzero = pattern.carried[between] & used[:, :, None] & used[:, None, :]
    moved = jnp.where(nonzero, carried(*between), 0) * traces[:, None, :]
    return entering + jnp.sum(moved, axis=2)


def _entering(
    pattern: SparsityPattern, pull: Callable[[jax.Array], jax.Array], dtype: Any
) -> jax.Array:
    """The entries of each column of what enters the carry by one step, or as the first carry."""
    rows, used = pattern.columns
    at = rows, np.arange(len(rows))[:, None]
    entries = colored_entries(pull, pattern.coloring.immediate, dtype)
    return jnp.where(pattern.immediate[at] & used, entries(*at), 0)
