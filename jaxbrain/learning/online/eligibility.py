"""Eligibility traces: the influence of each synapse on its own unit, times a learning signal.

The paths from unit to unit through the recurrent weights get no credit. What is left of the
influence is local to each synapse: the trace of its effect on its own unit. The error of the step,
brought back from the readout, makes a weight change of it, a three-factor rule.
"""

from typing import Any

import jax

from jaxbrain.cells.stages import TwoStageStep
from jaxbrain.core.config import configured
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.online.linearization import real_state
from jaxbrain.learning.online.readout_feedback import Feedback, random_feedback, symmetric_feedback
from jaxbrain.learning.online.rule import online_rule
from jaxbrain.learning.online.sparse_influence import unit_influence


@configured
def eprop(
    cell: Cell, readout: Network, loss: Loss, *, feedback: Feedback = symmetric_feedback()
) -> Cell:
    """E-prop: local eligibility traces times a learning signal, for rate and spiking cells.

    e_t = I_t + D_t e_{t-1}, D = ds_t/ds_{t-1} within a unit,  g_t = L_t e_t, L_t = e B^T

    The gradient of the same network with recurrent input taken as given, ``stop_gradient(z) @ R``.
    A unit may have several states, such as membrane and threshold of an adaptive neuron. The reset
    passes credit; one that does not is
    ``reset=lambda v, z, top: subtract(v, jax.lax.stop_gradient(z), top)``. For a leaky readout
    make the filter of the spikes a part of the cell.

    Args:
      feedback: `symmetric_feedback`, `random_feedback` or `adaptive_feedback`.

    Raises:
      TypeError: if the step of cell is not a `jaxbrain.cells.TwoStageStep`.
      ValueError: at trace time, if units mix outside the drive.

    Source: Bellec et al. 2020, doi 10.1038/s41467-020-17236-y.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = eprop(jb.cells.alif(3), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> params = rule.init(jax.random.key(0), now)
      >>> rule.carry(params, now)[1]["kernel"].shape  # membrane, adaptation, spikes of a unit
      (3, 2, 3)
    """
    local = without_recurrent_credit("eprop", cell)
    influence = unit_influence("eprop", local)
    return online_rule("eprop", cell, readout, loss, influence, feedback=feedback, credited=local)


@configured
def rflo(
    cell: Cell, readout: Network, loss: Loss, *, feedback: Feedback = random_feedback()
) -> Cell:
    """Random feedback local online learning, for cells of leaky rate units.

    p_t = (1 - 1/tau) p_{t-1} + 1/tau f'(u_t) z_{t-1},  g_t = (e B^T) p_t

    No credit passes the recurrent weights in time, nor the weights of the readout in space. With
    `symmetric_feedback` it is `eprop` of a rate cell.

    Args:
      feedback: as in `eprop`.

    Raises:
      TypeError: as `eprop`.
      ValueError: as `eprop`; at trace time, if a unit has more than one state.

    Source: Murray 2019, doi 10.7554/eLife.43299.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = rflo(jb.cells.leaky_rnn(3), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> len(rule.init(jax.random.key(0), now))  # cell, readout, feedback
      3
    """
    local = without_recurrent_credit("rflo", cell)
    influence = unit_influence("rflo", local)

    def init(params: Params, carry: Any, x: Any) -> Any:
        shapes = [leaf.shape for leaf in jax.tree.leaves(carry)]
        if real_state(carry).shape not in shapes:
            raise ValueError(
                f"rflo is for rate units, one number each; the carry of {cell} has {shapes}; use "
                "jb.learning.eprop"
            )
        return influence.init(params, carry, x)

    single = influence._replace(init=init)
    return online_rule("rflo", cell, readout, loss, single, feedback=feedback, credited=local)


@configured
def without_recurrent_credit(rule: str, cell: Cell) -> Cell:
    """A cell with the same steps, whose drive passes no gradient to the carry.

    Args:
      rule: that needs it, for messages.
      cell: whose step is a `TwoStageStep`.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> cell = jb.cells.elman(3)
      >>> params, h, x = cell.init(jax.random.key(0), jnp.ones(2)), jnp.ones(3), jnp.ones(2)
      >>> local = without_recurrent_credit("eprop", cell)
      >>> jax.grad(lambda h: local.step(params, h, x)[1].sum())(h).tolist()
      [0.0, 0.0, 0.0]
    """
    step = cell.step
    if not isinstance(step, TwoStageStep):
        raise TypeError(
            f"{rule} credits the response of each unit and not its drive, and the step of {cell} "
            "does not tell them apart: it is not a jb.cells.TwoStageStep(drive, respond); "
            "jb.learning.snap takes any cell"
        )

    def drive(params: Params, carry: Any, x: Any) -> Any:
        return step.drive(params, jax.lax.stop_gradient(carry), x)

    return Cell(cell.init, cell.carry, TwoStageStep(drive, step.respond))
