"""The plot contract for every public function, and the structure of each picture."""

import itertools
import subprocess
import sys
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.collections import LineCollection, PatchCollection  # noqa: E402

import jaxbrain.viz as viz  # noqa: E402
from jaxbrain.viz import layout, series, style  # noqa: E402

RNG = np.random.default_rng(0)


class History(NamedTuple):
    """The fields of `jaxbrain.training.History` that pictures read."""

    loss: Any
    step_loss: Any
    metrics: dict
    record: Any = None


def params_of(*sizes, convert=np.asarray):
    rng = np.random.default_rng(1)
    return tuple(
        {
            "kernel": convert(rng.normal(size=(m, n)).astype("float32")),
            "bias": convert(rng.normal(size=n).astype("float32")),
        }
        for m, n in itertools.pairwise(sizes)
    )


def history_of(convert=np.asarray, seeds=(), epochs=6):
    loss = convert(np.geomspace(2.0, 0.1, epochs) * np.ones((*seeds, 1)))
    accuracy = convert(np.linspace(0.3, 0.9, epochs) * np.ones((*seeds, 1)))
    return History(loss, convert(np.ones((epochs, 4)) * 0.5), {"accuracy": accuracy})


def array(*shape):
    return RNG.normal(size=shape).astype("float32")


# Every public function, with data as a function of how arrays are made.
CALLS = {
    "network": lambda c, **kw: viz.network(params_of(3, 4, 2, convert=c), **kw),
    "curves": lambda c, **kw: viz.curves(history_of(c), **kw),
    "decision_boundary": lambda c, **kw: viz.decision_boundary(
        lambda x: x[:, 0] * x[:, 1], c(array(12, 2)), c(np.arange(12) % 2), n=12, **kw
    ),
    "weights": lambda c, **kw: viz.weights(c(array(5, 4)), **kw),
    "receptive_fields": lambda c, **kw: viz.receptive_fields(c(array(9, 4)), **kw),
    "activations": lambda c, **kw: viz.activations(c(array(6, 3)), **kw),
    "alignment": lambda c, **kw: viz.alignment(c(np.full((4, 2), 45.0, "float32")), **kw),
    "compare": lambda c, **kw: viz.compare({"a": c(np.array([0.9, 0.8], "float32"))}, **kw),
    "confusion": lambda c, **kw: viz.confusion(c(np.arange(3)), c(np.array([0, 1, 1])), **kw),
}
PICTURES = pytest.mark.parametrize("name", sorted(CALLS))


@pytest.fixture(autouse=True)
def no_figures_left():
    plt.close("all")
    yield
    plt.close("all")


def test_every_public_function_stands_in_the_table():
    assert set(viz.__all__) == {*CALLS, "dashboard"}


@PICTURES
@pytest.mark.parametrize("convert", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_contract(name, convert):
    figure, (left, right) = plt.subplots(1, 2)
    before = dict(matplotlib.rcParams)
    other, numbers = right.get_position().bounds, plt.get_fignums()
    assert CALLS[name](convert, ax=left) is left
    figure.canvas.draw()
    assert plt.get_fignums() == numbers, "opened a figure although it had an Axes"
    assert figure.axes == [left, right], "added an Axes to the user's figure"
    assert right.get_position().bounds == other and not right.has_data()
    assert dict(matplotlib.rcParams) == before


@PICTURES
def test_makes_its_own_figure(name):
    ax = CALLS[name](np.asarray)
    assert isinstance(ax, matplotlib.axes.Axes)
    assert len(plt.get_fignums()) == 1 and ax.figure.axes == [ax]
    ax.figure.canvas.draw()


@PICTURES
def test_refuses_tracers(name):
    def traced(one):
        CALLS[name](lambda a: jnp.asarray(a) * one.astype(jnp.asarray(a).dtype))
        return one

    with pytest.raises(TypeError, match=r"is traced.*outside jax\.jit"):
        jax.jit(traced)(jnp.ones(()))
    assert plt.get_fignums() == []


@PICTURES
def test_is_deterministic(name):
    def pixels():
        global RNG
        RNG = np.random.default_rng(3)
        figure = CALLS[name](np.asarray).figure
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())

    np.testing.assert_array_equal(pixels(), pixels())


