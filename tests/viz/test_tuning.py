"""Tuning curves and preferred directions as pictures."""

import numpy as np
import pytest

import jaxbrain.viz as viz
from jaxbrain.viz.directions import colors_of
from tests.viz.reading import keys, points

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")

WAYS = np.arange(8) * np.pi / 4


@pytest.mark.x64
def test_tuning_curves_are_the_cosines_that_units_have():
    depths, preferred = np.array([0.5, 3.0, 2.0]), np.deg2rad([10.0, 100.0, 310.0])
    rates = 5 + depths * np.cos(WAYS[:, None] - preferred)
    noise = np.array([0.4, -0.4])[:, None, None]  # of the two trials of a direction
    trials, ways = (rates + noise).reshape(16, 3), np.tile(WAYS, 2)
    ax = viz.tuning_curves(ways - 4 * np.pi, trials, limit=2, unit="1/s")  # any turn
    assert keys(ax) == ["100°, R² = 1.00", "310°, R² = 1.00"]
    assert ax.get_title() == "2 of 3 units, those tuned most deeply"
    assert ax.get_ylabel() == "rate (1/s)"
    for curve, dots, unit in zip(ax.lines[::2], ax.lines[1::2], (1, 2), strict=True):
        angles, values = np.deg2rad(curve.get_xdata()), curve.get_ydata()
        np.testing.assert_allclose(values, 5 + depths[unit] * np.cos(angles - preferred[unit]))
        np.testing.assert_allclose(curve.get_color(), colors_of(preferred[unit]), atol=1e-9)
        expected = np.stack([np.arange(9) * 45, [*rates[:, unit], rates[0, unit]]], axis=1)
        np.testing.assert_allclose(points(dots), expected, atol=1e-9)
    two = viz.tuning_curves(WAYS, np.cos(2 * WAYS) + 0.5 * np.cos(WAYS))
    assert keys(two) == ["0°, R² = 0.20"]  # 0.25 of 1.25


def test_rays_and_ring_of_preferred_directions():
    angles = np.array([0.0, 0.1, -0.1, np.pi / 2, np.pi / 2, np.nan])
    ax = viz.preferred_directions(angles, [4.0, 2.0, 1.0, 1.0, 1.0, 3.0])
    rays, bars = ax.collections[0].get_segments(), ax.collections[2]
    lengths = [np.hypot(*ray[1]) for ray in rays]
    np.testing.assert_allclose(lengths, [1, 0.5, 0.25, 0.25, 0.25])
    ends = [np.arctan2(*ray[1][::-1]) for ray in rays]
    np.testing.assert_allclose(ends, angles[:5])
    radii = [np.hypot(*path.vertices.T) for path in bars.get_paths()]
    heights = [np.ptp(r[r > 0.5]) for r in radii]  # a path ends in (0, 0)
    assert len(heights) == 2
    np.testing.assert_allclose(heights[0] / heights[1], 3 / 2, rtol=0.02)
    resultant = np.hypot(np.cos(angles[:5]).mean(), np.sin(angles[:5]).mean())
    assert f"of 5 of 6 units, resultant {resultant:.2f}" in ax.get_title()
