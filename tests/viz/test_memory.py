"""What a memory recalls, its energy, and its capacity, as pictures."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain.viz as viz
from jaxbrain.memory import overlap

pytest.importorskip("matplotlib")
colors = pytest.importorskip("matplotlib.colors")
pytestmark = pytest.mark.usefixtures("no_figures_left")

PATTERNS = np.where(np.random.default_rng(0).random((3, 6)) < 0.5, -1.0, 1.0)
CUES = PATTERNS * np.array([-1, 1, 1, 1, 1, -1.0])
SHAPE = (2, 3)
ORANGE = np.array([213, 94, 0])


def texts(ax):
    return [text.get_text() for text in ax.texts]


def pixels(ax, row, column, rows=3):
    """The drawn image [height, width, 3] of a recall in a column."""
    return np.asarray(ax.images[column * rows + row].get_array())[..., :3]


def test_recall_names_its_columns_and_writes_the_overlap():
    ax = viz.recall(PATTERNS, CUES, {"Hebb": CUES, "Storkey": PATTERNS}, shape=SHAPE, rows="abc")
    assert texts(ax)[:4] == ["pattern", "cue", "Hebb", "Storkey"]
    written = texts(ax)[4:-1]
    cue = [f"{float(overlap(jnp.asarray(s), jnp.asarray(x))):.2f}"
           for s, x in zip(CUES, PATTERNS, strict=True)]  # fmt: skip
    assert written == [*cue, *cue, "1.00", "1.00", "1.00"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert len(ax.images) == 12


def test_recall_overlap_of_others_than_signs_is_the_cosine():
    ax = viz.recall(np.array([[1.0, 0, 0, 1]]), -np.ones((1, 4)), np.zeros((1, 4)))
    assert texts(ax)[3:5] == ["\N{MINUS SIGN}0.71", "nan"]


def test_recall_shows_ink_and_what_is_wrong():
    ax = viz.recall(PATTERNS, CUES, PATTERNS, shape=SHAPE)
    right, cue = pixels(ax, 0, 0), pixels(ax, 0, 1)
    ink = PATTERNS[0].reshape(SHAPE) > 0
    assert (right[ink] < 50).all() and (right[~ink] == 255).all()
    wrong = (PATTERNS[0] != CUES[0]).reshape(SHAPE)
    np.testing.assert_array_equal(cue[~wrong], right[~wrong])
    np.testing.assert_array_equal(pixels(ax, 0, 2), right)
    for colour, dark in zip(cue[wrong], (CUES[0].reshape(SHAPE) > 0)[wrong], strict=True):
        expected = ORANGE if dark else 0.55 * ORANGE + 0.45 * 255
        np.testing.assert_allclose(colour, expected, atol=1)


def test_recall_draws_steps_up_to_the_result():
    steps = np.stack([CUES, CUES, PATTERNS], axis=1)
    ax = viz.recall(PATTERNS, CUES, steps, shape=SHAPE)
    assert texts(ax)[:5] == ["pattern", "cue", "step 1", "step 2", "result"]
    assert texts(ax)[-4:-1] == ["1.00"] * 3
    many = np.repeat(CUES[:, None], 100, axis=1)
    names = texts(viz.recall(PATTERNS, CUES, many, shape=SHAPE))[2:10]
    assert names[0] == "step 1" and names[-1] == "result" and "step 100" not in names


def test_recall_of_one_pattern_of_images_and_of_many():
    one = viz.recall(PATTERNS[0], CUES[0], PATTERNS[0], shape=SHAPE)
    assert len(one.images) == 3
    images = PATTERNS.reshape(3, *SHAPE)
    ax = viz.recall(images, CUES.reshape(3, *SHAPE), images)
    np.testing.assert_array_equal(pixels(ax, 2, 1), pixels(
        viz.recall(PATTERNS, CUES, PATTERNS, shape=SHAPE), 2, 1))  # fmt: skip
    few = viz.recall(PATTERNS, CUES, PATTERNS, shape=SHAPE, limit=2)
    assert few.get_title() == "2 of 3 recalls" and len(few.images) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": None}, r"6 units.*2 x 2.*shape=\(height, width\)"),
        ({"cues": CUES[:2]}, r"cue must have the shape of the patterns, \[3, 6\]"),
        ({"states": {"Hebb": CUES[:, :3]}}, r"Hebb must have the shape.*\[3, 3\]"),
        ({"states": CUES[:2]}, r"states must be results \[3, 6\] or steps"),
        ({"states": {}}, "states is empty"),
        ({"rows": ["a"]}, "rows names 1 recalls, the patterns are 3"),
        ({"limit": 0}, "limit must be at least 1"),
    ],
)
def test_recall_refuses(change, message):
    given = {"patterns": PATTERNS, "cues": CUES, "states": PATTERNS, "shape": SHAPE, **change}
    with pytest.raises(ValueError, match=message):
        viz.recall(**given)


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


class Curve(NamedTuple):
    """The fields of a `CapacityCurve` that the picture reads."""

    loads: Any
    bit_error: Any
    overlap: Any


def bars(ax, index=0):
    """Points, and the ends of the bars, of one measured curve."""
    points, _, (upright,) = ax.containers[index]
    ends = [segment for segment in upright.get_segments() if len(segment)]
    return np.stack(points.get_data(), axis=1), np.array(ends)


def test_capacity_draws_mean_and_spread_in_the_order_of_loads():
    values = np.random.default_rng(2).random((3, 4))
    ax = viz.capacity((np.array([0.3, 0.1, 0.2]), values))
    points, ends = bars(ax)
    np.testing.assert_allclose(points[:, 0], [0.1, 0.2, 0.3])
    np.testing.assert_allclose(points[:, 1], values.mean(1)[[1, 2, 0]])
    np.testing.assert_allclose(
        np.diff(ends[:, :, 1], axis=1)[:, 0], 2 * values.std(1, ddof=1)[[1, 2, 0]]
    )
    assert ax.get_ylabel() == "bit error" and ax.get_title(loc="right") == "mean ± sd of 4 trials"
    assert ax.get_legend() is None


def test_capacity_reads_a_field_of_a_curve():
    curve = Curve(np.array([0.1, 0.2]), np.zeros((2, 3)), np.ones((2, 3)))
    ax = viz.capacity({"Hebb": curve}, metric="overlap")
    np.testing.assert_allclose(bars(ax)[0][:, 1], 1.0)
    with pytest.raises(ValueError, match=r"curves\['Hebb'\] has no 'error', only loads, bit_error"):
        viz.capacity({"Hebb": curve}, metric="error")


def test_capacity_theory_has_the_colour_of_its_memory():
    loads, line = [0.1, 0.2], ([0.0, 0.1, 0.3], [0.0, 0.0, 0.2])
    ax = viz.capacity({"Hebb": (loads, [0.0, 0.1]), "other": (loads, [0.0, 0.0])},
                      theory={"other": line, "limit": 0.138})  # fmt: skip
    lines = {line.get_label(): line for line in ax.lines}
    theory = lines["other, theory"]
    assert list(theory.get_ydata()) == line[1]
    assert list(lines["limit"].get_xdata()) == [0.138, 0.138]
    hebb, other = (ax.containers[k].lines[0] for k in range(2))
    assert theory.get_color() == other.get_color() != hebb.get_color()
    assert hebb.get_linestyle() != "None" and other.get_linestyle() == "None"
    assert hebb.get_marker() != other.get_marker()
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["Hebb", "other", "other, theory", "limit"]


def test_capacity_scales():
    ax = viz.capacity(([1, 10, 100], [[0.0, 0.0], [1e-3, 0.0], [0.1, 0.2]]), log=True)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    points, ends = bars(ax)
    assert np.isnan(points[0, 1]) and len(ends) == 2 and (ends[..., 1] > 0).all()
    ax = viz.capacity(([0.1, 0.2], [0.0, 0.1]))
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "linear")
    with pytest.raises(ValueError, match=r"2 loads and values of shape \[3\]"):
        viz.capacity(([1, 2], [1, 2, 3]))
    with pytest.raises(TypeError, match=r"curves\['a'\] must be a CapacityCurve or a pair"):
        viz.capacity({"a": np.zeros(4)})
    with pytest.raises(ValueError, match="curves is empty"):
        viz.capacity({})
