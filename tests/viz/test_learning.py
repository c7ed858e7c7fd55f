"""Learning rules side by side: the alignment of their gradients and their results."""

import numpy as np
import pytest

import jaxbrain.viz as viz
from tests.pictures import history_of

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")


def test_alignment_marks_chance():
    angles = np.stack([np.linspace(89, 40, 5), np.linspace(80, 20, 5)], axis=1)
    ax = viz.alignment(angles, layers=["hidden", "output"])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), angles[:, 0])
    references = [line.get_ydata()[0] for line in ax.lines[2:]]
    assert references == [90.0, 0.0]
    assert [t.get_text() for t in ax.texts] == ["90°: no better than chance", "0°: backprop"]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["hidden", "output"]
    named = viz.alignment({"z": angles[:, 0], "a": angles[:, 1]})
    assert [line.get_label() for line in named.lines[:2]] == ["z", "a"]
    seeds = viz.alignment(np.stack([angles, angles + 2]))
    np.testing.assert_allclose(seeds.lines[0].get_ydata(), angles[:, 0] + 1)
    assert len(seeds.collections) == 2


def test_alignment_refuses():
    with pytest.raises(ValueError, match="between 0 and 180"):
        viz.alignment(np.full((3, 2), 200.0))
    with pytest.raises(ValueError, match="layers names 1 layers, angles has 2"):
        viz.alignment(np.ones((3, 2)), layers=["a"])
    with pytest.raises(TypeError, match=r"dict\(zip\(names, angles\)\)"):
        viz.alignment([np.ones(3), np.ones(3)])


def dots_of(ax):
    return [c.get_offsets() for c in ax.collections if type(c).__name__ == "PathCollection"]


def test_compare_never_cuts_a_dot():
    runs = {"b": [0.975, 0.972, 0.978], "a": [0.951, 0.967, 0.96], "c": history_of()}
    runs["c"].metrics["accuracy"][-1] = 0.955
    ax = viz.rule_scores(runs, floor=0.913, chance=0.1)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["b", "a", "c"]
    left, right = ax.get_xlim()
    points = np.concatenate(dots_of(ax))
    assert len(points) == 7 and left < points[:, 0].min() and points[:, 0].max() < right
    assert 0.9 < left < 0.913, "the floor is near, chance would hide the differences"
    texts = [t.get_text() for t in ax.texts]
    assert texts[:3] == ["0.975 ± 0.003", "0.959 ± 0.008", "0.955"]
    assert texts[3:] == ["floor 0.913", "\N{LEFTWARDS ARROW} chance 0.1"]
    np.testing.assert_allclose(ax.lines[0].get_xdata(), 0.975)
    order = list(ax.get_yticks())
    assert order == [0, 1, 2] and ax.get_ylim()[0] > ax.get_ylim()[1], "first rule on top"


@pytest.mark.parametrize("values", [[1.0], [0.0, 0.0], [1e-9, 3e5], [-2.0, -1.0]])
def test_compare_limits_hold_all_values(values):
    ax = viz.rule_scores({"a": values}, floor=0.5)
    left, right = ax.get_xlim()
    assert left < min(values) <= max(values) < right
    ax.figure.canvas.draw()


def test_compare_refuses():
    with pytest.raises(ValueError, match="runs is empty"):
        viz.rule_scores({})
    with pytest.raises(TypeError, match="rule_scores: runs must be a dict"):
        viz.rule_scores([0.9])
    with pytest.raises(ValueError, match="not finite, for bad"):
        viz.rule_scores({"good": [0.9], "bad": [np.nan]})
