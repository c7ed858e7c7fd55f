"""Leaky integrate-and-fire neurons, with a fixed and an adaptive threshold. Times in ms.

Their output is 0 or 1, and a surrogate gradient (`jaxbrain.cells.surrogate`) takes the place of the
derivative of a spike, so that every rule trains them. Membranes and adaptation decay exactly, by
exp(-dt / tau) a step.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.nn.initializers import Initializer, lecun_normal, orthogonal, zeros

from jaxbrain.cells.parts import fit_input, retention, weights, zero_carry
from jaxbrain.cells.stages import TwoStageStep
from jaxbrain.cells.surrogate import Spike, triangle
from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_count, require_positive, require_times
from jaxbrain.core.types import Cell, Params

Reset = Callable[[jax.Array, jax.Array, Any], jax.Array]
_TRIANGLE = triangle()


class Membrane(NamedTuple):
    """The carry of `lif`.

    Attributes:
      v: membrane ``[units]``, before the reset.
      spikes: of this step ``[units]``.
    """

    v: jax.Array
    spikes: jax.Array


class Adaptive(NamedTuple):
    """The carry of `alif`.

    Attributes:
      v: membrane ``[units]``, before the reset.
      adaptation: trace of past spikes ``[units]``.
      spikes: of this step ``[units]``.
    """

    v: jax.Array
    adaptation: jax.Array
    spikes: jax.Array


@checked
def subtract(v: jax.Array, spikes: jax.Array, threshold: float | jax.Array) -> jax.Array:
    """Reset by subtraction, which keeps the part above the threshold: v - threshold spikes.

    Args:
      v, spikes, threshold: membranes, spikes of the step before, and threshold.

    Examples:
      >>> import jax.numpy as jnp
      >>> subtract(jnp.array([1.5, 0.5]), jnp.array([1.0, 0.0]), 1.0).tolist()
      [0.5, 0.5]
    """
    return v - threshold * spikes


@checked
def to_zero(v: jax.Array, spikes: jax.Array, threshold: float | jax.Array) -> jax.Array:
    """Reset to zero: (1 - spikes) v.

    Args:
      v, spikes, threshold: as in `subtract`; the threshold is not used.

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
    tau: float | jax.Array | np.ndarray = 20.0,
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

    With the reset `to_zero`, a constant input I a step gives a spike every
    ceil(log(1 - (1 - alpha) threshold / I) / log(alpha)) steps.

    Args:
      tau: membrane time constant, one or ``[units]``.
      dt: time step, at most tau.
      threshold: of the membrane, whose rest is 0.
      surrogate: from (v - threshold) / threshold to spikes.
      reset: ``(v, spikes, threshold) -> v``: `subtract`, `to_zero` or any other.

    Returns:
      A Cell ``[inputs] -> [units]`` whose carry is a Membrane. Without a recurrent_init (None) it
      has no recurrent weights.

    Raises:
      ValueError: if a number is not positive, or dt is above tau.

    Source: as in Bellec et al. 2020, doi 10.1038/s41467-020-17236-y.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell = lif(1, reset=to_zero, kernel_init=jax.nn.initializers.ones, recurrent_init=None)
      >>> net, current = jb.cells.unroll(cell), jax.numpy.full((8, 1), 0.4)
      >>> net.apply(net.init(jax.random.key(0), current), current)[:, 0].tolist()
      [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    """
    units = require_count("lif", "units", units)
    require_times("lif", units, {"tau": tau}, dt)
    require_positive("lif", "threshold", threshold)
    name, zero = f"lif({units})", zero_carry(units)
    init = weights(units, 1, kernel_init, recurrent_init, bias_init)

    def carry(params: Params, x: Any) -> Membrane:
        return Membrane(zero(params, x), zero(params, x))

    def drive(params: Params, carry: Membrane, x: Any) -> jax.Array:
        return input_current(name, params, x, carry.spikes)

    def respond(params: Params, carry: Membrane, u: Any, *, key: jax.Array | None = None) -> Any:
        top = as_number(threshold, u)
        v = reset(retention(tau, dt, u) * carry.v, carry.spikes, top) + u
        spikes = surrogate((v - top) / top)
        return Membrane(v, spikes), spikes

    return Cell(init, carry, TwoStageStep(drive, respond))


@configured
def alif(
    units: int,
    *,
    tau: float | jax.Array | np.ndarray = 20.0,
    tau_adaptation: float | jax.Array | np.ndarray = 200.0,
    beta: float | jax.Array = 0.1,
    dt: float | jax.Array = 1.0,
    threshold: float | jax.Array = 1.0,
    surrogate: Spike = _TRIANGLE,
    reset: Reset = subtract,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer | None = orthogonal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """Adaptive integrate-and-fire neurons: each spike raises the threshold for a while.

    v_t = reset(alpha v_{t-1}, z_{t-1}) + x_t W + z_{t-1} R + b,  alpha = exp(-dt / tau)
    a_t = rho a_{t-1} + z_{t-1},  rho = exp(-dt / tau_adaptation)
    z_t = [v_t >= threshold + beta a_t],  y_t = z_t

    Args:
      tau: membrane time constant, one or ``[units]``.
      tau_adaptation: time constant of the adaptation, one or ``[units]``.
      beta: rise of the threshold at a spike; 0 is `lif`.
      dt: time step, at most tau and tau_adaptation.
      threshold: without adaptation; the reset gets this one.
      surrogate: from (v - threshold - beta a) / threshold to spikes.
      reset: ``(v, spikes, threshold) -> v``: `subtract`, `to_zero` or any other.

    Returns:
      A Cell ``[inputs] -> [units]`` whose carry is an Adaptive. Without a recurrent_init (None) it
      has no recurrent weights.

    Raises:
      ValueError: if a time or the threshold is not positive, beta is negative, or dt is above a
        time constant.

    Source: Bellec et al. 2018, arXiv 1803.09574; in this form 2020, doi
    10.1038/s41467-020-17236-y.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell = alif(1, beta=1.0, kernel_init=jax.nn.initializers.ones, recurrent_init=None)
      >>> net, current = jb.cells.unroll(cell), jax.numpy.full((9, 1), 1.1)
      >>> net.apply(net.init(jax.random.key(0), current), current)[:, 0].tolist()
      [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]
    """
    units = require_count("alif", "units", units)
    require_times("alif", units, {"tau": tau, "tau_adaptation": tau_adaptation}, dt)
    require_positive("alif", "threshold", threshold)
    require_positive("alif", "beta", beta, zero=True)
    name, zero = f"alif({units})", zero_carry(units)
    init = weights(units, 1, kernel_init, recurrent_init, bias_init)

    def carry(params: Params, x: Any) -> Adaptive:
        return Adaptive(zero(params, x), zero(params, x), zero(params, x))

    def drive(params: Params, carry: Adaptive, x: Any) -> jax.Array:
        return input_current(name, params, x, carry.spikes)

    def respond(params: Params, carry: Adaptive, u: Any, *, key: jax.Array | None = None) -> Any:
        rest = as_number(threshold, u)
        v = reset(retention(tau, dt, u) * carry.v, carry.spikes, rest) + u
        adaptation = retention(tau_adaptation, dt, u) * carry.adaptation + carry.spikes
        spikes = surrogate((v - rest - as_number(beta, v) * adaptation) / rest)
        return Adaptive(v, adaptation, spikes), spikes

    return Cell(init, carry, TwoStageStep(drive, respond))


def input_current(name: str, params: Params, x: Any, spikes: jax.Array) -> jax.Array:
    """x W + z R + b: the input of one step to the membranes."""
    x = fit_input(name, params, x)
    current = x @ params["kernel"] + params["bias"]
    return current + spikes @ params["recurrent"] if "recurrent" in params else current
