"""Generated sets against their equations and against scikit-learn."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain import datasets

new_key = partial(jax.random.key, 1)
MADE = [datasets.moons, datasets.circles, datasets.spirals]


def by_row(points):
    points = np.asarray(points, np.float64).round(4) + 0.0
    return points[np.lexsort(points.T)]


def test_xor():
    x, y = datasets.xor()
    assert x.shape == (4, 2) and y.shape == (4, 1) and x.dtype == y.dtype == jnp.float32
    table = {(int(a), int(b)): int(c) for (a, b), (c,) in zip(x, y, strict=True)}
    assert table == {(a, b): a ^ b for a in (0, 1) for b in (0, 1)}


@pytest.mark.parametrize("make", MADE)
def test_the_targets_fit_one_output_and_as_labels_a_softmax(make):
    y = make(new_key(), 8)[1]
    one, two = jnp.zeros((8, 1)), jnp.zeros((8, 2))
    loss = jax.vmap(jb.losses.binary_cross_entropy)(one, y)
    np.testing.assert_allclose(loss, np.log(2), rtol=1e-6)
    labels = y[:, 0].astype(int)
    np.testing.assert_allclose(jax.vmap(jb.losses.softmax_cross_entropy)(two, labels), loss, 1e-6)
    assert (
        jax.vmap(jb.accuracy)(one + 1, y).mean() == jax.vmap(jb.accuracy)(two, labels).mean() == 0.5
    )


@pytest.mark.parametrize("n", [40, 41])
@pytest.mark.parametrize("name", ["moons", "circles"])
def test_the_geometry_is_that_of_scikit_learn(name, n):
    theirs = pytest.importorskip("sklearn.datasets")
    x, y = getattr(datasets, name)(jax.random.key(0), n, noise=0.0)
    more = {"factor": 0.5} if name == "circles" else {}
    x_true, y_true = getattr(theirs, f"make_{name}")(n, shuffle=False, **more)
    for label in (0, 1):
        np.testing.assert_allclose(
            by_row(x[y[:, 0] == label]), by_row(x_true[y_true == label]), atol=2e-4
        )


def test_the_arms_of_the_spirals_follow_the_equation():
    x, y = datasets.spirals(jax.random.key(0), 60, noise=0.0, turns=2.0)
    r, angle = np.hypot(*np.asarray(x).T), np.arctan2(x[:, 1], x[:, 0])
    turns = (angle - 4 * np.pi * r - np.pi * np.asarray(y)[:, 0]) / (2 * np.pi)
    np.testing.assert_allclose(turns, turns.round(), atol=1e-5)
    np.testing.assert_allclose(np.sort(r[y[:, 0] == 1]), np.sqrt(np.arange(1, 31) / 30), atol=1e-6)


@pytest.mark.parametrize("make", MADE)
def test_shapes_balance_order_and_noise(make):
    x, y = make(new_key(), 41)
    assert x.shape == (41, 2) and x.dtype == jnp.float32
    assert y.shape == (41, 1) and y.dtype == jnp.float32 and set(y[:, 0].tolist()) == {0, 1}
    assert y.sum() == 21
    assert 5 < int((y[1:] != y[:-1]).sum()) < 36  # the rows are mixed
    clean, _ = make(new_key(), 41, noise=0.0)
    noisy, labels = make(new_key(), 41, noise=0.3)
    np.testing.assert_array_equal(labels, y)
    assert 0.2 < float(jnp.std(noisy - clean)) < 0.4
    assert not np.array_equal(x, make(jax.random.key(2), 41)[0])
    np.testing.assert_array_equal(x, make(new_key(), 41)[0])


@pytest.mark.parametrize("make", MADE)
def test_compiles_and_maps(make):
    one_set = jax.jit(lambda seed, noise: make(jax.random.key(seed), 41, noise=noise))
    x, y = jax.vmap(one_set)(jnp.arange(2), jnp.array([0.1, 0.2]))
    for i, noise in enumerate((0.1, 0.2)):
        one = one_set(i, noise)
        np.testing.assert_allclose(x[i], one[0], atol=1e-6)
        np.testing.assert_array_equal(y[i], one[1])


def test_a_setting_may_be_mapped_and_differentiated():
    factors = jnp.array([0.2, 0.4])
    x, y = jax.vmap(lambda f: datasets.circles(new_key(), 41, noise=0.0, factor=f))(factors)
    np.testing.assert_allclose(jnp.linalg.norm(x[1][y[1, :, 0] == 1], axis=1), 0.4, atol=1e-6)
    slope = jax.grad(lambda t: datasets.spirals(new_key(), 41, turns=t)[0].sum())(1.5)
    assert np.isfinite(slope) and slope != 0


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize(
    "args, settings, error, message",
    [
        ((0, 10), {}, TypeError, r"key must be a .*key, got 0"),
        ((None, 1), {}, ValueError, "n must be at least 2.*got 1"),
        ((None, 10.0), {}, ValueError, r"n must be an integer, got 10\.0"),
        ((None, True), {}, TypeError, "n must be an integer, got True"),
        ((None, 10), {"noise": -0.1}, ValueError, r"noise must not be negative, got -0\.1"),
        ((None, 10), {"noise": float("nan")}, ValueError, "noise must be a finite number, got nan"),
    ],
)
def test_wrong_settings(make, args, settings, error, message):
    key = jax.random.key(0) if args[0] is None else args[0]
    with pytest.raises(error, match=f"{make.__name__}: {message}"):
        make(key, *args[1:], **settings)


def test_wrong_factor_and_turns():
    with pytest.raises(ValueError, match=r"circles: factor must be at least 0 and below 1, got 1"):
        datasets.circles(jax.random.key(0), 10, factor=1)
    with pytest.raises(ValueError, match="spirals: turns must be positive, got 0"):
        datasets.spirals(jax.random.key(0), 10, turns=0)
