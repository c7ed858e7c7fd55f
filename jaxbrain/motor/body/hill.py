"""Hill muscles: force over length, over velocity and over activation.

Quantities are normalized: length by the optimal length L0, velocity by L0 vmax (negative in
shortening; at -1 no active force is left), force by the greatest isometric one; vmax is in L0/s.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.arguments import checked
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
    """A Hill muscle on a rigid tendon: f = a f_l(l) f_v(v, l, a) + f_p(l).

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


@checked
def hill_force(
    hill: Hill, activation: jax.Array, length: jax.Array, velocity: jax.Array
) -> jax.Array:
    """The normalized force of a muscle: a f_l f_v + f_p.

    Args:
      hill: the curves.
      activation: a, 0..1 ``[...]``.
      length: l, over L0 ``[...]``.
      velocity: v, over L0 vmax, negative in shortening ``[...]``.

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


@checked
def thelen_active(length: jax.Array, *, width: float = 0.45) -> jax.Array:
    """Thelen's active force over length: f_l = exp(-(l - 1)^2 / width).

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


@checked
def thelen_velocity(
    velocity: jax.Array,
    length: jax.Array,
    activation: jax.Array,
    *,
    shape: float = 0.25,
    most: float = 1.4,
) -> jax.Array:
    """Thelen's force over velocity: hyperbolas; a less active muscle shortens more slowly.

    With A the shape, m the most and s = (1 + 3a)/4:
    shortening: f_v = (v + s) / (s - v/A), not below 0
    lengthening: f_v = (s (m - 1) + v m (2 + 2/A)) / (s (m - 1) + v (2 + 2/A))

    Args:
      velocity: v, over L0 vmax ``[...]``.
      length: not used.
      activation: a ``[...]``.
      shape: A.
      most: m, the limit of the force in fast lengthening.

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


@checked
def thelen_passive(
    length: jax.Array, *, slack: float = 1.0, strain: float = 0.6, shape: float = 5.0
) -> jax.Array:
    """Thelen's passive force: f_p = (exp(k (l - slack) / strain) - 1) / (exp(k) - 1), not below 0.

    Args:
      length: l, over L0 ``[...]``.
      slack: the length, over L0, below which there is no force.
      strain: at this strain the force is 1.
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
    """The Hill muscle of Thelen 2003, in young adults.

    Args:
      vmax: in L0/s.
      slack: the length, over L0, above which there is passive force.

    Source: Thelen 2003, doi 10.1115/1.1531112.

    Examples:
      >>> thelen_hill().vmax
      10.0
    """
    require_positive("thelen_hill", "vmax", vmax)
    require_positive("thelen_hill", "slack", slack)
    passive = partial(thelen_passive, slack=slack)
    return Hill(thelen_active, thelen_velocity, passive, thelen_activation, vmax)


# ---- Kistemaker, Wong and Gribble 2010


@checked
def kistemaker_active(length: jax.Array, *, width: float = 0.66, least: float = 0.01) -> jax.Array:
    """Kistemaker's active force over length: f_l = 1 - ((l - 1) / width)^2, not below the least.

    Args:
      length: l, over L0 ``[...]``.
      width: the deviation from the optimal length, over L0, at which the force ends.
      least: the least force.

    Source: Kistemaker, Wong & Gribble 2010, doi 10.1152/jn.00483.2010.

    Examples:
      >>> import jax.numpy as jnp
      >>> [f"{f:.2f}" for f in kistemaker_active(jnp.array([0.1, 1.0]))]
      ['0.01', '1.00']
    """
    return jnp.maximum(1 - ((length - 1) / width) ** 2, least)


