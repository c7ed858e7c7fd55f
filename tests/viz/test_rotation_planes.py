"""Planes of jPCA and surrogate histograms as pictures."""

import numpy as np
import pytest

import jaxbrain.viz as viz
from jaxbrain.viz.directions import colors_of
from tests.viz.reading import points

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")

RNG = np.random.default_rng(0)

WAYS = np.arange(8) * np.pi / 4


def test_a_plane_of_rotations_beside_its_surrogates():
    t = np.linspace(0, 3, 30) + WAYS[:3, None]
    paths = np.stack([np.cos(t), np.sin(t)], axis=-1) * np.exp(-t / 5)[..., None]
    null = RNG.uniform(0, 0.5, size=40)
    null[:3] = 0.95
    ax = viz.rotations(paths, directions=WAYS[:3], frequency=1.94, r2=0.9, surrogates=null)
    lines = [line for line in ax.lines if len(line.get_xdata()) == 30]
    for line, path, way in zip(lines, paths, WAYS, strict=False):
        np.testing.assert_allclose(points(line), path)
        np.testing.assert_allclose(line.get_color(), colors_of(way), atol=1e-9)
    arrows = [note for note in ax.texts if note.arrow_patch]
    np.testing.assert_allclose([note.xy for note in arrows], paths[:, -1])
    assert ax.get_title() == "1.9 Hz, R² = 0.90" and ax.get_aspect() == 1
    assert ax.figure.axes == [ax]
    (beside,) = [child for child in ax.child_axes if child.get_xlabel() == "R²"]
    assert sum(bar.get_height() for bar in beside.patches) == 40
    assert beside.get_title() == "p = 0.098 (40 surrogates)"  # (1 + 3) / 41
    np.testing.assert_allclose(beside.lines[0].get_xdata(), 0.9)
    assert beside.get_xlim()[0] < null.min() and beside.get_xlim()[1] > null.max()
    plain = viz.rotations(paths[0])
    assert plain.get_title() == "" and not plain.child_axes
