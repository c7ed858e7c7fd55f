"""MNIST-1D against the package of its author, mnist1d 0.0.2.post1 (Apache-2.0).

What the package makes from given random numbers, and the statistics of what it makes from its own,
are stored here as numbers.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import interp1d
from scipy.ndimage import gaussian_filter

from jaxbrain import datasets
from jaxbrain.datasets.digit_signals import Draws, signal, templates

# mnist1d.transform.transform of the five, with rand() = .3, .8, .1, choice(48) = 17 and
# randn(72) = sin(n^2), cos(n^2) for n = 0..71, in the order of its calls
FIVE = [
    -0.096905, -0.145109, -0.194975, -0.198136, -0.186992, -0.134109, -0.122357, -0.112712,
    -0.149285, -0.126455, -0.316194, -0.352862, -0.317346, -0.064266, 0.109608, 0.180395,
    0.075487, -0.026721, 0.013784, 0.04035, -0.008791, -0.0403, -0.062896, 0.00715,
    0.078574, 0.042535, -0.01717, 0.031766, 0.106122, 0.169463, 0.191811, 0.219562,
    0.170366, 0.139953, 0.069695, 0.086562, 0.122456, 0.122137, 0.106015, 0.125756,
]  # fmt: skip
# mnist1d.data.make_dataset with seeds 0..19, 5,000 examples each: of each class the mean and the
# standard deviation, and of all examples the autocorrelation at lags 1, 2, 5, 10
MEANS = [
    0.4612, -0.0957, 0.0399, 0.3252, -0.1211, -0.0074, -0.3837, 0.1748, -0.2473, -0.1457,
    1.1942, 0.8729, 0.8392, 0.9991, 0.8879, 0.8395, 1.1926, 0.8746, 1.0028, 0.9048,
    0.8159, 0.5349, 0.1999, 0.0619,
]  # fmt: skip
DEVIATIONS = [
    0.0092, 0.0073, 0.0068, 0.0067, 0.007, 0.006, 0.0067, 0.0055, 0.0046, 0.0087,
    0.0076, 0.0045, 0.0057, 0.0055, 0.006, 0.0073, 0.0074, 0.006, 0.0066, 0.0058,
    0.0008, 0.0019, 0.0034, 0.0038,
]  # fmt: skip
LONG = np.arange(72.0)
GIVEN = Draws(43, 0.8, 17, np.sin(LONG**2), np.cos(LONG**2), 0.1)


def reference(template, draws):
    """The steps of the package with the functions that it calls, for given random numbers."""

    def interpolated(x, n):
        return interp1d(np.linspace(0, 1, len(x)), x)(np.linspace(0, 1, n))

    x = interpolated(np.concatenate([template + 1e-8, np.zeros(draws.padding)]), 72)
    x = np.roll(x * (1 + 0.4 * (draws.scale - 0.5)), draws.shift)
    x = np.where(x != 0, x, gaussian_filter(0.25 * draws.correlated, 2))
    x = x + 0.02 * draws.independent
    return interpolated(x - 0.75 * (draws.shear - 0.5) * np.linspace(-0.5, 0.5, 72), 40)


def test_the_reference_makes_what_the_package_makes():
    np.testing.assert_allclose(reference(templates()[5], GIVEN), FIVE, atol=1e-6)


@pytest.mark.x64
def test_a_signal_is_that_of_the_package():
    rng, made = np.random.default_rng(0), jax.jit(signal)
    edges = [(36, 0), (60, 47), (59, 1), (43, 17), *((int(rng.integers(36, 61)), 5) for _ in "abc")]
    for template, digit in zip(templates(), range(10), strict=True):
        padding, shift = edges[digit % len(edges)]
        noise = rng.normal(size=(2, 72))
        draws = Draws(padding, rng.uniform(), shift, *noise, rng.uniform())
        wanted = reference(template, draws)
        np.testing.assert_allclose(made(jnp.asarray(template), draws), wanted, atol=1e-7)
        assert np.abs(made(jnp.asarray(template), draws._replace(shift=2)) - wanted).max() > 1e-2


def statistics(x, y):
    classes = [x[y == label] for label in range(10)]
    lags = [np.mean(x[:, :-lag] * x[:, lag:]) for lag in (1, 2, 5, 10)]
    return np.array([*map(np.mean, classes), *map(np.std, classes), *lags])


def test_the_distribution_is_that_of_the_package():
    x, y = map(np.asarray, datasets.mnist1d(jax.random.key(0)))
    assert x.shape == (5000, 40) and x.dtype == np.float32
    assert y.dtype == np.int32 and np.all(np.bincount(y) == 500) and np.any(y[1:] < y[:-1])
    np.testing.assert_array_equal(x, datasets.mnist1d(jax.random.key(0))[0])
    assert not np.array_equal(y, datasets.mnist1d(jax.random.key(1))[1])
    np.testing.assert_allclose([x.mean(), x.std()], [0, 1], atol=1e-5)
    away = (statistics(x, y) - MEANS) / (np.array(DEVIATIONS) * np.sqrt(1 + 1 / 20))
    assert np.abs(away).max() < 4.5 and 0.5 < away.std() < 1.7
    assert np.abs((statistics(1.05 * x, y) - MEANS) / DEVIATIONS).max() > 6


def test_wrong_settings():
    with pytest.raises(ValueError, match=r"mnist1d: n must be at least 10, .* got 9"):
        datasets.mnist1d(jax.random.key(0), 9)
    with pytest.raises(TypeError, match="mnist1d: key must be a random key, got 0"):
        datasets.mnist1d(0)
