"""Movements, tuning, rotations, layers and the film of the arm as pictures."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain.viz as viz
from jaxbrain.viz.directions import colours_of

matplotlib = pytest.importorskip("matplotlib")
plt = pytest.importorskip("matplotlib.pyplot")
Image = pytest.importorskip("PIL.Image")
pytestmark = pytest.mark.usefixtures("no_figures_left")

RNG = np.random.default_rng(0)
WAYS = np.arange(8) * np.pi / 4
CENTRE = np.array([0.0, 0.4])
TARGETS = CENTRE + 0.1 * np.stack([np.cos(WAYS), np.sin(WAYS)], axis=1)
T = np.linspace(0, 1, 41)
PATHS = CENTRE + (10 * T**3 - 15 * T**4 + 6 * T**5)[:, None] * (TARGETS - CENTRE)[:, None]


def points(line):
    return np.stack(line.get_data(), axis=1)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def keys(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# Machado et al. 2009, doi 10.1109/TVCG.2009.113, full strength, on linear RGB.
SIGHT = {
    "all colours": np.eye(3),
    "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "no blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lightness_and_colour(code, sight):
    """CIE L*a*b* of sRGB as seen."""
    light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(light @ np.transpose(sight), 0, 1) @ XYZ.T / XYZ.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    light, a, b = 116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])
    return np.stack([light, a, b], axis=1)


@pytest.mark.parametrize("sight", SIGHT)
def test_eight_directions_look_different_to_everyone(sight):
    seen = lightness_and_colour(colours_of(WAYS), SIGHT[sight])
    apart = np.linalg.norm(seen[:, None] - seen, axis=-1)[~np.eye(8, dtype=bool)]
    assert apart.min() > 20  # 2 is just noticeable


def test_colours_of_directions_close_the_circle_and_stand_out_on_white():
    turn = np.linspace(-np.pi, 3 * np.pi, 721)
    colours = colours_of(turn)
    assert np.abs(np.diff(colours, axis=0)).max() < 0.01  # no jump at any angle
    np.testing.assert_allclose(colours[:361], colours[360:], atol=1e-12)
    lightness = lightness_and_colour(colours, np.eye(3))[:, 0]
    luminance = ((lightness + 16) / 116) ** 3
    assert (1.05 / (np.where(lightness > 8, luminance, 0) + 0.05)).min() >= 3.0
    assert np.ptp(colours_of(np.array(np.nan))) == 0  # grey


def test_hand_paths_are_drawn_where_they_are_in_centimetres():
    ax = viz.hand_paths(PATHS, targets=TARGETS, radius=0.02)
    for line, path, way in zip(ax.lines[:8], PATHS, WAYS, strict=True):
        np.testing.assert_allclose(points(line), 100 * path)
        np.testing.assert_allclose(line.get_color(), colours_of(way), atol=1e-9)
    assert len(ax.lines) == 9  # all begin at the same ring
    np.testing.assert_allclose(points(ax.lines[8]), [100 * CENTRE])
    centers = {tuple(np.round(patch.center, 6)) for patch in ax.patches}
    assert centers == {tuple(np.round(100 * target, 6)) for target in TARGETS}
    assert ax.patches[0].radius == 2.0
    ax.figure.canvas.draw()
    assert ax.get_aspect() == 1 and (ax.get_xlabel(), ax.get_ylabel()) == ("x (cm)", "y (cm)")


def test_the_direction_of_a_path_is_that_of_its_target_not_of_where_it_ended():
    wrong = viz.hand_paths(PATHS[:1], targets=TARGETS[2:3])
    np.testing.assert_allclose(wrong.lines[0].get_color(), colours_of(WAYS[2]), atol=1e-9)
    free = viz.hand_paths(PATHS[:1], targets=TARGETS)  # of other number: only places
    np.testing.assert_allclose(free.lines[0].get_color(), colours_of(WAYS[0]), atol=1e-9)
    twice = viz.hand_paths(np.repeat(PATHS, 3, axis=0), targets=np.repeat(TARGETS, 3, axis=0))
    assert len(twice.patches) == 8
    still = viz.hand_paths([PATHS[0], np.tile(CENTRE, (5, 1))])  # of different lengths
    np.testing.assert_allclose(still.lines[1].get_color(), colours_of(np.array(np.nan)))


def test_velocity_profiles_with_their_mean_and_a_reference():
    bell = 30 * T**2 * (1 - T) ** 2
    speeds = bell * RNG.uniform(0.8, 1.2, size=(5, 1)) + 0.01 * RNG.normal(size=(5, 41)) ** 2
    ax = viz.velocity_profiles(speeds, dt=0.02, directions=WAYS[:5], reference={"ideal": bell**2})
    for line, speed, way in zip(ax.lines[:5], speeds, WAYS, strict=False):
        np.testing.assert_allclose(points(line), np.stack([0.02 * np.arange(41), speed], axis=1))
        np.testing.assert_allclose(line.get_color(), colours_of(way), atol=1e-9)
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


def test_tuning_curves_are_the_cosines_that_units_have():
    depths, preferred = np.array([0.5, 3.0, 2.0]), np.deg2rad([10.0, 100.0, 310.0])
    rates = 5 + depths * np.cos(WAYS[:, None] - preferred)
    noise = np.array([0.4, -0.4])[:, None, None]  # of the two trials of a direction
    trials, ways = (rates + noise).reshape(16, 3), np.tile(WAYS, 2)
    ax = viz.tuning_curves(ways - 4 * np.pi, trials, limit=2, unit="1/s")  # any turn
    assert keys(ax) == ["100°, R² = 1.00", "310°, R² = 1.00"]
    assert ax.get_title() == "2 of 3 units, those tuned most deeply"
    assert ax.get_ylabel() == "rate (1/s)"
    for curve, dots, unit in zip(ax.lines[::2], ax.lines[1::2], (1, 2), strict=True):
        angles, values = np.deg2rad(curve.get_xdata()), curve.get_ydata()
        np.testing.assert_allclose(values, 5 + depths[unit] * np.cos(angles - preferred[unit]))
        np.testing.assert_allclose(curve.get_color(), colours_of(preferred[unit]), atol=1e-9)
        expected = np.stack([np.arange(9) * 45, [*rates[:, unit], rates[0, unit]]], axis=1)
        np.testing.assert_allclose(points(dots), expected, atol=1e-9)
    two = viz.tuning_curves(WAYS, np.cos(2 * WAYS) + 0.5 * np.cos(WAYS))
    assert keys(two) == ["0°, R² = 0.20"]  # 0.25 of 1.25


def test_rays_and_ring_of_preferred_directions():
    angles = np.array([0.0, 0.1, -0.1, np.pi / 2, np.pi / 2, np.nan])
    ax = viz.preferred_directions(angles, [4.0, 2.0, 1.0, 1.0, 1.0, 3.0])
    rays, bars = ax.collections[0].get_segments(), ax.collections[2]
    lengths = [np.hypot(*ray[1]) for ray in rays]
    np.testing.assert_allclose(lengths, [1, 0.5, 0.25, 0.25, 0.25])
    ends = [np.arctan2(*ray[1][::-1]) for ray in rays]
    np.testing.assert_allclose(ends, angles[:5])
    radii = [np.hypot(*path.vertices.T) for path in bars.get_paths()]
    heights = [np.ptp(r[r > 0.5]) for r in radii]  # a path ends in (0, 0)
    assert len(heights) == 2
    np.testing.assert_allclose(heights[0] / heights[1], 3 / 2, rtol=0.02)
    resultant = np.hypot(np.cos(angles[:5]).mean(), np.sin(angles[:5]).mean())
    assert f"of 5 of 6 units, resultant {resultant:.2f}" in ax.get_title()


def test_a_plane_of_rotations_beside_its_surrogates():
    t = np.linspace(0, 3, 30) + WAYS[:3, None]
    paths = np.stack([np.cos(t), np.sin(t)], axis=-1) * np.exp(-t / 5)[..., None]
    null = RNG.uniform(0, 0.5, size=40)
    null[:3] = 0.95
    ax = viz.rotations(paths, directions=WAYS[:3], frequency=1.94, r2=0.9, surrogates=null)
    lines = [line for line in ax.lines if len(line.get_xdata()) == 30]
    for line, path, way in zip(lines, paths, WAYS, strict=False):
        np.testing.assert_allclose(points(line), path)
        np.testing.assert_allclose(line.get_color(), colours_of(way), atol=1e-9)
    arrows = [note for note in ax.texts if note.arrow_patch]
    np.testing.assert_allclose([note.xy for note in arrows], paths[:, -1])
    assert ax.get_title() == "1.9 Hz, R² = 0.90" and ax.get_aspect() == 1
    assert ax.figure.axes == [ax]
    (beside,) = [child for child in ax.child_axes if child.get_xlabel() == "R²"]
    assert sum(bar.get_height() for bar in beside.patches) == 40
    assert beside.get_title() == "p = 0.098 (40 surrogates)"  # (1 + 3) / 41
    np.testing.assert_allclose(beside.lines[0].get_xdata(), 0.9)
    assert beside.get_xlim()[0] < null.min() and beside.get_xlim()[1] > null.max()
    plain = viz.rotations(paths[0])
    assert plain.get_title() == "" and not plain.child_axes


NAMES = ["L2/3e", "L2/3i", "L5A e", "L5A i", "L5Be"]


def borders(ax):
    """Places and widths of the horizontal lines, from the top."""
    lines = [line for line in ax.lines if np.ptp(line.get_ydata()) == 0]
    return {line.get_ydata()[0]: line.get_linewidth() for line in lines}


def test_laminar_activity_has_the_surface_at_the_top_and_borders_between_layers():
    activity = RNG.uniform(0, 5, size=(40, 5))
    ax = viz.laminar_activity(activity, NAMES, dt=0.02, unit="1/s", events={"go": 0.3})
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), activity.T)
    assert image.get_extent() == [0, 0.8, 4.5, -0.5] and ax.get_xlim() == (0, 0.8)
    tops = [ax.transData.transform((0, place))[1] for place in ax.get_yticks()]
    assert tops == sorted(tops, reverse=True)
    assert [label.get_text() for label in ax.get_yticklabels()] == NAMES
    found = borders(ax)
    assert list(found) == [0.5, 1.5, 2.5, 3.5]
    assert found[1.5] == found[3.5] > found[0.5] == found[2.5]
    assert texts(ax) == ["go"] and ax.texts[0].get_position()[0] == 0.3
    signed = viz.laminar_activity(activity - 2, NAMES).images[0]
    assert signed.get_cmap().name == "PuOr" and sum(signed.get_clim()) == 0


SLICES = {"L2/3e": slice(0, 4), "L2/3i": slice(4, 6), "L5e": slice(6, 9)}


def test_units_stand_in_the_slices_of_their_population():
    activity = RNG.uniform(size=(10, 9))
    ax = viz.laminar_activity(activity, SLICES)
    assert ax.images[0].get_array().shape == (9, 10)
    assert ax.get_yticks().tolist() == [1.5, 4.5, 7.0] and list(borders(ax)) == [3.5, 5.5]


def test_layers_are_named_where_populations_are_too_small_for_their_names():
    slices = {"L2/3e": slice(0, 30), "L2/3i": slice(30, 36), "L4e": slice(36, 39),
              "L4i": slice(39, 40), "L5Be": slice(40, 60)}  # fmt: skip
    ax = viz.connectivity(np.zeros((60, 60)), slices)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["L2/3", "L4", "L5B"]
    assert ax.get_yticks().tolist() == ax.get_xticks().tolist() == [17.5, 37.5, 49.5]
    assert list(borders(ax)) == [29.5, 35.5, 38.5, 39.5]


def test_connectivity_from_rows_to_columns():
    matrix = RNG.normal(size=(9, 9))
    ax = viz.connectivity(matrix, SLICES, vmax=1.5)
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), matrix)
    assert image.get_cmap().name == "PuOr" and image.get_clim() == (-1.5, 1.5)
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("from", "to")
    colours = {
        (line.get_xdata()[0], line.get_color())
        for line in ax.lines
        if np.ptp(line.get_xdata()) == 0
    }
    assert colours == {(3.5, "#999999"), (5.5, "black")}
    assert list(borders(ax)) == [3.5, 5.5]
    (bar,) = ax.child_axes
    assert bar.get_ylabel() == "weight (cut at ± 1.5)"
    blocks = viz.connectivity(matrix[:5, :5], NAMES, label="probability")
    assert blocks.child_axes[0].get_ylabel() == "probability"
    assert [label.get_text() for label in blocks.get_xticklabels()] == NAMES


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
    trail = [np.abs(one - 255 * colours_of(WAYS[4])).max(axis=-1) < 60 for one in pictures]
    seen = [mask.sum() for mask in trail]
    assert seen[0] < 5 < 50 < seen[-1]
    assert all(b >= a - 5 for a, b in itertools.pairwise(seen))
    leftmost = [np.flatnonzero(mask.any(axis=0))[0] for mask in trail[3:]]
    assert leftmost[-1] < leftmost[0]  # it goes to the left
    rows = np.flatnonzero(trail[-1].any(axis=1))
    assert np.ptp(rows) < 8  # and straight
    assert plt.get_fignums() == [] and dict(matplotlib.rcParams) == before


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
        (lambda: viz.laminar_activity(ONE, "L5"), ValueError, "each of the 2 populations"),
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
