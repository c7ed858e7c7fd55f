"""From excitation to activation: calcium rises in a muscle faster than it falls.

An excitation is clipped to 0..1, for a nerve excites no muscle less than not at all nor more than
fully; its gradient is one within and at the bounds, and zero beyond.
"""

import jax
import jax.numpy as jnp

from jaxbrain.core.requirements import as_number


def excitation(command: jax.Array) -> jax.Array:
    """What a muscle takes of a command: what lies within 0..1.

    `jnp.clip` has no gradient at its bounds, and a controller that begins at zero would stay there.

    Args:
      command: ``[...]``.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> excitation(jnp.array([-0.5, 0.3, 2.0])).tolist(), float(jax.grad(excitation)(0.0))
      ([0.0, 0.30000001192092896, 1.0], 1.0)
    """
    command = jnp.where(command < 0, jnp.zeros_like(command), command)
    return jnp.where(command > 1, jnp.ones_like(command), command)


def first_order_activation(
    u: jax.Array, a: jax.Array, *, rise: float | jax.Array = 0.015, fall: float | jax.Array = 0.05
) -> jax.Array:
    """Activation of first order, with one time of rising and one of falling.

    da/dt = (u - a) / tau, tau = rise if u > a else fall

    Args:
      u: excitation, of which what lies within 0..1 counts ``[...]``.
      a: activation ``[...]``.
      rise: in s.
      fall: in s.

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


def thelen_activation(
    u: jax.Array, a: jax.Array, *, rise: float | jax.Array = 0.015, fall: float | jax.Array = 0.05
) -> jax.Array:
    """Activation that rises the more slowly and falls the faster the higher it is.

    da/dt = (u - a) / tau, tau = rise (0.5 + 1.5 a) if u > a else fall / (0.5 + 1.5 a)

    MuJoCo's muscles take 0.01 and 0.04 s.

    Args:
      u: excitation, of which what lies within 0..1 counts ``[...]``.
      a: activation ``[...]``.
      rise: in s.
      fall: in s.

    Returns:
      da/dt, per second ``[...]``.

    Source: Thelen 2003, doi 10.1115/1.1531112, equations 1 and 2, after Winters 1995.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(thelen_activation(jnp.array(0.0), jnp.array(1.0)))
      -40.0
    """
    u = excitation(u)
    # Below zero the factor would turn the sign of the rate: an integrator may look there.
    factor = 0.5 + 1.5 * excitation(a)
    tau = jnp.where(u > a, as_number(rise, a) * factor, as_number(fall, a) / factor)
    return (u - a) / tau
