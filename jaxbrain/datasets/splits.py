"""Random splits of a data set into a training and a test part."""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.requirements import require_random_key

_REAL = (int, float, np.integer, np.floating)


def train_test_split(
    key: jax.Array, x: Any, y: Any, *, test_fraction: float = 0.25
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """A random split of the examples into a training part and a test part.

    Args:
      key: for the split.
      x: ``[examples, ...]``, NumPy or JAX; the parts are of the same kind.
      y: ``[examples, ...]``, the same.
      test_fraction: part of the examples, rounded, that goes into the test part; static.

    Returns:
      ``(x_train, y_train), (x_test, y_test)``

    Raises:
      TypeError: if x or y is not an array.
      ValueError: if the numbers of examples differ, test_fraction is not in (0, 1), or a part is
        empty.

    Examples:
      >>> import jax, numpy as np
      >>> train, test = train_test_split(jax.random.key(0), np.ones([8, 3]), np.arange(8))
      >>> train[0].shape, test[1].shape
      ((6, 3), (2,))
    """
    require_random_key("train_test_split", key)
    for name, array in (("x", x), ("y", y)):
        if not isinstance(array, np.ndarray | jax.Array) or array.ndim == 0:
            raise TypeError(
                f"train_test_split: {name} must be an array [examples, ...], got {array!r}"
            )
    n = len(x)
    if n != len(y):
        raise ValueError(f"train_test_split: x has {n} examples and y has {len(y)}")
    tests = _test_size(n, test_fraction)
    order = jax.random.permutation(key, n)
    test, train = ((_rows(x, part), _rows(y, part)) for part in (order[:tests], order[tests:]))
    return train, test


def _test_size(n: int, test_fraction: Any) -> int:
    """The number of test examples; refuse a fraction that leaves a part empty."""
    if not isinstance(test_fraction, _REAL) or not 0 < test_fraction < 1:
        raise ValueError(f"train_test_split: test_fraction must be in (0, 1), got {test_fraction}")
    tests = round(n * float(test_fraction))
    if not 0 < tests < n:
        raise ValueError(
            f"train_test_split: a test_fraction of {test_fraction} of {n} examples leaves"
            f" {n - tests} to train and {tests} to test; both need one"
        )
    return tests


def _rows(array: Any, rows: jax.Array) -> Any:
    """Rows of an array; NumPy stays NumPy unless the rows are traced."""
    if isinstance(array, np.ndarray) and not isinstance(rows, jax.core.Tracer):
        return array[np.asarray(rows)]
    return jnp.take(array, rows, axis=0)
