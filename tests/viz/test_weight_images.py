"""Arrays as images: weights, receptive fields, activations."""

import numpy as np
import pytest

import jaxbrain.viz as viz

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")


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
