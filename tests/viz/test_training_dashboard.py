"""Four pictures of one training in one figure."""

import numpy as np
import pytest

import jaxbrain.viz as viz
from tests.pictures import history_of, params_of

plt = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.usefixtures("no_figures_left")


@pytest.mark.parametrize(
    ("sizes", "kwargs", "third"),
    [
        ((2, 4, 1), {"predict": lambda x: x[:, 0], "x": np.eye(2), "y": np.arange(2)}, "$x_1$"),
        ((16, 4, 3), {}, "receptive fields (4 units of the first layer)"),
        ((5, 3), {}, "weights of the first layer"),
    ],
)
def test_dashboard(sizes, kwargs, third):
    figure = viz.dashboard(history_of(), params_of(*sizes), **kwargs)
    assert len(figure.axes) == 4 and plt.get_fignums() == [figure.number]
    panel = figure.axes[2]
    assert third in (panel.get_title(), panel.get_xlabel())
    figure.canvas.draw()
