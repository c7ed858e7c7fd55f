"""Random splits: the parts are the whole."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.datasets import train_test_split


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_the_parts_are_the_whole(kind):
    x, y = kind(np.arange(30).reshape(10, 3)), kind(np.arange(10) * 3)
    train, test = train_test_split(jax.random.key(0), x, y, test_fraction=0.3)
    assert train[0].shape == (7, 3) and test[0].shape == (3, 3)
    for part in (train, test):
        assert all(type(array) is type(x) for array in part)
        np.testing.assert_array_equal(part[0][:, 0], part[1])
    together = np.concatenate([train[1], test[1]])
    assert not np.array_equal(together, y)
    np.testing.assert_array_equal(np.sort(together), y)


def test_the_split_compiles_to_the_same():
    x, y = np.arange(30).reshape(10, 3), np.arange(10)

    def split(x, y, seed):
        return train_test_split(jax.random.key(seed), x, y, test_fraction=0.3)

    jax.tree.map(np.testing.assert_array_equal, jax.jit(split)(x, y, 1), split(x, y, 1))
    assert np.any(split(x, y, 1)[1][1] != split(x, y, 2)[1][1])


def test_a_seed_is_not_a_key():
    with pytest.raises(
        TypeError, match=r"key must be a JAX key such as jax.random.key\(0\), got 0"
    ):
        train_test_split(0, np.ones(4), np.ones(4))


@pytest.mark.parametrize(
    "x, y, fraction, error, message",
    [
        (np.ones([5, 2]), np.ones(4), 0.25, ValueError, "x has 5 examples and y has 4"),
        (np.ones(5), np.ones(5), 0.05, ValueError, "0.05 of 5 examples leaves 5 to train and 0"),
        (np.ones(5), np.ones(5), 0.95, ValueError, "leaves 0 to train and 5 to test"),
        (np.ones(0), np.ones(0), 0.5, ValueError, "0.5 of 0 examples leaves 0 to train and 0"),
        (np.ones(5), np.ones(5), 1, ValueError, r"test_fraction must be in \(0, 1\), got 1"),
        (np.ones(5), np.ones(5), -0.5, ValueError, r"test_fraction must be in \(0, 1\), got -0.5"),
        (np.ones(5), np.ones(5), np.nan, ValueError, r"test_fraction must be in \(0, 1\), got nan"),
        (np.ones(5), [1, 2], 0.5, TypeError, r"y must be an array \[examples, ...\], got \[1, 2\]"),
        (np.float32(1), np.ones(5), 0.5, TypeError, "x must be an array"),
    ],
)
def test_wrong_splits(x, y, fraction, error, message):
    with pytest.raises(error, match=f"train_test_split: .*{message}"):
        train_test_split(jax.random.key(0), x, y, test_fraction=fraction)
