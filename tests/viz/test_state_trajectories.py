"""Fixed points, flows, eigenvalues and trajectories as pictures."""

import numpy as np
import pytest

import jaxbrain as jb
import jaxbrain.viz as viz
from tests.viz.two_units import CELL, PARAMS, X, of

plt = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.usefixtures("no_figures_left")

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def found():
    """Nine points: four stable, four saddles, one unstable."""
    return jb.analysis.fixed_points(CELL, PARAMS, X, RNG.normal(size=(150, 2)))


def test_fixed_points_are_drawn_where_they_are_by_kind(found):
    ax = viz.fixed_points(found)
    for label, which in {
        "stable (4)": found.stable,
        "saddle, 1 unstable (4)": found.unstable == 1,
        "unstable (1)": found.unstable == 2,
    }.items():
        np.testing.assert_allclose(of(ax, label), found.states[which])
    looks = {(line.get_color(), line.get_marker()) for line in ax.lines if "(" in line.get_label()}
    assert len(looks) == 3
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$h_1$", "$h_2$")


def test_the_unstable_directions_of_saddles_are_those_of_the_jacobian(found):
    ax = viz.fixed_points(found)
    lines = [np.stack(line.get_data(), axis=1) for line in ax.lines if len(line.get_xdata()) == 2]
    saddles = found.states[found.unstable == 1]
    short = [line for line in lines if np.abs(saddles - line.mean(axis=0)).max(1).min() < 1e-6]
    assert len(short) == 4
    for line in short:
        along = np.ptp(line, axis=0)  # units are apart: out along the one that is near 0
        near_zero = np.abs(line.mean(axis=0)) < 1e-6
        assert (along[near_zero] > 0.01).all() and (along[~near_zero] < 1e-6).all()


def test_fixed_points_through_a_readout_in_three_dimensions(found):
    readout, offset = RNG.normal(size=(2, 3)), np.array([1.0, 2.0, 3.0])
    runs = RNG.normal(size=(2, 5, 2))
    ax = viz.fixed_points(found, onto=(readout, offset), trajectories=runs)
    assert ax.name == "3d" and ax.get_zlabel() == "$y_3$"
    (line,) = [line for line in ax.lines if line.get_label() == "stable (4)"]
    expected = found.states[found.stable] @ readout + offset
    np.testing.assert_allclose(np.stack(line.get_data_3d(), axis=1), expected)
    np.testing.assert_allclose(
        np.stack(ax.lines[0].get_data_3d(), axis=1), runs[0] @ readout + offset
    )


def test_slow_and_many_times_unstable_points_have_names_of_their_own(found):
    kinds = np.array(["slow", "marginal", *found.kinds[2:]])
    labels = [text.get_text() for text in viz.fixed_points(
        found._replace(kinds=kinds)).get_legend().get_texts()]  # fmt: skip
    assert {"slow (1)", "marginal (1)", "stable (2)"} <= set(labels)
    wild = np.full((1, 5), 2.0)
    wild[0, 4] = 0.1
    many = found._replace(
        states=np.ones((1, 5)), kinds=np.array(["saddle"]), eigenvalues=wild, jacobian=np.diag(wild)
    )
    texts = viz.fixed_points(many).get_legend().get_texts()
    assert [text.get_text() for text in texts] == ["saddle, more unstable (1)"]


def test_trajectories_are_projected_onto_their_principal_components():
    plane = np.linalg.qr(RNG.normal(size=(9, 2)))[0]
    flat = RNG.normal(size=(3, 30, 2)) * np.array([3.0, 1.0])
    states = flat @ plane.T + 5.0
    ax = viz.trajectories(states)
    lines = [np.stack(line.get_data(), 1) for line in ax.lines if len(line.get_xdata()) == 30]
    cloud = np.concatenate(lines)
    np.testing.assert_allclose(cloud.mean(axis=0), 0, atol=1e-9)
    covariance = np.cov(cloud.T)
    assert abs(covariance[0, 1]) < 1e-9 and covariance[0, 0] > covariance[1, 1]
    within = np.linalg.norm(np.diff(flat.reshape(-1, 2), axis=0), axis=1)  # nothing is lost
    np.testing.assert_allclose(np.linalg.norm(np.diff(cloud, axis=0), axis=1), within)
    shares = [int(name.split("(")[1].split()[0]) for name in (ax.get_xlabel(), ax.get_ylabel())]
    assert sum(shares) in (99, 100, 101) and shares[0] > shares[1]
    assert viz.trajectories(states, dims=3).name == "3d"


def test_trajectories_of_names_and_lengths():
    runs = {"left": [np.ones((4, 2)), np.zeros((7, 2))], "right": np.eye(2)}
    ax = viz.trajectories(runs)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["left", "right"]
    named = [line for line in ax.lines if line.get_label() in runs]
    assert len({(line.get_color(), line.get_linestyle()) for line in named}) == 2
    assert sorted(len(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) > 1) == [
        2,
        4,
        7,
    ]


ONE = np.ones((4, 2))


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: viz.trajectories(np.ones(3)), ValueError, r"states must be \[..., time, units\]"),
        (lambda: viz.trajectories({}), ValueError, "states is empty"),
        (lambda: viz.trajectories([ONE, np.ones((4, 3))]), ValueError, "the same units"),
        (lambda: viz.trajectories({"a": ONE, "b": np.ones((4, 3))}), ValueError, "the same units"),
        (lambda: viz.trajectories(np.ones((4, 1))), ValueError, "viz.curves"),
        (lambda: viz.trajectories(np.full((4, 2), np.nan)), ValueError, "no finite state"),
        (lambda: viz.trajectories(ONE, dims=4), ValueError, "2 or 3 dimensions"),
        (lambda: viz.trajectories(ONE, onto=np.ones((3, 2))), ValueError, r"onto must be a matrix"),
        (lambda: viz.trajectories(ONE, onto=np.ones((2, 3)), dims=2), ValueError, "onto of 3"),
        (lambda: viz.trajectories(np.ones((4, 3)), dims=3, ax=plt.gca()), ValueError, "3d"),
        (lambda: viz.fixed_points(ONE), TypeError, "found must be the FixedPoints"),
        (lambda: viz.eigenvalues({}), ValueError, "values is empty"),
        (lambda: viz.eigenvalues([np.nan]), ValueError, "no finite eigenvalue"),
        (lambda: viz.eigenvalues(["a"]), TypeError, "must hold numbers"),
        (lambda: viz.phase_portrait(CELL, PARAMS, X, n=1), ValueError, "n must be at least 2"),
        (lambda: viz.phase_portrait(CELL, PARAMS, X, bounds=(1, 0, 0, 1)), ValueError, "bounds"),
        (lambda: viz.phase_portrait(CELL, PARAMS, X, plane=(ONE[0],) * 3), ValueError, "parallel"),
        (
            lambda: viz.phase_portrait(CELL, PARAMS, X, trajectories=np.ones((4, 3))),
            ValueError,
            "2 units of the cell",
        ),
        (
            lambda: viz.phase_portrait(
                jb.cells.elman(3), {**PARAMS, "recurrent": np.eye(3, dtype="float32")}, X
            ),
            ValueError,
            "3 units, not 2: pass plane",
        ),
    ],
)
def test_refusals(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_no_points_or_other_units_are_refused(found):
    with pytest.raises(ValueError, match="empty"):
        viz.fixed_points(found.select(np.zeros(9, bool)))
    with pytest.raises(ValueError, match="2 units of the fixed points"):
        viz.fixed_points(found, trajectories=np.ones((4, 3)))
