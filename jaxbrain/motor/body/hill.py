"""What a muscle pulls with: its curves of force over length and over velocity.

Every curve is of normalised quantities: the length over the optimal one, L0, and the velocity over
L0 vmax, negative where the muscle shortens. At vmax, in L0/s, it shortens with no force left.
Forces are in units of the greatest isometric one.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.config import Config, configured, static
from jaxbrain.core.requirements import require_positive
from jaxbrain.motor.body.activation import thelen_activation

__all__ = [
    "Hill",
    "hill_force",
    "kistemaker_active",
    "kistemaker_hill",
    "kistemaker_passive",
    "kistemaker_velocity",
    "mujoco_active",
    "mujoco_hill",
    "mujoco_passive",
    "mujoco_velocity",
    "thelen_active",
    "thelen_hill",
    "thelen_passive",
    "thelen_velocity",
]


def __dir__() -> list[str]:
    return __all__


@static
class Hill(NamedTuple):
    """A muscle of Hill's kind, on a rigid tendon: f = a f_l(l) f_v(v, l, a) + f_p(l).

    Attributes:
      active: f_l, ``(length) -> [...]``, 1 at the optimal length.
      velocity: f_v, ``(velocity, length, activation) -> [...]``, 1 at rest.
      passive: f_p, ``(length) -> [...]``, 0 where the muscle is slack.
      activation: ``(excitation, activation) -> [...]``, its derivative, per second.
      vmax: the greatest velocity of shortening, in L0/s.
      config: what it was made from; None for one made by hand.
    """

    active: Callable[[jax.Array], jax.Array]
    velocity: Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
    passive: Callable[[jax.Array], jax.Array]
    activation: Callable[[jax.Array, jax.Array], jax.Array]
    vmax: Any
    config: Config | None = None


def hill_force(
    hill: Hill, activation: jax.Array, length: jax.Array, velocity: jax.Array
) -> jax.Array:
    """The force of a muscle, in units of the greatest isometric one: a f_l f_v + f_p.

    Args:
      hill: the curves.
      activation: a, 0..1 ``[...]``.
      length: l, over L0 ``[...]``.
      velocity: v, over L0 vmax, negative when it shortens ``[...]``.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(hill_force(thelen_hill(), jnp.array(0.5), jnp.array(1.0), jnp.array(0.0)))
      0.5
    """
    shortens = hill.velocity(velocity, length, activation)
    return activation * hill.active(length) * shortens + hill.passive(length)


def positive_part(x: jax.Array) -> jax.Array:
    """max(x, 0) with the derivative zero at zero."""
    return jnp.where(x > 0, x, jnp.zeros_like(x))


# ---- Thelen 2003


def thelen_active(length: jax.Array, *, width: float = 0.45) -> jax.Array:
    """f_l = exp(-(l - 1)^2 / width).

    Args:
      length: l, over L0 ``[...]``.
      width: twice a variance.

    Source: Thelen 2003, doi 10.1115/1.1531112, equation 4.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(thelen_active(jnp.array(1.0)))
      1.0
    """
    return jnp.exp(-((length - 1) ** 2) / width)


def thelen_velocity(
    velocity: jax.Array,
    length: jax.Array,
    activation: jax.Array,
    *,
    shape: float = 0.25,
    most: float = 1.4,
) -> jax.Array:
    """Thelen's hyperbolas: a muscle that is less active shortens more slowly.

    With A the shape, m the most and s = (1 + 3a)/4:
    f_v = (v + s) / (s - v/A), not below 0, where it shortens,
    f_v = (s (m - 1) + v m (2 + 2/A)) / (s (m - 1) + v (2 + 2/A)) where it lengthens.

    Args:
      velocity: v, over L0 vmax ``[...]``.
      length: does not count ``[...]``.
      activation: a ``[...]``.
      shape: A.
      most: m, what the force approaches in fast lengthening.

    Source: Thelen 2003, doi 10.1115/1.1531112, equations 6 and 7 solved for the force.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = jnp.array([-1.0, 0.0, 1e6])
      >>> [f"{f:.2f}" for f in thelen_velocity(v, jnp.ones(3), jnp.ones(3))]
      ['0.00', '1.00', '1.40']
    """
    del length
    fastest = (1 + 3 * activation) / 4
    down, up = jnp.minimum(velocity, 0), positive_part(velocity)
    shortening = positive_part(down + fastest) / (fastest - down / shape)
    at_rest, slope = fastest * (most - 1), 2 + 2 / shape
    lengthening = (at_rest + slope * most * up) / (at_rest + slope * up)
    return jnp.where(velocity > 0, lengthening, shortening)


def thelen_passive(
    length: jax.Array, *, slack: float = 1.0, strain: float = 0.6, shape: float = 5.0
) -> jax.Array:
    """f_p = (exp(k (l - slack) / strain) - 1) / (exp(k) - 1), not below 0.

    Args:
      length: l, over L0 ``[...]``.
      slack: the length, over L0, below which it does not pull.
      strain: at this strain it pulls with the greatest isometric force.
      shape: k.

    Source: Thelen 2003, doi 10.1115/1.1531112, equation 3.

    Examples:
      >>> import jax.numpy as jnp
      >>> [f"{f:.2f}" for f in thelen_passive(jnp.array([0.7, 1.0, 1.6]))]
      ['0.00', '0.00', '1.00']
    """
    stretch = positive_part(length - slack) / strain
    return jnp.expm1(shape * stretch) / jnp.expm1(jnp.asarray(shape, length.dtype))


@configured
def thelen_hill(*, vmax: float | jax.Array = 10.0, slack: float = 1.0) -> Hill:
    """The muscle of Thelen 2003, in young adults.

    Args:
      vmax: in L0/s.
      slack: the length, over L0, from which it pulls without being active.

    Raises:
      ValueError: a number is not positive.

    Source: Thelen 2003, doi 10.1115/1.1531112.

    Examples:
      >>> thelen_hill()
      motor.hill.thelen_hill()
    """
    require_positive("thelen_hill", "vmax", vmax)
    require_positive("thelen_hill", "slack", slack)
    passive = partial(thelen_passive, slack=slack)
    return Hill(thelen_active, thelen_velocity, passive, thelen_activation, vmax)


# ---- Kistemaker, Wong and Gribble 2010


def kistemaker_active(length: jax.Array, *, width: float = 0.66, least: float = 0.01) -> jax.Array:
    """f_l = 1 - ((l - 1) / width)^2, not below the least.

    Args:
      length: l, over L0 ``[...]``.
      width: how far from its optimal length, over L0, a muscle loses its force.
      least: what is left there.

    Source: Kistemaker, Wong & Gribble 2010, doi 10.1152/jn.00483.2010.

    Examples:
      >>> import jax.numpy as jnp
      >>> [f"{f:.2f}" for f in kistemaker_active(jnp.array([0.1, 1.0]))]
      ['0.01', '1.00']
    """
    return jnp.maximum(1 - ((length - 1) / width) ** 2, least)


def kistemaker_velocity(
    velocity: jax.Array,
    length: jax.Array,
    activation: jax.Array,
    *,
    shape: float = 0.41,
    most: float = 1.5,
    critical: float = 0.3,
) -> jax.Array:
    """Hill's hyperbola, and a second one with twice its slope where the muscle lengthens.

    With A = shape (times f_l where l > 1) over f_l, B = shape times a factor that falls where the
    activation is below the critical one, and p = (m - 1) B / (2 (1 + A)):
    f_v = (B + A v) / (B - v), not below 0, where it shortens,
    f_v = m - (m - 1) p / (p + v) where it lengthens.

    Args:
      velocity: v, over L0 vmax ``[...]``.
      length: l, over L0 ``[...]``.
      activation: a ``[...]``.
      shape: a_rel, which is b_rel / vmax.
      most: m, what the force approaches in fast lengthening.
      critical: from here down the muscle slows with its activation.

    The slope of 0.001 that the source adds where a muscle lengthens, to invert the curve for an
    elastic tendon, is left out.

    Source: Kistemaker, Wong & Gribble 2010, doi 10.1152/jn.00483.2010, after van Soest & Bobbert
    1993, doi 10.1007/BF00198959.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = jnp.array([-1.0, 0.0, 1e6])
      >>> [f"{f:.2f}" for f in kistemaker_velocity(v, jnp.ones(3), jnp.ones(3))]
      ['0.00', '1.00', '1.50']
    """
    active = kistemaker_active(length)
    a = shape * jnp.where(length > 1, jnp.ones_like(active), 1 / active)
    missing = positive_part(critical - activation) / (critical - 0.005)
    b = shape * (1 - 0.9 * missing) ** 2
    down, up = jnp.minimum(velocity, 0), positive_part(velocity)
    shortening = positive_part(b + a * down) / (b - down)
    pole = (most - 1) * b / (2 * (1 + a))
    lengthening = most - (most - 1) * pole / (pole + up)
    return jnp.where(velocity > 0, lengthening, shortening)


def kistemaker_passive(
    length: jax.Array, *, slack: float = 1.4, longest: float = 1.66
) -> jax.Array:
    """f_p = ((l - slack) / (longest - slack))^2 above the slack length.

    Args:
      length: l, over L0 ``[...]``.
      slack: the length, over L0, below which it does not pull.
      longest: at this length it pulls with the greatest isometric force.

    Source: Kistemaker, Wong & Gribble 2010, doi 10.1152/jn.00483.2010.

    Examples:
      >>> import jax.numpy as jnp
      >>> [f"{f:.2f}" for f in kistemaker_passive(jnp.array([1.2, 1.66]))]
      ['0.00', '1.00']
    """
    return (positive_part(length - slack) / (longest - slack)) ** 2


@configured
def kistemaker_hill(*, vmax: float | jax.Array = 5.2 / 0.41, slack: float = 1.4) -> Hill:
    """The muscle of Kistemaker, Wong and Gribble 2010, with a rigid tendon.

    Args:
      vmax: in L0/s; the source's is b_rel / a_rel = 5.2 / 0.41, about 12.7.
      slack: the length, over L0, from which it pulls without being active, below 1.66.

    Raises:
      ValueError: a number is not positive, or slack not below 1.66.

    Source: Kistemaker, Wong & Gribble 2010, doi 10.1152/jn.00483.2010.

    Examples:
      >>> kistemaker_hill()
      motor.hill.kistemaker_hill()
    """
    require_positive("kistemaker_hill", "vmax", vmax)
    require_positive("kistemaker_hill", "slack", slack, below=1.66)
    passive = partial(kistemaker_passive, slack=slack)
    curves = (kistemaker_active, kistemaker_velocity, passive)
    return Hill(*curves, thelen_activation, vmax)


# ---- MuJoCo


def mujoco_active(length: jax.Array, *, shortest: float = 0.5, longest: float = 1.6) -> jax.Array:
    """Four parabolas that meet smoothly: 0 at the ends, 1 at the optimal length.

    With x the distance from the optimal length over that of the end on its side:
    f_l = 1 - 2 x^2 up to x = 1/2, 2 (1 - x)^2 from there to x = 1.

    Args:
      length: l, over L0 ``[...]``.
      shortest: MuJoCo's lmin.
      longest: MuJoCo's lmax.

    Source: MuJoCo, https://mujoco.readthedocs.io/en/stable/modeling.html#muscle-actuators

    Examples:
      >>> import jax.numpy as jnp
      >>> [f"{f:.2f}" for f in mujoco_active(jnp.array([0.5, 1.0, 1.3, 2.0]))]
      ['0.00', '1.00', '0.50', '0.00']
    """
    side = jnp.where(length > 1, (length - 1) / (longest - 1), (1 - length) / (1 - shortest))
    return jnp.where(side < 0.5, 1 - 2 * side**2, 2 * positive_part(1 - side) ** 2)


def mujoco_velocity(
    velocity: jax.Array, length: jax.Array, activation: jax.Array, *, most: float = 1.2
) -> jax.Array:
    """Two parabolas that meet at rest, and constants beyond.

    f_v = (1 + v)^2 where it shortens, 0 below v = -1, and with y = most - 1
    f_v = most - (y - v)^2 / y where it lengthens, most above v = y.

    Args:
      velocity: v, over L0 vmax ``[...]``.
      length: does not count ``[...]``.
      activation: does not count ``[...]``.
      most: the force in fast lengthening, above 1.

    Source: MuJoCo, https://mujoco.readthedocs.io/en/stable/modeling.html#muscle-actuators

    Examples:
      >>> import jax.numpy as jnp
      >>> v = jnp.array([-1.0, -0.5, 0.0, 0.2])
      >>> [f"{f:.2f}" for f in mujoco_velocity(v, jnp.ones(4), jnp.ones(4))]
      ['0.00', '0.25', '1.00', '1.20']
    """
    del length, activation
    left = most - 1
    lengthening = most - positive_part(left - velocity) ** 2 / left
    return jnp.where(velocity > 0, lengthening, positive_part(1 + jnp.minimum(velocity, 0)) ** 2)


def mujoco_passive(length: jax.Array, *, longest: float = 1.6, most: float = 1.3) -> jax.Array:
    """A parabola from the optimal length to halfway to the longest, and its tangent beyond.

    With x = 2 (l - 1) / (longest - 1): f_p = most x^2 / 2 up to x = 1, most (x - 1/2) beyond.

    Args:
      length: l, over L0 ``[...]``.
      longest: MuJoCo's lmax.
      most: MuJoCo's fpmax; at the longest it pulls with 3/2 of it.

    Source: MuJoCo, https://mujoco.readthedocs.io/en/stable/modeling.html#muscle-actuators

    Examples:
      >>> import jax.numpy as jnp
      >>> [f"{f:.2f}" for f in mujoco_passive(jnp.array([0.9, 1.3, 1.6]))]
      ['0.00', '0.65', '1.95']
    """
    x = positive_part(length - 1) * 2 / (longest - 1)
    return most * jnp.where(x < 1, x**2 / 2, x - 0.5)


@configured
def mujoco_hill(*, vmax: float | jax.Array = 1.5) -> Hill:
    """The muscle of MuJoCo, which rises in 0.01 and falls in 0.04 s, with a rigid tendon.

    Args:
      vmax: in L0/s; MuJoCo's own, 1.5, is slow for a human arm.

    Raises:
      ValueError: vmax is not positive.

    Source: MuJoCo, https://mujoco.readthedocs.io/en/stable/modeling.html#muscle-actuators

    Examples:
      >>> mujoco_hill()
      motor.hill.mujoco_hill()
    """
    require_positive("mujoco_hill", "vmax", vmax)
    rate = partial(thelen_activation, rise=0.01, fall=0.04)
    return Hill(mujoco_active, mujoco_velocity, mujoco_passive, rate, vmax)
