"""The basal ganglia: the selected channel is disinhibited, all others stay inhibited.

Each nucleus has one leaky integrator a channel, with a piecewise linear rate. Dopamine is a number
in the carry, so that it can be set, swept and differentiated like any other state. Times are in s.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import (
    as_number,
    is_traced,
    require_fraction,
    require_positive,
    require_times,
)
from jaxbrain.core.types import Cell, Params
from jaxbrain.motor.body.plant import scanned_runge_kutta
from jaxbrain.networks.parts import as_real, float_like

Number = float | jax.Array


class Pathways(NamedTuple):
    """Weights between nuclei, those of Gurney, Prescott and Redgrave.

    Attributes:
      cortex_d1: from the input to the striatum with D1 receptors, before dopamine.
      cortex_d2: to the striatum with D2 receptors, before dopamine.
      cortex_stn: to the subthalamic nucleus.
      gpe_stn: from the external pallidum to the subthalamic nucleus.
      stn_gpe: from all channels of the subthalamic nucleus to the external pallidum.
      d2_gpe: from the striatum with D2 receptors to the external pallidum.
      stn_gpi: from all channels of the subthalamic nucleus to the output.
      d1_gpi: from the striatum with D1 receptors to the output.
      gpe_gpi: from the external pallidum to the output.
    """

    cortex_d1: Number = 1.0
    cortex_d2: Number = 1.0
    cortex_stn: Number = 1.0
    gpe_stn: Number = -1.0
    stn_gpe: Number = 0.9
    d2_gpe: Number = -1.0
    stn_gpi: Number = 0.9
    d1_gpi: Number = -1.0
    gpe_gpi: Number = -0.3


class Thresholds(NamedTuple):
    """Thresholds of the nuclei; one with a negative threshold fires without input.

    Attributes:
      d1: of the striatum with D1 receptors.
      d2: of the striatum with D2 receptors.
      stn: of the subthalamic nucleus.
      gpe: of the external pallidum.
      gpi: of the output, the internal pallidum and the substantia nigra.
    """

    d1: Number = 0.2
    d2: Number = 0.2
    stn: Number = -0.25
    gpe: Number = -0.2
    gpi: Number = -0.2


class BasalGanglia(NamedTuple):
    """The carry of `basal_ganglia`: activations, not clipped; `nuclei_rates` gives their rates.

    Attributes:
      d1: striatum with D1 receptors, direct pathway ``[channels]``.
      d2: striatum with D2 receptors, indirect pathway ``[channels]``.
      stn: subthalamic nucleus ``[channels]``.
      gpe: external globus pallidus ``[channels]``.
      gpi: internal globus pallidus and substantia nigra, pars reticulata ``[channels]``.
      dopamine: the tonic level, constant under steps ``[]``.
    """

    d1: jax.Array
    d2: jax.Array
    stn: jax.Array
    gpe: jax.Array
    gpi: jax.Array
    dopamine: jax.Array


@configured
def basal_ganglia(
    *,
    dt: Number = 0.01,
    tau: Number = 0.04,
    dopamine: Number = 0.2,
    pathways: Pathways = Pathways(),
    thresholds: Thresholds = Thresholds(),
) -> Cell:
    """The basal ganglia as action selection: the most salient channel is disinhibited.

    tau da/dt = -a + u,  y = clip(a - theta, 0, 1)
    u_d1 = (1 + l) x,  u_d2 = (1 - l) x,  u_stn = x - y_gpe
    u_gpe = 0.9 sum(y_stn) - y_d2,  u_gpi = 0.9 sum(y_stn) - y_d1 - 0.3 y_gpe

    l is the dopamine. Integrated by the Runge-Kutta method with x held, because the loop of STN and
    GPe is faster the more channels there are: Euler's method at dt = tau / 4 oscillates from eight
    on.

    Args:
      dt: the time step, in s, not longer than tau.
      tau: the time constant, in s.
      dopamine: l in the first carry, the same for both receptors; from 0 (none) to 1.
      pathways: the weights in u.
      thresholds: theta.

    Returns:
      A Cell ``[channels] -> [channels]`` from saliences, 0 to 1, to the inhibition y_gpi of
      the output nucleus, low where a channel is selected. No params; its carry is a
      `BasalGanglia`, which begins at rest.

    Raises:
      ValueError: at trace time, if dt is too long for so many channels.

    Source: Gurney, Prescott and Redgrave 2001, doi 10.1007/PL00007984 and 10.1007/PL00007985.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> cell, x = basal_ganglia(), jnp.zeros(6).at[0].set(0.4)
      >>> start = cell.carry((), x)
      >>> _, inhibition = jb.cells.scan(cell, (), start, jnp.tile(x, (100, 1)))
      >>> [round(float(y), 3) for y in inhibition[-1]]
      [0.085, 0.329, 0.329, 0.329, 0.329, 0.329]
      >>> depleted = start._replace(dopamine=jnp.array(0.0))
      >>> _, inhibition = jb.cells.scan(cell, (), depleted, jnp.tile(x, (100, 1)))
      >>> round(float(inhibition[-1, 0]), 3)
      0.216
    """
    name = "basal_ganglia"
    require_rates("basal_ganglia", dt, tau, dopamine)

    def init(key: jax.Array, x: Any) -> Params:
        require_channels(name, x)
        return ()

    def carry(params: Params, x: Any) -> BasalGanglia:
        require_channels(name, x)
        require_stable(name, x.shape[0], dt, tau, pathways)
        return at_rest(x, dopamine, pathways, thresholds)

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        require_same_channels(name, carry.gpi, x)
        x = as_real(name, x, carry.gpi.dtype)

        def flow(nuclei: tuple) -> tuple:
            now = BasalGanglia(*nuclei, carry.dopamine)
            return ganglia_flow(now, x, tau, pathways, thresholds)[:-1]

        nuclei = scanned_runge_kutta(flow, carry[:-1], dt)
        carry = BasalGanglia(*nuclei, carry.dopamine)
        return carry, rate(carry.gpi, thresholds.gpi)

    return Cell(init, carry, step)


@checked
def nuclei_rates(state: BasalGanglia, *, thresholds: Thresholds = Thresholds()) -> BasalGanglia:
    """Rates of the nuclei: y = clip(a - theta, 0, 1).

    Args:
      state: activations, as in the carry of `basal_ganglia`.
      thresholds: theta.

    Examples:
      >>> import jax.numpy as jnp
      >>> cell = basal_ganglia()
      >>> rates = nuclei_rates(cell.carry((), jnp.zeros(6)))  # at rest
      >>> [round(float(y[0]), 4) for y in (rates.stn, rates.gpe, rates.gpi)]
      [0.0078, 0.2422, 0.1695]
    """
    rates = {n: rate(getattr(state, n), theta) for n, theta in thresholds._asdict().items()}
    return state._replace(**rates)


@checked
def gate(inhibition: jax.Array, *, threshold: Number) -> jax.Array:
    """Disinhibition of each channel, 0 to 1 ``[channels]``: g = clip(1 - y / theta, 0, 1).

    Args:
      inhibition: y, the output of `basal_ganglia` ``[channels]``.
      threshold: theta; a channel with more inhibition is shut. 0.05 opens only what is selected;
        0.17, the output of six channels at rest, opens by degrees.

    Source: the option "gate" of Humphries' code of the model, ModelDB 83560.

    Examples:
      >>> import jax.numpy as jnp
      >>> gate(jnp.array([0.0, 0.05, 0.3]), threshold=0.1).tolist()
      [1.0, 0.5, 0.0]
    """
    require_positive("gate", "threshold", threshold)
    return jnp.clip(1 - inhibition / as_number(threshold, inhibition), 0, 1)


def rate(a: jax.Array, theta: Number) -> jax.Array:
    """The rate of an activation: clip(a - theta, 0, 1)."""
    return jnp.clip(a - as_number(theta, a), 0, 1)


def ganglia_flow(
    state: BasalGanglia, x: jax.Array, tau: Number, w: Pathways, thresholds: Thresholds
) -> BasalGanglia:
    """d state / dt under the input x ``[channels]``."""
    w = Pathways(*(as_number(value, x) for value in w))
    y, dopamine = nuclei_rates(state, thresholds=thresholds), state.dopamine
    everywhere = jnp.sum(y.stn)
    target = BasalGanglia(
        d1=w.cortex_d1 * (1 + dopamine) * x,
        d2=w.cortex_d2 * (1 - dopamine) * x,
        stn=w.cortex_stn * x + w.gpe_stn * y.gpe,
        gpe=w.stn_gpe * everywhere + w.d2_gpe * y.d2,
        gpi=w.stn_gpi * everywhere + w.d1_gpi * y.d1 + w.gpe_gpi * y.gpe,
        dopamine=dopamine,  # tonic: constant
    )
    return jax.tree.map(lambda u, a: (u - a) / as_number(tau, x), target, state)


def at_rest(x: Any, dopamine: Number, w: Pathways, theta: Thresholds) -> BasalGanglia:
    """The fixed point without input, if no rate of STN and GPe is clipped there."""
    zero = jnp.zeros(x.shape, float_like(x))
    w = Pathways(*(as_number(value, zero) for value in w))
    theta = Thresholds(*(as_number(value, zero) for value in theta))
    channels = x.shape[0]
    stn = (-w.gpe_stn * theta.gpe - theta.stn) / (1 - channels * w.gpe_stn * w.stn_gpe)
    gpe = channels * w.stn_gpe * stn - theta.gpe
    gpi = channels * w.stn_gpi * stn + w.gpe_gpi * gpe
    stn, gpe = stn + theta.stn, gpe + theta.gpe  # the activations behind these rates
    tonic = as_number(dopamine, zero)
    return BasalGanglia(zero, zero, zero + stn, zero + gpe, zero + gpi, tonic)


def require_rates(cell: str, dt: Number, tau: Number, dopamine: Number) -> None:
    """Refuse times that are not positive, a dt above tau, dopamine out of 0..1."""
    require_times(cell, 1, {"tau": tau}, dt)
    require_fraction(cell, "dopamine", dopamine)


def require_channels(name: str, x: Any) -> None:
    """Refuse an input that is not one number a channel."""
    if len(x.shape) != 1 or x.shape[0] < 1:
        raise ValueError(
            f"{name}: x of one step must have the shape [channels], got {tuple(x.shape)}; a "
            "sequence is [time, channels] and takes jb.cells.unroll(cell)"
        )


def require_same_channels(name: str, state: jax.Array, x: Any) -> None:
    """Refuse an input with another number of channels than the carry."""
    if x.shape != state.shape:
        raise ValueError(
            f"{name}: x must have the {state.shape[0]} channels of the carry, got the shape "
            f"{tuple(x.shape)}; make the carry with cell.carry(params, x)"
        )


def require_stable(name: str, channels: int, dt: Number, tau: Number, w: Pathways) -> None:
    """Refuse a step at which the integration of the loop of STN and GPe would be unstable."""
    needed = (dt, tau, w.gpe_stn, w.stn_gpe)
    if is_traced(needed):
        return
    turn = np.sqrt(complex(channels * float(w.gpe_stn) * float(w.stn_gpe)))
    z = float(dt) / float(tau) * np.array([turn - 1, -turn - 1])
    growth = np.abs(1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24)
    if np.any((growth >= 1) & (z.real < 0)):
        raise ValueError(
            f"{name}: dt={dt!r} is too long for {channels} channels, the loop of STN and GPe "
            "would grow; take shorter steps"
        )
