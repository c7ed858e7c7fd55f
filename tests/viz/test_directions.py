"""Colors of directions: distinct for every kind of color vision, without a jump."""

import numpy as np
import pytest

from jaxbrain.viz.directions import colors_of

pytest.importorskip("matplotlib")
WAYS = np.arange(8) * np.pi / 4

# Machado et al. 2009, doi 10.1109/TVCG.2009.113, full strength, on linear RGB.
SIGHT = {
    "all colors": np.eye(3),
    "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "no blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}

XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lightness_and_color(code, sight):
    """CIE L*a*b* of sRGB as seen."""
    light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(light @ np.transpose(sight), 0, 1) @ XYZ.T / XYZ.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    light, a, b = 116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])
    return np.stack([light, a, b], axis=1)


@pytest.mark.parametrize("sight", SIGHT)
def test_eight_directions_look_different_to_everyone(sight):
    seen = lightness_and_color(colors_of(WAYS), SIGHT[sight])
    apart = np.linalg.norm(seen[:, None] - seen, axis=-1)[~np.eye(8, dtype=bool)]
    assert apart.min() > 20  # 2 is just noticeable


def test_colors_of_directions_close_the_circle_and_stand_out_on_white():
    turn = np.linspace(-np.pi, 3 * np.pi, 721)
    colors = colors_of(turn)
    assert np.abs(np.diff(colors, axis=0)).max() < 0.01  # no jump at any angle
    np.testing.assert_allclose(colors[:361], colors[360:], atol=1e-12)
    lightness = lightness_and_color(colors, np.eye(3))[:, 0]
    luminance = ((lightness + 16) / 116) ** 3
    assert (1.05 / (np.where(lightness > 8, luminance, 0) + 0.05)).min() >= 3.0
    assert np.ptp(colors_of(np.array(np.nan))) == 0  # gray
