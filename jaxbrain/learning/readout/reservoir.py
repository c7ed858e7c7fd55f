"""Reservoir computing: a random recurrent network and a readout by ridge regression.

The readout is solved in float64, because the Gram matrix of a reservoir is nearly singular: normal
equations in 32 bits have errors larger by an order of magnitude. Times are in steps.

    cell, readout = echo_state(100), jb.dense(1)
    params = cell.init(key, xs[0])
    states = jb.cells.unroll(cell).apply(params, xs)
    trained = ridge(states[100:], targets[100:], penalty=1e-5)      # without the first 100 steps
    net = jb.serial(jb.cells.unroll(cell), readout)
    prediction = net.apply((params, trained), xs)
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.cells.parts import summed_input, zero_carry
from jaxbrain.cells.stages import TwoStageStep
from jaxbrain.core.annotations import OnHost
from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import as_array
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import (
    as_number,
    is_traced,
    require_count,
    require_fraction,
    require_positive,
)
from jaxbrain.core.types import Cell, Params
from jaxbrain.networks.parts import float_dtype


@configured
def echo_state(
    units: int,
    *,
    spectral_radius: float | jax.Array = 0.9,
    leak: float | jax.Array = 1.0,
    input_scale: float | jax.Array = 1.0,
    bias_scale: float | jax.Array = 0.0,
    connectivity: float | jax.Array = 1.0,
    activation: Callable[[jax.Array], jax.Array] = jnp.tanh,
) -> Cell:
    """An echo state network: leaky units with random weights of a given spectral radius.

    h_t = (1 - leak) h_{t-1} + leak f(x_t W + h_{t-1} R + b),  y_t = h_t

    W and b are uniform from -scale to scale, R is normal. With tanh and a radius below 1 the effect
    of the first state fades in practice; a largest singular value below 1 guarantees it. All
    weights are params, so that other rules may learn them.

    Args:
      spectral_radius: of R, the largest modulus of its eigenvalues.
      leak: dt / tau, from 0 to 1.
      input_scale: of W ``[inputs, units]``.
      bias_scale: of b ``[units]``.
      connectivity: the fraction of entries of R that are not zero, in expectation.
      activation: f.

    Returns:
      A Cell ``[inputs] -> [units]`` with params ``{"kernel", "recurrent", "bias"}``, whose carry
      is h.

    Raises:
      ValueError: if units is not positive, a scale or the radius is negative, or a fraction is not
        from 0 to 1.

    Source: Jaeger 2001, "The echo state approach to analysing and training recurrent neural
    networks"; leaky units: Jaeger et al. 2007, doi 10.1016/j.neunet.2007.04.016.

    Examples:
      >>> import jax, numpy as np
      >>> cell, x = echo_state(20, spectral_radius=0.8), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> round(float(abs(np.linalg.eigvals(params["recurrent"])).max()), 4)
      0.8
    """
    units = require_count("echo_state", "units", units)
    scales = {"spectral_radius": spectral_radius, "input_scale": input_scale}
    for option, value in (scales | {"bias_scale": bias_scale}).items():
        require_positive("echo_state", option, value, zero=True)
    require_fraction("echo_state", "leak", leak)
    require_fraction("echo_state", "connectivity", connectivity)
    name = f"echo_state({units})"

    def init(key: jax.Array, x: Any) -> Params:
        if len(x.shape) != 1:
            raise ValueError(f"{name} needs the input [inputs] of one step, got shape {x.shape}")
        dtype = float_dtype(x)
        k_in, k_own, k_mask, k_bias = jax.random.split(key, 4)
        own = jax.random.normal(k_own, (units, units), dtype)
        there = jax.random.bernoulli(k_mask, connectivity, own.shape)
        own = jnp.where(there, own, jnp.zeros_like(own))
        radius = _radius(own)
        kernel = jax.random.uniform(k_in, (x.shape[0], units), dtype, -1.0, 1.0)
        bias = jax.random.uniform(k_bias, (units,), dtype, -1.0, 1.0)
        scale = as_number(spectral_radius, own) / jnp.where(radius > 0, radius, 1)
        return {
            "kernel": as_number(input_scale, kernel) * kernel,
            "recurrent": scale * own,
            "bias": as_number(bias_scale, bias) * bias,
        }

    def drive(params: Params, carry: jax.Array, x: Any) -> jax.Array:
        return summed_input(name, params, x, carry)

    def respond(params: Params, carry: jax.Array, u: Any, *, key: jax.Array | None = None) -> Any:
        a = as_number(leak, carry)
        h = (1 - a) * carry + a * activation(u)
        return h, h

    return Cell(init, zero_carry(units), TwoStageStep(drive, respond))


def _radius(matrix: jax.Array) -> jax.Array:
    """The spectral radius by Gelfand's formula, which runs and compiles on every device.

    rho = lim |W^m|^(1/m), m = 2^k by repeated squaring, scaled at every step: with k = 24 the norm
    |W^m| / rho^m may be a million and the error is below 1e-6.
    """
    zero = jnp.zeros((), matrix.dtype)
    weights = jnp.asarray(0.5 ** np.arange(25), matrix.dtype)
    (_, log_radius), _ = jax.lax.scan(_square, (matrix, zero), weights)
    return jnp.exp(log_radius)


def _square(carry: tuple[jax.Array, jax.Array], k: jax.Array) -> tuple[Any, None]:
    power, log_radius = carry
    size = jnp.linalg.norm(power)
    safe = jnp.where(size > 0, size, 1)
    power = power / safe
    log_radius = log_radius + jnp.where(size > 0, jnp.log(safe), -jnp.inf) * k
    return (jnp.matmul(power, power, precision="highest"), log_radius), None


@checked
def ridge(states: OnHost, targets: OnHost, *, penalty: float = 1e-6) -> dict[str, jax.Array]:
    """Ridge regression for a linear readout, solved in float64 on the host.

    min_W,b  sum_t |s_t W + b - y_t|^2 + penalty |W|^2

    The bias is not penalized. The singular values of the centered states stacked on
    sqrt(penalty) I solve it, without the Gram matrix, whose condition number is the square.

    Args:
      states: ``[time, units]``; ``[..., time, units]`` is one long sequence. Leave out the first
        steps, which depend on the first state of the reservoir.
      targets: ``[time, outputs]``, with the leading axes of states.
      penalty: of the squared weights, not negative; 0 is ordinary least squares.

    Returns:
      ``{"kernel": [units, outputs], "bias": [outputs]}`` in the dtype of states: the params of
      ``jb.dense(outputs)``.

    Raises:
      TypeError: under a trace.
      ValueError: if the shapes do not fit, an array is empty or not finite, or the penalty is
        negative.

    Source: Hoerl and Kennard 1970, doi 10.1080/00401706.1970.10488634.

    Examples:
      >>> import numpy as np
      >>> states = np.array([[0.0], [1.0], [2.0]])
      >>> readout = ridge(states, 3 * states + 1, penalty=0.0)
      >>> readout["kernel"].round(4).tolist(), readout["bias"].round(4).tolist()
      ([[3.0]], [1.0])
    """
    if is_traced((states, targets, penalty)):
        raise TypeError(
            "ridge is solved on the host in float64; call it outside jit, vmap and grad, on the "
            "states that the compiled part returns"
        )
    require_positive("ridge", "penalty", penalty, zero=True)
    states = as_array("ridge", "states", states)
    targets = as_array("ridge", "targets", targets)
    dtype = float_dtype(jnp.asarray(states))
    x, y = _rows("states", states), _rows("targets", targets)
    if np.shape(states)[:-1] != np.shape(targets)[:-1]:
        raise ValueError(
            "ridge: targets must be [time, outputs] with the time of states, got states "
            f"{np.shape(states)} and targets {np.shape(targets)}"
        )
    x_mean, y_mean = x.mean(0), y.mean(0)
    units = x.shape[1]
    system = np.concatenate([x - x_mean[None], math.sqrt(penalty) * np.eye(units)])
    wanted = np.concatenate([y - y_mean[None], np.zeros((units, y.shape[1]))])
    kernel = np.linalg.lstsq(system, wanted, rcond=None)[0]
    bias = y_mean - x_mean @ kernel
    return {"kernel": jnp.asarray(kernel, dtype), "bias": jnp.asarray(bias, dtype)}


@checked
def linear_memory_capacity(kernel: OnHost, recurrent: OnHost, *, tolerance: float = 1e-10) -> int:
    """The memory capacity of a linear reservoir: the number of past inputs that it holds.

    MC = rank [w, w R, w R^2, ..., w R^(N-1)] for h_t = h_{t-1} R + x_t w

    For almost all weights it is N, the number of units, the most of any network. The powers nearly
    align, so that their rank in floating point is far too small; here each direction is made
    orthogonal to the earlier ones, twice, in float64 (Arnoldi).

    Args:
      kernel: ``[1, units]`` or ``[units]``, of one input.
      recurrent: ``[units, units]``.
      tolerance: relative size below which a direction is not new.

    Returns:
      The rank, from 0 to units.

    Raises:
      ValueError: if the shapes do not fit.

    Source: Jaeger 2001, "Short term memory in echo state networks"; Ballarin, Grigoryeva and
    Ortega 2023, arXiv 2305.01457.

    Examples:
      >>> import numpy as np
      >>> linear_memory_capacity(np.array([1.0, 0.0, 0.0]), np.eye(3, k=1))
      3
      >>> linear_memory_capacity(np.array([1.0, 1.0, 1.0]), np.eye(3))
      1
    """
    w, own = np.asarray(kernel, float), np.asarray(recurrent, float)
    units = own.shape[0] if own.ndim == 2 else -1
    if own.shape != (units, units) or w.shape not in ((units,), (1, units)):
        raise ValueError(
            "linear_memory_capacity: kernel must be [1, units] and recurrent [units, units], got "
            f"{w.shape} and {own.shape}"
        )
    basis, new, size = np.zeros((0, units)), w.reshape(-1), np.linalg.norm(w)
    while len(basis) < units:
        for _ in range(2):  # once leaves rounding errors of the size of what was removed
            new = new - (new @ basis.T) @ basis
        length = np.linalg.norm(new)
        if not length > tolerance * size:
            break
        basis = np.concatenate([basis, new[None] / length])
        new = basis[-1] @ own
        size = np.linalg.norm(new)
    return len(basis)


def _rows(name: str, array: Any) -> np.ndarray:
    shape = np.shape(array)
    if len(shape) < 2 or 0 in shape:
        raise ValueError(f"ridge: {name} must be [time, features] and not empty, got {shape}")
    rows = np.asarray(array, np.float64).reshape(-1, shape[-1])
    if not np.isfinite(rows).all():
        raise ValueError(f"ridge: {name} must be finite; the reservoir may have diverged")
    return rows
