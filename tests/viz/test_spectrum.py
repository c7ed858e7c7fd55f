"""Eigenvalues in the complex plane as a picture."""

import numpy as np
import pytest

import jaxbrain.viz as viz

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")


def test_eigenvalues_in_and_outside_the_circle():
    values = np.array([[0.5, -0.2 + 0.3j], [1.5j, -1.2]])
    ax = viz.eigenvalues(values)
    inside, outside = (np.stack(line.get_data(), axis=1) for line in ax.lines)
    np.testing.assert_allclose(inside, [[0.5, 0], [-0.2, 0.3]])
    np.testing.assert_allclose(outside, [[0, 1.5], [-1.2, 0]])
    assert ax.lines[0].get_color() != ax.lines[1].get_color()
    assert ax.get_title() == "2 of 4 outside the unit circle"
    circle = ax.patches[0].get_xy()
    np.testing.assert_allclose(np.linalg.norm(circle, axis=1), 1)
    assert ax.get_xlim()[1] > 1.5 and ax.get_aspect() == 1
    named = viz.eigenvalues({"a": [0.1], "b": [2.0]})
    assert [text.get_text() for text in named.get_legend().get_texts()] == ["a", "b"]