@PICTURES
def test_an_array_of_axes_is_refused(name):
    with pytest.raises(TypeError, match="pass one element"):
        CALLS[name](np.asarray, ax=np.zeros(2))


def test_bfloat16_and_one_transfer(monkeypatch):
    calls = []
    monkeypatch.setattr(jax, "device_get", lambda x, get=jax.device_get: calls.append(1) or get(x))
    convert = partial(jnp.asarray, dtype=jnp.bfloat16)
    viz.network(params_of(3, 4, 2, convert=convert))
    assert len(calls) == 1
    viz.curves({"a": history_of(convert), "b": history_of(convert)})
    assert len(calls) == 2


IMPORT = "import sys, jaxbrain.viz; sys.exit('matplotlib' in sys.modules)"
MISSING = """
import sys
sys.modules['matplotlib'] = sys.modules['matplotlib.pyplot'] = None
import numpy as np, jaxbrain.viz as viz
calls = [
    lambda: viz.network([np.ones((2, 2))]), lambda: viz.curves([1.0, 0.5]),
    lambda: viz.decision_boundary(lambda x: x[:, 0], np.eye(2), n=3),
    lambda: viz.weights(np.ones((2, 2))), lambda: viz.receptive_fields(np.ones((4, 2))),
    lambda: viz.activations(np.ones((2, 2))), lambda: viz.alignment(np.ones((2, 2))),
    lambda: viz.compare({'a': [1.0]}), lambda: viz.confusion([0], [0]),
    lambda: viz.dashboard([1.0], [np.ones((2, 2))]),
]
assert len(calls) == len(viz.__all__)
for call in calls:
    try:
        call()
    except ImportError as error:
        assert str(error) == 'jaxbrain.viz needs matplotlib: pip install "jaxbrain[viz]"', error
    else:
        sys.exit('no error')
"""


@pytest.mark.parametrize("code", [IMPORT, MISSING], ids=["import", "missing"])
def test_matplotlib_is_imported_late(code):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


# The network


def lines_of(ax):
    (lines,) = [c for c in ax.collections if isinstance(c, LineCollection)]
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
    units, dots = [c for c in ax.collections if isinstance(c, PatchCollection)]
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
        return next(c for c in ax.collections if isinstance(c, PatchCollection)).get_facecolors()

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


# Curves


def test_curves_mean_and_band_over_seeds():
    values = np.array([[1.0, 0.5, 0.2], [3.0, 0.7, 0.4]])
    ax = viz.curves({"a": values})
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_ydata(), [2.0, 0.6, 0.3])
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(2 + np.sqrt(2)), "the sample standard deviation"
    assert ax.get_ylabel() == "loss\n(mean ± sd of 2 seeds)"
    spread = viz.curves(values, band="range").collections[0].get_paths()[0].vertices[:, 1]
    assert spread.max() == 3.0 and spread.min() == pytest.approx(0.2)
    assert len(viz.curves(values, band=None).collections) == 0


def test_curves_reads_histories():
    runs = {"b": [history_of(), history_of()], "a": history_of()}
    ax = viz.curves(runs, "accuracy")
    assert [line.get_label() for line in ax.lines] == ["b", "a"], "the order given"
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in ax.lines}
    assert len(looks) == 2 and len({dash for _, dash, _ in looks}) == 2
    steps = viz.curves(history_of(), "step_loss")
    assert len(steps.lines[0].get_xdata()) == 24 and steps.get_xlabel() == "step"
    with pytest.raises(ValueError, match="no 'f1', only loss, step_loss, accuracy"):
        viz.curves(history_of(), "f1")


def test_curves_scale():
    assert viz.curves([100.0, 1.0, 0.1]).get_yscale() == "log"
    assert viz.curves([0.2, 0.9]).get_yscale() == "linear"
    assert viz.curves([100.0, 1.0, 0.1], log=False).get_yscale() == "linear"
    assert viz.curves([100.0, 1.0, 0.0]).get_yscale() == "linear"
    band = viz.curves(np.array([[10.0, 1e-3], [1.0, 1e-9]]), log=True)
    assert (band.collections[0].get_paths()[0].vertices[:, 1] > 0).all()


