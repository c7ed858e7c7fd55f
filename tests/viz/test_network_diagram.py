"""The picture of a network: its lines are the weights, its circles the neurons."""

import numpy as np
import pytest

import jaxbrain.viz as viz
from jaxbrain.viz import layout
from tests.pictures import params_of

matplotlib = pytest.importorskip("matplotlib")
plt = pytest.importorskip("matplotlib.pyplot")
collections = pytest.importorskip("matplotlib.collections")
pytestmark = pytest.mark.usefixtures("no_figures_left")


def lines_of(ax):
    (lines,) = [c for c in ax.collections if isinstance(c, collections.LineCollection)]
    return lines


def test_network_draws_every_weight_once():
    params = params_of(3, 5, 2)
    ax = viz.network(params)
    lines = lines_of(ax)
    every = np.concatenate([layer["kernel"].ravel() for layer in params])
    drawn = np.asarray(lines.get_array())
    assert len(lines.get_segments()) == 3 * 5 + 5 * 2
    np.testing.assert_array_equal(np.sort(drawn), np.sort(every.astype(float)))
    order = np.argsort(np.abs(drawn))
    assert (np.diff(np.asarray(lines.get_linewidths())[order]) > 0).all()
    assert np.abs(drawn).argmax() == len(drawn) - 1, "the strongest lies on top"
    dashed = [pattern is not None for _, pattern in lines.get_linestyles()]
    assert dashed == (drawn < 0).tolist()
    norm = lines.norm
    assert norm.vmin == -norm.vmax
    assert norm.vmax == pytest.approx(np.abs(np.concatenate([every, *bias_of(params)])).max())
    assert ax.get_title() == "3-5-2"


def bias_of(params):
    return [layer["bias"] for layer in params]


def test_network_ends_of_a_line_are_its_two_neurons():
    kernel = np.zeros((2, 3))
    kernel[0, 2] = -4.0
    ax = viz.network([kernel], max_edges=1)
    (segment,) = lines_of(ax).get_segments()
    left, right = layout.columns((2, 3), 16)
    np.testing.assert_allclose(segment, [[left.x, left.y[0]], [right.x, right.y[2]]])
    assert left.y[0] > left.y[1], "the first unit stands on top"


def test_network_elides_and_says_so():
    ax = viz.network(params_of(64, 128, 10), max_units=6, max_edges=20)
    assert ax.get_title() == (
        "64-128-10\ndrawn: 6 of 64, 6 of 128, 6 of 10 units; 20 of 9,472 weights"
    )
    assert len(lines_of(ax).get_segments()) == 20
    units, dots = [c for c in ax.collections if isinstance(c, collections.PatchCollection)]
    assert len(units.get_paths()) == 18 and len(dots.get_paths()) == 9
    column = layout.columns((64, 2), 6)[0]
    assert column.units.tolist() == [0, 1, 2, 61, 62, 63]
    assert column.y[2] > column.dots.max() > column.dots.min() > column.y[3]


def test_network_keeps_the_largest_weights():
    params = params_of(6, 7)
    drawn = np.asarray(lines_of(viz.network(params, max_edges=5)).get_array())
    largest = np.sort(np.abs(params[0]["kernel"]).ravel())[-5:]
    np.testing.assert_allclose(np.sort(np.abs(drawn)), largest)


def test_network_names_units_and_columns():
    ax = viz.network(params_of(2, 3, 1), labels=(["left", "right"], ["same"]))
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["left", "right", "same", "input", "hidden", "output"]
    assert ax.get_legend().get_title().get_text() == "weight (line) and bias (neuron)"
    with pytest.raises(ValueError, match="labels names 1 inputs, the network has 2"):
        viz.network(params_of(2, 3, 1), labels=(["left"], None))


def test_network_fills_neurons_with_bias_or_activation():
    params = ({"kernel": np.ones((1, 2)), "bias": np.array([-2.0, 2.0])},)

    def faces(ax):
        return next(
            c for c in ax.collections if isinstance(c, collections.PatchCollection)
        ).get_facecolors()

    _, orange, purple = faces(viz.network(params))
    assert orange[0] > orange[2] and purple[2] > purple[1]
    ax = viz.network(params, activations=[np.array([0.0]), np.array([1.0, 2.0])])
    cividis = matplotlib.colormaps["cividis"]
    np.testing.assert_allclose(faces(ax), cividis([0.0, 0.5, 1.0]))
    with pytest.raises(ValueError, match=r"expected|\[1, 2\] units; got \[1\]"):
        viz.network(params, activations=[np.array([0.0])])


def test_network_takes_any_pytree():
    nested = {"encoder": [{"kernel": np.ones((4, 3))}], "head": ({"kernel": np.ones((3, 2))},)}
    assert viz.network(nested).get_title() == "4-3-2"
    by_hand = [(np.ones((4, 3)), np.ones(3)), (np.ones((3, 2)), np.ones(2))]
    assert viz.network(by_hand).get_title() == "4-3-2"
    conv = ({"kernel": np.ones((3, 3, 1, 8)), "bias": np.ones(8)}, (), *params_of(32, 10))
    assert viz.network(conv).get_title().startswith("32-10")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ((), "no dense layer.*found nothing"),
        (({"kernel": np.ones((3, 3, 1, 8))},), r"no dense layer.*\[3, 3, 1, 8\]"),
        (({"table": np.ones((3, 4))},), "no dense layer"),
        (
            (*params_of(2, 3), *params_of(4, 1)),
            r"\[2, 3\] is followed by .*\[4, 1\] at params\[1\]",
        ),
        ([np.ones((2, 2), complex)], "real numbers"),
    ],
)
def test_network_refuses(params, message):
    with pytest.raises((ValueError, TypeError), match=message):
        viz.network(params)
    assert plt.get_fignums() == []


def test_network_of_zeros_and_of_nan():
    viz.network([np.zeros((2, 2))]).figure.canvas.draw()
    ax = viz.network([np.array([[np.nan, 1.0]])])
    assert ax.get_title() == "1-2\n1 weights are not finite"
    assert len(lines_of(ax).get_segments()) == 1
