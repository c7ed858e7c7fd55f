"""Spike codes and readouts: Poisson and latency encoding, leaky and rate readouts. Times in ms."""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import Initializer, lecun_normal, zeros

from jaxbrain.cells.parts import fit_input, require_step, retention, zero_carry
from jaxbrain.cells.unrolling import require_time
from jaxbrain.core.annotations import AsArray, Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import on_device
from jaxbrain.core.config import configured, without_weights
from jaxbrain.core.requirements import as_number, require_count, require_positive, require_times
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.networks.parts import as_float, float_like, no_params


@checked
def poisson_encode(
    key: Key, rates: AsArray, steps: int, *, dt: float | jax.Array = 1.0
) -> jax.Array:
    """Poisson spike trains: independent draws in each step.

    P(spike) = rate dt in each step

    Args:
      key: for the spikes.
      rates: spikes per ms ``[...]``, from 0 to 1 / dt.
      steps: number of time steps.
      dt: time step.

    Returns:
      0 and 1 ``[steps, ...]``, in the float dtype of the rates.

    Raises:
      ValueError: if a rate is negative or above one spike a step, or dt is not positive.

    Source: Heeger 2000, Poisson model of spike generation.

    Examples:
      >>> import jax
      >>> spikes = poisson_encode(jax.random.key(0), jax.numpy.array([0.0, 0.2, 1.0]), 1000)
      >>> print(spikes.mean(axis=0).round(1))
      [0.  0.2 1. ]
    """
    steps = require_count("poisson_encode", "steps", steps)
    require_positive("poisson_encode", "dt", dt)
    rates = _floats(rates)
    _require_range(
        "poisson_encode: rates must be from 0 to 1 / dt, one spike a step", rates, dt,
        f" at dt={dt}; take shorter steps",
    )  # fmt: skip
    fine = rates.dtype if rates.dtype.itemsize > 2 else jnp.float32  # half has no small chances
    chance = rates.astype(fine) * jnp.asarray(dt).astype(fine)
    drawn = jax.random.uniform(key, (steps, *rates.shape), fine)
    return (drawn < chance[None]).astype(rates.dtype)


@checked
def latency_encode(
    x: AsArray,
    steps: int,
    *,
    tau: float | jax.Array = 5.0,
    threshold: float | jax.Array = 0.2,
    dt: float | jax.Array = 1.0,
) -> jax.Array:
    """Latency code: one spike for each number, the larger the number the earlier.

    t = tau log(x / (x - threshold)), no spike where x <= threshold

    The spike is in step ceil(t / dt), counted from 1: the first spike of a `lif` neuron with input
    (1 - alpha) x in each step, alpha = exp(-dt / tau).

    Args:
      x: numbers from 0 to 1 ``[...]``.
      steps: number of time steps; later spikes are left out.
      tau: time constant of the neuron.
      threshold: of the neuron.
      dt: time step.

    Returns:
      0 and 1 ``[steps, ...]``, in the float dtype of x.

    Raises:
      ValueError: if tau, threshold or dt is not positive, dt is above tau, or x is not in 0..1.

    Source: Zenke and Vogels 2021, doi 10.1162/neco_a_01367.

    Examples:
      >>> import jax.numpy as jnp
      >>> latency_encode(jnp.array([0.1, 0.5, 1.0]), 3).T.tolist()
      [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    steps = require_count("latency_encode", "steps", steps)
    require_times("latency_encode", 1, {"tau": tau}, dt)
    require_positive("latency_encode", "threshold", threshold)
    x = _floats(x)
    _require_range("latency_encode: x must be from 0 to 1", x, 1, "; scale it, such as x / 255")
    least = as_number(threshold, x)
    fires = x > least
    time = -as_number(tau, x) * jnp.log1p(-least / jnp.where(fires, x, 2 * least))
    step = jnp.maximum(jnp.ceil(time / as_number(dt, x)), 1)
    now = jnp.arange(1, steps + 1, dtype=x.dtype).reshape(steps, *[1] * x.ndim)
    return ((now == step[None]) & fires[None]).astype(x.dtype)


@configured
def leaky_integrator(
    units: int,
    *,
    tau: float | jax.Array | np.ndarray = 20.0,
    dt: float | jax.Array = 1.0,
    kernel_init: Initializer = lecun_normal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """A leaky readout: membranes that never spike.

    y_t = kappa y_{t-1} + x_t W + b,  kappa = exp(-dt / tau)

    Args:
      tau: time constant, one or ``[units]``.
      dt: time step, at most tau.

    Returns:
      A Cell ``[inputs] -> [units]`` with params ``{"kernel", "bias"}`` whose carry is y.

    Raises:
      ValueError: if tau or dt is not positive, or dt is above tau.

    Source: as in Bellec et al. 2020, doi 10.1038/s41467-020-17236-y.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, xs = jb.cells.unroll(leaky_integrator(1, tau=2.0)), jax.numpy.zeros((3, 2))
      >>> params = {"kernel": jax.numpy.ones((2, 1)), "bias": jax.numpy.zeros(1)}
      >>> [f"{y:.3f}" for y in net.apply(params, xs.at[0, 0].set(1.0))[:, 0]]
      ['1.000', '0.607', '0.368']
    """
    units = require_count("leaky_integrator", "units", units)
    require_times("leaky_integrator", units, {"tau": tau}, dt)
    name = f"leaky_integrator({units})"

    def init(key: jax.Array, x: Any) -> Params:
        inputs, dtype = require_step(x), float_like(x)
        return {
            "kernel": kernel_init(key, (inputs, units), dtype),
            "bias": bias_init(jax.random.fold_in(key, 1), (units,), dtype),
        }

    def step(params: Params, carry: jax.Array, x: Any, *, key: jax.Array | None = None) -> Any:
        current = fit_input(name, params, x) @ params["kernel"] + params["bias"]
        y = retention(tau, dt, current) * carry + current
        return y, y

    return Cell(init, zero_carry(units), step)


@without_weights
@configured
def rate_readout(*, dt: float | jax.Array = 1.0) -> Network:
    """Firing rates over a sequence of spikes: ``[time, ...] -> [...]``.

    sum_t x_t / (steps dt)

    With dt = 1 it is the mean over time, also of other signals such as those of `leaky_integrator`.

    Args:
      dt: time step.

    Raises:
      ValueError: if dt is not positive; at trace time, if there is no step.

    Examples:
      >>> import jax.numpy as jnp
      >>> rate_readout(dt=0.5).apply((), jnp.array([[1.0, 0.0], [1.0, 1.0]])).tolist()
      [2.0, 1.0]
    """
    require_positive("rate_readout", "dt", dt)

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> jax.Array:
        require_time("rate_readout", x)
        x = as_float(x, float_like(x))
        return jnp.mean(x, axis=0) / as_number(dt, x)

    return Network(no_params, apply)


def _require_range(wanted: str, x: jax.Array, scale: Any, fix: str) -> None:
    """Refuse known numbers that, times a scale, are not from 0 to 1."""
    if isinstance(x, jax.core.Tracer) or isinstance(scale, jax.core.Tracer):
        return
    scaled = np.asarray(x, np.float64) * float(scale)
    if not np.all((scaled >= 0) & (scaled <= 1)):
        raise ValueError(f"{wanted}, got {np.min(x):g} to {np.max(x):g}{fix}")


def _floats(x: Any) -> jax.Array:
    x = on_device("", "x", x)
    return as_float(x, float_like(x))
