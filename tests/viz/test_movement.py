"""Movements, tuning, rotations, layers and the film of the arm as pictures."""

import jax
import numpy as np
import pytest

import jaxbrain.viz as viz
from jaxbrain.viz.directions import colors_of
from tests.viz.reaches import CENTER, PATHS, TARGETS, WAYS, T
from tests.viz.reading import keys, points, texts

plt = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.usefixtures("no_figures_left")

RNG = np.random.default_rng(0)


def test_hand_paths_are_drawn_where_they_are_in_centimeters():
    ax = viz.hand_paths(PATHS, targets=TARGETS, radius=0.02)
    for line, path, way in zip(ax.lines[:8], PATHS, WAYS, strict=True):
        np.testing.assert_allclose(points(line), 100 * path)
        np.testing.assert_allclose(line.get_color(), colors_of(way), atol=1e-9)
    assert len(ax.lines) == 9  # all begin at the same ring
    np.testing.assert_allclose(points(ax.lines[8]), [100 * CENTER])
    centers = {tuple(np.round(patch.center, 6)) for patch in ax.patches}
    assert centers == {tuple(np.round(100 * target, 6)) for target in TARGETS}
    assert ax.patches[0].radius == 2.0
    ax.figure.canvas.draw()
    assert ax.get_aspect() == 1 and (ax.get_xlabel(), ax.get_ylabel()) == ("x (cm)", "y (cm)")


def test_the_direction_of_a_path_is_that_of_its_target_not_of_where_it_ended():
    wrong = viz.hand_paths(PATHS[:1], targets=TARGETS[2:3])
    np.testing.assert_allclose(wrong.lines[0].get_color(), colors_of(WAYS[2]), atol=1e-9)
    free = viz.hand_paths(PATHS[:1], targets=TARGETS)  # of other number: only places
    np.testing.assert_allclose(free.lines[0].get_color(), colors_of(WAYS[0]), atol=1e-9)
    twice = viz.hand_paths(np.repeat(PATHS, 3, axis=0), targets=np.repeat(TARGETS, 3, axis=0))
    assert len(twice.patches) == 8
    still = viz.hand_paths([PATHS[0], np.tile(CENTER, (5, 1))])  # of different lengths
    np.testing.assert_allclose(still.lines[1].get_color(), colors_of(np.array(np.nan)))


def test_velocity_profiles_with_their_mean_and_a_reference():
    bell = 30 * T**2 * (1 - T) ** 2
    speeds = bell * RNG.uniform(0.8, 1.2, size=(5, 1)) + 0.01 * RNG.normal(size=(5, 41)) ** 2
    ax = viz.velocity_profiles(speeds, dt=0.02, directions=WAYS[:5], reference={"ideal": bell**2})
    for line, speed, way in zip(ax.lines[:5], speeds, WAYS, strict=False):
        np.testing.assert_allclose(points(line), np.stack([0.02 * np.arange(41), speed], axis=1))
        np.testing.assert_allclose(line.get_color(), colors_of(way), atol=1e-9)
    np.testing.assert_allclose(ax.lines[5].get_ydata(), speeds.mean(axis=0))
    np.testing.assert_allclose(ax.lines[6].get_ydata(), bell**2)
    x, y = speeds.mean(axis=0), bell**2
    r = ((x - x.mean()) * (y - y.mean())).mean() / (x.std() * y.std())
    assert keys(ax) == ["mean of 5", f"ideal (r = {r:.3f})"] and r < 0.99
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (s)", "speed (m/s)")
    one = viz.velocity_profiles(bell)
    assert len(one.lines) == 1 and one.get_legend() is None and not one.child_axes


