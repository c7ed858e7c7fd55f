"""Made data against their equations and against scikit-learn."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain import datasets

MADE = [datasets.moons, datasets.circles, datasets.spirals]


def by_row(points):
    points = np.asarray(points, np.float64).round(4) + 0.0
    return points[np.lexsort(points.T)]


# Made -------------------------------------------------------------------------------------------


def test_xor():
    x, y = datasets.xor()
    assert x.shape == (4, 2) and y.shape == (4, 1) and x.dtype == y.dtype == jnp.float32
    table = {(int(a), int(b)): int(c) for (a, b), (c,) in zip(x, y, strict=True)}
    assert table == {(a, b): a ^ b for a in (0, 1) for b in (0, 1)}


@pytest.mark.parametrize("n", [40, 41])
@pytest.mark.parametrize("name", ["moons", "circles"])
def test_the_geometry_is_that_of_scikit_learn(name, n):
    theirs = pytest.importorskip("sklearn.datasets")
    x, y = getattr(datasets, name)(jax.random.key(0), n, noise=0.0)
    more = {"factor": 0.5} if name == "circles" else {}
    x_true, y_true = getattr(theirs, f"make_{name}")(n, shuffle=False, **more)
    for label in (0, 1):
        np.testing.assert_allclose(
            by_row(x[y == label]), by_row(x_true[y_true == label]), atol=2e-4
        )


def test_the_arms_of_the_spirals_follow_the_equation():
    x, y = datasets.spirals(jax.random.key(0), 60, noise=0.0, turns=2.0)
    r, angle = np.hypot(*np.asarray(x).T), np.arctan2(x[:, 1], x[:, 0])
    turns = (angle - 4 * np.pi * r - np.pi * np.asarray(y)) / (2 * np.pi)
    np.testing.assert_allclose(turns, turns.round(), atol=1e-5)
    np.testing.assert_allclose(np.sort(r[y == 1]), np.sqrt(np.arange(1, 31) / 30), atol=1e-6)


@pytest.mark.parametrize("make", MADE)
def test_shapes_balance_order_and_noise(make):
    key = jax.random.key(1)
    x, y = make(key, 41)
    assert x.shape == (41, 2) and x.dtype == jnp.float32
    assert y.shape == (41,) and y.dtype == jnp.int32 and int(y.sum()) == 21
    assert 5 < int((y[1:] != y[:-1]).sum()) < 36  # the rows are mixed
    clean, _ = make(key, 41, noise=0.0)
    noisy, labels = make(key, 41, noise=0.3)
    np.testing.assert_array_equal(labels, y)
    assert 0.2 < float(jnp.std(noisy - clean)) < 0.4
    assert not np.array_equal(x, make(jax.random.key(2), 41)[0])
    np.testing.assert_array_equal(x, make(key, 41)[0])


@pytest.mark.parametrize("make", MADE)
def test_compiles_and_maps(make):
    keys = jax.random.split(jax.random.key(0), 2)
    x, y = jax.vmap(lambda key, noise: make(key, 41, noise=noise))(keys, jnp.array([0.1, 0.2]))
    for i, noise in enumerate((0.1, 0.2)):
        one = jax.jit(lambda key, noise: make(key, 41, noise=noise))(keys[i], noise)
        np.testing.assert_allclose(x[i], one[0], atol=1e-6)
        np.testing.assert_array_equal(y[i], one[1])


def test_a_setting_may_be_mapped_and_differentiated():
    key, factors = jax.random.key(0), jnp.array([0.2, 0.4])
    x, y = jax.vmap(lambda f: datasets.circles(key, 41, noise=0.0, factor=f))(factors)
    np.testing.assert_allclose(jnp.linalg.norm(x[1][y[1] == 1], axis=1), 0.4, atol=1e-6)
    slope = jax.grad(lambda t: datasets.spirals(key, 41, turns=t)[0].sum())(1.5)
    assert np.isfinite(slope) and slope != 0


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize(
    "args, settings, error, message",
    [
        ((0, 10), {}, TypeError, r"key must be a JAX key such as jax\.random\.key\(0\), got 0"),
        ((None, 1), {}, ValueError, "n must be at least 2.*got 1"),
        ((None, 10.0), {}, TypeError, r"n must be a Python int .*got 10\.0"),
        ((None, True), {}, TypeError, "n must be a Python int .*got True"),
        ((None, 10), {"noise": -0.1}, ValueError, r"noise must be .*not negative, got -0\.1"),
        ((None, 10), {"noise": float("nan")}, ValueError, "noise must be finite"),
    ],
)
def test_wrong_settings(make, args, settings, error, message):
    key = jax.random.key(0) if args[0] is None else args[0]
    with pytest.raises(error, match=f"{make.__name__}: {message}"):
        make(key, *args[1:], **settings)


def test_wrong_factor_and_turns():
    with pytest.raises(ValueError, match=r"circles: factor must be in \[0, 1\), got 1"):
        datasets.circles(jax.random.key(0), 10, factor=1)
    with pytest.raises(ValueError, match="spirals: turns must be positive, got 0"):
        datasets.spirals(jax.random.key(0), 10, turns=0)


def test_digits():
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    x, y = datasets.digits()
    assert x.dtype == np.float32 and y.dtype == np.int32 and x.min() == 0 and x.max() == 1
    np.testing.assert_array_equal(x.reshape(-1, 8, 8) * 16, theirs.images)
    np.testing.assert_array_equal(y, theirs.target)


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "jaxbrain\[data\]"'):
        datasets.digits()


# train_test_split -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_the_parts_are_the_whole(kind):
    x, y = kind(np.arange(30).reshape(10, 3)), kind(np.arange(10) * 3)
    train, test = datasets.train_test_split(x, y, key=jax.random.key(0), test_fraction=0.3)
    assert train[0].shape == (7, 3) and test[0].shape == (3, 3)
    for part in (train, test):
        assert all(type(array) is type(x) for array in part)
        np.testing.assert_array_equal(part[0][:, 0], part[1])
    together = np.concatenate([train[1], test[1]])
    assert not np.array_equal(together, y)
    np.testing.assert_array_equal(np.sort(together), y)


def test_the_split_compiles_to_the_same():
    x, y, key = np.arange(30).reshape(10, 3), np.arange(10), jax.random.key(1)
    split = lambda x, y, key: datasets.train_test_split(x, y, key=key, test_fraction=0.3)  # noqa: E731
    compiled = jax.jit(split)(x, y, key)
    jax.tree.map(np.testing.assert_array_equal, compiled, split(x, y, key))


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
        datasets.train_test_split(x, y, key=jax.random.key(0), test_fraction=fraction)


def test_importing_loads_no_optional_package():
    code = "import sys; from jaxbrain import datasets; print('sklearn' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert run.stdout.strip() == "False", run.stderr
