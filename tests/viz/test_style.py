"""The colors of the pictures."""

import pytest

from jaxbrain.viz import style

colors = pytest.importorskip("matplotlib.colors")


def luminance(color):
    r, g, b = (
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colors.to_rgb(color)
    )
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("color", [*style.LINE_COLORS, style.NEGATIVE, style.POSITIVE])
def test_line_colors_stand_out_on_white(color):
    assert 1.05 / (luminance(color) + 0.05) >= 3.0
