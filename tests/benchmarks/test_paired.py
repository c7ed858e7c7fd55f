"""The interval of paired differences, against SciPy."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.paired import difference


@pytest.mark.parametrize("n", [2, 3, 10])
def test_the_interval_is_that_of_the_paired_t_test(n):
    a, b = np.random.default_rng(n).normal(size=(2, n))
    found = difference(a, b)
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    np.testing.assert_allclose((found.low, found.high), expected, rtol=1e-12)
    assert found.mean == pytest.approx(a.mean() - b.mean())


def test_pairs_share_what_they_have_in_common():
    seeds = np.array([50.0, 60.0, 70.0, 80.0])
    assert difference(seeds + 1, seeds).half == pytest.approx(0)
    assert difference(seeds + 1, seeds[::-1]).half > 10


def test_one_pair_has_no_interval():
    found = difference([3.0], [1.0])
    assert found.mean == 2 and np.isnan(found.half)