@checked
def kistemaker_velocity(
    velocity: jax.Array,
    length: jax.Array,
    activation: jax.Array,
    *,
    shape: float = 0.41,
    most: float = 1.5,
    critical: float = 0.3,
) -> jax.Array:
    """Kistemaker's force over velocity: hyperbolas, of twice the slope in lengthening.

    With A = shape (times f_l where l > 1) over f_l, B = shape times a factor that falls below the
    critical activation, and p = (m - 1) B / (2 (1 + A)):
    shortening: f_v = (B + A v) / (B - v), not below 0
    lengthening: f_v = m - (m - 1) p / (p + v)

    Args:
      velocity: v, over L0 vmax ``[...]``.
      length: l, over L0 ``[...]``.
      activation: a ``[...]``.
      shape: a_rel, which is b_rel / vmax.
      most: m, the limit of the force in fast lengthening.
      critical: below this activation the muscle slows with it.

    Left out is the slope of 0.001 that the source adds in lengthening, to invert the curve for an
    elastic tendon.

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


@checked
def kistemaker_passive(
    length: jax.Array, *, slack: float = 1.4, longest: float = 1.66
) -> jax.Array:
    """Kistemaker's passive force: f_p = ((l - slack) / (longest - slack))^2 above the slack length.

    Args:
      length: l, over L0 ``[...]``.
      slack: the length, over L0, below which there is no force.
      longest: at this length the force is 1.

    Source: Kistemaker, Wong & Gribble 2010, doi 10.1152/jn.00483.2010.

    Examples:
      >>> import jax.numpy as jnp
      >>> [f"{f:.2f}" for f in kistemaker_passive(jnp.array([1.2, 1.66]))]
      ['0.00', '1.00']
    """
    return (positive_part(length - slack) / (longest - slack)) ** 2


@configured
def kistemaker_hill(*, vmax: float | jax.Array = 5.2 / 0.41, slack: float = 1.4) -> Hill:
    """The Hill muscle of Kistemaker, Wong and Gribble 2010, with a rigid tendon.

    Args:
      vmax: in L0/s; the source's is b_rel / a_rel = 5.2 / 0.41, about 12.7. MotorNet's muscle
        scales velocities by 10 L0/s: for its forces take ``vmax=10 * 5.2 / 0.41``.
      slack: the length, over L0, above which there is passive force, below 1.66.

    Source: Kistemaker, Wong & Gribble 2010, doi 10.1152/jn.00483.2010.

    Examples:
      >>> round(kistemaker_hill().vmax, 2)
      12.68
    """
    require_positive("kistemaker_hill", "vmax", vmax)
    require_positive("kistemaker_hill", "slack", slack, below=1.66)
    passive = partial(kistemaker_passive, slack=slack)
    curves = (kistemaker_active, kistemaker_velocity, passive)
    return Hill(*curves, thelen_activation, vmax)


# ---- MuJoCo


@checked
def mujoco_active(length: jax.Array, *, shortest: float = 0.5, longest: float = 1.6) -> jax.Array:
    """MuJoCo's active force over length: parabolas that meet smoothly.

    With x the distance from the optimal length, 1 at the end on its side:
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


@checked
def mujoco_velocity(
    velocity: jax.Array, length: jax.Array, activation: jax.Array, *, most: float = 1.2
) -> jax.Array:
    """MuJoCo's force over velocity: two parabolas that meet at rest, and constants beyond.

    shortening: f_v = (1 + v)^2, 0 below v = -1
    lengthening: f_v = most - (y - v)^2 / y with y = most - 1, most above v = y

    Args:
      velocity: v, over L0 vmax ``[...]``.
      length: not used.
      activation: not used.
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


@checked
def mujoco_passive(length: jax.Array, *, longest: float = 1.6, most: float = 1.3) -> jax.Array:
    """MuJoCo's passive force: a parabola up to half of the greatest stretch, its tangent beyond.

    With x = 2 (l - 1) / (longest - 1): f_p = most x^2 / 2 up to x = 1, most (x - 1/2) beyond.

    Args:
      length: l, over L0 ``[...]``.
      longest: MuJoCo's lmax.
      most: MuJoCo's fpmax; at the longest length the force is 3/2 of it.

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
    """The Hill muscle of MuJoCo, with a rigid tendon; activation rises in 0.01 and falls in 0.04 s.

    Args:
      vmax: in L0/s; MuJoCo's own, 1.5, is slow for a human arm.

    Source: MuJoCo, https://mujoco.readthedocs.io/en/stable/modeling.html#muscle-actuators

    Examples:
      >>> mujoco_hill().vmax
      1.5
    """
    require_positive("mujoco_hill", "vmax", vmax)
    rate = partial(thelen_activation, rise=0.01, fall=0.04)
    return Hill(mujoco_active, mujoco_velocity, mujoco_passive, rate, vmax)
