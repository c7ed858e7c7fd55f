"""Sparse distributed memory: patterns stored in the counters of nearby random locations."""

import math
import statistics
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured
from jaxbrain.core.eager import loops
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Info, Memory
from jaxbrain.memory.patterns import require_bipolar, sign_or_stay, warn_when_full
from jaxbrain.memory.relaxation import relax


@configured
def sparse_distributed(key: Key, *, locations: int, radius: int, max_steps: int = 20) -> Memory:
    """Sparse distributed memory (Kanerva): counters at random locations in the space of patterns.

    y_l = 1 if the Hamming distance of x and the address of location l is at most r, else 0
    C_l <- C_l + y_l x  (store);  x <- sgn(sum_l y_l C_l)  (recall), until x does not change

    Patterns are ``[patterns, n]`` of +1 and -1. A bit whose sum is zero keeps its value. The memory
    has no energy.

    Args:
      key: of the addresses ``[locations, n]``; equal keys make equal memories.
      locations: number of hard locations.
      radius: r in bits, below n; see `activation_probability`.
      max_steps: maximum number of reads.

    References:
      Kanerva (1988), Sparse Distributed Memory, MIT Press.

    Examples:
      >>> import jax
      >>> memory = sparse_distributed(jax.random.key(0), locations=500, radius=28)
      >>> patterns = jax.random.rademacher(jax.random.key(1), (4, 64), float)
      >>> params = memory.store(patterns)
      >>> state, info = memory.recall(params, patterns[0].at[:6].multiply(-1))
      >>> params["counters"].shape, bool((state == patterns[0]).all())
      ((500, 64), True)
    """
    require_count("sparse_distributed", "locations", locations)
    require_count("sparse_distributed", "radius", radius)
    require_count("sparse_distributed", "max_steps", max_steps)

    def active(addresses: jax.Array, patterns: jax.Array) -> jax.Array:
        # the product of two patterns is n minus twice their distance
        least = patterns.shape[-1] - 2 * radius
        return (patterns @ addresses.T >= least).astype(patterns.dtype)

    def store(patterns: Any) -> Any:
        patterns = require_bipolar("patterns", patterns)
        count, n = patterns.shape
        _require_radius(radius, n)
        limit = sparse_distributed_capacity(n, locations, radius)
        holds = f"of {limit:.0f} it recalls half without an error; take more locations"
        warn_when_full(count > limit, "sparse_distributed", f"{count} patterns", holds)
        of_addresses = jax.random.clone(key)  # every store has the same addresses
        addresses = jax.random.rademacher(of_addresses, (locations, n), patterns.dtype)
        return {"addresses": addresses, "counters": active(addresses, patterns).T @ patterns}

    @loops(check=_require_cue)
    def recall(params: Any, cue: Any, *, key: jax.Array | None = None) -> tuple[Any, Info]:
        addresses, counters = params["addresses"], params["counters"]
        cue = require_bipolar("cue", cue, size=addresses.shape[1]).astype(addresses.dtype)

        def read(state: jax.Array, step: jax.Array) -> jax.Array:
            return sign_or_stay(active(addresses, state) @ counters, state)

        state, steps, converged = relax(read, cue, max_steps, jnp.array_equal)
        return state, Info(steps, converged, None)

    def add(params: Any, pattern: Any) -> Any:
        addresses, counters = params["addresses"], params["counters"]
        pattern = require_bipolar("pattern", pattern, size=addresses.shape[1])
        pattern = pattern.astype(addresses.dtype)
        written = counters + jnp.outer(active(addresses, pattern), pattern)
        return {"addresses": addresses, "counters": written}

    return Memory(store, recall, None, add)


def _require_cue(params: Any, cue: Any, **_: Any) -> None:
    require_bipolar("cue", cue, size=params["addresses"].shape[1])


@checked
def activation_probability(n: int, radius: int) -> float:
    """Probability that a random address lies within the radius of a pattern.

    p = 2^-n sum_{i <= r} n! / (i! (n - i)!), in whole numbers until the division

    Args:
      n: bits of a pattern.
      radius: r, the Hamming distance.

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


@checked
def sparse_distributed_capacity(n: int, locations: int, radius: int) -> float:
    """Number of random patterns of which one is read without an error with probability 1/2.

    M = 1 + L / (z^2 (1 + p^2 L)) with Phi(z)^n = 1/2

    A bit is read as a signal p L in crosstalk of variance (M - 1) (p^2 L + p^4 L^2): each other
    pattern wrote its bit at the p^2 L locations that both activate, on average, always with the
    same sign. Patterns that share locations are more similar than others; this helps, and is
    neglected.

    Args:
      n: bits of a pattern.
      locations: L.
      radius: r, which determines p, the `activation_probability`.

    Examples:
      >>> round(sparse_distributed_capacity(256, 4000, 112))
      139
    """
    require_count("sparse_distributed_capacity", "locations", locations)
    p = activation_probability(n, radius)
    z = statistics.NormalDist().inv_cdf(math.exp(-math.log(2) / n))
    # a single bit is right by chance with probability 1/2: z is 0, and there is no limit
    return 1 + locations / (z**2 * (1 + p**2 * locations)) if z > 0 else math.inf


def _require_radius(radius: int, n: int) -> None:
    if radius >= n:
        raise ValueError(
            f"sparse_distributed: radius must be below the units of a pattern, {n}, got {radius}; "
            "a little below half of them activates few locations"
        )
