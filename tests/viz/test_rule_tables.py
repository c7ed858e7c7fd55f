"""The picture of `compare_rules`: every rule, every seed, angles and costs."""

import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.analysis import Comparison
from tests.pictures import result

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")


def test_picture_holds_every_rule():
    angles = np.linspace(10, 120, 3 * 4 * 2).reshape(3, 4, 2)
    table = Comparison(
        {
            "best": result([0.9, 0.8, 0.85], 2.0, angles),
            "floor": result([0.5, 0.4, 0.45]),
            "far": result([0.1, -3.0, 0.45], 5.0, angles),
            "lost": result([np.nan] * 3),
        },
        "score",
        "floor",
    )
    figure = jb.viz.rule_table(table)
    dots, first, second, cost = figure.axes[:4]
    assert [t.get_text() for t in dots.get_yticklabels()] == list(table.results)
    texts = [t.get_text() for t in dots.texts]
    assert {"0.850 ± 0.050", "diverged", "floor 0.450", " \N{LEFTWARDS ARROW} -3.00"} <= set(texts)
    points = [c.get_offsets() for c in dots.collections]
    assert [len(p) for p in points] == [3, 3, 2, 0]
    assert sorted(points[0][:, 0]) == [0.8, 0.85, 0.9]
    for layer, ax in enumerate((first, second)):
        image = ax.collections[0].get_array().reshape(4, -1)
        np.testing.assert_allclose(image[0], angles.mean(0)[:, layer])
        assert np.ma.getmaskarray(image)[1].all() or np.isnan(image[1]).all()
    assert [t.get_text() for t in cost.texts] == ["1.00", "0.50", "2.50", "0.50"]
    with pytest.raises(ValueError, match="layers names 1 layers, found has angles of 2"):
        jb.viz.rule_table(table, layers=["a"])
