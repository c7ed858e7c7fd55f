"""The film of a reaching arm: the hand is where the angles say."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain.viz as viz
from jaxbrain.viz.directions import colors_of
from tests.viz.reaches import PATHS, TARGETS, WAYS

matplotlib = pytest.importorskip("matplotlib")
plt = pytest.importorskip("matplotlib.pyplot")
Image = pytest.importorskip("PIL.Image")
pytestmark = pytest.mark.usefixtures("no_figures_left")


L1, L2 = 0.3, 0.25


def angles_of(hand):
    """Inverse kinematics [..., 2], elbow not negative."""
    elbow = np.arccos(((hand**2).sum(axis=-1) - L1**2 - L2**2) / (2 * L1 * L2))
    turn = np.arctan2(L2 * np.sin(elbow), L1 + L2 * np.cos(elbow))
    return np.stack([np.arctan2(hand[..., 1], hand[..., 0]) - turn, elbow], axis=-1)


def frames(path):
    with Image.open(path) as film:
        for k in range(film.n_frames):
            film.seek(k)
            yield np.asarray(film.convert("RGB"), float)


def test_the_film_shows_the_hand_on_its_way(tmp_path):
    before = dict(matplotlib.rcParams)
    file = viz.arm_animation(
        jnp.asarray(angles_of(PATHS[4])), str(tmp_path / "arm.gif"), lengths=(L1, L2), speed=1.0
    )
    assert file == tmp_path / "arm.gif" and file.stat().st_size < 200_000
    pictures = list(frames(file))
    assert len(pictures) >= 9  # 0.4 s at 20 frames a second
    trail = [np.abs(one - 255 * colors_of(WAYS[4])).max(axis=-1) < 60 for one in pictures]
    seen = [mask.sum() for mask in trail]
    assert seen[0] < 5 < 50 < seen[-1]
    assert all(b >= a - 5 for a, b in itertools.pairwise(seen))
    leftmost = [np.flatnonzero(mask.any(axis=0))[0] for mask in trail[3:]]
    assert leftmost[-1] < leftmost[0]  # it goes to the left
    rows = np.flatnonzero(trail[-1].any(axis=1))
    assert np.ptp(rows) < 8  # and straight
    assert plt.get_fignums() == [] and dict(matplotlib.rcParams) == before


@pytest.mark.slow
def test_films_beside_and_after_each_other(tmp_path):
    moves = angles_of(PATHS[:3, ::8])
    options = {"lengths": (L1, L2), "targets": TARGETS[:3], "dt": 0.08, "speed": 2.0}
    with matplotlib.rc_context({"savefig.bbox": "tight"}):  # would cut frames to their content
        after = viz.arm_animation(moves, tmp_path / "after.gif", **options)
        beside = viz.arm_animation(moves, tmp_path / "beside.gif", columns=2, **options)
    one, two = list(frames(after)), list(frames(beside))
    assert two[0].shape[1] > 1.5 * one[0].shape[1] and two[0].shape[0] == one[0].shape[0]
    assert len({picture.shape for picture in one + two}) == 2
    assert len(one) > 1.3 * len(two)  # three rounds, not two
    half = two[0].shape[1] // 2
    last = [picture[:, half:] for picture in two[len(two) // 2 + 1 :]]
    for picture in last:  # the second column has one reach only, and stays at its end
        np.testing.assert_allclose(picture, last[-1], atol=40)
