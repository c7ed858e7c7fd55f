"""Capacity curves: means, bars, theory, scales."""

from typing import Any, NamedTuple

import numpy as np
import pytest

import jaxbrain.viz as viz

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")


class Curve(NamedTuple):
    """The fields of a `CapacityCurve` that the picture reads."""

    loads: Any
    bit_error: Any
    overlap: Any


def bars(ax, index=0):
    """Points, and the ends of the bars, of one measured curve."""
    points, _, (upright,) = ax.containers[index]
    ends = [segment for segment in upright.get_segments() if len(segment)]
    return np.stack(points.get_data(), axis=1), np.array(ends)


def test_capacity_draws_mean_and_spread_in_the_order_of_loads():
    values = np.random.default_rng(2).random((3, 4))
    ax = viz.capacity((np.array([0.3, 0.1, 0.2]), values))
    points, ends = bars(ax)
    np.testing.assert_allclose(points[:, 0], [0.1, 0.2, 0.3])
    np.testing.assert_allclose(points[:, 1], values.mean(1)[[1, 2, 0]])
    np.testing.assert_allclose(
        np.diff(ends[:, :, 1], axis=1)[:, 0], 2 * values.std(1, ddof=1)[[1, 2, 0]]
    )
    assert ax.get_ylabel() == "bit error" and ax.get_title(loc="right") == "mean ± sd of 4 trials"
    assert ax.get_legend() is None


def test_capacity_reads_a_field_of_a_curve():
    curve = Curve(np.array([0.1, 0.2]), np.zeros((2, 3)), np.ones((2, 3)))
    ax = viz.capacity({"Hebb": curve}, metric="overlap")
    np.testing.assert_allclose(bars(ax)[0][:, 1], 1.0)
    with pytest.raises(ValueError, match=r"curves\['Hebb'\] has no 'error', only loads, bit_error"):
        viz.capacity({"Hebb": curve}, metric="error")


def test_capacity_theory_has_the_color_of_its_memory():
    loads, line = [0.1, 0.2], ([0.0, 0.1, 0.3], [0.0, 0.0, 0.2])
    ax = viz.capacity({"Hebb": (loads, [0.0, 0.1]), "other": (loads, [0.0, 0.0])},
                      theory={"other": line, "limit": 0.138})  # fmt: skip
    lines = {line.get_label(): line for line in ax.lines}
    theory = lines["other, theory"]
    assert list(theory.get_ydata()) == line[1]
    assert list(lines["limit"].get_xdata()) == [0.138, 0.138]
    hebb, other = (ax.containers[k].lines[0] for k in range(2))
    assert theory.get_color() == other.get_color() != hebb.get_color()
    assert hebb.get_linestyle() != "None" and other.get_linestyle() == "None"
    assert hebb.get_marker() != other.get_marker()
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["Hebb", "other", "other, theory", "limit"]


def test_capacity_scales():
    ax = viz.capacity(([1, 10, 100], [[0.0, 0.0], [1e-3, 0.0], [0.1, 0.2]]), log=True)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    points, ends = bars(ax)
    assert np.isnan(points[0, 1]) and len(ends) == 2 and (ends[..., 1] > 0).all()
    ax = viz.capacity(([0.1, 0.2], [0.0, 0.1]))
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "linear")
    with pytest.raises(ValueError, match=r"2 loads and values of shape \[3\]"):
        viz.capacity(([1, 2], [1, 2, 3]))
    with pytest.raises(TypeError, match=r"curves\['a'\] must be a CapacityCurve or a pair"):
        viz.capacity({"a": np.zeros(4)})
    with pytest.raises(ValueError, match="curves is empty"):
        viz.capacity({})
