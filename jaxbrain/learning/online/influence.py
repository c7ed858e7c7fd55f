"""Real-time recurrent learning: how the weights moved the carry, kept up exactly or in part.

`rtrl` keeps all of ds/dp, `snap` the entries that few steps can reach, `rtrl_diagonal` all that
any number of steps can reach, where these are few.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.online.jacobian_sparsity import Reach, reach
from jaxbrain.learning.online.rule import Influence, Now, flat_state, online_rule


@configured
def rtrl(cell: Cell, readout: Network, loss: Loss) -> Cell:
    """Real-time recurrent learning: the exact gradient, forward in time.

    S_t = I_t + D_t S_{t-1},  g_t = dL_t/dp + dL_t/ds_{t-1} S_{t-1}

    S = ds/dp ``[n_state, n_params]``, I and D the Jacobians of the step with respect to params and
    carry. Summed over a sequence this is back-propagation through time. With n units it keeps about
    n^3 numbers and takes n^4 operations a step, however long the sequence.

    Args:
      cell: any cell with a real carry.
      readout: from the output of the cell to the prediction.
      loss: ``(prediction, target) -> scalar`` of one step.

    Returns:
      A Cell from ``(x, y)`` to ``(loss, grads)`` with params ``(cell, readout)``.

    Raises:
      TypeError: if cell is not a Cell or readout not a Network; at trace time, if the carry is
        complex.

    Source: Williams and Zipser 1989, doi 10.1162/neco.1989.1.2.270.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = rtrl(jb.cells.gru(3), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> params = rule.init(jax.random.key(0), now)
      >>> rule.carry(params, now)[1].shape  # 3 units, 18 + 27 + 9 + 3 weights
      (3, 57)
    """

    def start(params: Params, carry: Any, x: Any) -> jax.Array:
        return _zeros(params, carry)

    def pull(traces: jax.Array, now: Now) -> jax.Array:
        return now.credit @ traces

    def push(traces: jax.Array, now: Now) -> jax.Array:
        return _exact(traces, now)

    return online_rule("rtrl", cell, readout, loss, Influence(start, pull, push))


@configured
def snap(cell: Cell, readout: Network, loss: Loss, *, n: int = 1) -> Cell:
    """Sparse n-step approximation of RTRL: influences that n steps can reach, by the cell's wiring.

    S_t = (I_t + D_t S_{t-1}) where n steps lead from the weight to the unit, else 0

    n = 1 keeps for each weight the units that it enters: as many numbers as there are weights,
    for gated cells too. What is reached is found from the Jacobians of one step at random points
    (`reach`), so a mask within the cell counts and a weight that happens to be zero does not. With
    all units connected n = 2 reaches everything and is `rtrl`; it pays for sparse masks.

    Args:
      cell: any cell of real inputs with a real carry.
      readout: from the output of the cell to the prediction.
      loss: ``(prediction, target) -> scalar`` of one step.
      n: how many steps.

    Returns:
      A Cell from ``(x, y)`` to ``(loss, grads)`` with params ``(cell, readout)``.

    Raises:
      TypeError: if cell is not a Cell or readout not a Network; at trace time, if the inputs are
        not floating or the carry is complex.
      ValueError: if n is not a positive integer.

    Source: Menick et al. 2021, arXiv 2006.07232.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = snap(jb.cells.gru(3), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> params = rule.init(jax.random.key(0), now)
      >>> rule.carry(params, now)[1].shape
      (57, 1)
    """
    require_count("snap", "n", n)
    return online_rule("snap", cell, readout, loss, reached(cell, n))


@configured
def rtrl_diagonal(cell: Cell, readout: Network, loss: Loss) -> Cell:
    """Exact real-time recurrent learning where units do not mix, at the cost of the parameters.

    S_t = I_t + D_t S_{t-1}, D diagonal: a weight only ever moves the unit that it enters

    More generally the units that a weight reaches in any number of steps: two for the real and
    imaginary part of a rotation.

    Args:
      cell: a cell whose recurrence is element-wise, such as a linear recurrent unit.
      readout: from the output of the cell to the prediction.
      loss: ``(prediction, target) -> scalar`` of one step.

    Returns:
      A Cell from ``(x, y)`` to ``(loss, grads)`` with params ``(cell, readout)``.

    Raises:
      TypeError: if cell is not a Cell or readout not a Network; at trace time, if the inputs are
        not floating or the carry is complex.
      ValueError: at trace time, if a weight reaches more than one number of each array of the
        carry.

    Source: Mozer 1989, "A focused backpropagation algorithm for temporal pattern recognition";
    Zucchet et al. 2023, arXiv 2305.15947.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = rtrl_diagonal(jb.cells.gru(8), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> rule.carry(rule.init(jax.random.key(0), now), now)
      Traceback (most recent call last):
      ValueError: rtrl_diagonal needs a recurrence that does not mix units, and in gru(8) ...
    """
    return online_rule("rtrl_diagonal", cell, readout, loss, reached(cell, None, "rtrl_diagonal"))


def reached(cell: Cell, n: int | None, apart: str = "") -> Influence:
    """The influences that n steps of a cell can reach, one column each for the weights.

    Args:
      cell: whose step is followed.
      n: how many steps; None: any number.
      apart: a rule that refuses a cell whose weights reach many units; empty: none.

    Returns:
      An Influence.

    Examples:
      >>> import jaxbrain as jb
      >>> reached(jb.cells.gru(3), 2)
      2 steps
    """

    def start(params: Params, carry: Any, x: Any) -> jax.Array:
        zeros, found = _zeros(params, carry), reach(cell, x, n)
        arrays = sum(
            jnp.issubdtype(jnp.result_type(a), jnp.floating) for a in jax.tree.leaves(carry)
        )
        if apart and found.width > arrays:
            raise ValueError(
                f"{apart} needs a recurrence that does not mix units, and in {cell} a weight "
                f"reaches {found.width} of the {len(zeros)} numbers of the carry; use "
                "jb.learning.rtrl, or jb.learning.snap, which cuts"
            )
        return zeros if found.wide else jnp.zeros(found.rows.shape, zeros.dtype)

    def pull(traces: jax.Array, now: Now) -> jax.Array:
        found = reach(cell, now.x, n)
        if found.closed:
            whole = found.wide
            return now.credit @ traces if whole else jnp.sum(traces * now.credit[found.rows], 1)
        return _through_outputs(found, traces, now)

    def push(traces: jax.Array, now: Now) -> jax.Array:
        found = reach(cell, now.x, n)
        if found.wide:
            return jnp.where(found.kept, _exact(traces, now), 0)
        return _along_rows(found, traces, now)

    return Influence(start, pull, push)


def _along_rows(found: Reach, traces: jax.Array, now: Now) -> jax.Array:
    """One step for the kept entries alone ``[n_params, width]``."""
    immediate = _compressed(lambda v: now.back(v)[0], found.colour_params, traces)
    here = jnp.where(found.entered, immediate(found.rows, np.arange(len(traces))[:, None]), 0)
    carried = _compressed(lambda v: now.back(v)[1], found.colour_state, traces)
    between = carried(found.rows[:, :, None], found.rows[:, None, :])
    between = jnp.where(found.between, between, 0)
    return here + jnp.sum(between * traces[:, None, :], axis=2)


def _through_outputs(found: Reach, traces: jax.Array, now: Now) -> jax.Array:
    """The credit, from those outputs alone that n steps can reach from the weight."""
    if found.wide:
        rows = jnp.eye(len(now.signal), dtype=traces.dtype)
        outputs = jax.vmap(now.back_from_output)(rows) @ traces
        return now.signal @ jnp.where(found.kept_outputs, outputs, 0)
    slope = _compressed(now.back_from_output, found.colour_outputs, traces)
    between = slope(found.outputs[:, :, None], found.rows[:, None, :])
    credit = jnp.where(found.to_outputs, between, 0) * now.signal[found.outputs][:, :, None]
    return jnp.sum(credit * traces[:, None, :], axis=(1, 2))


def _compressed(back: Any, colour: np.ndarray, traces: jax.Array) -> Any:
    """The entries of a Jacobian from few pullbacks: rows of one colour never meet in a column.

    Source: Curtis, Powell and Reid 1974, doi 10.1093/imamat/13.1.117.
    """
    seeds = jnp.asarray(colour[None] == np.arange(colour.max() + 1)[:, None], traces.dtype)
    sums = jax.vmap(back)(seeds)
    return lambda row, column: sums[colour[row], column]


def _exact(traces: jax.Array, now: Now) -> jax.Array:
    immediate, carried = jax.vmap(now.back)(jnp.eye(now.state.size, dtype=traces.dtype))
    return immediate + carried @ traces


def _zeros(params: Params, carry: Any) -> jax.Array:
    n_params = sum(leaf.size for leaf in jax.tree.leaves(params))
    state = flat_state(carry)[0]
    return jnp.zeros((state.size, n_params), state.dtype)
