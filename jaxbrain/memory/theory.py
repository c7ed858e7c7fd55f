"""Theory of the recall of random patterns: bit errors, overlaps, capacities."""

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import erf, erfc
from jax.typing import ArrayLike

from jaxbrain.core.arguments import checked
from jaxbrain.core.eager import compiled_once
from jaxbrain.core.requirements import require_count
from jaxbrain.memory.patterns import as_floats

# the maximum of `_load_root`, beyond which the mean-field equations have no solution but m = 0
_Y_CRITICAL = 1.5112
CRITICAL_LOAD = 0.137905566


@checked
def hopfield_bit_error(load: ArrayLike, *, n: int | None = None) -> jax.Array:
    """Probability that one step flips a bit of a stored pattern: Hebb's rule, zero diagonal.

    P = 1/2 erfc(sqrt((n - 1) / (2 (p - 1)))), for large n 1/2 erfc(sqrt(1 / (2 load)))

    Hertz, Krogh and Palmer, Introduction to the Theory of Neural Computation (1991), chapter 2.

    Args:
      load: patterns per unit, p / n, of any shape.
      n: units; None is the limit of infinitely many.

    Examples:
      >>> [round(float(hopfield_bit_error(load)), 4) for load in (0.105, 0.138, 0.185)]
      [0.001, 0.0036, 0.01]
    """
    load = as_floats(load)
    if n is None:
        return 0.5 * erfc(jnp.sqrt(0.5 / load))
    require_count("hopfield_bit_error", "n", n)
    others = jnp.maximum(load * n - 1, 0.0)  # a single pattern has no crosstalk
    return 0.5 * erfc(jnp.sqrt((n - 1) / (2 * others)))


@checked
def hopfield_overlap(load: ArrayLike) -> jax.Array:
    """Overlap of a stored pattern with its fixed point: Hebb's rule, mean-field theory.

    m = erf(y), sqrt(2 load) = erf(y) / y - 2 / sqrt(pi) exp(-y^2)

    y is the largest solution at zero temperature, for infinitely many units. Beyond the critical
    load 0.138 there is none and the overlap falls from 0.967 to 0.

    Amit, Gutfreund and Sompolinsky (1985), doi 10.1103/PhysRevLett.55.1530.

    Args:
      load: patterns per unit, of any shape.

    Examples:
      >>> [round(float(hopfield_overlap(load)), 3) for load in (0.05, 0.12, 0.1379, 0.14)]
      [1.0, 0.993, 0.968, 0.0]
    """
    return _overlap(as_floats(load))


@compiled_once()
def _overlap(load: jax.Array) -> jax.Array:
    root = jnp.sqrt(2 * jnp.maximum(load, 1e-12))

    def halve(_: int, bounds: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = bounds
        y = (low + high) / 2
        below = _load_root(y) > root
        return jnp.where(below, y, low), jnp.where(below, high, y)

    low = jnp.full_like(load, _Y_CRITICAL)
    low, high = jax.lax.fori_loop(0, 60, halve, (low, jnp.maximum(1 / root, low)))
    return jnp.where(load < CRITICAL_LOAD, erf((low + high) / 2), jnp.zeros_like(load))


def _load_root(y: jax.Array) -> jax.Array:
    """sqrt(2 load) of the load at which y is a solution; it decreases beyond 1.511."""
    return erf(y) / y - 2 / math.sqrt(math.pi) * jnp.exp(-jnp.square(y))


@checked
def dense_bit_error(n: int, degree: int, patterns: ArrayLike) -> jax.Array:
    """Probability that one step flips a bit in a dense memory with a polynomial energy.

    P = 1/2 erfc(sqrt(n^(degree - 1) / (2 (2 degree - 3)!! patterns))), E = -sum_p (x_p.s)^degree

    Krotov and Hopfield (2016), arXiv:1606.01164.

    Args:
      n: units.
      degree: of the polynomial, 2 or more; 2 is the Hopfield network.
      patterns: number of stored patterns, of any shape.

    Examples:
      >>> round(float(dense_bit_error(100, 3, 1000)), 4)
      0.0339
    """
    signal = _signal("dense_bit_error", n, degree)
    return 0.5 * erfc(jnp.sqrt(signal / (2 * as_floats(patterns))))


@checked
def dense_capacity(n: int, degree: int) -> float:
    """Number of random patterns that a dense memory stores without a wrong bit.

    K = n^(degree - 1) / (2 (2 degree - 3)!! ln n)

    Krotov and Hopfield (2016), arXiv:1606.01164.

    Args:
      n: units.
      degree: of the polynomial, 2 or more.

    Examples:
      >>> round(dense_capacity(100, 2), 1), round(dense_capacity(100, 3))
      (10.9, 362)
    """
    return _signal("dense_capacity", n, degree) / (2 * math.log(max(n, 2)))


def _signal(name: str, n: int, degree: int) -> float:
    """The square of the signal over the variance of the crosstalk of one pattern."""
    require_count(name, "n", n)
    require_count(name, "degree", degree)
    if degree < 2:
        raise ValueError(f"{name}: degree must be at least 2, got {degree}")
    return n ** (degree - 1) / math.prod(range(1, 2 * degree - 2, 2))
