"""Generated data sets: two classes of points in the plane, in pure JAX.

Every set is a pair ``x [n, 2]`` and ``y [n, 1]``, both float32. y is 0 or 1, the target of a
network with one output; labels for `jaxbrain.losses.softmax_cross_entropy` are
``y[:, 0].astype(int)``.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import (
    require_count,
    require_number,
    require_positive,
)


@checked
def xor() -> tuple[jax.Array, jax.Array]:
    """The four cases of exclusive or: y = (x_1 != x_2).

    Examples:
      >>> x, y = xor()
      >>> y[:, 0].tolist()
      [0.0, 1.0, 1.0, 0.0]
    """
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    return jnp.asarray(x), jnp.asarray(x[:, :1] != x[:, 1:], dtype=jnp.float32)


@checked
def moons(key: Key, n: int = 200, *, noise: float | jax.Array = 0.1) -> tuple[jax.Array, jax.Array]:
    """Two interleaved half circles, with the geometry of scikit-learn's `make_moons`.

    x = (cos t, sin t) in class 0,  x = (1 - cos t, 1/2 - sin t) in class 1
    t evenly from 0 to pi, plus Gaussian noise

    Args:
      key: for the noise and the order of the rows.
      n: number of points, static; ``n // 2`` of them in class 0.
      noise: standard deviation; may be traced.

    Raises:
      ValueError: if n is below 2 or the noise is negative.

    Examples:
      >>> import jax
      >>> x, y = moons(jax.random.key(0), 100)
      >>> x.shape, y.shape, float(y.sum())
      ((100, 2), (100, 1), 50.0)
      >>> y[:, 0].astype(int).shape  # labels for softmax_cross_entropy
      (100,)
    """
    _check("moons", n, noise)
    return _moons(key, n, _scalar(noise))


@partial(jax.jit, static_argnums=1)
def _moons(key, n, noise):
    t, u = (jnp.linspace(0, math.pi, m, dtype=jnp.float32) for m in _sizes(n))
    first = jnp.stack([jnp.cos(t), jnp.sin(t)], axis=1)
    second = jnp.stack([1 - jnp.cos(u), 0.5 - jnp.sin(u)], axis=1)
    return _noisy_and_shuffled(key, first, second, noise)


@checked
def circles(
    key: Key,
    n: int = 200,
    *,
    noise: float | jax.Array = 0.05,
    factor: float | jax.Array = 0.5,
) -> tuple[jax.Array, jax.Array]:
    """A circle within a circle, with the geometry of scikit-learn's `make_circles`.

    x = r (cos t, sin t),  r = 1 in class 0,  r = factor in class 1
    t evenly over one turn, plus Gaussian noise

    Args:
      key, n, noise: as in `moons`.
      factor: radius of the inner circle, from 0 to below 1; may be traced.

    Raises:
      ValueError: as `moons`, or if factor is not in [0, 1).

    Examples:
      >>> import jax
      >>> x, y = circles(jax.random.key(0), 100, noise=0.0)
      >>> float((x[y[:, 0] == 1] ** 2).sum(1).max().round(5))
      0.25
    """
    _check("circles", n, noise)
    require_number("circles", "factor", factor, at_least=0, below=1)
    return _circles(key, n, _scalar(noise), _scalar(factor))


@partial(jax.jit, static_argnums=1)
def _circles(key, n, noise, factor):
    outer, inner = (2 * math.pi / m * jnp.arange(m, dtype=jnp.float32) for m in _sizes(n))
    first = jnp.stack([jnp.cos(outer), jnp.sin(outer)], axis=1)
    second = factor * jnp.stack([jnp.cos(inner), jnp.sin(inner)], axis=1)
    return _noisy_and_shuffled(key, first, second, noise)


@checked
def spirals(
    key: Key, n: int = 200, *, noise: float | jax.Array = 0.02, turns: float | jax.Array = 1.5
) -> tuple[jax.Array, jax.Array]:
    """Two spirals wound around each other.

    x = r (cos a, sin a),  a = 2 pi turns r + pi class,  r = sqrt(i / m), i = 1..m
    for each class of m points, plus Gaussian noise; the root spaces points evenly along the arms

    Args:
      key, n, noise: as in `moons`.
      turns: revolutions of each arm; may be traced.

    Raises:
      ValueError: as `moons`, or if turns is not positive.

    Source: after Lang and Witbrock 1988, "Learning to tell two spirals apart".

    Examples:
      >>> import jax
      >>> x, y = spirals(jax.random.key(0), 100, turns=2, noise=0.0)
      >>> round(float(jax.numpy.linalg.norm(x, axis=1).max()), 5)
      1.0
    """
    _check("spirals", n, noise)
    require_positive("spirals", "turns", turns)
    return _spirals(key, n, _scalar(noise), _scalar(turns))


@partial(jax.jit, static_argnums=1)
def _spirals(key, n, noise, turns):
    def arm(label, m):
        r = jnp.sqrt(jnp.arange(1, m + 1, dtype=jnp.float32) / m)
        angle = 2 * math.pi * turns * r + math.pi * label
        return jnp.stack([r * jnp.cos(angle), r * jnp.sin(angle)], axis=1)

    first, second = _sizes(n)
    return _noisy_and_shuffled(key, arm(0, first), arm(1, second), noise)


def _sizes(n: int) -> tuple[int, int]:
    return n // 2, n - n // 2


def _scalar(value: Any) -> jax.Array:
    return jnp.asarray(value, jnp.float32)


def _noisy_and_shuffled(key, first, second, noise):
    """The points of both classes with noise, their targets 0 and 1, in random order."""
    noise_key, order_key = jax.random.split(key)
    x = jnp.concatenate([first, second])
    y = (jnp.arange(len(x)) >= len(first))[:, None].astype(jnp.float32)
    x = x + noise * jax.random.normal(noise_key, x.shape, x.dtype)
    order = jax.random.permutation(order_key, len(x))
    return x[order], y[order]


def _check(name: str, n: Any, noise: Any) -> None:
    if require_count(name, "n", n) < 2:
        raise ValueError(f"{name}: n must be at least 2, a point for each class, got {n}")
    require_positive(name, "noise", noise, zero=True)
