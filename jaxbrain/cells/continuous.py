"""Continuous-time recurrent networks: leaky integrators in steps of Euler's method. Times in s.

Their noise is an Ornstein-Uhlenbeck process whose variance does not depend on the time step.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal, orthogonal, zeros

from jaxbrain.cells.parts import summed_input, weights, zero_carry
from jaxbrain.cells.stages import TwoStageStep
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import (
    as_number,
    is_traced,
    require_count,
    require_positive,
    require_times,
)
from jaxbrain.core.types import Cell, Params

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
    """The continuous-time recurrent network in current form: the membrane current leaks.

    v_t = (1 - a) v_{t-1} + a (u_t W + f(v_{t-1}) R + b) + sqrt(2 a) s xi,  y_t = f(v_t)

    with a = dt / tau and xi standard normal. Without input and recurrence v is an
    Ornstein-Uhlenbeck process of variance s^2 / (1 - a / 2), which tends to s^2 for small dt.

    Args:
      dt: time step, at most tau.
      tau: time constant: a number, or one per unit as a tuple or array ``[units]``. With an
        initializer each unit learns its own, which starts there and stays longer than dt.
      noise: s, standard deviation of v under noise alone; drawn where a step gets a key.
      activation: f, from currents to rates.

    Returns:
      A Cell ``[inputs] -> [units]`` whose carry is v and whose output is the rates. A learned tau
      adds ``"leak"`` ``[units]`` to the params, with a = sigmoid(leak).

    Raises:
      ValueError: if dt or tau is not positive, dt is longer than tau, noise is negative, or the
        shape of tau is neither ``[]`` nor ``[units]``.

    Source: Hopfield 1984, doi 10.1073/pnas.81.10.3088; Song, Yang and Wang 2016, doi
    10.1371/journal.pcbi.1004792.

    Examples:
      >>> import jax
      >>> cell, x = ctrnn(3, dt=0.01, tau=0.05), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> v, y = cell.step(params, cell.carry(params, x), x)
      >>> bool((y == jax.numpy.tanh(v)).all())
      True
    """
    init = _init("ctrnn", units, dt, tau, noise, kernel_init, recurrent_init, bias_init)
    name = f"ctrnn({units})"

    def drive(params: Params, carry: jax.Array, x: Any) -> jax.Array:
        return summed_input(name, params, x, activation(carry))

    def respond(params: Params, carry: jax.Array, u: Any, *, key: jax.Array | None = None) -> Any:
        v = leaky_step(carry, u, _leak(params, dt, tau), noise, key)
        return v, activation(v)

    return Cell(init, zero_carry(units), TwoStageStep(drive, respond))


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
    """The continuous-time recurrent network in rate form: the rate leaks.

    r_t = (1 - a) r_{t-1} + a f(u_t W + r_{t-1} R + b + sqrt(2 / a) s xi),  y_t = r_t

    with a = dt / tau and xi standard normal. The noise is part of the current, so that rates stay
    in the range of f; if f is the identity, r has the variance of v in `ctrnn`. With dt = tau and
    no noise it is `elman`.

    Args:
      dt, tau, activation: as in `ctrnn`.
      noise: s; drawn where a step gets a key.

    Returns:
      A Cell ``[inputs] -> [units]`` whose carry is r. A learned tau adds ``"leak"`` ``[units]`` to
      the params, with a = sigmoid(leak).

    Raises:
      ValueError: as `ctrnn`.

    Source: Wilson and Cowan 1972, doi 10.1016/S0006-3495(72)86068-5; Yang et al. 2019, doi
    10.1038/s41593-018-0310-2.

    Examples:
      >>> import jax
      >>> cell, x = leaky_rnn(3, tau=jax.nn.initializers.constant(0.1)), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> jax.nn.sigmoid(params["leak"]).round(3).tolist()  # dt / tau
      [0.2..., 0.2..., 0.2...]
    """
    init = _init("leaky_rnn", units, dt, tau, noise, kernel_init, recurrent_init, bias_init)
    name = f"leaky_rnn({units})"

    def drive(params: Params, carry: jax.Array, x: Any) -> jax.Array:
        return summed_input(name, params, x, carry)

    def respond(params: Params, carry: jax.Array, u: Any, *, key: jax.Array | None = None) -> Any:
        a = _leak(params, dt, tau)
        if key is not None and _is_noisy(noise):
            xi = jax.random.normal(key, u.shape, u.dtype)
            u = u + jnp.sqrt(2 / a) * as_number(noise, u) * xi
        r = leaky_step(carry, activation(u), a)
        return r, r

    return Cell(init, zero_carry(units), TwoStageStep(drive, respond))


def leaky_step(
    state: jax.Array,
    given: jax.Array,
    leak: jax.Array,
    noise: float | jax.Array = 0.0,
    key: jax.Array | None = None,
) -> jax.Array:
    """One step of a leaky state toward its input, with noise of variance near noise^2.

    (1 - leak) state + leak given + sqrt(2 leak) noise xi,  leak = dt / tau
    """
    after = state + leak * (given - state)
    if key is None or not _is_noisy(noise):
        return after
    xi = jax.random.normal(key, after.shape, after.dtype)
    return after + jnp.sqrt(2 * leak) * as_number(noise, after) * xi


def _leak(params: Params, dt: Time, tau: Any) -> jax.Array:
    """dt / tau, a number or ``[units]``, in the dtype of the weights."""
    if callable(tau):
        return jax.nn.sigmoid(params["leak"])
    each = jnp.asarray(tau) if isinstance(tau, list | tuple) else tau
    return as_number(dt / each, params["recurrent"])


def _init(
    cell: str,
    units: int,
    dt: Time,
    tau: Time | tuple[float, ...] | Initializer,
    noise: float | jax.Array,
    *initializers: Initializer,
) -> Callable[[jax.Array, Any], Params]:
    """The ``init`` of both forms, after a check of their arguments."""
    units = require_count(cell, "units", units)
    require_positive(cell, "noise", noise, zero=True)
    require_times(cell, units, {} if callable(tau) else {"tau": tau}, dt)
    kernel_init, recurrent_init, bias_init = initializers
    shared = weights(units, 1, kernel_init, recurrent_init, bias_init)
    if not callable(tau):
        return shared
    draw: Any = tau

    def init(key: jax.Array, x: Any) -> Params:
        params = shared(key, x)
        taus = draw(jax.random.fold_in(key, 1), (units,), params["bias"].dtype)
        return {**params, "leak": _leak_param(cell, taus, as_number(dt, taus))}

    return init


def _leak_param(cell: str, tau: jax.Array, dt: jax.Array) -> jax.Array:
    """log(a / (1 - a)) with a = dt / tau; refuse a tau that is not longer than dt."""
    known = not is_traced((tau, dt))
    if known and not bool(jnp.all(tau > dt)):
        raise ValueError(
            f"{cell}: a learned tau must start longer than dt, {dt:g}, but the initializer drew "
            f"{float(jnp.min(tau)):g}; shorten dt"
        )
    return jnp.log(dt) - jnp.log(tau - dt)


def _is_noisy(noise: Any) -> bool:
    return not isinstance(noise, int | float) or noise != 0
