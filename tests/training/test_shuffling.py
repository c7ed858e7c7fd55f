"""The shuffle is a bijection for every n, and as random as a permutation should be."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxbrain.training.shuffling import shuffle
from tests.tables import most_slow

SIZES = [*range(1, 65), *range(65, 301, 7), 127, 128, 256, 257, 300]


def orders(n, count, seed=0):
    keys = jax.random.split(jax.random.key(seed), count)
    return np.asarray(jax.jit(jax.vmap(lambda k: shuffle(k, n)))(keys))


def plausible(observed, expected=None):
    """A chi-square that neither fails nor fits too well."""
    p = scipy.stats.chisquare(observed, expected).pvalue
    assert p > 1e-4, p


@pytest.mark.parametrize("part", most_slow(range(3), {0}))
def test_bijection_for_all_sizes(part):
    sizes = SIZES[part::3]

    def several(key):  # one program for many sizes
        return [
            shuffle(k, n) for k, n in zip(jax.random.split(key, len(sizes)), sizes, strict=True)
        ]

    for n, order in zip(sizes, jax.jit(several)(jax.random.key(part)), strict=True):
        assert order.dtype == jnp.int32
        assert np.array_equal(np.sort(order), np.arange(n)), n


def test_bijection_of_a_large_set():
    order = np.asarray(shuffle(jax.random.key(1), 60_001))
    assert np.array_equal(np.sort(order), np.arange(60_001))


@pytest.mark.parametrize("n", [2, 3, 4])
def test_all_orders_are_equally_likely(n):
    seen = orders(n, 6000)
    places = {order: i for i, order in enumerate(itertools.permutations(range(n)))}
    counts = np.bincount([places[tuple(row)] for row in seen.tolist()], minlength=len(places))
    plausible(counts)


@pytest.mark.parametrize("n", [7, 16, 37])
def test_each_row_lands_everywhere(n):
    seen = orders(n, 4000)
    counts = np.stack([np.bincount(seen[:, i], minlength=n) for i in range(n)])
    np.testing.assert_array_equal(counts.sum(0), 4000)  # each row once in every order
    expected = 4000 / n
    statistic = np.sum((counts - expected) ** 2 / expected)
    p = scipy.stats.chi2.sf(statistic, (n - 1) ** 2)
    assert 1e-4 < p < 1 - 1e-4, p


def test_neighbours_do_not_stay_together():
    """The place of i + 1 relative to that of i is as likely to be any other."""
    n = 24
    places = np.argsort(orders(n, 4000), axis=1)
    gaps = (np.diff(places, axis=1) % n).ravel()
    counts = np.bincount(gaps, minlength=n)
    assert counts[0] == 0
    # the gap of n - 1 places or of 1 between two rows: n of n (n - 1) pairs each, on the circle
    expected = np.full(n - 1, counts.sum() / (n - 1))
    assert np.max(np.abs(counts[1:] / expected - 1)) < 0.05
    fixed = np.mean(np.sum(orders(n, 4000) == np.arange(n), axis=1))
    assert abs(fixed - 1) < 0.1  # one row in its old place on average
    still = np.mean(np.sum(np.diff(orders(n, 4000), axis=1) == 1, axis=1))
    assert abs(still - (n - 1) / n) < 0.1


def test_a_batch_is_a_fair_sample():
    """Which rows share the first batch of 8 among 40: pairs as often as by chance."""
    first = orders(40, 4000)[:, :8]
    inside = np.zeros((4000, 40))
    np.put_along_axis(inside, first, 1, axis=1)
    together = (inside.T @ inside) / 4000
    pairs = together[np.triu_indices(40, 1)]
    chance = 8 * 7 / (40 * 39)
    assert abs(pairs.mean() - chance) < 1e-6
    spread = np.sqrt(chance * (1 - chance) / 4000)
    assert abs(pairs.std() / spread - 1) < 0.15


def test_runs_up_and_down_like_a_permutation():
    """Parity, and the mean length of the first run, of true permutations: 1/2 and e - 1."""
    seen = orders(16, 6000)
    first_run = np.argmax(np.diff(seen, axis=1) < 0, axis=1) + 1
    assert abs(first_run.mean() - (np.e - 1)) < 0.05
    inversions = sum((seen[:, i, None] > seen[:, i + 1 :]).sum(1) for i in range(15))
    assert abs(np.mean(inversions % 2) - 0.5) < 0.03
    assert abs(inversions.mean() - 60) < 1
    assert abs(inversions.var() / (16 * 15 * 37 / 72) - 1) < 0.1


def test_keys_are_independent_and_repeatable():
    a, b = orders(200, 300), orders(200, 300, seed=1)
    assert np.array_equal(a, orders(200, 300))
    assert not np.any(np.all(a == b, axis=1))
    ranks = [np.corrcoef(u, v)[0, 1] for u, v in itertools.pairwise(a)]
    assert abs(np.mean(ranks)) < 4 / np.sqrt(200 * 300)
    assert abs(np.std(ranks) * np.sqrt(199) - 1) < 0.15


def test_vmap_over_keys_is_a_loop():
    keys = jax.random.split(jax.random.key(0), 4)
    mapped = jax.vmap(lambda k: shuffle(k, 11))(keys)
    for k, order in zip(keys, mapped, strict=True):
        assert np.array_equal(shuffle(k, 11), order)
