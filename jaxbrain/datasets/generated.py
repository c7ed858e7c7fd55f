"""Data sets: small made ones in pure JAX, the digits, and the user's own files.

What is made is JAX and may be compiled and mapped over keys; what is read from a file is NumPy.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.datasets.files import Table, idx, table, text

__all__ = [
    "Table",
    "circles",
    "digits",
    "idx",
    "moons",
    "spirals",
    "table",
    "text",
    "train_test_split",
    "xor",
]

_REAL = (int, float, np.integer, np.floating)


def xor() -> tuple[jax.Array, jax.Array]:
    """The four cases of exclusive or: `y = (x_1 != x_2)`.

    Returns:
      x [4, 2] float32 and y [4, 1] float32, both 0 or 1.

    Examples:
      >>> x, y = xor()
      >>> y[:, 0]
      Array([0., 1., 1., 0.], dtype=float32)
    """
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    return jnp.asarray(x), jnp.asarray(x[:, :1] != x[:, 1:], dtype=jnp.float32)


def moons(key: jax.Array, n: int = 200, *, noise: Any = 0.1) -> tuple[jax.Array, jax.Array]:
    """Two interleaved half circles, the geometry of scikit-learn's `make_moons`.

        x = (cos t, sin t)              class 0
        x = (1 - cos t, 1/2 - sin t)    class 1,     t evenly from 0 to pi, plus noise N(0, noise^2)

    Args:
      key: for the noise and the order of the rows.
      n: number of points, static; `n // 2` of them in class 0.
      noise: standard deviation; may be traced, to map over it.

    Returns:
      x [n, 2] float32 and y [n] int32.

    Raises:
      ValueError: n below 2 or negative noise.

    Examples:
      >>> import jax
      >>> x, y = moons(jax.random.key(0), 100)
      >>> x.shape, int(y.sum())
      ((100, 2), 50)
    """
    _check("moons", key, n, noise=noise)
    return _moons(key, n, _scalar(noise))


@partial(jax.jit, static_argnums=1)
def _moons(key, n, noise):
    t, u = (jnp.linspace(0, math.pi, m, dtype=jnp.float32) for m in _sizes(n))
    first = jnp.stack([jnp.cos(t), jnp.sin(t)], axis=1)
    second = jnp.stack([1 - jnp.cos(u), 0.5 - jnp.sin(u)], axis=1)
    return _disturbed_and_shuffled(key, first, second, noise)


def circles(
    key: jax.Array, n: int = 200, *, noise: Any = 0.05, factor: Any = 0.5
) -> tuple[jax.Array, jax.Array]:
    """A circle within a circle, the geometry of scikit-learn's `make_circles`.

        x = r (cos t, sin t),     r = 1 in class 0, r = factor in class 1,     0 <= t < 2 pi evenly,
                                  plus noise N(0, noise^2)

    Args:
      key: for the noise and the order of the rows.
      n: number of points, static; `n // 2` of them in class 0.
      noise: standard deviation; may be traced, to map over it.
      factor: radius of the inner circle, from 0 to below 1; may be traced.

    Returns:
      x [n, 2] float32 and y [n] int32.

    Raises:
      ValueError: n below 2, negative noise, or a factor that is not in [0, 1).

    Examples:
      >>> import jax
      >>> x, y = circles(jax.random.key(0), 100, noise=0.0)
      >>> float((x[y == 1] ** 2).sum(1).max().round(5))
      0.25
    """
    _check("circles", key, n, noise=noise)
    if isinstance(factor, _REAL) and not 0 <= factor < 1:
        raise ValueError(f"circles: factor must be in [0, 1), got {factor}")
    return _circles(key, n, _scalar(noise), _scalar(factor))


@partial(jax.jit, static_argnums=1)
def _circles(key, n, noise, factor):
    outer, inner = (2 * math.pi / m * jnp.arange(m, dtype=jnp.float32) for m in _sizes(n))
    first = jnp.stack([jnp.cos(outer), jnp.sin(outer)], axis=1)
    second = factor * jnp.stack([jnp.cos(inner), jnp.sin(inner)], axis=1)
    return _disturbed_and_shuffled(key, first, second, noise)


def spirals(
    key: jax.Array, n: int = 200, *, noise: Any = 0.02, turns: Any = 1.5
) -> tuple[jax.Array, jax.Array]:
    """Two spirals wound around each other (after Lang and Witbrock 1988).

        x = r (cos(2 pi turns r + pi c), sin(2 pi turns r + pi c)),     r = sqrt(i / m), i = 1..m,
                                  class c of m points, plus noise N(0, noise^2)

    The root spreads the points about evenly along the arms.

    Args:
      key: for the noise and the order of the rows.
      n: number of points, static; `n // 2` of them in class 0.
      noise: standard deviation; may be traced, to map over it.
      turns: revolutions of each arm; may be traced.

    Returns:
      x [n, 2] float32 and y [n] int32.

    Raises:
      ValueError: n below 2, negative noise, or turns that are not positive.

    Examples:
      >>> import jax
      >>> x, y = spirals(jax.random.key(0), 100, turns=2)
      >>> x.shape, y.shape
      ((100, 2), (100,))
    """
    _check("spirals", key, n, noise=noise)
    if isinstance(turns, _REAL) and not 0 < turns < math.inf:
        raise ValueError(f"spirals: turns must be positive, got {turns}")
    return _spirals(key, n, _scalar(noise), _scalar(turns))


@partial(jax.jit, static_argnums=1)
def _spirals(key, n, noise, turns):
    def arm(label, m):
        r = jnp.sqrt(jnp.arange(1, m + 1, dtype=jnp.float32) / m)
        angle = 2 * math.pi * turns * r + math.pi * label
        return jnp.stack([r * jnp.cos(angle), r * jnp.sin(angle)], axis=1)

    first, second = _sizes(n)
    return _disturbed_and_shuffled(key, arm(0, first), arm(1, second), noise)


def digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn; no download.

    Returns:
      x [1797, 64] float32 from 0 to 1, rows of the image one after the other, and y [1797] int32.

    Raises:
      ImportError: scikit-learn is not installed.

    References:
      Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
      Repository, doi 10.24432/C50P49.

    Examples:
      >>> x, y = digits()
      >>> x.shape, y[:5]
      ((1797, 64), array([0, 1, 2, 3, 4], dtype=int32))
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError('digits needs scikit-learn: pip install "jaxbrain[data]"') from error
    x, y = load_digits(return_X_y=True)
    return np.asarray(x / 16, np.float32), np.asarray(y, np.int32)


def train_test_split(
    x: Any, y: Any, *, key: jax.Array, test_fraction: float = 0.25
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Divides the examples at random into those to learn from and those to test with.

    Args:
      x: [examples, ...], NumPy or JAX; the parts are of the same kind.
      y: [examples, ...], the same.
      key: for the division.
      test_fraction: share of the examples, rounded, that goes into the test part; static.

    Returns:
      (x_train, y_train), (x_test, y_test)

    Raises:
      ValueError: different numbers of examples, a fraction outside (0, 1), or an empty part.

    Examples:
      >>> import jax, numpy as np
      >>> x, y = np.ones([8, 3]), np.arange(8)
      >>> train, test = train_test_split(x, y, key=jax.random.key(0))
      >>> train[0].shape, test[1].shape
      ((6, 3), (2,))
    """
    _check_key("train_test_split", key)
    for name, array in (("x", x), ("y", y)):
        if not isinstance(array, np.ndarray | jax.Array) or array.ndim == 0:
            raise TypeError(
                f"train_test_split: {name} must be an array [examples, ...], got {array!r}"
            )
    n = len(x)
    if n != len(y):
        raise ValueError(f"train_test_split: x has {n} examples and y has {len(y)}")
    if not isinstance(test_fraction, _REAL) or not 0 < test_fraction < 1:
        raise ValueError(f"train_test_split: test_fraction must be in (0, 1), got {test_fraction}")
    tests = round(n * float(test_fraction))
    if not 0 < tests < n:
        raise ValueError(
            f"train_test_split: a test_fraction of {test_fraction} of {n} examples leaves"
            f" {n - tests} to train and {tests} to test; both need one"
        )
    order = jax.random.permutation(key, n)
    test, train = (_rows(x, y, part) for part in (order[:tests], order[tests:]))
    return train, test


