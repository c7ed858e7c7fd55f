"""Composition of cells: stacks, residual connections, both directions of time."""

from typing import Any

import jax

from jaxbrain.cells.unrolling import unroll
from jaxbrain.core.composition import parallel, split_key
from jaxbrain.core.config import configured
from jaxbrain.core.inits import plain_init
from jaxbrain.core.types import Cell, Network, Params


@configured
def stack(*cells: Cell) -> Cell:
    """A stack of cells: in every step the output of one is the input of the next.

    Args:
      *cells: from the input to the output.

    Returns:
      A Cell whose params and carry are tuples, one entry per cell.

    Raises:
      TypeError: if a cell is not a Cell.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell, x = stack(jb.cells.gru(4), jb.cells.elman(3)), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> cell.step(params, cell.carry(params, x), x)[1].shape
      (3,)
    """
    if not cells:
        raise TypeError("stack() needs at least one cell, got none")

    def init(key: jax.Array, x: Any) -> Params:
        params = []
        for k, cell in zip(jax.random.split(key, len(cells)), cells, strict=True):
            params.append(plain_init(cell)(k, x))
            x = _output(cell, params[-1], x)
        return tuple(params)

    def carry(params: Params, x: Any) -> tuple:
        carries = []
        for cell, p in zip(cells, params, strict=True):
            carries.append(cell.carry(p, x))
            x = _output(cell, p, x)
        return tuple(carries)

    def step(params: Params, carry: tuple, x: Any, *, key: jax.Array | None = None) -> Any:
        after = []
        for cell, p, c, k in zip(cells, params, carry, split_key(key, len(cells)), strict=True):
            c, x = cell.step(p, c, x, key=k)
            after.append(c)
        return tuple(after), x

    lowest = cells[0].project
    project = None if lowest is None else lambda params, xs: lowest(params[0], xs)
    return Cell(init, carry, step, project)


@configured
def residual(cell: Cell) -> Cell:
    """A residual connection around a cell: y_t = x_t + cell(x_t).

    Args:
      cell: a cell whose output has the shape of its input.

    Returns:
      A Cell with the params and the carry of cell.

    Raises:
      TypeError: if cell is not a Cell.
      ValueError: at trace time, if the output's shape is not the input's.

    Source: He et al. 2016, doi 10.1109/CVPR.2016.90; over cells, Wu et al. 2016, arXiv 1609.08144.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell, x = residual(jb.cells.gru(2)), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> h, y = cell.step(params, cell.carry(params, x), x)
      >>> bool((y == x + h).all())
      True
    """
    name = f"residual({cell})"

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        carry, y = cell.step(params, carry, x, key=key)
        if y.shape != x.shape:
            raise ValueError(
                f"{name}: the output must have the shape of the input, {x.shape}, but it is "
                f"{y.shape}; give the cell as many units as there are inputs"
            )
        return carry, x.astype(y.dtype) + y

    # no projection: it would replace the input that the shortcut needs
    return Cell(cell.init, cell.carry, step)


@configured
def bidirectional(forward: Cell, backward: Cell, *, block: int | None = None) -> Network:
    """Two cells over a sequence, one forward and one backward in time, outputs concatenated.

    y_t = [forward(x_1 .. x_t), backward(x_T .. x_t)]

    For padded sequences mask both: ``bidirectional(masked(f), masked(b))`` of ``(xs, valid)``.

    Args:
      forward: from the first step to the last.
      backward: from the last step to the first.
      block: see `scan`.

    Returns:
      A network ``[time, ...] -> [time, features of both]`` whose params are a pair.

    Raises:
      TypeError: if a cell is not a Cell.
      ValueError: if block is not positive.

    Source: Schuster and Paliwal 1997, doi 10.1109/78.650093.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = bidirectional(jb.cells.gru(3), jb.cells.gru(2))
      >>> params = net.init(jax.random.key(0), jax.numpy.ones((5, 4)))
      >>> net.apply(params, jax.numpy.ones((5, 4))).shape
      (5, 5)
    """
    return parallel(unroll(forward, block=block), unroll(backward, block=block, reverse=True))


def _output(cell: Cell, params: Params, x: Any) -> Any:
    """The shape and dtype of what a step of the cell returns."""
    return jax.eval_shape(lambda p, x: cell.step(p, cell.carry(p, x), x)[1], params, x)
