"""Cells in continuous time: leaky integrators with a time constant, stepped by Euler's method.

Both forms follow one convention of noise: an Ornstein-Uhlenbeck process whose spread does not
depend on the time step. Times have one unit, whichever it is; here seconds.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal, orthogonal, zeros

from jaxbrain.cells.recurrent import fit_input, weights, zero_carry
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_positive, require_times
from jaxbrain.core.types import Cell, Params
from jaxbrain.networks.layers import positive

Time = float | jax.Array
Activation = Callable[[jax.Array], jax.Array]


@configured
def ctrnn(
    units: int,
    *,
    dt: Time = 0.02,
    tau: Time | tuple[float, ...] | Initializer = 0.1,
    noise: float | jax.Array = 0.0,
    activation: Activation = jnp.tanh,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """The continuous-time recurrent network in current form: what leaks is the membrane.

    v_t = (1 - a) v_{t-1} + a (u_t W + f(v_{t-1}) R + b) + sqrt(2 a) s xi,  y_t = f(v_t)

    with a = dt / tau and xi standard normal. Without input and recurrence v is an
    Ornstein-Uhlenbeck process of variance s^2 / (1 - a / 2): s^2 as dt goes to zero.

    Args:
      units: of the currents.
      dt: the time step, not longer than tau.
      tau: the time constant: one, or one per unit, a tuple or array ``[units]``. An initialiser
        instead: each unit learns its own from there, and it stays longer than dt.
      noise: s, the standard deviation of v under noise alone; drawn where a step gets a key.
      activation: f, from currents to rates.
      kernel_init: initialiser of W ``[inputs, units]``.
      recurrent_init: initialiser of R ``[units, units]``.
      bias_init: initialiser of b ``[units]``.

    Returns:
      A Cell ``[inputs] -> [units]`` with params ``{"kernel", "recurrent", "bias"}``, and
      ``"leak"`` ``[units]`` with a = sigmoid(leak) if tau is learned; its carry is v, its output
      the rates.

    Raises:
      ValueError: if units, dt or tau is not positive, dt is longer than tau, noise is negative,
        or the shape of tau is neither ``[]`` nor ``[units]``.

    Source: Hopfield 1984, doi 10.1073/pnas.81.10.3088; Song, Yang and Wang 2016, doi
    10.1371/journal.pcbi.1004792.

    Examples:
      >>> import jax
      >>> cell, x = ctrnn(3, dt=0.01, tau=0.05), jax.numpy.ones(2)
      >>> cell
      ctrnn(3, dt=0.01, tau=0.05)
      >>> params = cell.init(jax.random.key(0), x)
      >>> v, y = cell.step(params, cell.carry(params, x), x)
      >>> bool((y == jax.numpy.tanh(v)).all())
      True
    """
    units = positive("ctrnn", "units", units)
    name = f"ctrnn({units})"
    require_positive("ctrnn", "noise", noise, zero=True)
    require_times("ctrnn", units, {} if callable(tau) else {"tau": tau}, dt)
    shared = weights(units, 1, kernel_init, recurrent_init, bias_init)
    init = _with_leak("ctrnn", shared, dt, tau)

    def step(params: Params, carry: jax.Array, x: Any, *, key: jax.Array | None = None) -> Any:
        x = fit_input(name, params, x)
        a = _leak(params, dt, tau)
        drive = x @ params["kernel"] + activation(carry) @ params["recurrent"] + params["bias"]
        v = carry + a * (drive - carry)
        if key is not None and _is_noisy(noise):
            v = v + jnp.sqrt(2 * a) * as_number(noise, v) * jax.random.normal(key, v.shape, v.dtype)
        return v, activation(v)

    return Cell(init, zero_carry(units), step)


@configured
def leaky_rnn(
    units: int,
    *,
    dt: Time = 0.02,
    tau: Time | tuple[float, ...] | Initializer = 0.1,
    noise: float | jax.Array = 0.0,
    activation: Activation = jnp.tanh,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """The continuous-time recurrent network in rate form: what leaks is the rate.

    r_t = (1 - a) r_{t-1} + a f(u_t W + r_{t-1} R + b + sqrt(2 / a) s xi),  y_t = r_t

    with a = dt / tau and xi standard normal: the noise is part of the current, so that rates stay
    in the range of f. Where f is the identity, and without input and recurrence, r is an
    Ornstein-Uhlenbeck process of variance s^2 / (1 - a / 2), as in `ctrnn`. With dt = tau and no
    noise it is `elman`.

    Args:
      units: of the rates.
      dt: the time step, not longer than tau.
      tau: the time constant: one, or one per unit, a tuple or array ``[units]``. An initialiser
        instead: each unit learns its own from there, and it stays longer than dt.
      noise: s, see above; drawn where a step gets a key.
      activation: f, from currents to rates.
      kernel_init: initialiser of W ``[inputs, units]``.
      recurrent_init: initialiser of R ``[units, units]``.
      bias_init: initialiser of b ``[units]``.

    Returns:
      A Cell ``[inputs] -> [units]`` with params ``{"kernel", "recurrent", "bias"}``, and
      ``"leak"`` ``[units]`` with a = sigmoid(leak) if tau is learned; its carry is r.

    Raises:
      ValueError: if units, dt or tau is not positive, dt is longer than tau, noise is negative,
        or the shape of tau is neither ``[]`` nor ``[units]``.

    Source: Wilson and Cowan 1972, doi 10.1016/S0006-3495(72)86068-5; Yang et al. 2019, doi
    10.1038/s41593-018-0310-2.

    Examples:
      >>> import jax
      >>> cell, x = leaky_rnn(3, tau=jax.nn.initializers.constant(0.1)), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> jax.nn.sigmoid(params["leak"]).round(3).tolist()  # dt / tau, to be learned
      [0.2..., 0.2..., 0.2...]
    """
    units = positive("leaky_rnn", "units", units)
    name = f"leaky_rnn({units})"
    require_positive("leaky_rnn", "noise", noise, zero=True)
    require_times("leaky_rnn", units, {} if callable(tau) else {"tau": tau}, dt)
    shared = weights(units, 1, kernel_init, recurrent_init, bias_init)
    init = _with_leak("leaky_rnn", shared, dt, tau)

    def step(params: Params, carry: jax.Array, x: Any, *, key: jax.Array | None = None) -> Any:
        x = fit_input(name, params, x)
        a = _leak(params, dt, tau)
        drive = x @ params["kernel"] + carry @ params["recurrent"] + params["bias"]
        if key is not None and _is_noisy(noise):
            xi = jax.random.normal(key, drive.shape, drive.dtype)
            drive = drive + jnp.sqrt(2 / a) * as_number(noise, drive) * xi
        r = carry + a * (activation(drive) - carry)
        return r, r

    return Cell(init, zero_carry(units), step)


def _leak(params: Params, dt: Time, tau: Any) -> jax.Array:
    """a = dt / tau, one number or ``[units]``, in the float type of the weights."""
    if callable(tau):
        return jax.nn.sigmoid(params["leak"])
    each = jnp.asarray(tau) if isinstance(tau, tuple) else tau
    return as_number(dt / each, params["recurrent"])


def _with_leak(
    cell: str,
    init: Callable[[jax.Array, Any], Params],
    dt: Time,
    tau: Time | tuple[float, ...] | Initializer,
) -> Callable[[jax.Array, Any], Params]:
    """The init with ``"leak"`` = log(a / (1 - a)) where tau is an initialiser."""
    if not callable(tau):
        return init
    draw: Any = tau

    def with_leak(key: jax.Array, x: Any) -> Params:
        params = init(key, x)
        bias = params["bias"]
        drawn = draw(jax.random.fold_in(key, 1), bias.shape, bias.dtype)
        step = as_number(dt, bias)
        known = not any(isinstance(value, jax.core.Tracer) for value in (drawn, step))
        if known and not bool(jnp.all(drawn > step)):
            raise ValueError(
                f"{cell}: a learned tau must begin longer than dt, {step:g}, but the initialiser "
                f"drew {float(jnp.min(drawn)):g}; shorten dt"
            )
        return {**params, "leak": jnp.log(step) - jnp.log(drawn - step)}

    return with_leak


def _is_noisy(noise: Any) -> bool:
    return not isinstance(noise, int | float) or noise != 0
