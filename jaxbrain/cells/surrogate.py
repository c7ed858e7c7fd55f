"""Surrogate gradients: a spike forward, a slope of one's choice backward.

A spike is a step of the membrane, and the derivative of a step is zero wherever it exists. Each
function here makes a function ``v -> spikes`` whose value is exactly 0 or 1 (1 from v = 0 on) and
whose derivative, forward and reverse, is its slope. v is the distance to the threshold, as cells
give it: ``(v - threshold) / threshold``. Where a name is a distribution's, the slope has the
integral 1, as that of a step; `triangle` and `fast_sigmoid` are scaled as their papers do.

Source: Neftci, Mostafa and Zenke 2019, arXiv 1901.09948.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_positive

__all__ = [
    "arctan",
    "boxcar",
    "fast_sigmoid",
    "gaussian",
    "triangle",
]


def __dir__() -> list[str]:
    return __all__


Spike = Callable[[jax.Array], jax.Array]


@configured
def triangle(*, gain: float | jax.Array = 0.3, width: float | jax.Array = 1.0) -> Spike:
    """A spike whose slope falls straight to zero at both sides.

    gain max(0, 1 - |v| / width)

    Args:
      gain: the slope at the threshold: how much of the error a spike lets through.
      width: where it has fallen to zero.

    Returns:
      A function ``[...] -> [...]`` of 0 and 1.

    Raises:
      ValueError: if gain or width is not positive.

    Source: Bellec et al. 2018, arXiv 1803.09574; after Esser et al. 2016, arXiv 1603.08270.

    Examples:
      >>> import jax
      >>> spike, slope = jax.value_and_grad(triangle())(-0.5)
      >>> print(spike, slope)
      0.0 0.15
    """
    _check("triangle", {"gain": gain, "width": width})

    def slope(v: jax.Array) -> jax.Array:
        return as_number(gain, v) * jnp.maximum(0, 1 - jnp.abs(v) / as_number(width, v))

    return _spike(slope)


@configured
def fast_sigmoid(*, scale: float | jax.Array = 10.0) -> Spike:
    """A spike with the slope of a fast sigmoid, whose tails are long.

    1 / (1 + scale |v|)^2

    Args:
      scale: how steep the sigmoid is.

    Returns:
      A function ``[...] -> [...]`` of 0 and 1.

    Raises:
      ValueError: if scale is not positive.

    Source: SuperSpike, Zenke and Ganguli 2018, doi 10.1162/neco_a_01086.

    Examples:
      >>> import jax
      >>> print(jax.grad(fast_sigmoid())(0.1))
      0.25
    """
    _check("fast_sigmoid", {"scale": scale})
    return _spike(lambda v: (1 + as_number(scale, v) * jnp.abs(v)) ** -2)


@configured
def arctan(*, scale: float | jax.Array = 2.0) -> Spike:
    """A spike with the slope of an arc tangent: Cauchy's distribution.

    (scale / 2) / (1 + (pi scale v / 2)^2)

    Args:
      scale: twice the slope at the threshold.

    Returns:
      A function ``[...] -> [...]`` of 0 and 1.

    Raises:
      ValueError: if scale is not positive.

    Source: Fang et al. 2021, arXiv 2007.05785.

    Examples:
      >>> import jax
      >>> print(jax.grad(arctan())(0.0))
      1.0
    """
    _check("arctan", {"scale": scale})

    def slope(v: jax.Array) -> jax.Array:
        half = as_number(scale, v) / 2
        return half / (1 + (math.pi * half * v) ** 2)

    return _spike(slope)


@configured
def gaussian(*, width: float | jax.Array = 0.5) -> Spike:
    """A spike whose slope is the normal density.

    exp(-v^2 / (2 width^2)) / (width sqrt(2 pi))

    Args:
      width: the standard deviation.

    Returns:
      A function ``[...] -> [...]`` of 0 and 1.

    Raises:
      ValueError: if width is not positive.

    Source: Yin, Corradi and Bohte 2021, arXiv 2103.12593.

    Examples:
      >>> import jax
      >>> print(f"{jax.grad(gaussian())(0.0):.4f}")
      0.7979
    """
    _check("gaussian", {"width": width})

    def slope(v: jax.Array) -> jax.Array:
        sigma = as_number(width, v)
        return jnp.exp(-((v / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))

    return _spike(slope)


@configured
def boxcar(*, width: float | jax.Array = 1.0) -> Spike:
    """A spike whose slope is the same within a window, and zero out of it.

    1 / width where |v| < width / 2, else 0

    Args:
      width: of the window.

    Returns:
      A function ``[...] -> [...]`` of 0 and 1.

    Raises:
      ValueError: if width is not positive.

    Source: Wu et al. 2018, arXiv 1706.02609.

    Examples:
      >>> import jax
      >>> jax.vmap(jax.grad(boxcar(width=0.5)))(jax.numpy.array([-0.3, -0.2, 0.2, 0.3])).tolist()
      [0.0, 2.0, 2.0, 0.0]
    """
    _check("boxcar", {"width": width})

    def slope(v: jax.Array) -> jax.Array:
        wide = as_number(width, v)
        return jnp.where(jnp.abs(v) < wide / 2, 1 / wide, 0)

    return _spike(slope)


def _spike(slope: Callable[[jax.Array], jax.Array]) -> Spike:
    def spike(v: Any) -> jax.Array:
        v = jnp.asarray(v)
        return _step(v, slope(v))

    return spike


@jax.custom_jvp
def _step(v: jax.Array, slope: jax.Array) -> jax.Array:
    """Heaviside's step, 1 at 0. The slope is unused, and gone from what is compiled."""
    return (v >= 0).astype(v.dtype)


@_step.defjvp
def _step_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    v, slope = primals
    return _step(v, slope), slope * tangents[0]


def _check(surrogate: str, numbers: dict[str, Any]) -> None:
    for name, value in numbers.items():
        require_positive(surrogate, name, value)