def _rows(x: Any, y: Any, rows: jax.Array) -> tuple[Any, Any]:
    traced = isinstance(rows, jax.core.Tracer)
    on_host = [isinstance(array, np.ndarray) and not traced for array in (x, y)]
    x, y = (
        array[np.asarray(rows)] if host else jnp.take(array, rows, axis=0)
        for array, host in zip((x, y), on_host, strict=True)
    )
    return x, y


def _sizes(n: int) -> tuple[int, int]:
    return n // 2, n - n // 2


def _scalar(value: Any) -> jax.Array:
    return jnp.asarray(value, jnp.float32)


def _disturbed_and_shuffled(key, first, second, noise):
    """Adds the noise to the points of both classes, labels them 0 and 1 and mixes the rows."""
    noise_key, order_key = jax.random.split(key)
    x = jnp.concatenate([first, second])
    y = jnp.concatenate([jnp.zeros(len(first), jnp.int32), jnp.ones(len(second), jnp.int32)])
    x = x + noise * jax.random.normal(noise_key, x.shape, x.dtype)
    order = jax.random.permutation(order_key, len(x))
    return x[order], y[order]


def _check_key(where: str, key: Any) -> None:
    if not isinstance(key, jax.Array):
        raise TypeError(f"{where}: key must be a JAX key such as jax.random.key(0), got {key!r}")


def _check(where: str, key: Any, n: Any, *, noise: Any) -> None:
    _check_key(where, key)
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise TypeError(f"{where}: n must be a Python int (static under jit), got {n!r}")
    if n < 2:
        raise ValueError(f"{where}: n must be at least 2, a point for each class, got {n}")
    if isinstance(noise, _REAL) and not 0 <= noise < math.inf:
        raise ValueError(f"{where}: noise must be finite and not negative, got {noise}")