@pytest.mark.parametrize("window", [0, 1, 2, 3, 10, 99])
def test_smoothing_is_a_moving_mean(window):
    values = np.random.default_rng(2).normal(size=(2, 12))
    expected = np.empty_like(values)
    for i in range(12):
        part = values[:, max(i - (window - 1) // 2, 0) : i + window // 2 + 1]
        expected[:, i] = part.mean(axis=1) if window > 1 else values[:, i]
    np.testing.assert_allclose(series.smoothed(values, window), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: viz.curves([1.0], band="se"), 'band must be "sd"'),
        (lambda: viz.curves([1.0], smooth=-1), "smooth"),
        (lambda: viz.curves({}), "nothing to draw"),
        (lambda: viz.curves([]), "empty"),
        (lambda: viz.curves([[1.0, 2.0], [1.0]]), "different lengths"),
        (lambda: viz.curves(np.ones((2, 2, 2))), "1 or 2 axes"),
    ],
)
def test_curves_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Images


def test_weights_are_symmetric_about_zero():
    ax = viz.weights(np.array([[0.5, -3.0], [1.0, 0.0]]))
    (image,) = ax.images
    assert image.get_clim() == (-3.0, 3.0) and image.get_cmap().name == "PuOr"
    assert viz.weights(np.eye(2), vmax=5).images[0].get_clim() == (-5.0, 5.0)
    (bar,) = ax.child_axes
    assert bar.get_ylabel() == "weight"
    with pytest.raises(ValueError, match="receptive_fields"):
        viz.weights(np.ones((3, 3, 1, 2)))
    with pytest.raises(ValueError, match="vmax must be positive"):
        viz.weights(np.ones((3, 3)), vmax=0)


def test_receptive_fields_mosaic():
    w = np.zeros((6, 3))
    w[:, 0] = np.arange(6)
    w[:, 1] = -0.01 * np.arange(6)
    ax = viz.receptive_fields(w, (2, 3), ncols=2)
    canvas = np.ma.filled(ax.images[0].get_array(), np.nan)
    assert canvas.shape == (5, 7)
    np.testing.assert_allclose(canvas[:2, :3], np.arange(6).reshape(2, 3) / 5)
    np.testing.assert_allclose(canvas[:2, 4:], -np.arange(6).reshape(2, 3) / 5)
    np.testing.assert_array_equal(canvas[3:, :3], 0.0)
    assert np.isnan(canvas[2]).all() and np.isnan(canvas[:, 3]).all()
    assert ax.images[0].get_clim() == (-1.0, 1.0)
    with pytest.raises(ValueError, match=r"6 inputs.*2 x 2.*shape=\(height, width\)"):
        viz.receptive_fields(w)


def test_receptive_fields_of_a_convolution():
    w = np.random.default_rng(0).normal(size=(3, 3, 2, 4))
    ax = viz.receptive_fields(w, ncols=2)
    assert ax.get_title() == "8 units"
    second = w[:, :, 1, 0]
    np.testing.assert_allclose(
        np.asarray(ax.images[0].get_array())[:3, 4:7], second / np.abs(second).max()
    )


def test_activations_sorted_by_label():
    acts = np.arange(12.0).reshape(4, 3)
    ax = viz.activations(acts, labels=np.array([1, 0, 1, 0]))
    np.testing.assert_array_equal(ax.images[0].get_array(), acts[[1, 3, 0, 2]].T)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "1"]
    assert ax.images[0].get_cmap().name == "cividis"
    assert viz.activations(acts - 3).images[0].get_clim() == (-8.0, 8.0)
    many = viz.activations(np.ones((3000, 2)))
    assert many.get_title() == "1,000 of 3,000 samples"
    with pytest.raises(ValueError, match=r"labels must have shape \[4\]"):
        viz.activations(acts, labels=np.zeros(3))


# Classifiers


