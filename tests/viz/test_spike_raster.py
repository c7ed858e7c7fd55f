"""Spike rasters: a mark for each spike, at its time, in the row of its unit."""

import numpy as np
import pytest

import jaxbrain.viz as viz

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")

FIRST, SECOND = np.eye(4, 3), np.array([[0, 1], [1, 1], [0, 0], [0, 1]])


def test_a_raster_marks_each_spike():
    ax = viz.raster({"a": FIRST, "b": SECOND}, dt=0.5)
    places = []
    for lines in ax.collections[:2]:
        places.append({(x, (low + high) / 2) for (x, low), (_, high) in lines.get_segments()})
    assert places[0] == {(0.0, 0.5), (0.5, 1.5), (1.0, 2.5)}
    times, rows = zip(*sorted(places[1]), strict=True)
    assert times == (0.0, 0.5, 0.5, 1.5) and len(set(rows)) == 2 and min(rows) > 3
    assert ax.get_ylim()[0] > ax.get_ylim()[1] == 0 and ax.get_xlabel() == "time (ms)"


def test_a_raster_of_some_units_says_how_many_there_are():
    ax = viz.raster([FIRST, SECOND], labels=["a", "b"], limit=2)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a\n2 of 3", "b"]
    assert ax.get_xlabel() == "time step"


@pytest.mark.parametrize(
    ("spikes", "options", "message"),
    [
        ({"a": FIRST, "b": SECOND[:3]}, {}, "a has 4, b has 3"),
        (FIRST, {"labels": ["a", "b"]}, "labels are 2, the populations 1"),
        (FIRST[0], {}, "spikes must have 2 axes"),
        ({}, {}, "spikes is empty"),
        (FIRST, {"dt": 0.0}, "dt must be positive"),
        (FIRST, {"limit": 0}, "limit must be a positive integer"),
    ],
)
def test_raster_refuses(spikes, options, message):
    with pytest.raises(ValueError, match=message):
        viz.raster(spikes, **options)
