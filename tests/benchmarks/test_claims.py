"""Claims: the interval of a paired difference, and the page."""

import numpy as np
import pytest
from scipy import stats

from benchmarks import claims


def test_the_interval_is_that_of_the_paired_t_test():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 8))
    row = claims.difference("loss", one, other)
    want = stats.ttest_rel(one, other).confidence_interval(0.95)
    assert (row.low, row.high) == pytest.approx((want.low, want.high))
    assert row.mean == pytest.approx(one.mean() - other.mean()) and row.seeds == 8


def test_a_page_says_what_was_not_run():
    row = claims.difference("share of blocks", [1.0, 1.0], [0.25, 0.5])
    done = {"reach": {"rows": [row], "date": "2026-01-01", "jax": "1", "seconds": 2.0}}
    text = "\n".join(claims.page(done))
    assert "| share of blocks | 1 | 0.375 | +0.625 | -0.963 to +2.21 | 2 |" in text
    assert text.count("Not run yet.") == len(claims.CLAIMS) - 1
    for name in claims.CLAIMS:
        assert f"`python -m benchmarks.claims {name}`" in text