def test_the_moving_mean_of_an_adaptation_curve_stays_within_its_phase():
    steps = np.repeat([0.0, 0.03, -0.02], [6, 10, 4])
    ax = viz.adaptation_curve(steps, phases={"null": 6, "field": 10, "washout": 4}, smooth=5)
    assert texts(ax) == ["null", "field", "washout"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("trial", "deviation (cm)")
    dots, means = ax.lines[1::2], ax.lines[2::2]
    drawn = np.concatenate([points(line) for line in dots])
    np.testing.assert_allclose(drawn, np.stack([np.arange(1, 21), 100 * steps], axis=1))
    for line, level in zip(means, (0, 3, -2), strict=True):
        np.testing.assert_allclose(line.get_ydata(), level, atol=1e-12)
    (shade,) = ax.patches
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (6.5, 16.5)
    smeared = viz.adaptation_curve(steps, smooth=5, unit="deg").lines[2].get_ydata()
    np.testing.assert_allclose(smeared[5], 0.012)  # without phases it does: (3 * 0 + 2 * 0.03) / 5


def test_several_subjects_are_a_mean_and_a_standard_deviation():
    values = RNG.normal(size=(4, 12))
    ax = viz.adaptation_curve(values, unit="deg")
    np.testing.assert_allclose(ax.lines[1].get_ydata(), values.mean(axis=0))
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert np.isclose(band, (values.mean(axis=0) + values.std(axis=0, ddof=1))[3]).any()
    assert ax.get_ylabel() == "deviation (deg)\n(mean ± sd of 4)"


ONE = np.ones((6, 2))
ANGLES = np.full((4, 2), 0.5)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: viz.hand_paths(np.ones((4, 3))), ValueError, r"\[..., time, 2\]"),
        (lambda: viz.hand_paths(ONE, targets=np.ones((1, 3))), ValueError, "targets must be"),
        (lambda: viz.hand_paths(ONE, radius=0), ValueError, "radius must be positive"),
        (lambda: viz.velocity_profiles(ONE, dt=0), ValueError, "dt must be positive"),
        (lambda: viz.velocity_profiles(ONE, directions=[1.0]), ValueError, "each of the 6 trials"),
        (lambda: viz.velocity_profiles(ONE, reference=[1.0]), ValueError, "the 2 steps of speeds"),
        (lambda: viz.velocity_profiles(ONE, reference={}), ValueError, "one curve, got 0"),
        (lambda: viz.adaptation_curve(ONE[0], phases={"a": 3}), ValueError, "add up to the 2"),
        (lambda: viz.adaptation_curve(ONE[0], smooth=0), ValueError, "smooth"),
        (lambda: viz.tuning_curves(np.arange(5.0), ONE), ValueError, "each of the 6 trials"),
        (lambda: viz.tuning_curves(np.arange(6) % 2, ONE), ValueError, "at least 3 different"),
        (lambda: viz.tuning_curves(np.arange(6.0), ONE, limit=0), ValueError, "limit"),
        (lambda: viz.preferred_directions([np.nan]), ValueError, "no unit is tuned"),
        (lambda: viz.preferred_directions([0.0], [-1.0]), ValueError, "depths must be"),
        (
            lambda: viz.preferred_directions([0.0], ax=plt.subplot(projection="polar")),
            ValueError,
            "not polar",
        ),
        (lambda: viz.rotations(np.ones((2, 4, 6))), ValueError, "of several planes pass one"),
        (lambda: viz.rotations(ONE, surrogates=[0.5]), ValueError, "need r2"),
        (lambda: viz.surrogate_histogram(0.5, [np.nan]), ValueError, "must be finite"),
        (lambda: viz.surrogate_histogram([0.5, 1], [0.1]), ValueError, "value must have 0 axes"),
        (lambda: viz.laminar_activity(ONE, ["L5"]), ValueError, "each of the 2 populations"),
        (lambda: viz.laminar_activity(ONE, ["L5"]), ValueError, "each of the 2 populations"),
        (lambda: viz.laminar_activity(ONE, ["a", "b"], dt=-1), ValueError, "dt must be positive"),
        (lambda: viz.connectivity(ONE, ["a", "b"]), ValueError, "square"),
        (
            lambda: viz.connectivity(np.eye(4), {"a": slice(0, 2), "b": slice(3, 4)}),
            ValueError,
            "without gap or overlap",
        ),
        (lambda: viz.connectivity(np.eye(4), {"a": slice(0, 3)}), ValueError, "cover the 4 units"),
        (lambda: viz.connectivity(np.eye(4), {"a": slice(0, 4, 2)}), ValueError, "steps of 1"),
        (lambda: viz.arm_animation(ANGLES, "arm.mp4"), ValueError, "must be a .gif"),
        (lambda: viz.arm_animation(ANGLES, "not/here/arm.gif"), ValueError, "folder that exists"),
        (lambda: viz.arm_animation(np.ones((4, 3)), "a.gif"), ValueError, r"\[reaches, time, 2\]"),
        (lambda: viz.arm_animation(ANGLES * np.nan, "a.gif"), ValueError, "and finite"),
        (lambda: viz.arm_animation(ANGLES, "a.gif", targets=ONE), ValueError, "one for each reach"),
        (lambda: viz.arm_animation(ANGLES, "a.gif", columns=2), ValueError, "columns must be"),
        (lambda: viz.arm_animation(ANGLES, "a.gif", speed=0), ValueError, "speed must be"),
        (lambda: viz.arm_animation(ANGLES, "a.gif", lengths=(1, 0)), ValueError, "lengths must be"),
        (lambda: jax.jit(lambda q: viz.arm_animation(q, "a.gif"))(ANGLES), TypeError, "traced"),
    ],
)
def test_refusals(call, error, match, elsewhere, tmp_path):
    with pytest.raises(error, match=match):
        call()
    assert not list(tmp_path.iterdir())
