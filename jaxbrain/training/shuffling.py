"""Random permutations that are cheap on every device."""

import jax
import jax.numpy as jnp

_ROUNDS = 24


def shuffle(key: jax.Array, n: int) -> jax.Array:
    """A pseudo-random permutation of 0..n-1, by swap-or-not rounds instead of a sort.

    In each round x is paired with K - x (mod n), and the pair swaps or not by one random bit of
    the pair; every round is a bijection for any n, computed for all rows at once.
    ``jax.random.permutation`` sorts, which on a CPU costs more than training a small network.

    Args:
      key: the same key gives the same order.
      n: how many rows, below 2^31.

    Returns:
      ``[n]`` int32.

    Source: Hoang, Morris and Rogaway 2012, arXiv 1208.1176.

    Examples:
      >>> import jax
      >>> sorted(shuffle(jax.random.key(0), 5).tolist())
      [0, 1, 2, 3, 4]
    """
    bits = jax.random.bits(key, (2, _ROUNDS), "uint32")
    partners, salts = bits[0] % jnp.uint32(n), bits[1]

    def swap_or_not(x: jax.Array, constants: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        partner, salt = constants
        other = partner - x
        other = jnp.where(partner < x, other + jnp.uint32(n), other)
        return jnp.where(_bit(jnp.maximum(x, other) ^ salt), other, x), None

    order, _ = jax.lax.scan(swap_or_not, jnp.arange(n, dtype="uint32"), (partners, salts))
    return order.astype("int32")


def _bit(x: jax.Array) -> jax.Array:
    """One well mixed bit of each integer (the 32-bit finalizer of MurmurHash3)."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return (x ^ (x >> 16)) & 1 == 1
