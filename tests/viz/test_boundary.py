"""What a classifier does: its decision boundary and its confusion matrix."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain.viz as viz

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")


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
    centers = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], "float32")
    predict = lambda points: points @ centers.T  # noqa: E731
    ax = viz.decision_boundary(predict, x, (x @ centers.T).argmax(1), n=40)
    assert ax.images[0].get_array().shape == (40, 40, 3)
    assert len([c for c in ax.collections if type(c).__name__ == "QuadContourSet"]) == 3
    with pytest.raises(ValueError, match=r"y must lie in 0..2, got 0..3"):
        viz.decision_boundary(predict, x, np.arange(30) % 4, n=5)


def test_two_logits_equal_one():
    x, n = np.random.default_rng(0).normal(size=(9, 2)), 15
    one = viz.decision_boundary(lambda p: p[:, 0], x, n=n)
    two = viz.decision_boundary(lambda p: jnp.stack([0 * p[:, 0], p[:, 0]], 1), x, n=n)
    np.testing.assert_allclose(one.images[0].get_array(), two.images[0].get_array(), atol=1e-6)


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_outputs_that_are_probabilities_already(classes):
    x, n = np.random.default_rng(0).normal(size=(9, 2)), 15
    logits = lambda p: p @ jnp.array([[3.0, -1, 0], [1, 2, -2]])[:, :classes]  # noqa: E731
    squash = jax.nn.sigmoid if classes == 1 else jax.nn.softmax
    drawn = [
        viz.decision_boundary(logits, x, n=n),
        viz.decision_boundary(lambda p: squash(logits(p)), x, n=n, probabilities=lambda p: p),
        viz.decision_boundary(logits, x, n=n, probabilities=squash),
    ]
    first, *others = [ax.images[0].get_array() for ax in drawn]
    for other in others:
        np.testing.assert_allclose(first, other, atol=1e-5)
    with pytest.raises(ValueError, match=r"probabilities must return p in 0\.\.1"):
        viz.decision_boundary(logits, x, n=n, probabilities=lambda p: p)


def test_labels_of_two_classes():
    x = np.random.default_rng(0).normal(size=(4, 2))
    for y in ([0, 1, 1, 0], [-1, 1, 1, -1], [1, 1, 1, 1], [True, False, True, True]):
        viz.decision_boundary(lambda p: p[:, 0], x, np.array(y), n=4)
    for y in ([0, 1, 2, 3], [1, 2, 1, 2], [-1, 0, 1, 1], [-2, 0, 0, 0]):
        with pytest.raises(ValueError, match=r"y must lie in 0\.\.1 or be -1 and 1, got"):
            viz.decision_boundary(lambda p: p[:, 0], x, np.array(y), n=4)


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
    ids=["points", "labels", "predict", "fractions"],
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
