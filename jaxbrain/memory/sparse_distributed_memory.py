"""Sparse distributed memory: patterns spread over random places near them."""

import math
import statistics
import warnings
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Memory
from jaxbrain.memory.patterns import Info, require_bipolar, require_size, sign_or_stay
from jaxbrain.memory.relaxation import relax


@configured
def sparse_distributed(
    key: jax.Array, *, locations: int, radius: int, max_steps: int = 20
) -> Memory:
    """Sparse distributed memory (Kanerva): counters at random places in the space of patterns.

    y_l = 1 if the Hamming distance of x and the address of l is at most r, else 0
    C_l <- C_l + y_l x  (store);  x <- sgn(sum_l y_l C_l)  (recall), until x does not move

    Addresses ``[locations, n]`` are drawn as the patterns ``[patterns, n]``, of +1 and -1, are
    stored. A bit whose sum is zero stays as it is. The source has no energy.

    Args:
      key: of the addresses. Memories of equal keys are equal.
      locations: how many hard locations.
      radius: r, in bits; see `activation_probability`.
      max_steps: reads at most.

    Returns:
      A Memory without an energy; it adds one pattern at a time.

    Raises:
      ValueError: if locations, radius or max_steps is no positive integer; storing, if the
        patterns hold other than +1 and -1, or have no more units than the radius; recalling, if
        the cue is not of the size stored, or not +1 and -1.

    Warns:
      UserWarning: storing more patterns than `sparse_distributed_capacity`.

    References:
      Kanerva (1988), Sparse Distributed Memory, MIT Press.

    Examples:
      >>> import jax
      >>> memory = sparse_distributed(jax.random.key(0), locations=500, radius=28)
      >>> patterns = jax.random.rademacher(jax.random.key(1), (4, 64), float)
      >>> params = memory.store(patterns)
      >>> cue = patterns[0].at[:6].multiply(-1)
      >>> state, info = memory.recall(params, cue)
      >>> bool((state == patterns[0]).all()), bool(info.converged)
      (True, True)
    """
    require_count("sparse_distributed", "locations", locations)
    require_count("sparse_distributed", "radius", radius)
    require_count("sparse_distributed", "max_steps", max_steps)
    _require_one_key(key)

    def near(addresses: jax.Array, patterns: jax.Array) -> jax.Array:
        """Which locations are active: the product of two patterns is n minus twice the distance."""
        limit = patterns.shape[-1] - 2 * radius
        return (patterns @ addresses.T >= limit).astype(patterns.dtype)

    def store(patterns: Any) -> Any:
        patterns = require_bipolar("patterns", patterns)
        n = patterns.shape[1]
        _require_radius(radius, n)
        _warn_when_full(len(patterns), n, locations, radius)
        addresses = jax.random.rademacher(key, (locations, n), patterns.dtype)
        return {"addresses": addresses, "counters": near(addresses, patterns).T @ patterns}

    def recall(params: Any, cue: Any, *, key: jax.Array | None = None) -> tuple[Any, Info]:
        addresses, counters = params["addresses"], params["counters"]
        require_size("cue", cue, addresses.shape[1])
        cue = require_bipolar("cue", cue, ndim=1).astype(addresses.dtype)

        def read(state: jax.Array, step: jax.Array) -> jax.Array:
            del step
            return sign_or_stay(near(addresses, state) @ counters, state)

        state, steps, converged = relax(read, cue, max_steps, jnp.array_equal)
        return state, Info(steps, converged, None)

    def add(params: Any, pattern: Any) -> Any:
        addresses, counters = params["addresses"], params["counters"]
        require_size("pattern", pattern, addresses.shape[1])
        pattern = require_bipolar("pattern", pattern, ndim=1).astype(addresses.dtype)
        written = counters + jnp.outer(near(addresses, pattern), pattern)
        return {"addresses": addresses, "counters": written}

    return Memory(store, recall, None, add)


def activation_probability(n: int, radius: int) -> float:
    """The chance that a random address lies within the radius of a pattern.

    p = 2^-n sum_{i <= r} n! / (i! (n - i)!)

    Exact to the last digit: in whole numbers until the division.

    Args:
      n: bits of a pattern.
      radius: r, the Hamming distance.

    Returns:
      From 0 to 1.

    Raises:
      ValueError: if n or radius is no positive integer.

    Examples:
      >>> f"{activation_probability(1000, 451):.8f}"
      '0.00107185'
    """
    require_count("activation_probability", "n", n)
    require_count("activation_probability", "radius", radius)
    ways, total = 1, 1
    for i in range(1, min(radius, n) + 1):
        ways = ways * (n - i + 1) // i
        total += ways
    return total / 2**n


def sparse_distributed_capacity(n: int, locations: int, radius: int) -> float:
    """The number of random patterns of which one is read without an error half of the time.

    M = 1 + L / (z^2 (1 + p^2 L)) with Phi(z)^n = 1/2

    A bit is read at a stored address as a signal p L among crosstalk of variance (M - 1) (p^2 L +
    p^4 L^2): each other pattern left its bit at the locations that both activate, p^2 L of them
    on average, and that many times with one sign. Neglected is that patterns which share locations
    are more alike than others, which helps.

    Args:
      n: bits of a pattern.
      locations: L.
      radius: r, which sets p, the `activation_probability`.

    Returns:
      A number of patterns.

    Raises:
      ValueError: if an argument is no positive integer.

    Examples:
      >>> round(sparse_distributed_capacity(256, 4000, 112))
      139
    """
    require_count("sparse_distributed_capacity", "locations", locations)
    p = activation_probability(n, radius)
    z = statistics.NormalDist().inv_cdf(math.exp(-math.log(2) / n))
    # one bit is right by chance half of the time: z is 0, and there is no limit
    return 1 + locations / (z**2 * (1 + p**2 * locations)) if z > 0 else math.inf


def _require_one_key(key: jax.Array) -> None:
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    if key.shape != (() if typed else (2,)):
        raise ValueError(f"sparse_distributed: key must be one key, got the shape {key.shape}")


def _require_radius(radius: int, n: int) -> None:
    if radius >= n:
        raise ValueError(
            f"sparse_distributed: radius must be below the units of a pattern, {n}, got {radius}; "
            "a little below half of them activates few locations"
        )


def _warn_when_full(count: int, n: int, locations: int, radius: int) -> None:
    limit = sparse_distributed_capacity(n, locations, radius)
    if count > limit:
        warnings.warn(
            f"sparse_distributed: {count} patterns are more than it can hold: of {limit:.0f} half "
            "would be read without an error; take more locations",
            UserWarning,
            stacklevel=3,
        )
