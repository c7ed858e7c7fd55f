"""Phase portraits: flow, nullclines, planes of larger networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
import jaxbrain.viz as viz
from tests.viz.two_units import CELL, GAINS, PARAMS, X, of

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def found():
    """Nine points: four stable, four saddles, one unstable."""
    return jb.analysis.fixed_points(CELL, PARAMS, X, RNG.normal(size=(150, 2)))


def test_the_flow_leads_to_where_a_step_leads(found):
    ax = viz.phase_portrait(CELL, PARAMS, X, bounds=(-1, 1, -1, 1), n=21, fixed=found)
    image = np.asarray(ax.images[0].get_array())
    across, up = np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-1, 1, 21))
    moves = np.hypot(np.tanh(1.5 * across) - across, np.tanh(2.5 * up) - up)
    away = moves > 1e-3 * moves.max()
    np.testing.assert_allclose(image[away], moves[away], rtol=1e-4)
    assert image.min() >= 1e-3 * moves.max() * 0.99
    np.testing.assert_allclose(of(ax, "stable"), found.states[found.stable])
    assert len(of(ax, "not stable")) == 5


def test_nullclines_are_where_a_unit_stands_still():
    ax = viz.phase_portrait(CELL, PARAMS, X, n=61)
    lines = [c for c in ax.collections if hasattr(c, "get_edgecolor") and len(c.get_paths()) == 1
             and np.allclose(c.get_linewidth(), 1.8)]  # fmt: skip
    assert len(lines) == 2
    for unit, line in enumerate(lines):
        at = line.get_paths()[0].vertices[:, unit]
        assert np.abs(np.tanh(GAINS[unit] * at) - at).max() < 0.02
        assert np.ptp(at) > 1.4  # three lines: at 0 and on either side


def test_a_plane_of_a_larger_network():
    cell = jb.cells.gru(5)
    params = cell.init(jax.random.key(0), X)
    plane = (np.zeros(5), np.eye(5)[0], 2 * np.eye(5)[3])
    runs = np.array([[[0.5, 9, 9, 1.0, 9], [0.25, 0, 0, 0.5, 0]]])
    ax = viz.phase_portrait(cell, params, X, plane=plane, trajectories=runs, n=9)
    drawn = [np.stack(line.get_data(), 1) for line in ax.lines if len(line.get_xdata()) == 2]
    np.testing.assert_allclose(drawn[0], [[0.5, 0.5], [0.25, 0.25]], atol=1e-9)
    image = np.asarray(ax.images[0].get_array())
    left, _, bottom, _ = ax.images[0].get_extent()
    h = left * plane[1] + bottom * plane[2]
    after = cell.step(params, jnp.asarray(h, jnp.float32), X)[0]
    np.testing.assert_allclose(image[0, 0], np.linalg.norm(after - h), rtol=1e-4)
