"""Interactions: how one pattern's overlap with the state enters a dense associative memory."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.config import Config, configured, static
from jaxbrain.core.requirements import require_count
from jaxbrain.memory.theory import dense_capacity


@static
class Interaction(NamedTuple):
    """How one pattern's overlap with the state enters the energy.

    Attributes:
      value: ``(h, overlaps) -> F(h)`` up to a positive factor that depends on the overlaps
        ``[patterns]`` alone and keeps F finite near them.
      energy: ``(overlaps, units) -> scalar``, a rising function of -sum F(overlaps).
      capacity: ``(units) -> float``: how many random patterns stay without an error.
      config: what it was made from; None for one made by hand.
    """

    value: Callable[[jax.Array, jax.Array], jax.Array]
    energy: Callable[[jax.Array, int], jax.Array]
    capacity: Callable[[int], float]
    config: Config | None = None


@configured
def polynomial(degree: int) -> Interaction:
    """A power of the overlap; degree 2 is the Hopfield network.

    F(h) = n (h / n)^degree of n units, so that a pattern by itself has the energy -n

    K_max = n^(degree-1) / (2 (2 degree - 3)!! ln n)

    Args:
      degree: 2 or more.

    Returns:
      An interaction.

    Raises:
      ValueError: if degree is not an integer of 2 or more.

    Source: Krotov and Hopfield 2016, arXiv 1606.01164.

    Examples:
      >>> polynomial(3), round(polynomial(3).capacity(100))
      (polynomial(3), 362)
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
    """A power of the overlap where that is positive: the negative of a pattern is no memory.

    F(h) = n max(h / n, 0)^degree of n units

    K_max = n^(degree-1) / ((2 degree - 3)!! ln n): half the patterns make no noise

    Args:
      degree: 2 or more.

    Returns:
      An interaction.

    Raises:
      ValueError: if degree is not an integer of 2 or more.

    Source: Krotov and Hopfield 2016, arXiv 1606.01164.

    Examples:
      >>> rectified_polynomial(3), round(rectified_polynomial(3).capacity(100))
      (rectified_polynomial(3), 724)
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
    """The exponential of the overlap: capacity grows exponentially with the units.

    F(h) = exp(h); the energy is -ln sum_mu exp(x_mu . s), which is finite and falls where
    -sum_mu F(x_mu . s) does

    K_max = 2^(n/2)

    Returns:
      An interaction.

    Source: Demircigil et al. 2017, arXiv 1702.01929.

    Examples:
      >>> exponential(), exponential().capacity(20)
      (exponential(), 1024.0)
    """

    def value(h: jax.Array, overlaps: jax.Array) -> jax.Array:
        return jnp.exp(h - jnp.max(overlaps))

    def energy(overlaps: jax.Array, units: int) -> jax.Array:
        return -jax.nn.logsumexp(overlaps)

    def capacity(units: int) -> float:
        return 2.0 ** min(units / 2, 1000.0)

    return Interaction(value, energy, capacity)


def _power_of_two(scale: jax.Array) -> jax.Array:
    """The nearest one, to divide by: whole numbers then cancel without a rest."""
    exponent_bits = jnp.finfo(scale.dtype).nexp
    return jax.lax.reduce_precision(scale, exponent_bits=exponent_bits, mantissa_bits=0)


def _require_degree(where: str, degree: Any) -> None:
    require_count(where, "degree", degree)
    if degree < 2:
        raise ValueError(f"{where}: degree must be 2 or more, got {degree}: a sum has no memory")