def test_boundary_lies_where_the_logit_is_zero():
    x = np.random.default_rng(0).uniform(-1, 1, size=(40, 2))
    calls = []

    def predict(points):
        calls.append(points.shape)
        return 30 * (points[:, :1] - 0.25)

    ax = viz.decision_boundary(predict, x, x[:, 0] > 0.25, n=60)
    assert calls == [(3600, 2)], "one compiled call of fixed shape"
    (contour,) = [c for c in ax.collections if type(c).__name__ == "QuadContourSet"]
    np.testing.assert_allclose(contour.get_paths()[0].vertices[:, 0], 0.25, atol=0.01)
    left, right = ax.get_xlim()
    assert left < x[:, 0].min() and right > x[:, 0].max()
    fill = np.asarray(ax.images[0].get_array())
    assert fill.shape == (60, 60) and fill[0, -1] > 0.99 and fill[0, 0] < 0.01
    markers = [c for c in ax.collections if c.get_label().startswith("class")]
    shapes = {m.get_paths()[0].vertices.tobytes() for m in markers}
    assert len(markers) == 2 and len(shapes) == 2, "a marker for each class"


def test_fill_and_line_agree_on_what_is_up():
    ax = viz.decision_boundary(lambda p: 30 * (p[:, 1] - 0.5), np.array([[0.0, 0], [1, 1]]), n=30)
    (image,) = ax.images
    assert image.origin == "lower" and np.asarray(image.get_array())[-1].min() > 0.99
    left, right, bottom, top = image.get_extent()
    assert (left, right, bottom, top) == (*ax.get_xlim(), *ax.get_ylim()) and bottom < top


def test_boundary_of_several_classes():
    x = np.random.default_rng(0).normal(size=(30, 2))
    centres = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], "float32")
    predict = lambda points: points @ centres.T  # noqa: E731
    ax = viz.decision_boundary(predict, x, (x @ centres.T).argmax(1), n=40)
    assert ax.images[0].get_array().shape == (40, 40, 3)
    assert len([c for c in ax.collections if type(c).__name__ == "QuadContourSet"]) == 3
    with pytest.raises(ValueError, match=r"y must lie in 0..2, got 0..3"):
        viz.decision_boundary(predict, x, np.arange(30) % 4, n=5)


def test_two_logits_equal_one():
    x, n = np.random.default_rng(0).normal(size=(9, 2)), 15
    one = viz.decision_boundary(lambda p: p[:, 0], x, n=n)
    two = viz.decision_boundary(lambda p: jnp.stack([0 * p[:, 0], p[:, 0]], 1), x, n=n)
    np.testing.assert_allclose(one.images[0].get_array(), two.images[0].get_array(), atol=1e-6)


def test_boundary_of_a_classifier_in_numpy():
    x = np.random.default_rng(0).normal(size=(9, 2))
    ax = viz.decision_boundary(lambda p: np.asarray(p)[:, 0] * 1e4, x, n=9)
    assert np.isfinite(np.asarray(ax.images[0].get_array())).all(), "no overflow"
    many = viz.decision_boundary(lambda p: p[:, 0], np.tile(x, (500, 1)), n=5)
    assert many.get_title() == "1,500 of 4,500 samples"


@pytest.mark.parametrize(
    ("predict", "x", "y", "message"),
    [
        (lambda p: p[:, 0], np.ones((4, 3)), None, r"x must have shape \[samples, 2\]"),
        (lambda p: p[:, 0], np.ones((4, 2)), np.ones(3), "y must have 4 labels"),
        (lambda p: p[:3], np.ones((4, 2)), None, "predict must map points"),
        (lambda p: p[:, 0], np.ones((4, 2)), np.full(4, 0.5), "whole-number labels"),
    ],
)
def test_boundary_refuses(predict, x, y, message):
    with pytest.raises(ValueError, match=message):
        viz.decision_boundary(predict, x, y, n=4)


