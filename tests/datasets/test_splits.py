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
    with pytest.raises(TypeError, match=r"key must be a .*key, got 0"):
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
        (
            np.ones(5),
            np.ones(5),
            np.nan,
            ValueError,
            "test_fraction must be a finite number",
        ),
        (np.ones(5), [1, 2], 0.5, TypeError, r"y must be an array \[examples, ...\], got \[1, 2\]"),
        (np.float32(1), np.ones(5), 0.5, TypeError, "x must be an array"),
    ],
)
def test_wrong_splits(x, y, fraction, error, message):
    with pytest.raises(error, match=f"train_test_split: .*{message}"):
        train_test_split(jax.random.key(0), x, y, test_fraction=fraction)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_a_stratified_split_has_the_classes_of_scikit_learn(fraction):
    selection = pytest.importorskip("sklearn.model_selection")
    y = np.repeat([3, 0, 1, 7], [240, 120, 36, 4])
    x = np.arange(400)
    for seed in range(3):
        key = jax.random.key(seed)
        train, test = train_test_split(key, x, y, test_fraction=fraction, stratify=y)
        np.testing.assert_array_equal(np.sort(np.concatenate([train[0], test[0]])), x)
        np.testing.assert_array_equal(y[test[0]], test[1])
        theirs = selection.train_test_split(y, test_size=fraction, stratify=y, random_state=seed)
        for ours, part in zip((train[1], test[1]), theirs, strict=True):
            assert np.abs(np.bincount(ours, minlength=8) - np.bincount(part, minlength=8)).max() < 2
        assert not np.array_equal(test[0], np.sort(test[0]))  # in random order
    counts = []
    for seed in range(10, 14):  # splits that are not stratified
        test = train_test_split(jax.random.key(seed), x, y, test_fraction=fraction)[1]
        counts.append(np.bincount(test[1], minlength=8))
    assert np.abs(counts - fraction * np.bincount(y)).max() > 1


def test_each_class_is_trained_on_and_each_row_may_be_tested():
    y = np.array(["a"] * 6 + ["b"] * 2 + ["c"])
    tested = set()
    for seed in range(40):
        key = jax.random.key(seed)
        train, test = train_test_split(key, np.arange(9), y, test_fraction=0.6, stratify=y)
        assert set(train[1]) == {"a", "b", "c"} and len(test[1]) == 5
        tested |= set(test[0].tolist())
    assert tested == set(range(8))  # the only c is always trained on


def test_a_stratified_split_compiles_to_the_same():
    x, y = np.arange(40), jnp.asarray(np.arange(40) % 3)

    def split(x, y):
        return train_test_split(jax.random.key(1), x, y, stratify=y)

    jax.tree.map(np.testing.assert_array_equal, jax.jit(split)(x, y), split(x, y))


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 1], TypeError, "stratify must be an array of labels"),
        (np.zeros(5), ValueError, r"must be labels \[5\], whole numbers or words, got float64 \[5"),
        (np.zeros([5, 1], int), ValueError, r"must be labels \[5\]"),
        (np.zeros(4, int), ValueError, r"must be labels \[5\]"),
        (np.arange(5), ValueError, "5 classes need as many examples to train, and a test part of"),
    ],
)
def test_labels_that_cannot_be_split(labels, error, message):
    with pytest.raises(error, match=f"train_test_split: .*{message}"):
        train_test_split(jax.random.key(0), np.ones(5), np.ones(5), stratify=labels)
