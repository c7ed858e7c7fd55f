"""Surrogate gradients of spikes.

A spike is a step function of the membrane; its derivative is zero almost everywhere. Each function
here makes a function ``v -> spikes`` ``[...] -> [...]``, 0 for v < 0, else 1, with a surrogate of
the derivative, forward and reverse. v is the relative distance to the threshold, ``(v - threshold)
/ threshold``. All arguments are positive. `arctan`, `gaussian` and `boxcar` have the integral 1, as
the derivative of a step has; `triangle` and `fast_sigmoid` are scaled as in their papers.

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
    """A spike with a triangular surrogate: gain max(0, 1 - |v| / width).

    Args:
      gain: value at the threshold.
      width: distance at which it is zero.

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
    """A spike with the derivative of a fast sigmoid: 1 / (1 + scale |v|)^2.

    Args:
      scale: steepness of the sigmoid.

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
    """A spike with the derivative of an arctangent: (scale / 2) / (1 + (pi scale v / 2)^2).

    Args:
      scale: twice the value at the threshold.

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
    """A spike with a normal density: exp(-v^2 / (2 width^2)) / (width sqrt(2 pi)).

    Args:
      width: standard deviation.

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
    """A spike with a constant surrogate in a window: 1 / width if |v| < width / 2, else 0.

    Args:
      width: width of the window.

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
    """The Heaviside step, 1 at 0. The slope is unused here and not part of a compiled program."""
    return (v >= 0).astype(v.dtype)


@_step.defjvp
def _step_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    v, slope = primals
    return _step(v, slope), slope * tangents[0]


def _check(surrogate: str, numbers: dict[str, Any]) -> None:
    for name, value in numbers.items():
        require_positive(surrogate, name, value)
