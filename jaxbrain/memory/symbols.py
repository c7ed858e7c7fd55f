"""Vector symbolic architectures: structured data in vectors of a fixed width.

Symbols are random vectors, nearly orthogonal to each other. `bind` makes a third vector from two,
similar to neither; `bundle` makes one from many, similar to each; `unbind` inverts a binding. Noisy
results are cleaned up by comparison with all known symbols.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.annotations import AsArray, Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import on_device
from jaxbrain.core.config import Config, configured, static
from jaxbrain.core.requirements import require_count


@static
class VectorSymbols(NamedTuple):
    """A family of vector symbols; all functions take vectors ``[n]``, `bundle` many of them.

    Attributes:
      draw: ``(key, count) -> [count, n]``, random symbols.
      bind: ``(x, y) -> [n]``, similar to neither; commutative, associative, distributive over sums.
      unbind: ``(z, y) -> [n]``, x of ``z = bind(x, y)`` or an approximation of it.
      bundle: ``(vectors [count, n]) -> [n]``, the sum, mapped back to a vector of the family.
      similarity: ``(x, y) -> scalar``, the cosine: 1 for equal, about 0 for unrelated vectors.
      config: what it was made from; None for one made by hand.
    """

    draw: Callable[[Key, int], jax.Array]
    bind: Callable[[AsArray, AsArray], jax.Array]
    unbind: Callable[[AsArray, AsArray], jax.Array]
    bundle: Callable[[AsArray], jax.Array]
    similarity: Callable[[AsArray, AsArray], jax.Array]
    config: Config | None = None


@configured
def holographic_reduced(n: int) -> VectorSymbols:
    """Holographic reduced representations (HRR): real vectors, bound by circular convolution.

    (x * y)_j = sum_k x_k y_{j-k};  unbound by circular correlation, x_j ~ sum_k y_k z_{k+j}

    Symbols are normal with variance 1/n; bundles have unit length. Unbinding is approximate: from a
    sum of k bindings, the result has the cosine 1 / sqrt(k + 1) with the bound vector, about. It is
    exact if y is `unitary`.

    Args:
      n: width of the vectors.

    References:
      Plate (1995), Holographic reduced representations, doi 10.1109/72.377968.

    Examples:
      >>> import jax
      >>> symbols = holographic_reduced(1024)
      >>> color, red, shape = symbols.draw(jax.random.key(0), 3)
      >>> found = symbols.unbind(symbols.bind(color, red), color)
      >>> [f"{symbols.similarity(found, symbol):.1f}" for symbol in (red, shape)]
      ['0.7', '-0.0']
    """
    require_count("holographic_reduced", "n", n)

    def draw(key: jax.Array, count: int) -> jax.Array:
        return jax.random.normal(key, (count, n), float) / math.sqrt(n)

    def bind(x: jax.Array, y: jax.Array) -> jax.Array:
        x, y = _real(n, x=x, y=y)
        return jnp.fft.irfft(jnp.fft.rfft(x) * jnp.fft.rfft(y), n)

    def unbind(z: jax.Array, y: jax.Array) -> jax.Array:
        z, y = _real(n, z=z, y=y)
        return jnp.fft.irfft(jnp.fft.rfft(z) * jnp.conj(jnp.fft.rfft(y)), n)

    def bundle(vectors: jax.Array) -> jax.Array:
        total = _total(n, vectors)
        return total / _length(total)

    return VectorSymbols(draw, bind, unbind, bundle, _cosine(n))


@configured
def fourier_holographic_reduced(n: int) -> VectorSymbols:
    """Fourier holographic reduced representations (FHRR): phases, bound by addition.

    z_j = x_j y_j with |x_j| = |y_j| = 1, complex;  unbound exactly by x_j = z_j conj(y_j)

    From a sum of k bindings, unbinding gives a cosine of about 1 / sqrt(k) with the bound vector.

    Args:
      n: width of the vectors.

    References:
      Plate (1995), Holographic reduced representations, doi 10.1109/72.377968, section VI.

    Examples:
      >>> import jax
      >>> symbols = fourier_holographic_reduced(256)
      >>> x, y = symbols.draw(jax.random.key(0), 2)
      >>> f"{symbols.similarity(symbols.unbind(symbols.bind(x, y), y), x):.4f}"
      '1.0000'
    """
    require_count("fourier_holographic_reduced", "n", n)

    def draw(key: jax.Array, count: int) -> jax.Array:
        phase = jax.random.uniform(key, (count, n), float, -math.pi, math.pi)
        return jax.lax.complex(jnp.cos(phase), jnp.sin(phase))

    def unbind(z: jax.Array, y: jax.Array) -> jax.Array:
        z, y = _vectors(n, z=z, y=y)
        return z * jnp.conj(y)

    def bundle(vectors: jax.Array) -> jax.Array:
        total = _total(n, vectors)
        return total / _nonzero(jnp.abs(total)).astype(total.dtype)

    return VectorSymbols(draw, _product(n), unbind, bundle, _cosine(n))


@configured
def multiply_add_permute(n: int) -> VectorSymbols:
    """Multiply, add, permute (MAP): vectors of +1 and -1, bound by multiplication.

    z_j = x_j y_j, its own inverse;  bundle_j = sgn(sum_k x_kj), 0 for a tie

    A bundle of an odd number k has, with each of its vectors, the mean cosine
    C(k-1, (k-1)/2) / 2^(k-1). Permutations keep the order of a sequence: ``jnp.roll(x, 1)`` is not
    similar to x.

    Args:
      n: width of the vectors.

    References:
      Gayler (1998), Multiplicative binding, representation operators and analogy;
      Kanerva (2009), Hyperdimensional computing, doi 10.1007/s12559-009-9009-8.

    Examples:
      >>> import jax
      >>> symbols = multiply_add_permute(1000)
      >>> x = symbols.draw(jax.random.key(0), 3)
      >>> f"{symbols.similarity(symbols.bundle(x), x[0]):.1f}"
      '0.5'
    """
    require_count("multiply_add_permute", "n", n)
    bind = _product(n)

    def draw(key: jax.Array, count: int) -> jax.Array:
        return jax.random.rademacher(key, (count, n), float)

    def unbind(z: jax.Array, y: jax.Array) -> jax.Array:
        return bind(z, y)

    def bundle(vectors: jax.Array) -> jax.Array:
        return jnp.sign(_total(n, vectors))

    return VectorSymbols(draw, bind, unbind, bundle, _cosine(n))


@checked
def unitary(vector: AsArray) -> jax.Array:
    """The nearest unitary vector: it can be unbound exactly.

    x_f <- x_f / |x_f| in the Fourier domain, of unit length

    Args:
      vector: x ``[n]`` of `holographic_reduced`, real.

    Examples:
      >>> import jax
      >>> symbols = holographic_reduced(256)
      >>> x, y = symbols.draw(jax.random.key(0), 2)
      >>> y = unitary(y)
      >>> f"{symbols.similarity(symbols.unbind(symbols.bind(x, y), y), x):.4f}"
      '1.0000'
    """
    if jnp.iscomplexobj(vector):
        raise ValueError(f"unitary: vector must be real, got {vector.dtype}")
    spectrum = jnp.fft.rfft(vector)
    size = jnp.abs(spectrum)
    phases = jnp.where(size == 0, 1, spectrum / _nonzero(size).astype(spectrum.dtype))
    return jnp.fft.irfft(phases, vector.shape[-1])


@checked
def clean_up(symbols: VectorSymbols, codebook: jax.Array, vector: jax.Array) -> jax.Array:
    """Index of the symbol that is most similar to a noisy vector.

    Args:
      symbols: the family.
      codebook: ``[symbols, n]``, all known symbols.
      vector: ``[n]``.

    Examples:
      >>> import jax
      >>> symbols = multiply_add_permute(100)
      >>> codebook = symbols.draw(jax.random.key(0), 5)
      >>> int(clean_up(symbols, codebook, codebook[3].at[:20].set(1.0)))
      3
    """
    return jnp.argmax(jax.vmap(symbols.similarity, in_axes=(0, None))(codebook, vector))


def _vectors(n: int, **vectors: Any) -> tuple[jax.Array, ...]:
    for name, vector in vectors.items():
        if jnp.shape(vector) != (n,):
            raise ValueError(
                f"{name} must have the shape ({n},), got {jnp.shape(vector)}; "
                "many at once: jax.vmap"
            )
    return tuple(as_inexact(vector, name) for name, vector in vectors.items())


def _real(n: int, **vectors: Any) -> tuple[jax.Array, ...]:
    found = _vectors(n, **vectors)
    for name, vector in zip(vectors, found, strict=True):
        if jnp.iscomplexobj(vector):
            raise TypeError(
                f"{name} must be real, as the vectors of holographic_reduced, got {vector.dtype}; "
                "complex ones: jb.memory.fourier_holographic_reduced"
            )
    return found


def _total(n: int, vectors: Any) -> jax.Array:
    array = as_inexact(vectors, "vectors")
    if array.ndim != 2 or array.shape[1] != n:
        raise ValueError(f"vectors must have the shape [count, {n}], got {array.shape}")
    return jnp.sum(array, axis=0)


def _product(n: int) -> Callable[[jax.Array, jax.Array], jax.Array]:
    def bind(x: jax.Array, y: jax.Array) -> jax.Array:
        x, y = _vectors(n, x=x, y=y)
        return x * y

    return bind


def _cosine(n: int) -> Callable[[jax.Array, jax.Array], jax.Array]:
    def similarity(x: jax.Array, y: jax.Array) -> jax.Array:
        x, y = _vectors(n, x=x, y=y)
        return jnp.real(jnp.vdot(x, y)) / (_length(x) * _length(y))

    return similarity


def as_inexact(values: Any, name: str) -> jax.Array:
    """An array of real or complex numbers of at least 32 bits, which a Fourier transform needs."""
    array = on_device("", name, values)
    if not jnp.issubdtype(array.dtype, jnp.inexact):
        return array.astype(float)
    return array.astype("float32") if array.dtype.itemsize < 4 else array


def _length(x: jax.Array) -> jax.Array:
    return jnp.sqrt(_nonzero(jnp.real(jnp.vdot(x, x))))  # inside the root, for its gradient at 0


def _nonzero(size: jax.Array) -> jax.Array:
    """A divisor: zero divided by zero is then zero."""
    return jnp.where(size == 0, 1, size)