def test_confusion_counts():
    true = np.array([0, 0, 1, 2, 2, 2])
    guess = np.eye(3)[[0, 1, 1, 2, 2, 0]]
    ax = viz.confusion(true, guess, labels=["a", "b", "c"])
    np.testing.assert_array_equal(ax.images[0].get_array(), [[1, 1, 0], [0, 1, 0], [1, 0, 2]])
    assert ax.get_title() == "accuracy 0.667 (4 of 6)"
    assert [t.get_text() for t in ax.texts] == list("110010102")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b", "c"]
    rows = viz.confusion(true, guess, normalize=True).images[0].get_array().sum(axis=1)
    np.testing.assert_allclose(rows, 1.0)
    with pytest.raises(ValueError, match="y_true has 6 samples and y_pred 2"):
        viz.confusion(true, np.array([0, 1]))
    with pytest.raises(ValueError, match="labels names 2 classes, the data have 3"):
        viz.confusion(true, guess, labels=["a", "b"])


# Learning rules


def test_alignment_marks_chance():
    angles = np.stack([np.linspace(89, 40, 5), np.linspace(80, 20, 5)], axis=1)
    ax = viz.alignment(angles, layers=["hidden", "output"])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), angles[:, 0])
    references = [line.get_ydata()[0] for line in ax.lines[2:]]
    assert references == [90.0, 0.0]
    assert [t.get_text() for t in ax.texts] == ["90°: no better than chance", "0°: backprop"]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["hidden", "output"]
    named = viz.alignment({"z": angles[:, 0], "a": angles[:, 1]})
    assert [line.get_label() for line in named.lines[:2]] == ["z", "a"]
    seeds = viz.alignment(np.stack([angles, angles + 2]))
    np.testing.assert_allclose(seeds.lines[0].get_ydata(), angles[:, 0] + 1)
    assert len(seeds.collections) == 2


def test_alignment_refuses():
    with pytest.raises(ValueError, match="between 0 and 180"):
        viz.alignment(np.full((3, 2), 200.0))
    with pytest.raises(ValueError, match="layers names 1 layers, angles has 2"):
        viz.alignment(np.ones((3, 2)), layers=["a"])
    with pytest.raises(TypeError, match=r"dict\(zip\(names, angles\)\)"):
        viz.alignment([np.ones(3), np.ones(3)])


def dots_of(ax):
    return [c.get_offsets() for c in ax.collections if type(c).__name__ == "PathCollection"]


def test_compare_never_cuts_a_dot():
    runs = {"b": [0.975, 0.972, 0.978], "a": [0.951, 0.967, 0.96], "c": history_of()}
    runs["c"].metrics["accuracy"][-1] = 0.955
    ax = viz.compare(runs, floor=0.913, chance=0.1)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["b", "a", "c"]
    left, right = ax.get_xlim()
    points = np.concatenate(dots_of(ax))
    assert len(points) == 7 and left < points[:, 0].min() and points[:, 0].max() < right
    assert 0.9 < left < 0.913, "the floor is near, chance would hide the differences"
    texts = [t.get_text() for t in ax.texts]
    assert texts[:3] == ["0.975 ± 0.003", "0.959 ± 0.008", "0.955"]
    assert texts[3:] == ["floor 0.913", "\N{LEFTWARDS ARROW} chance 0.1"]
    np.testing.assert_allclose(ax.lines[0].get_xdata(), 0.975)
    order = list(ax.get_yticks())
    assert order == [0, 1, 2] and ax.get_ylim()[0] > ax.get_ylim()[1], "first rule on top"


@pytest.mark.parametrize("values", [[1.0], [0.0, 0.0], [1e-9, 3e5], [-2.0, -1.0]])
def test_compare_limits_hold_all_values(values):
    ax = viz.compare({"a": values}, floor=0.5)
    left, right = ax.get_xlim()
    assert left < min(values) <= max(values) < right
    ax.figure.canvas.draw()


def test_compare_refuses():
    with pytest.raises(ValueError, match="runs is empty"):
        viz.compare({})
    with pytest.raises(TypeError, match="runs must map names"):
        viz.compare([0.9])
    with pytest.raises(ValueError, match="not finite, for bad"):
        viz.compare({"good": [0.9], "bad": [np.nan]})


# One figure


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


def luminance(colour):
    r, g, b = (
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in matplotlib.colors.to_rgb(colour)
    )
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("colour", [*style.LINE_COLOURS, style.NEGATIVE, style.POSITIVE])
def test_line_colours_stand_out_on_white(colour):
    assert 1.05 / (luminance(colour) + 0.05) >= 3.0
