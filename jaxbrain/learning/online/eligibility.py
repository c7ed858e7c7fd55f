"""Eligibility traces: exact within each unit, silent between them.

No credit takes the way from one unit to another through the recurrent weights: what is left of the
influence is local to each synapse, a trace of what the synapse did to its own unit. The error of
the step, brought back from the readout, makes a weight change of it: a three-factor rule.
"""

from typing import Any

import jax

from jaxbrain.core.config import configured
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.online.influence import reached
from jaxbrain.learning.online.readout_feedback import Feedback, random_feedback, symmetric_feedback
from jaxbrain.learning.online.rule import flat_state, online_rule


@configured
def eprop(
    cell: Cell, readout: Network, loss: Loss, *, feedback: Feedback = symmetric_feedback()
) -> Cell:
    """E-prop: local eligibility traces times a learning signal, for rate and spiking cells.

    e_t = I_t + D_t e_{t-1}, D = ds_t/ds_{t-1} within a unit,  g_t = L_t e_t, L_t = e B^T

    The gradient of the same network in which recurrent input counts as given
    (``stop_gradient(z) @ recurrent``). A unit may have several states, such as the membrane and the
    threshold of an adaptive neuron. Whether the reset passes credit is up to the cell; one that
    does not: ``reset=lambda v, z, top: subtract(v, jax.lax.stop_gradient(z), top)``. For a leaky
    readout take the spikes through a filter that is part of the cell.

    Args:
      cell: a cell whose params have an entry "recurrent", used as ``z @ recurrent``. Where its
        units mix in other ways too, the influence is not local, and as costly as in `rtrl`.
      readout: from the output of the cell to the prediction.
      loss: ``(prediction, target) -> scalar`` of one step.
      feedback: how the error comes back: `symmetric_feedback`, `random_feedback` or
        `adaptive_feedback` of `jaxbrain.learning.online`.

    Returns:
      A Cell from ``(x, y)`` to ``(loss, grads)`` with params ``(cell, readout)`` and, where the
      feedback has its own weights, these.

    Raises:
      TypeError: if cell is not a Cell or readout not a Network; at trace time, if the inputs are
        not floating, or recurrent is used in another way than ``z @ recurrent``.
      ValueError: at trace time, if the params have no entry "recurrent".

    Source: Bellec et al. 2020, doi 10.1038/s41467-020-17236-y.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = eprop(jb.cells.elman(3), jb.dense(1), jb.losses.mse,
      ...              feedback=jb.learning.online.random_feedback())
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> len(rule.init(jax.random.key(0), now))  # cell, readout, feedback
      3
    """
    local = without_recurrent_credit(cell)
    influence = reached(local, None, "eprop")
    return online_rule("eprop", cell, readout, loss, influence, feedback=feedback, credited=local)


@configured
def rflo(
    cell: Cell, readout: Network, loss: Loss, *, feedback: Feedback = random_feedback()
) -> Cell:
    """Random feedback local online learning, for cells of leaky rate units.

    p_t = (1 - 1/tau) p_{t-1} + 1/tau f'(u_t) z_{t-1},  g_t = (e B^T) p_t

    The recurrent weights drop out of the way back in time, and the weights of the readout out of
    the way back in space; with `readout_feedback.symmetric` only the first does.

    Args:
      cell: a cell with one number a unit in its carry, whose params have an entry "recurrent".
      readout: from the output of the cell to the prediction.
      loss: ``(prediction, target) -> scalar`` of one step.
      feedback: how the error comes back.

    Returns:
      A Cell from ``(x, y)`` to ``(loss, grads)`` with params ``(cell, readout)`` and, where the
      feedback has its own weights, these.

    Raises:
      TypeError: as `eprop`.
      ValueError: as `eprop`; at trace time, if the carry has more than one array.

    Source: Murray 2019, doi 10.7554/eLife.43299.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = rflo(jb.cells.elman(3), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> len(rule.init(jax.random.key(0), now))  # cell, readout, feedback
      3
    """
    local = without_recurrent_credit(cell)
    influence = reached(local, None, "rflo")

    def start(params: Params, carry: Any, x: Any) -> Any:
        state = flat_state(carry)[0]
        if all(leaf.shape != state.shape for leaf in jax.tree.leaves(carry)):
            raise ValueError(
                f"rflo is for rate units, one number each; the carry of {cell} has "
                f"{[leaf.shape for leaf in jax.tree.leaves(carry)]}; use jb.learning.eprop"
            )
        return influence.start(params, carry, x)

    single = influence._replace(start=start)
    return online_rule("rflo", cell, readout, loss, single, feedback=feedback, credited=local)


def without_recurrent_credit(cell: Cell) -> Cell:
    """A cell that computes the same and passes no gradient back through its recurrent weights.

    Args:
      cell: a cell whose params have an entry "recurrent", used as ``z @ recurrent``.

    Returns:
      A Cell with the params of cell.

    Raises:
      ValueError: at trace time, if the params have no entry "recurrent".
      TypeError: at trace time, if recurrent is used in another way.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> cell = jb.cells.elman(3)
      >>> params, h, x = cell.init(jax.random.key(0), jnp.ones(2)), jnp.ones(3), jnp.ones(2)
      >>> local = without_recurrent_credit(cell)
      >>> jax.grad(lambda h: local.step(params, h, x)[1].sum())(h).tolist()
      [0.0, 0.0, 0.0]
    """

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        if not isinstance(params, dict) or "recurrent" not in params:
            raise ValueError(
                f"eprop and rflo need a cell whose params have an entry 'recurrent', used as "
                f"z @ recurrent, and those of {cell} have "
                f"{list(params) if isinstance(params, dict) else type(params).__name__}; "
                "jb.learning.snap takes any cell"
            )
        silent = _Silent(params["recurrent"])
        try:
            return cell.step({**params, "recurrent": silent}, carry, x, key=key)
        except TypeError as error:
            if _Silent.__name__ not in str(error):
                raise
            raise TypeError(
                f"eprop and rflo cut the recurrent credit at z @ recurrent, and {cell} uses "
                "recurrent in another way; jb.learning.snap takes any cell"
            ) from error

    return Cell(cell.init, cell.carry, step)


@jax.tree_util.register_pytree_node_class
class _Silent:
    """Weights that pass activity on and no credit back; a mask is all they can be multiplied by."""

    def __init__(self, weights: jax.Array):
        self.weights = weights

    def __rmatmul__(self, z: jax.Array) -> jax.Array:
        return jax.lax.stop_gradient(z) @ self.weights

    def __mul__(self, mask: jax.Array) -> "_Silent":
        return _Silent(self.weights * mask)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.weights.shape

    @property
    def dtype(self) -> Any:
        return self.weights.dtype

    def tree_flatten(self) -> tuple[tuple[jax.Array], None]:
        return (self.weights,), None

    @classmethod
    def tree_unflatten(cls, structure: None, children: tuple[jax.Array]) -> "_Silent":
        silent = object.__new__(cls)
        silent.weights = children[0]
        return silent
