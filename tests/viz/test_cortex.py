"""Laminar activity and connectivity as pictures."""

import numpy as np
import pytest

import jaxbrain.viz as viz
from tests.viz.reading import texts

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")

RNG = np.random.default_rng(0)


NAMES = ["L2/3e", "L2/3i", "L5A e", "L5A i", "L5Be"]


def borders(ax):
    """Places and widths of the horizontal lines, from the top."""
    lines = [line for line in ax.lines if np.ptp(line.get_ydata()) == 0]
    return {line.get_ydata()[0]: line.get_linewidth() for line in lines}


def test_laminar_activity_has_the_surface_at_the_top_and_borders_between_layers():
    activity = RNG.uniform(0, 5, size=(40, 5))
    ax = viz.laminar_activity(activity, NAMES, dt=0.02, unit="1/s", events={"go": 0.3})
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), activity.T)
    assert image.get_extent() == [0, 0.8, 4.5, -0.5] and ax.get_xlim() == (0, 0.8)
    tops = [ax.transData.transform((0, place))[1] for place in ax.get_yticks()]
    assert tops == sorted(tops, reverse=True)
    assert [label.get_text() for label in ax.get_yticklabels()] == NAMES
    found = borders(ax)
    assert list(found) == [0.5, 1.5, 2.5, 3.5]
    assert found[1.5] == found[3.5] > found[0.5] == found[2.5]
    assert texts(ax) == ["go"] and ax.texts[0].get_position()[0] == 0.3
    signed = viz.laminar_activity(activity - 2, NAMES).images[0]
    assert signed.get_cmap().name == "PuOr" and sum(signed.get_clim()) == 0


SLICES = {"L2/3e": slice(0, 4), "L2/3i": slice(4, 6), "L5e": slice(6, 9)}


def test_units_stand_in_the_slices_of_their_population():
    activity = RNG.uniform(size=(10, 9))
    ax = viz.laminar_activity(activity, SLICES)
    assert ax.images[0].get_array().shape == (9, 10)
    assert ax.get_yticks().tolist() == [1.5, 4.5, 7.0] and list(borders(ax)) == [3.5, 5.5]


def test_layers_are_named_where_populations_are_too_small_for_their_names():
    slices = {"L2/3e": slice(0, 30), "L2/3i": slice(30, 36), "L4e": slice(36, 39),
              "L4i": slice(39, 40), "L5Be": slice(40, 60)}  # fmt: skip
    ax = viz.connectivity(np.zeros((60, 60)), slices)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["L2/3", "L4", "L5B"]
    assert ax.get_yticks().tolist() == ax.get_xticks().tolist() == [17.5, 37.5, 49.5]
    assert list(borders(ax)) == [29.5, 35.5, 38.5, 39.5]


def test_connectivity_from_rows_to_columns():
    matrix = RNG.normal(size=(9, 9))
    ax = viz.connectivity(matrix, SLICES, vmax=1.5)
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), matrix)
    assert image.get_cmap().name == "PuOr" and image.get_clim() == (-1.5, 1.5)
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("from", "to")
    colors = {
        (line.get_xdata()[0], line.get_color())
        for line in ax.lines
        if np.ptp(line.get_xdata()) == 0
    }
    assert colors == {(3.5, "#999999"), (5.5, "black")}
    assert list(borders(ax)) == [3.5, 5.5]
    (bar,) = ax.child_axes
    assert bar.get_ylabel() == "weight (cut at ± 1.5)"
    blocks = viz.connectivity(matrix[:5, :5], NAMES, label="probability")
    assert blocks.child_axes[0].get_ylabel() == "probability"
    assert [label.get_text() for label in blocks.get_xticklabels()] == NAMES
