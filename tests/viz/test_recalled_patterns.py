"""Recalled patterns as images: ink, wrong units, overlaps."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain.viz as viz
from jaxbrain.memory import overlap
from tests.viz.reading import texts

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("no_figures_left")

PATTERNS = np.where(np.random.default_rng(0).random((3, 6)) < 0.5, -1.0, 1.0)

CUES = PATTERNS * np.array([-1, 1, 1, 1, 1, -1.0])

SHAPE = (2, 3)

ORANGE = np.array([213, 94, 0])


def pixels(ax, row, column, rows=3):
    """The drawn image [height, width, 3] of a recall in a column."""
    return np.asarray(ax.images[column * rows + row].get_array())[..., :3]


def test_recall_names_its_columns_and_writes_the_overlap():
    ax = viz.recall(
        PATTERNS, CUES, {"Hebb": CUES, "Storkey": PATTERNS}, shape=SHAPE, rows=list("abc")
    )
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
    for color, dark in zip(cue[wrong], (CUES[0].reshape(SHAPE) > 0)[wrong], strict=True):
        expected = ORANGE if dark else 0.55 * ORANGE + 0.45 * 255
        np.testing.assert_allclose(color, expected, atol=1)


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
        ({"limit": 0}, "limit must be a positive integer"),
    ],
)
def test_recall_refuses(change, message):
    given = {"patterns": PATTERNS, "cues": CUES, "states": PATTERNS, "shape": SHAPE, **change}
    with pytest.raises(ValueError, match=message):
        viz.recall(**given)
