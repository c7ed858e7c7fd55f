"""Random bits of JAX computed on the host: the hash function threefry without a program.

XLA takes 0.3 s on a CPU to compile a draw of any size, and NumPy computes the same bits of the
weights of a small network within a millisecond.

Source: Salmon et al. 2011, doi 10.1145/2063384.2063405.
"""

import jax
import numpy as np

from jaxbrain.core.requirements import is_traced

IMPL = "threefry2x32"  # the one kind of keys of two words
_MOST = 2**20  # numbers; more are quicker in a program
_PARITY = np.uint32(0x1BD11BDA)
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def lanes(key: jax.Array, count: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Two arrays, uint32 ``[count]``, whose exclusive or is ``jax.random.bits``.

    None where JAX has to draw: within a program, for other kinds of keys, for very many numbers,
    and while it checks the use of keys.

    Examples:
      >>> key = jax.random.key(0)
      >>> with jax.debug_key_reuse(False):
      ...     high, low = lanes(key, 5)
      >>> bool((high ^ low == jax.random.bits(key, (5,), "uint32")).all())
      True
    """
    words = _known_words(key)
    return None if words is None or count > _MOST else _hash(words, count)


def split(key: jax.Array, count: int) -> list[jax.Array]:
    """The keys of ``jax.random.split``."""
    words = _known_words(key)
    if words is None:
        return list(jax.random.split(key, count))
    pairs = np.stack(_hash(words, count), axis=-1)
    return [jax.random.wrap_key_data(pair, impl=IMPL) for pair in pairs]


def _known_words(key: jax.Array) -> np.ndarray | None:
    """The words of a key, if they are known and JAX hashes them as it is done here."""
    checked = getattr(jax.config, "jax_debug_key_reuse", False)
    if checked or not getattr(jax.config, "jax_threefry_partitionable", True):
        return None
    words = None if jax.random.key_impl(key) != IMPL else jax.random.key_data(key)
    return None if words is None or is_traced(words) else np.asarray(words)


def _hash(key: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Two words for each of the numbers 0 to count - 1, below 2^32."""
    first, second = key
    schedule = first, second, first ^ second ^ _PARITY
    with np.errstate(over="ignore"):
        a, b = np.full(count, first), np.arange(count, dtype="uint32") + second
        for i in range(5):
            for distance in _ROTATIONS[i % 2]:
                a += b
                b = (b << np.uint32(distance)) | (b >> np.uint32(32 - distance))
                b ^= a
            a += schedule[(i + 1) % 3]
            b += schedule[(i + 2) % 3] + np.uint32(i + 1)
    return a, b
