"""Activation dynamics of muscles: activation follows excitation, faster up than down.

Times are in s. An excitation is clipped to 0..1; its gradient is one within and at the bounds, and
zero beyond.
"""

import jax
import jax.numpy as jnp

from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import as_number


def excitation(command: jax.Array) -> jax.Array:
    """The excitation of a command: clipped to 0..1.

    `jnp.clip` has a gradient of one half at its bounds, where a controller often begins.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> excitation(jnp.array([-0.5, 0.3, 2.0])).tolist(), float(jax.grad(excitation)(0.0))
      ([0.0, 0.30000001192092896, 1.0], 1.0)
    """
    command = jnp.where(command < 0, jnp.zeros_like(command), command)
    return jnp.where(command > 1, jnp.ones_like(command), command)


@checked
def first_order_activation(
    u: jax.Array, a: jax.Array, *, rise: float | jax.Array = 0.015, fall: float | jax.Array = 0.05
) -> jax.Array:
    """Activation of first order, with a time constant for rise and one for fall.

    da/dt = (u - a) / tau, tau = rise if u > a else fall

    Args:
      u: excitation, clipped to 0..1 ``[...]``.
      a: activation ``[...]``.
      rise, fall: time constants, in s.

    Returns:
      da/dt, per second ``[...]``.

    Source: Zajac 1989, Critical Reviews in Biomedical Engineering 17, 359 to 411.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(first_order_activation(jnp.array(1.0), jnp.array(0.5), rise=0.01))
      50.0
    """
    u = excitation(u)
    tau = jnp.where(u > a, as_number(rise, a), as_number(fall, a))
    return (u - a) / tau


@checked
def thelen_activation(
    u: jax.Array, a: jax.Array, *, rise: float | jax.Array = 0.015, fall: float | jax.Array = 0.05
) -> jax.Array:
    """Activation that rises more slowly and falls faster at higher levels.

    da/dt = (u - a) / tau, tau = rise (0.5 + 1.5 a) if u > a else fall / (0.5 + 1.5 a)

    MuJoCo uses 0.01 and 0.04 s.

    Args:
      u: excitation, clipped to 0..1 ``[...]``.
      a: activation ``[...]``.
      rise, fall: time constants, in s.

    Returns:
      da/dt, per second ``[...]``.

    Source: Thelen 2003, doi 10.1115/1.1531112, equations 1 and 2, after Winters 1995.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(thelen_activation(jnp.array(0.0), jnp.array(1.0)))
      -40.0
    """
    u = excitation(u)
    # An integrator may probe below zero, where the factor would change the sign of the rate.
    factor = 0.5 + 1.5 * excitation(a)
    tau = jnp.where(u > a, as_number(rise, a) * factor, as_number(fall, a) / factor)
    return (u - a) / tau
