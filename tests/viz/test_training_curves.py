"""Curves over epochs or steps: means, bands, scales and smoothing."""

import numpy as np
import pytest

import jaxbrain.viz as viz
from jaxbrain.viz import series
from tests.pictures import history_of

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")


def test_curves_mean_and_band_over_seeds():
    values = np.array([[1.0, 0.5, 0.2], [3.0, 0.7, 0.4]])
    ax = viz.curves({"a": values})
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_ydata(), [2.0, 0.6, 0.3])
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(2 + np.sqrt(2)), "the sample standard deviation"
    assert ax.get_ylabel() == "loss\n(mean ± sd of 2 seeds)"
    spread = viz.curves(values, band="range").collections[0].get_paths()[0].vertices[:, 1]
    assert spread.max() == 3.0 and spread.min() == pytest.approx(0.2)
    assert len(viz.curves(values, band=None).collections) == 0


def test_curves_reads_histories():
    runs = {"b": [history_of(), history_of()], "a": history_of()}
    ax = viz.curves(runs, "accuracy")
    assert [line.get_label() for line in ax.lines] == ["b", "a"], "the order given"
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in ax.lines}
    assert len(looks) == 2 and len({dash for _, dash, _ in looks}) == 2
    steps = viz.curves(history_of(), "step_loss")
    assert len(steps.lines[0].get_xdata()) == 24 and steps.get_xlabel() == "step"
    with pytest.raises(ValueError, match="no 'f1', only loss, step_loss, accuracy"):
        viz.curves(history_of(), "f1")


def test_curves_scale():
    assert viz.curves([100.0, 1.0, 0.1]).get_yscale() == "log"
    assert viz.curves([0.2, 0.9]).get_yscale() == "linear"
    assert viz.curves([100.0, 1.0, 0.1], log=False).get_yscale() == "linear"
    assert viz.curves([100.0, 1.0, 0.0]).get_yscale() == "linear"
    band = viz.curves(np.array([[10.0, 1e-3], [1.0, 1e-9]]), log=True)
    assert (band.collections[0].get_paths()[0].vertices[:, 1] > 0).all()


@pytest.mark.parametrize("window", [0, 1, 2, 3, 10, 99])
def test_smoothing_is_a_moving_mean(window):
    values = np.random.default_rng(2).normal(size=(2, 12))
    expected = np.empty_like(values)
    for i in range(12):
        part = values[:, max(i - (window - 1) // 2, 0) : i + window // 2 + 1]
        expected[:, i] = part.mean(axis=1) if window > 1 else values[:, i]
    np.testing.assert_allclose(series.smoothed(values, window), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: viz.curves([1.0], band="se"), 'band must be "sd"'),
        (lambda: viz.curves([1.0], smooth=-1), "smooth"),
        (lambda: viz.curves({}), "nothing to draw"),
        (lambda: viz.curves([]), "empty"),
        (lambda: viz.curves([[1.0, 2.0], [1.0]]), "different lengths"),
        (lambda: viz.curves(np.ones((2, 2, 2))), "1 or 2 axes"),
    ],
    ids=["band", "smooth", "nothing", "empty", "lengths", "axes"],
)
def test_curves_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
