"""MNIST-1D: ten digits as curves of twelve points, deformed at random, in pure JAX.

    s = interp(template followed by p zeros, 72 points)      p from 36 to 60
    s = roll(a s, k)                                         a in [0.8, 1.2), k from 0 to 47
    s = s + 0.02 n,  with 0.25 gaussian_filter(m) in place of the zeros
    s = s - 0.75 (u - 1/2) r                                 r from -1/2 to 1/2, u in [0, 1)
    x = interp(s, 40 points), all examples together standardized

All constants are those of the paper.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import require_count

CLASSES = 10
_CURVES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)
_TEMPLATE, _LONG, _SHORT = 12, 72, 40  # points of a template, of its signal, of an example
_PADDING, _SHIFTS = (36, 60), 48
_SCALE, _SHEAR, _CORRELATED, _INDEPENDENT = 0.4, 0.75, 0.25, 0.02
_WIDTH, _RADIUS = 2.0, 8  # of the Gaussian filter, cut off at four standard deviations


class Draws(NamedTuple):
    """The random numbers of one example.

    Attributes:
      padding: zeros after the template, an integer.
      scale, shear: in [0, 1).
      shift: points that the signal moves to the right, an integer.
      correlated, independent: standard normal ``[72]``, for the two kinds of noise.
    """

    padding: jax.Array
    scale: jax.Array
    shift: jax.Array
    correlated: jax.Array
    independent: jax.Array
    shear: jax.Array


@checked
def mnist1d(key: Key, n: int = 5000) -> tuple[jax.Array, jax.Array]:
    """MNIST-1D: ten classes of noisy one-dimensional signals, which tell networks apart.

    In the paper a linear classifier reaches 32 %, a multilayer perceptron 68 %, a convolutional
    network 94 %, with 4,000 of 5,000 examples to train.

    Args:
      key: for the deformations, the noise and the order of the examples.
      n: number of examples, static; each class has ``n // 10`` at least.

    Returns:
      x ``[n, 40]`` float32 of mean 0 and variance 1 over the whole set, and labels y ``[n]`` int32.

    Raises:
      ValueError: if n is below 10.

    Source: Greydanus 2020, arXiv 2011.14439.

    Examples:
      >>> import jax, numpy as np
      >>> x, y = mnist1d(jax.random.key(0), 23)
      >>> x.shape, np.bincount(y).tolist()
      ((23, 40), [3, 3, 3, 2, 2, 2, 2, 2, 2, 2])
    """
    if require_count("mnist1d", "n", n) < CLASSES:
        raise ValueError(f"mnist1d: n must be at least 10, an example for each digit, got {n}")
    return _mnist1d(key, n)


@partial(jax.jit, static_argnums=1)
def _mnist1d(key: jax.Array, n: int) -> tuple[jax.Array, jax.Array]:
    order_key, key = jax.random.split(key)
    y = jax.random.permutation(order_key, jnp.arange(n, dtype="int32") % CLASSES)
    x = jax.vmap(signal)(jnp.asarray(templates(), "float32")[y], _drawn(key, n))
    return (x - x.mean()) / x.std(), y


def templates() -> np.ndarray:
    """The digits ``[10, 12]``, each of standard deviation 1/6, beginning and ending at 0."""
    curves = np.array(_CURVES)
    curves = curves / curves.std(axis=1, keepdims=True)
    return (curves - curves[:, :1]) / 6


def signal(template: jax.Array, draws: Draws) -> jax.Array:
    """One example ``[40]`` from a template ``[12]``, before the whole set is standardized."""
    intervals, points = _TEMPLATE + draws.padding - 1, np.arange(_LONG)
    padded = jnp.pad(template, (0, _LONG - _TEMPLATE))
    x = _interpolated(padded, points * intervals, _LONG - 1)
    x = jnp.roll(x * (1 + _SCALE * (draws.scale - 0.5)), draws.shift)
    empty = jnp.roll(points * intervals >= _TEMPLATE * (_LONG - 1), draws.shift)
    x = jnp.where(empty, _CORRELATED * _smooth(draws.correlated), x)
    x = x + _INDEPENDENT * draws.independent
    x = x - _SHEAR * (draws.shear - 0.5) * jnp.linspace(-0.5, 0.5, _LONG, dtype=x.dtype)
    return _interpolated(x, np.arange(_SHORT) * (_LONG - 1), _SHORT - 1)


def _interpolated(x: jax.Array, numerator: Any, denominator: int) -> jax.Array:
    """x at the places numerator / denominator, linear between its points."""
    below, rest = numerator // denominator, numerator % denominator
    part = jnp.asarray(rest).astype(x.dtype) / denominator
    return (1 - part) * x[below] + part * x[jnp.minimum(below + 1, len(x) - 1)]


def _drawn(key: jax.Array, n: int) -> Draws:
    key_of_numbers, key_of_noise = jax.random.split(key)
    padding, scale, shift, shear = jax.random.uniform(key_of_numbers, (4, n), "float32")
    correlated, independent = jax.random.normal(key_of_noise, (2, n, _LONG), "float32")
    low, high = _PADDING
    padding = low + jnp.floor(padding * (high + 1 - low)).astype("int32")
    shift = jnp.floor(shift * _SHIFTS).astype("int32")
    return Draws(padding, scale, shift, correlated, independent, shear)


def _smooth(noise: jax.Array) -> jax.Array:
    """A Gaussian filter that reflects the noise at its ends."""
    kernel = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / _WIDTH) ** 2)
    mirrored = jnp.pad(noise, _RADIUS, mode="symmetric")
    return jnp.convolve(mirrored, jnp.asarray(kernel / kernel.sum(), noise.dtype), "valid")
