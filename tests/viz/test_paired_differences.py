"""Paired differences of rules: intervals against SciPy and a published table of Student's t."""

import numpy as np
import pytest
import scipy.stats

import jaxbrain.viz as viz
from jaxbrain.viz.paired_differences import student_quantile

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")


@pytest.mark.parametrize("freedom", [1, 2, 9, 29, 200])
@pytest.mark.parametrize("probability", [0.75, 0.975, 0.995])
def test_quantiles_are_those_of_scipy(probability, freedom):
    want = scipy.stats.t.ppf(probability, freedom)
    np.testing.assert_allclose(student_quantile(probability, freedom), want, rtol=2e-4)


def test_quantile_of_ten_pairs_is_that_of_the_table():
    assert round(student_quantile(0.975, 9), 3) == 2.262  # every textbook's table


def test_a_mean_that_rounds_to_zero_is_no_minus_zero():
    ax = viz.rule_differences({"backprop": [0.9, 0.9], "b": [0.91, 0.8896]})
    assert ax.texts[-1].get_text().startswith("+0.000 [-0.1")


def test_intervals_are_those_of_paired_differences():
    random = np.random.default_rng(0)
    seed_effect, noise = random.normal(size=(1, 10)), 0.01 * random.normal(size=(2, 10))
    base, other = 0.9 + 0.05 * seed_effect + noise
    runs = {"backprop": base, "shifted": other - 0.02, "same": base + noise[0]}
    ax = viz.rule_differences(runs)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["shifted", "same"]
    lines = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2][1:]
    for found, name in zip(lines, ("shifted", "same"), strict=True):
        difference = scipy.stats.ttest_rel(runs[name], base).confidence_interval(0.95)
        np.testing.assert_allclose(found, difference, rtol=1e-3)
    unpaired = scipy.stats.ttest_ind(runs["shifted"], base).confidence_interval(0.95)
    assert np.ptp(lines[0]) < 0.5 * np.ptp(unpaired)  # else the pairs would not count
    assert ax.texts[-2].get_text().startswith(f"{(other - 0.02 - base).mean():+.3f} [")
    left, right = ax.get_xlim()
    assert left < min(map(np.min, lines)) <= max(map(np.max, lines)) < right


@pytest.mark.parametrize(
    ("runs", "options", "message"),
    [
        ({"backprop": [0.9, 0.8]}, {}, "one of several rules"),
        ({"a": [0.9, 0.8], "b": [0.9, 0.8]}, {}, "'backprop' for runs of a, b"),
        ({"backprop": [0.9, 0.8], "b": [0.9]}, {}, "the same seeds.*'b': 1"),
        ({"backprop": [0.9], "b": [0.9]}, {}, "two or more"),
        ({"backprop": [0.9, np.nan], "b": [0.9, 0.8]}, {}, "not finite, for backprop"),
        ({"backprop": [0.9, 0.8], "b": [0.9, 0.8]}, {"confidence": 95}, "between 0 and 1, got 95"),
    ],
)
def test_what_cannot_be_paired_is_refused(runs, options, message):
    with pytest.raises(ValueError, match=message):
        viz.rule_differences(runs, **options)
