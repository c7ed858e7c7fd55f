"""Prospective neurons: the rate runs ahead of a slow membrane. Times in s."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_times, shape_of
from jaxbrain.core.types import Cell, Network, Params

Times = float | jax.Array | tuple[float, ...]


@configured
def prospective_neurons(
    net: Network,
    *,
    tau: Times = 0.01,
    tau_r: Times = 0.01,
    dt: float | jax.Array = 0.001,
    activation: Callable[[jax.Array], jax.Array] | None = None,
) -> Cell:
    """Prospective neurons: a leaky membrane, and a rate that looks ahead along its slope.

    s_t = (net(x_t) - u_{t-1}) / tau,  r_t = f(u_{t-1} + tau_r s_t),  u_t = u_{t-1} + dt s_t

    The linear response is (1 + i w tau_r) / (1 + i w tau) for small dt: the rate is ahead of the
    membrane by the phase atan(w tau_r). With tau_r = tau it is f(net(x_t)), without any delay; with
    tau_r = dt it is f(u_t), that of a leaky integrator.

    Args:
      net: from the input of a step to the input current of the membranes, such as `jaxbrain.dense`.
      tau: time constant of the membrane: a number, or one for each unit in the shape of the output.
      tau_r: time constant of the prospective rate, likewise.
      dt: time step, at most tau and tau_r.
      activation: f; None: the identity.

    Returns:
      A Cell with the params of net, whose carry is u, zero at first.

    Raises:
      ValueError: if a time is not positive or dt is longer; at trace time, if a time has another
        shape.

    Source: Ellenberger, Haider et al. 2025, doi 10.1038/s41467-025-66666-z; Haider et al. 2021,
    arXiv 2110.14549.

    Examples:
      >>> import jaxbrain as jb
      >>> cell = prospective_neurons(jb.elementwise(jnp.sin), tau=0.02, tau_r=0.02)
      >>> u, r = cell.step((), cell.carry((), jnp.ones(1)), jnp.ones(1))
      >>> u.round(3).tolist(), bool(r == jnp.sin(1.0))
      ([0.04...], True)
    """
    require_times("prospective_neurons", None, {"tau": tau, "tau_r": tau_r}, dt)

    def carry(params: Params, x: Any) -> jax.Array:
        current = jax.eval_shape(net.apply, params, x)
        if not jax.tree_util.all_leaves([current]):
            raise ValueError(
                f"prospective_neurons: net must return one array, the input of the membranes, but "
                f"{net} returns {jax.tree.map(jnp.shape, current)}; join its outputs within it"
            )
        for name, time in (("tau", tau), ("tau_r", tau_r)):
            if shape_of(time) not in ((), current.shape):
                raise ValueError(
                    f"prospective_neurons: {name} must be one number or of shape {current.shape}, "
                    f"that of the output of {net}, got {shape_of(time)}"
                )
        return jnp.zeros(current.shape, current.dtype)

    def step(
        params: Params, carry: jax.Array, x: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        u, ahead = low_pass(carry, net.apply(params, x, key=key), tau, tau_r, dt)
        return u, ahead if activation is None else activation(ahead)

    return Cell(net.init, carry, step)


def low_pass(
    state: jax.Array, given: jax.Array, tau: Times, ahead: Times, dt: float | jax.Array
) -> tuple[jax.Array, jax.Array]:
    """A step of a leaky state toward its input, and the state along its slope, ahead from before.

    The response of the second is (1 + i w ahead) / (1 + i w tau) for small dt.
    """
    slope = (given - state) / _times(tau, state)
    return state + as_number(dt, state) * slope, state + _times(ahead, state) * slope


def _times(times: Times, like: jax.Array) -> jax.Array:
    return as_number(jnp.asarray(times) if isinstance(times, tuple) else times, like)
