"""Random splits of a data set into a training and a test part."""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked

_REAL = (int, float, np.integer, np.floating)


@checked
def train_test_split(
    key: Key, x: Any, y: Any, *, test_fraction: float = 0.25, stratify: Any = None
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """A random split of the examples into a training part and a test part.

    Args:
      key: for the split.
      x: ``[examples, ...]``, NumPy or JAX; the parts are of the same kind.
      y: ``[examples, ...]``, the same.
      test_fraction: part of the examples, rounded, that goes into the test part; static.
      stratify: labels ``[examples]``, as a rule y: each class has the same share of both parts, to
        one example, and one example of each class at least is trained on.

    Returns:
      ``(x_train, y_train), (x_test, y_test)``

    Raises:
      TypeError: if x, y or stratify is not an array.
      ValueError: if the numbers of examples differ, test_fraction is not in (0, 1), a part is
        empty or has fewer examples than there are classes, or stratify holds no labels.

    Examples:
      >>> import jax, numpy as np
      >>> y = np.array([0, 0, 0, 0, 1, 1, 1, 1])
      >>> train, test = train_test_split(jax.random.key(0), np.ones([8, 3]), y, stratify=y)
      >>> train[0].shape, np.sort(test[1])
      ((6, 3), array([0, 1]))
    """
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
    if stratify is not None:
        order = _classes_in_turn(order, _labels(stratify, n, tests))
    test, train = ((_rows(x, part), _rows(y, part)) for part in (order[:tests], order[tests:]))
    return train, test


def _labels(stratify: Any, n: int, tests: int) -> jax.Array:
    """Labels as numbers; refuse values, labels of other examples, and too many classes."""
    if not isinstance(stratify, np.ndarray | jax.Array):
        raise TypeError(f"train_test_split: stratify must be an array of labels, got {stratify!r}")
    if stratify.shape != (n,) or stratify.dtype.kind in "fc":
        raise ValueError(
            f"train_test_split: stratify must be labels [{n}], whole numbers or words, got"
            f" {stratify.dtype} {list(stratify.shape)}"
        )
    if isinstance(stratify, jax.core.Tracer):
        return stratify
    classes, labels = np.unique(np.asarray(stratify), return_inverse=True)
    if n - tests < len(classes):
        raise ValueError(
            f"train_test_split: {len(classes)} classes need as many examples to train, and a test"
            f" part of {tests} leaves {n - tests}; give a smaller test_fraction"
        )
    return jnp.asarray(labels, "int32")


@jax.jit
def _classes_in_turn(order: jax.Array, labels: jax.Array) -> jax.Array:
    """The examples so that the first of any number hold each class in its proportion.

    Example i of n in its class, in random order, comes at (i + 1/2) / n. The last of each class
    comes after all others, so that it is not tested on.
    """
    by_class = jnp.argsort(labels[order], stable=True)
    found = labels[order][by_class]
    first, end = (jnp.searchsorted(found, found, side=side) for side in ("left", "right"))
    position = jnp.arange(len(found))
    place = ((position - first).astype("float32") + 0.5) / (end - first).astype("float32")
    place = jnp.where(position == end - 1, 1.0 + place, place)
    # ties between classes are broken by the random order of the examples
    return order[by_class[jnp.lexsort((by_class, place))]]


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
