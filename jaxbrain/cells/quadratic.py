"""Izhikevich neurons: a quadratic membrane with a recovery variable. Units: ms, mV."""

from typing import Any, NamedTuple

import jax
import jax.core
import numpy as np
from jax.nn.initializers import Initializer, orthogonal, variance_scaling, zeros

from jaxbrain.cells.parts import weights, zero_carry
from jaxbrain.cells.spiking import input_current
from jaxbrain.cells.stages import TwoStageStep
from jaxbrain.cells.surrogate import Spike, triangle
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_count, require_positive
from jaxbrain.core.types import Cell, Params

_TRIANGLE = triangle()


class Quadratic(NamedTuple):
    """The carry of `izhikevich`.

    Attributes:
      v: membrane in mV ``[units]``, before the reset.
      u: recovery variable ``[units]``.
      spikes: of this step ``[units]``.
    """

    v: jax.Array
    u: jax.Array
    spikes: jax.Array


class Izhikevich(NamedTuple):
    """The four parameters of a type of `izhikevich` neuron.

    Attributes:
      a: rate of the recovery, per ms.
      b: sensitivity of the recovery to the membrane.
      c: membrane after a spike, mV.
      d: jump of the recovery at a spike.
    """

    a: float | jax.Array | np.ndarray
    b: float | jax.Array | np.ndarray
    c: float | jax.Array | np.ndarray
    d: float | jax.Array | np.ndarray


# Izhikevich 2003, figure 2.
REGULAR_SPIKING = Izhikevich(0.02, 0.2, -65.0, 8.0)
INTRINSICALLY_BURSTING = Izhikevich(0.02, 0.2, -55.0, 4.0)
CHATTERING = Izhikevich(0.02, 0.2, -50.0, 2.0)
FAST_SPIKING = Izhikevich(0.1, 0.2, -65.0, 2.0)
LOW_THRESHOLD_SPIKING = Izhikevich(0.02, 0.25, -65.0, 2.0)

_PEAK = 30.0  # mV
_REST = -65.0  # mV


@configured
def izhikevich(
    units: int,
    *,
    kind: Izhikevich = REGULAR_SPIKING,
    dt: float | jax.Array = 1.0,
    surrogate: Spike = _TRIANGLE,
    kernel_init: Initializer = variance_scaling(100.0, "fan_in", "truncated_normal"),
    recurrent_init: Initializer | None = orthogonal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """Izhikevich neurons: regular spiking, bursting or chattering, by four parameters.

    v, u = c, u + d  where z_{t-1}
    v' = 0.04 v^2 + 5 v + 140 - u + I,  u' = a (b v - u),  I = x_t W + z_{t-1} R + b
    z_t = [v_t >= 30 mV],  y_t = z_t

    As published, v takes two Euler steps of dt / 2, then u one of dt. A current of about 10 makes a
    neuron spike.

    Args:
      kind: a, b, c and d: REGULAR_SPIKING, INTRINSICALLY_BURSTING, CHATTERING, FAST_SPIKING or
        LOW_THRESHOLD_SPIKING of `jaxbrain.cells`, or others.
      dt: time step, at most 1 ms.
      surrogate: from (v - 30) / 30 to spikes.

    Returns:
      A Cell ``[inputs] -> [units]`` whose carry is a Quadratic. Without a recurrent_init (None) it
      has no recurrent weights.

    Raises:
      TypeError: if kind is not an Izhikevich.
      ValueError: if dt is not above 0 and at most 1 ms.

    Source: Izhikevich 2003, doi 10.1109/TNN.2003.820440.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell = izhikevich(1, kernel_init=jax.nn.initializers.ones, recurrent_init=None)
      >>> net, current = jb.cells.unroll(cell), jax.numpy.full((200, 1), 10.0)
      >>> int(net.apply(net.init(jax.random.key(0), current), current).sum())
      5
    """
    units = require_count("izhikevich", "units", units)
    if not isinstance(kind, Izhikevich):
        raise TypeError(
            f"izhikevich: kind must be jb.cells.Izhikevich(a, b, c, d), got {type(kind).__name__}"
        )
    require_positive("izhikevich", "dt", dt)
    if not isinstance(dt, jax.core.Tracer) and dt > 1:
        raise ValueError(f"izhikevich: dt must be at most 1 ms, or v overshoots; got {dt!r}")
    name, zero = f"izhikevich({units})", zero_carry(units)
    init = weights(units, 1, kernel_init, recurrent_init, bias_init)

    def carry(params: Params, x: Any) -> Quadratic:
        spikes = zero(params, x)
        v = spikes + _REST
        return Quadratic(v, as_number(kind.b, v) * v, spikes)

    def drive(params: Params, carry: Quadratic, x: Any) -> jax.Array:
        return input_current(name, params, x, carry.spikes)

    def respond(
        params: Params, carry: Quadratic, current: Any, *, key: jax.Array | None = None
    ) -> Any:
        a, b, c, d, time = (as_number(number, current) for number in (*kind, dt))
        v = carry.v + carry.spikes * (c - carry.v)
        u = carry.u + carry.spikes * d
        for _ in range(2):
            v = v + time / 2 * (0.04 * v**2 + 5 * v + 140 - u + current)
        u = u + time * a * (b * v - u)
        spikes = surrogate((v - _PEAK) / _PEAK)
        return Quadratic(v, u, spikes), spikes

    return Cell(init, carry, TwoStageStep(drive, respond))
