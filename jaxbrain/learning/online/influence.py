"""Real-time recurrent learning: the influence of the weights on the carry, exact or cut down.

`rtrl` keeps all of ds/dp, `snap` the entries that few steps reach, `rtrl_diagonal` all that any
number of steps reach, where these are few, `one_step_backprop` nothing.
"""

from typing import Any

import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.online.rule import Influence, joint_influence, online_rule
from jaxbrain.learning.online.sparse_influence import n_step_influence, unit_influence
from jaxbrain.learning.online.whole_influence import exact_products, first_influence


@configured
def rtrl(cell: Cell, readout: Network, loss: Loss) -> Cell:
    """Real-time recurrent learning: the exact gradient, forward in time.

    S_t = I_t + D_t S_{t-1},  g_t = dL_t/dp + dL_t/ds_{t-1} S_{t-1}

    S = ds/dp ``[n_state, n_params]``, I and D the Jacobians of the step with respect to params and
    carry, S_0 that of the first carry: zero unless it is learned. Summed over a sequence this is
    back-propagation through time. With n units it keeps about n^3 numbers and takes n^4 operations
    a step, however long the sequence.

    Raises:
      TypeError: at trace time, if the carry is complex.

    Source: Williams and Zipser 1989, doi 10.1162/neco.1989.1.2.270.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = rtrl(jb.cells.gru(3), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> params = rule.init(jax.random.key(0), now)
      >>> rule.carry(params, now)[1]["recurrent"].shape  # of 3 units, by 3 x 9 weights
      (3, 3, 9)
    """

    def init(params: Params, carry: Any, x: Any) -> Params:
        return first_influence(cell, params, carry, x)

    influence = joint_influence(init, exact_products)
    return online_rule("rtrl", cell, readout, loss, influence)


@configured
def snap(cell: Cell, readout: Network, loss: Loss, *, n: int = 1) -> Cell:
    """Sparse n-step approximation of RTRL: the influence along paths of n steps at most.

    S_t = (I_t + D_t S_{t-1}) where n steps lead from the weight to the unit, else 0, S_0 = ds_0/dp

    n = 1 keeps for each weight the units that it enters: as many numbers as there are weights,
    for gated cells too. The paths are found from the Jacobians of one step at random points, so a
    mask within the cell counts. From a param to the first carry is one step too. With all units
    connected n = 2 keeps everything and is `rtrl`; it pays for sparse masks.

    Args:
      n: the number of steps.

    Raises:
      TypeError: at trace time, if the inputs are not floating or the carry is complex.
      ValueError: if n is not a positive integer.

    Source: Menick et al. 2021, arXiv 2006.07232.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = snap(jb.cells.gru(3), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> rule.carry(rule.init(jax.random.key(0), now), now)[1]["recurrent"].shape
      (1, 3, 9)
    """
    require_count("snap", "n", n)
    return online_rule("snap", cell, readout, loss, n_step_influence(cell, n))


@configured
def rtrl_diagonal(cell: Cell, readout: Network, loss: Loss) -> Cell:
    """Exact real-time recurrent learning of units that do not mix, at the cost of the parameters.

    S_t = I_t + D_t S_{t-1}, D diagonal: a weight moves only the unit that it enters

    The real and the imaginary part of a rotation count as one unit, such as those of a linear
    recurrent unit.

    Raises:
      TypeError: at trace time, if the inputs are not floating or the carry is complex.
      ValueError: at trace time, if a weight moves more than one number of each array of the carry.

    Source: Mozer 1989, "A focused backpropagation algorithm for temporal pattern recognition";
    Zucchet et al. 2023, arXiv 2305.15947.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = rtrl_diagonal(jb.cells.gru(8), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> rule.carry(rule.init(jax.random.key(0), now), now)
      Traceback (most recent call last):
      ValueError: rtrl_diagonal needs a recurrence that does not mix units, and in ...
    """
    influence = unit_influence("rtrl_diagonal", cell)
    return online_rule("rtrl_diagonal", cell, readout, loss, influence)


@configured
def one_step_backprop(cell: Cell, readout: Network, loss: Loss) -> Cell:
    """Back-propagation through the present step alone: truncated at one step, without traces.

    g_t = dL_t/dp at a fixed carry s_{t-1}

    A learned first carry gets no gradient, because s_0 is fixed too. Some libraries call this
    real-time recurrent learning; that is `rtrl`.

    Source: Williams and Peng 1990, doi 10.1162/neco.1990.2.4.490.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = one_step_backprop(jb.cells.gru(3), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> rule.carry(rule.init(jax.random.key(0), now), now)[1]
      ()
    """
    nothing = Influence(
        init=lambda params, carry, x: (),
        gradient=lambda traces, step: jnp.zeros_like(step.params),
        update=lambda traces, step: (),
    )
    return online_rule("one_step_backprop", cell, readout, loss, nothing)
