"""What a memory recalls, its energy, and its capacity, as pictures."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain.viz as viz

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")


def test_energy_draws_every_recall_to_its_rest():
    ax = viz.energy({"a": [[0.0, -1.0, np.nan], [0.0, -2.0, -3.0]], "b": ([5.0, 1.0], [2.0])})
    lines = [line for line in ax.lines if line.get_linestyle() not in ("None", "none")]
    assert [list(line.get_ydata()) for line in lines] == [[0, -1], [0, -2, -3], [5, 1], [2]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color()
    assert ax.get_title() == "never rises"


def test_energy_marks_where_it_rises_but_not_rounding():
    ax = viz.energy([0.0, -2.0, -1.0, -3.0])
    assert ax.get_title() == "rises on 1 of 3 steps (crosses)"
    (cross,) = [line for line in ax.lines if line.get_marker() == "X"]
    assert (list(cross.get_xdata()), list(cross.get_ydata())) == ([2], [-1.0])
    rounding = -100.0 + np.array([0.0, 5e-4, -1e-5])
    assert viz.energy(rounding).get_title() == "never rises"
    assert viz.energy([-100.0, -99.9]).get_title() == "rises on 1 of 1 steps (crosses)"
    with pytest.raises(ValueError, match=r"energies\['a'\] holds a recall without"):
        viz.energy({"a": [np.nan, np.nan]})
    with pytest.raises(ValueError, match="energies is empty"):
        viz.energy({})


WELLS = jnp.array([[1.0, 0.5], [-1.0, 0.0]])


def to_nearest(state):
    return jnp.min(jnp.sum((state[None] - WELLS.astype(state.dtype)) ** 2, axis=1))


def test_landscape_is_the_energy_of_every_place():
    ax = viz.landscape(to_nearest, bounds=(-2, 2, -1, 1), n=5)
    drawn = np.asarray(ax.images[0].get_array())
    up, across = np.linspace(-1, 1, 5), np.linspace(-2, 2, 5)
    for i, j in np.ndindex(5, 5):
        state = np.array([across[j], up[i]])
        expected = min(((state - well) ** 2).sum() for well in np.asarray(WELLS))
        assert drawn[i, j] == pytest.approx(expected, abs=1e-5)
    assert ax.images[0].get_extent() == [-2, 2, -1, 1] and ax.images[0].origin == "lower"
    assert ax.get_legend() is None and ax.child_axes[0].get_ylabel() == "energy"


def test_landscape_marks_patterns_and_both_ends_of_a_path():
    path = np.array([[0.0, 0.4], [0.5, 0.4], [1.0, 0.5]])
    ax = viz.landscape(to_nearest, patterns=WELLS, paths=[path, path[:2]], n=9)
    drawn = [np.stack(line.get_data(), axis=1) for line in ax.lines]
    np.testing.assert_allclose(drawn[0], path)
    np.testing.assert_allclose(drawn[1], path[:1])
    np.testing.assert_allclose(drawn[2], path[-1:])
    np.testing.assert_allclose(drawn[6], WELLS)
    assert len(drawn) == 7
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["recall", "pattern"]
    left, right, bottom, top = ax.images[0].get_extent()
    assert left < -1 < 1 < right and bottom < 0 < 0.5 < top


def test_landscape_on_a_plane_of_more_dimensions():
    rng = np.random.default_rng(1)
    x, y, z = rng.normal(size=(3, 7))
    far = jnp.asarray(z, "float32")
    ax = viz.landscape(
        lambda s: jnp.sum((s - far) ** 2),
        plane=(x, y - x, z - x),
        patterns=np.stack([x, y, z, 0.5 * y + 0.5 * z]),
        bounds=(0, 1, 0, 1),
        n=3,
    )
    stars = np.stack(ax.lines[-1].get_data(), axis=1)
    np.testing.assert_allclose(stars, [[0, 0], [1, 0], [0, 1], [0.5, 0.5]], atol=1e-6)
    drawn = np.asarray(ax.images[0].get_array())
    corners = [((p - z) ** 2).sum() for p in (x, y, z, y + z - x)]
    np.testing.assert_allclose(
        [drawn[0, 0], drawn[0, 2], drawn[2, 0], drawn[2, 2]], corners, rtol=1e-5, atol=1e-5
    )


def test_landscape_cuts_off_what_is_highest():
    ax = viz.landscape(to_nearest, highest=0.5, n=9)
    assert ax.images[0].get_clim()[1] == 0.5
    with pytest.raises(ValueError, match="highest must be above the lowest energy"):
        viz.landscape(to_nearest, highest=-1.0, n=9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 1}, "n must be at least 2"),
        ({"bounds": (1, -1, 0, 1)}, r"bounds must be \(left, right, bottom, top\)"),
        ({"patterns": np.ones((2, 5))}, r"states of 2 units, got shape \[2, 5\].*plane="),
        ({"plane": (np.ones(4), np.ones(4), 2 * np.ones(4))}, "not parallel"),
        ({"energy": lambda s: s}, r"energy must map a state \[2\] to a scalar, got \[2\]"),
        ({"energy": lambda s: jnp.sum(s) * jnp.nan}, "nowhere finite"),
    ],
)
def test_landscape_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        viz.landscape(options.pop("energy", to_nearest), **{"n": 5, **options})
