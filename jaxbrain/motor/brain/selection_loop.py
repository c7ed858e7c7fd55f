"""Action selection by the loop through basal ganglia, thalamus and motor cortex; times in s."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number
from jaxbrain.core.types import Cell, Params
from jaxbrain.motor.body.plant import runge_kutta
from jaxbrain.motor.brain.nuclei import (
    BasalGanglia,
    Number,
    Pathways,
    Thresholds,
    at_rest,
    ganglia_flow,
    nuclei_rates,
    rate,
    require_channels,
    require_rates,
    require_same_channels,
    require_stable,
)
from jaxbrain.networks.parts import as_real

IN_THE_LOOP = Pathways(stn_gpe=0.8, stn_gpi=0.8, gpe_gpi=-0.4)


class Thalamocortical(NamedTuple):
    """Weights around the basal ganglia, those of Humphries and Gurney.

    Attributes:
      salience_cortex: from the input to the motor cortex.
      salience_ganglia: from the input to striatum and subthalamic nucleus.
      cortex_ganglia: from the motor cortex to striatum and subthalamic nucleus.
      cortex_thalamus: from the motor cortex to the thalamus.
      thalamus_cortex: from the thalamus to the motor cortex.
      gpi_thalamus: from the output of the basal ganglia to the thalamus.
      cortex_reticular: from the motor cortex to the reticular nucleus.
      thalamus_reticular: from the thalamus to the reticular nucleus.
      reticular_same: from the reticular nucleus to the thalamus of the same channel.
      reticular_other: to that of each other channel.
    """

    salience_cortex: Number = 1.0
    salience_ganglia: Number = 0.5
    cortex_ganglia: Number = 0.5
    cortex_thalamus: Number = 1.0
    thalamus_cortex: Number = 1.0
    gpi_thalamus: Number = -1.0
    cortex_reticular: Number = 1.0
    thalamus_reticular: Number = 1.0
    reticular_same: Number = -0.1
    reticular_other: Number = -0.7


class Selection(NamedTuple):
    """The carry of `selection`: activations, not clipped.

    Attributes:
      cortex: motor cortex ``[channels]``.
      thalamus: ventrolateral thalamus ``[channels]``.
      reticular: thalamic reticular nucleus ``[channels]``.
      ganglia: the basal ganglia, with the dopamine.
    """

    cortex: jax.Array
    thalamus: jax.Array
    reticular: jax.Array
    ganglia: BasalGanglia


@configured
def selection(
    *,
    dt: Number = 0.01,
    tau: Number = 0.04,
    dopamine: Number = 0.2,
    pathways: Pathways = IN_THE_LOOP,
    thresholds: Thresholds = Thresholds(),
    loop: Thalamocortical = Thalamocortical(),
) -> Cell:
    """Action selection with hysteresis: the loop through basal ganglia, thalamus and cortex.

    tau da/dt = -a + u,  y = clip(a, 0, 1) of cortex, thalamus (vl) and reticular nucleus (trn)
    u_cortex = x + y_vl,  u_trn = y_cortex + y_vl
    u_vl = y_cortex - y_gpi - 0.1 y_trn - 0.7 sum(y_trn of other channels)

    and `basal_ganglia` on (x + y_cortex) / 2. Cortex and thalamus amplify the disinhibited channel,
    the reticular nucleus inhibits the others: weak actions are selected too, and the current one
    outlasts a slightly more salient rival.

    Args:
      dt: the time step, in s, not longer than tau.
      tau: the time constant, in s.
      dopamine: in the first carry; from 0 (none) to 1.
      pathways: weights in the basal ganglia; the published loop has them slightly changed.
      thresholds: of the nuclei of the basal ganglia.
      loop: weights around them; without competition with ``reticular_other=0.0``.

    Returns:
      A Cell ``[channels] -> [channels]`` from saliences, 0 to 1, to the rates of the thalamus, 0
      where a channel is inhibited. No params; its carry is a `Selection`, which begins at rest. The
      inhibition that `gate` takes is ``nuclei_rates(carry.ganglia).gpi``.

    Raises:
      ValueError: at trace time, if dt is too long for so many channels.

    Source: Humphries and Gurney 2002, Network: Computation in Neural Systems 13, 131 to 156, with
    the weights of the authors' code, ModelDB 83562. As there, a pathway from the basal ganglia to
    the reticular nucleus is left out.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> cell, x = selection(), jnp.array([0.4, 0.6, 0.0])
      >>> _, thalamus = jb.cells.scan(cell, (), cell.carry((), x), jnp.tile(x, (100, 1)))
      >>> [round(float(y), 2) for y in thalamus[-1]]
      [0.0, 0.62, 0.0]
    """
    name = "selection"
    require_rates("selection", dt, tau, dopamine)

    def init(key: jax.Array, x: Any) -> Params:
        require_channels(name, x)
        return ()

    def carry(params: Params, x: Any) -> Selection:
        require_channels(name, x)
        require_stable(name, x.shape[0], dt, tau, pathways)
        ganglia = at_rest(x, dopamine, pathways, thresholds)
        zero = jnp.zeros_like(ganglia.gpi)
        inhibition = nuclei_rates(ganglia, thresholds=thresholds).gpi
        return Selection(zero, as_number(loop.gpi_thalamus, zero) * inhibition, zero, ganglia)

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        require_same_channels(name, carry.cortex, x)
        x = as_real(name, x, carry.cortex.dtype)

        def flow(state: Selection) -> Selection:
            return _flow(state, x, tau, pathways, thresholds, loop)

        carry = runge_kutta(flow, carry, dt)
        return carry, rate(carry.thalamus, 0.0)

    return Cell(init, carry, step)


def _flow(
    state: Selection,
    x: jax.Array,
    tau: Number,
    pathways: Pathways,
    thresholds: Thresholds,
    loop: Thalamocortical,
) -> Selection:
    """d state / dt under saliences x ``[channels]``."""
    w = Thalamocortical(*(as_number(value, x) for value in loop))
    cortex, thalamus, reticular = (rate(a, 0.0) for a in state[:3])
    inhibition = nuclei_rates(state.ganglia, thresholds=thresholds).gpi
    others = jnp.sum(reticular) - reticular
    competition = w.reticular_same * reticular + w.reticular_other * others
    disinhibited = w.cortex_thalamus * cortex + w.gpi_thalamus * inhibition + competition
    given = w.salience_ganglia * x + w.cortex_ganglia * cortex
    per_second = 1 / as_number(tau, x)
    return Selection(
        per_second * (w.salience_cortex * x + w.thalamus_cortex * thalamus - state.cortex),
        per_second * (disinhibited - state.thalamus),
        per_second
        * (w.cortex_reticular * cortex + w.thalamus_reticular * thalamus - state.reticular),
        ganglia_flow(state.ganglia, given, tau, pathways, thresholds),
    )
