"""Spiking cells: leaky integrate-and-fire, and the same with an adaptive threshold.

Their output is 0 or 1. They differ from other cells in nothing else: a surrogate gradient
(`jaxbrain.cells.surrogate`) stands for the derivative of a spike, so every rule trains them.
Times, tau and dt, are in one unit, such as ms; membranes decay exactly, by exp(-dt / tau) a step.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal, orthogonal, zeros

from jaxbrain.cells.recurrent import fit_input, weights
from jaxbrain.cells.surrogate import Spike, triangle
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_positive, require_times
from jaxbrain.core.types import Cell, Params
from jaxbrain.networks.layers import positive

Reset = Callable[[jax.Array, jax.Array, Any], jax.Array]
_TRIANGLE = triangle()


class Membrane(NamedTuple):
    """The carry of `lif`.

    Attributes:
      v: the membrane ``[units]``, before the reset.
      spikes: of this step ``[units]``.
    """

    v: jax.Array
    spikes: jax.Array


class Adaptive(NamedTuple):
    """The carry of `alif`.

    Attributes:
      v: the membrane ``[units]``, before the reset.
      adaptation: the trace of past spikes ``[units]``.
      spikes: of this step ``[units]``.
    """

    v: jax.Array
    adaptation: jax.Array
    spikes: jax.Array


def subtract(v: jax.Array, spikes: jax.Array, threshold: Any) -> jax.Array:
    """Reset by subtraction: what was above the threshold is kept.

    v - threshold spikes

    Args:
      v: membranes ``[units]``, decayed.
      spikes: of the step before ``[units]``.
      threshold: what to take off.

    Returns:
      The membranes after the reset.

    Examples:
      >>> import jax.numpy as jnp
      >>> subtract(jnp.array([1.5, 0.5]), jnp.array([1.0, 0.0]), 1.0).tolist()
      [0.5, 0.5]
    """
    return v - threshold * spikes


def to_zero(v: jax.Array, spikes: jax.Array, threshold: Any) -> jax.Array:
    """Reset to zero: a spike leaves nothing.

    (1 - spikes) v

    Args:
      v: membranes ``[units]``, decayed.
      spikes: of the step before ``[units]``.
      threshold: not used.

    Returns:
      The membranes after the reset.

    Examples:
      >>> import jax.numpy as jnp
      >>> to_zero(jnp.array([1.5, 0.5]), jnp.array([1.0, 0.0]), 1.0).tolist()
      [0.0, 0.5]
    """
    return (1 - spikes) * v


@configured
def lif(
    units: int,
    *,
    tau: float | jax.Array = 20.0,
    dt: float | jax.Array = 1.0,
    threshold: float | jax.Array = 1.0,
    surrogate: Spike = _TRIANGLE,
    reset: Reset = subtract,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer | None = orthogonal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """Leaky integrate-and-fire neurons.

    v_t = reset(alpha v_{t-1}, z_{t-1}) + x_t W + z_{t-1} R + b,  alpha = exp(-dt / tau)
    z_t = [v_t >= threshold],  y_t = z_t

    A constant drive I of each step to a membrane reset `to_zero` gives a spike every
    ceil(log(1 - (1 - alpha) threshold / I) / log(alpha)) steps.

    Args:
      units: number of neurons.
      tau: time constant of the membrane, one or ``[units]``.
      dt: time of a step, at most tau.
      threshold: of the membrane, whose rest is 0.
      surrogate: from (v - threshold) / threshold to spikes, with the slope to learn by.
      reset: (v, spikes, threshold) -> v; `subtract`, `to_zero` or one's own.
      kernel_init: initialiser of W ``[inputs, units]``.
      recurrent_init: initialiser of R ``[units, units]``; None is no recurrent weights.
      bias_init: initialiser of b ``[units]``.

    Returns:
      A Cell ``[inputs] -> [units]`` with params ``{"kernel", "recurrent", "bias"}`` whose carry is
      a Membrane.

    Raises:
      ValueError: if a number is not positive, or dt is above tau; at trace time, if the inputs do
        not fit the kernel.

    Source: as in Bellec et al. 2020, doi 10.1038/s41467-020-17236-y.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, xs = jb.cells.unroll(lif(3)), jax.numpy.ones((5, 2))
      >>> spikes = net.apply(net.init(jax.random.key(0), xs), xs)
      >>> spikes.shape, set(spikes.ravel().tolist()) <= {0.0, 1.0}
      ((5, 3), True)
    """
    units = positive("lif", "units", units)
    require_times("lif", units, {"tau": tau}, dt)
    require_positive("lif", "threshold", threshold)
    name = f"lif({units})"
    init = synapses(units, kernel_init, recurrent_init, bias_init)

    def carry(params: Params, x: Any) -> Membrane:
        return Membrane(*still(params, units, 2))

    def step(params: Params, carry: Membrane, x: Any, *, key: jax.Array | None = None) -> Any:
        given = drive(name, params, x, carry.spikes)
        top = as_number(threshold, given)
        v = reset(decay(tau, dt, given) * carry.v, carry.spikes, top) + given
        spikes = surrogate((v - top) / top)
        return Membrane(v, spikes), spikes

    return Cell(init, carry, step)


@configured
def alif(
    units: int,
    *,
    tau: float | jax.Array = 20.0,
    tau_adaptation: float | jax.Array = 200.0,
    beta: float | jax.Array = 0.1,
    dt: float | jax.Array = 1.0,
    threshold: float | jax.Array = 1.0,
    surrogate: Spike = _TRIANGLE,
    reset: Reset = subtract,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer | None = orthogonal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """Integrate-and-fire neurons whose threshold rises with each spike, and slowly falls again.

    v_t = reset(alpha v_{t-1}, z_{t-1}) + x_t W + z_{t-1} R + b,  alpha = exp(-dt / tau)
    a_t = rho a_{t-1} + z_{t-1},  rho = exp(-dt / tau_adaptation)
    z_t = [v_t >= threshold + beta a_t],  y_t = z_t

    The reset takes off the threshold at rest.

    Args:
      units: number of neurons.
      tau: time constant of the membrane, one or ``[units]``.
      tau_adaptation: time constant of the adaptation, one or ``[units]``: the memory of the cell.
      beta: what a spike adds to the threshold; 0 is `lif`.
      dt: time of a step, at most tau and tau_adaptation.
      threshold: at rest; that of the membrane is 0.
      surrogate: from (v - threshold - beta a) / threshold to spikes, with the slope to learn by.
      reset: (v, spikes, threshold) -> v; `subtract`, `to_zero` or one's own.
      kernel_init: initialiser of W ``[inputs, units]``.
      recurrent_init: initialiser of R ``[units, units]``; None is no recurrent weights.
      bias_init: initialiser of b ``[units]``.

    Returns:
      A Cell ``[inputs] -> [units]`` with params ``{"kernel", "recurrent", "bias"}`` whose carry is
      an Adaptive.

    Raises:
      ValueError: if a time or the threshold is not positive, beta is negative, or dt is above a
        time constant; at trace time, if the inputs do not fit the kernel.

    Source: Bellec et al. 2018, arXiv 1803.09574; this form 2020, doi 10.1038/s41467-020-17236-y.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell, x = alif(3), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> carry, spikes = cell.step(params, cell.carry(params, x), x)
      >>> carry._fields
      ('v', 'adaptation', 'spikes')
    """
    units = positive("alif", "units", units)
    require_times("alif", units, {"tau": tau, "tau_adaptation": tau_adaptation}, dt)
    require_positive("alif", "threshold", threshold)
    require_positive("alif", "beta", beta, zero=True)
    name = f"alif({units})"
    init = synapses(units, kernel_init, recurrent_init, bias_init)

    def carry(params: Params, x: Any) -> Adaptive:
        return Adaptive(*still(params, units, 3))

    def step(params: Params, carry: Adaptive, x: Any, *, key: jax.Array | None = None) -> Any:
        given = drive(name, params, x, carry.spikes)
        rest = as_number(threshold, given)
        v = reset(decay(tau, dt, given) * carry.v, carry.spikes, rest) + given
        adaptation = decay(tau_adaptation, dt, given) * carry.adaptation + carry.spikes
        spikes = surrogate((v - rest - as_number(beta, v) * adaptation) / rest)
        return Adaptive(v, adaptation, spikes), spikes

    return Cell(init, carry, step)


def decay(tau: Any, dt: Any, like: jax.Array) -> jax.Array:
    """What is left after a step: exp(-dt / tau)."""
    return jnp.exp(-as_number(dt, like) / as_number(tau, like))


def synapses(units: int, kernel_init: Any, recurrent_init: Any, bias_init: Any) -> Any:
    """The init of a spiking cell, whose recurrent weights may be left out."""
    shared = weights(units, 1, kernel_init, recurrent_init or zeros, bias_init)

    def init(key: jax.Array, x: Any) -> Params:
        params = shared(key, x)
        if recurrent_init is None:
            del params["recurrent"]
        return params

    return init


def still(params: Params, units: int, count: int) -> list[jax.Array]:
    """Zeros in the type of the weights, count times."""
    return [jnp.zeros((units,), params["kernel"].dtype)] * count


def drive(name: str, params: Params, x: Any, spikes: jax.Array) -> jax.Array:
    """What reaches the membranes in one step."""
    x = fit_input(name, params, x)
    given = x @ params["kernel"] + params["bias"]
    return given + spikes @ params["recurrent"] if "recurrent" in params else given
