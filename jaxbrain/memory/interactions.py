"""Interactions: functions of the overlap that make the energy of a dense associative memory."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.config import Config, configured, static
from jaxbrain.core.requirements import require_count
from jaxbrain.memory.theory import dense_capacity


@static
class Interaction(NamedTuple):
    """A function F of the overlap of state and pattern: E = -sum_mu F(x_mu . s).

    Attributes:
      value: ``(h, overlaps) -> F(h)`` up to a positive factor that depends only on the overlaps
        ``[patterns]`` and keeps F finite near them.
      energy: ``(overlaps, units) -> scalar``, an increasing function of -sum F(overlaps).
      capacity: ``(units) -> float``, the number of random patterns without errors.
      config: what it was made from; None for one made by hand.
    """

    value: Callable[[jax.Array, jax.Array], jax.Array]
    energy: Callable[[jax.Array, int], jax.Array]
    capacity: Callable[[int], float]
    config: Config | None = None


@configured
def polynomial(degree: int) -> Interaction:
    """Polynomial interaction; degree 2 is the Hopfield network.

    F(h) = n (h / n)^degree for n units: a single pattern has the energy -n

    K_max = n^(degree-1) / (2 (2 degree - 3)!! ln n)

    Args:
      degree: 2 or more.

    Source: Krotov and Hopfield 2016, arXiv 1606.01164.

    Examples:
      >>> round(polynomial(3).capacity(100))
      362
    """
    _require_degree("polynomial", degree)

    def value(h: jax.Array, overlaps: jax.Array) -> jax.Array:
        return (h / _power_of_two(jnp.max(jnp.abs(overlaps)) + 2)) ** degree

    def energy(overlaps: jax.Array, units: int) -> jax.Array:
        return -units * jnp.sum((overlaps / units) ** degree)

    def capacity(units: int) -> float:
        return dense_capacity(units, degree)

    return Interaction(value, energy, capacity)


@configured
def rectified_polynomial(degree: int) -> Interaction:
    """Rectified polynomial interaction: the negative of a pattern is no memory.

    F(h) = n max(h / n, 0)^degree for n units

    K_max = n^(degree-1) / ((2 degree - 3)!! ln n): half of the patterns make no crosstalk

    Args:
      degree: 2 or more.

    Source: Krotov and Hopfield 2016, arXiv 1606.01164.

    Examples:
      >>> round(rectified_polynomial(3).capacity(100))
      724
    """
    _require_degree("rectified_polynomial", degree)

    def value(h: jax.Array, overlaps: jax.Array) -> jax.Array:
        return (jax.nn.relu(h) / _power_of_two(jnp.max(jnp.abs(overlaps)) + 2)) ** degree

    def energy(overlaps: jax.Array, units: int) -> jax.Array:
        return -units * jnp.sum((jax.nn.relu(overlaps) / units) ** degree)

    def capacity(units: int) -> float:
        return 2 * dense_capacity(units, degree)

    return Interaction(value, energy, capacity)


@configured
def exponential() -> Interaction:
    """Exponential interaction: the capacity grows exponentially with the units.

    F(h) = exp(h);  E = -ln sum_mu exp(x_mu . s), finite, and lower where -sum_mu F is lower

    K_max = 2^(n/2)

    Source: Demircigil et al. 2017, arXiv 1702.01929.

    Examples:
      >>> exponential().capacity(20)
      1024.0
    """

    def value(h: jax.Array, overlaps: jax.Array) -> jax.Array:
        return jnp.exp(h - jnp.max(overlaps))

    def energy(overlaps: jax.Array, units: int) -> jax.Array:
        return -jax.nn.logsumexp(overlaps)

    def capacity(units: int) -> float:
        return 2.0 ** min(units / 2, 1000.0)

    return Interaction(value, energy, capacity)


def _power_of_two(scale: jax.Array) -> jax.Array:
    """The nearest power of two, as a divisor: whole numbers are divided without rounding."""
    exponent_bits = jnp.finfo(scale.dtype).nexp
    return jax.lax.reduce_precision(scale, exponent_bits=exponent_bits, mantissa_bits=0)


def _require_degree(where: str, degree: Any) -> None:
    require_count(where, "degree", degree)
    if degree < 2:
        raise ValueError(f"{where}: degree must be 2 or more, got {degree}: a sum has no memory")
