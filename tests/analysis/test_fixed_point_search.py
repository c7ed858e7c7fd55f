"""Fixed points against those that are known: closed forms, other solvers, finite differences."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import jaxbrain as jb
from jaxbrain.analysis import FixedPoints, fixed_points
from jaxbrain.core.types import Cell

RNG = np.random.default_rng(0)
X = np.zeros(1, np.float32)


def dynamics(function, like):
    """The map h <- function(params, h) as a cell; like: one carry."""

    def carry(params, x):
        return jax.tree.map(jnp.zeros_like, like)

    def step(params, carry, x, *, key=None):
        h = function(params, carry)
        return h, h

    return Cell(lambda key, x: None, carry, step)


def elman(recurrent, bias=0.0):
    """Params of an elman cell without input, in float32: the search has to widen them."""
    n = len(recurrent)
    bias = np.broadcast_to(np.float32(bias), (n,))
    kernel = np.zeros((1, n), np.float32)
    return {"kernel": kernel, "recurrent": np.asarray(recurrent, np.float32), "bias": bias}


def linear(matrix):
    """A cell with the one fixed point 0 and the Jacobian `matrix`."""
    return dynamics(lambda p, h: p @ h, jnp.zeros(len(matrix))), np.asarray(matrix, np.float32)


def spin(radius, angle):
    c, s = radius * np.cos(angle), radius * np.sin(angle)
    return np.array([[c, -s], [s, c]])


def near_one(found, point):
    (i,) = np.flatnonzero(np.abs(found.states - point).max(axis=1) < 1e-8)
    return i


@pytest.mark.slow
def test_two_tanh_units_have_nine_points_known_in_closed_form():
    """Units apart: h = tanh(g h) has 0 and +-a; every pair is a point, slopes multiply out."""
    g = np.array([1.5, 2.5])
    a = [brentq(lambda h, gain=gain: np.tanh(gain * h) - h, 0.3, 1.0, xtol=1e-15) for gain in g]
    found = fixed_points(jb.cells.elman(2), elman(np.diag(g)), X, RNG.normal(size=(150, 2)))
    assert len(found.states) == 9 and found.lost == 0 and found.counts.sum() == 150
    kinds = {0: "stable node", 1: "saddle", 2: "unstable node"}
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            point = np.array([i * a[0], j * a[1]])
            at = near_one(found, point)
            slopes = g * (1 - point**2)
            zeros = (i == 0) + (j == 0)
            assert found.unstable[at] == zeros and found.kinds[at] == kinds[zeros]
            expected = slopes[np.argsort(-slopes)]
            np.testing.assert_allclose(found.eigenvalues[at], expected, atol=1e-9)
            taus = found.time_constants(dt=0.5)[at]
            np.testing.assert_allclose(taus, -0.5 / np.log(expected), rtol=1e-8)
    assert found.unstable.tolist() == [0] * 4 + [1] * 4 + [2]
    order = np.sign(np.round(found.states[:4], 6)).tolist()
    assert order == [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    assert found.stable.tolist() == [True] * 4 + [False] * 5
    assert found.speed.max() < 1e-20


def test_a_gradient_system_has_the_points_of_its_potential():
    """h <- h - r grad V, V = (x^2 - 1)^2 / 4 + y^2 / 2: minima at x = +-1, a saddle at 0."""
    rate = 0.1
    grad = jax.grad(lambda h: (h[0] ** 2 - 1) ** 2 / 4 + h[1] ** 2 / 2)
    cell = dynamics(lambda p, h: h - p * grad(h), jnp.zeros(2))
    found = fixed_points(cell, rate, X, RNG.normal(size=(50, 2)))
    assert len(found.states) == 3
    for x, curvature in ((-1, 2.0), (1, 2.0), (0, -1.0)):
        at = near_one(found, [x, 0])
        expected = sorted([1 - rate * curvature, 1 - rate], key=abs, reverse=True)
        np.testing.assert_allclose(found.eigenvalues[at], expected, atol=1e-9)
    assert found.kinds.tolist() == ["stable node", "stable node", "saddle"]


def test_a_focus_has_its_period_and_its_decay():
    cell, matrix = linear(spin(0.9, 0.3))
    found = fixed_points(cell, matrix, X, RNG.normal(size=(20, 2)))
    assert found.kinds.tolist() == ["stable focus"] and found.counts.tolist() == [20]
    np.testing.assert_allclose(found.states, 0, atol=1e-9)
    np.testing.assert_allclose(found.time_constants(0.01), -0.01 / np.log(0.9), rtol=1e-6)
    np.testing.assert_allclose(found.frequencies(0.01), 0.3 / (2 * np.pi * 0.01), rtol=1e-6)
    grows = fixed_points(cell, matrix / np.float32(0.81), X, np.ones((3, 2)))
    assert grows.kinds.tolist() == ["unstable focus"] and grows.time_constants().max() < 0


def test_random_networks_of_100_units_converge_and_agree_with_finite_differences():
    n = 100
    recurrent = 1.5 * RNG.normal(size=(n, n)) / np.sqrt(n)
    params, x = elman(recurrent, RNG.normal(size=n)), RNG.normal(size=1)
    params["kernel"] = RNG.normal(size=(1, n)).astype(np.float32)
    found = fixed_points(jb.cells.elman(n), params, x, RNG.normal(size=(48, n)) * 0.5, at_once=16)
    assert found.lost <= 2 and found.speed.max() < 1e-20
    wide = {name: value.astype(np.float64) for name, value in params.items()}

    def step(h):  # the equation, in NumPy
        return np.tanh(x @ wide["kernel"] + h @ wide["recurrent"] + wide["bias"])

    h = found.states[0]
    np.testing.assert_allclose(step(h), h, atol=1e-10)
    e = 1e-5
    differences = np.stack([(step(h + e * u) - step(h - e * u)) / (2 * e) for u in np.eye(n)], 1)
    np.testing.assert_allclose(found.jacobian[0], differences, atol=1e-8)
    assert np.abs(found.jacobian[0].T - differences).max() > 0.1
    moduli = np.sort(np.abs(np.linalg.eigvals(differences)))[::-1]
    np.testing.assert_allclose(np.abs(found.eigenvalues[0]), moduli, atol=1e-6)


def test_input_moves_the_points():
    """One unit, h = tanh(2 h + x): three points for a small input, one for a large one."""
    params = elman([[2.0]])
    params["kernel"] = np.ones((1, 1), np.float32)
    starts = np.linspace(-1, 1, 21)[:, None]
    for x, count in ((0.1, 3), (1.0, 1)):
        found = fixed_points(jb.cells.elman(1), params, np.array([x]), starts)
        assert len(found.states) == count
        np.testing.assert_allclose(np.tanh(2 * found.states + x), found.states, atol=1e-9)


def test_duplicates_are_one_point_and_counted():
    cell, matrix = linear(np.diag([0.5, 0.2]))
    starts = np.concatenate([RNG.normal(size=(30, 2)), np.full((1, 2), 1e-4)])
    assert fixed_points(cell, matrix, X, starts).counts.tolist() == [31]
    pair = dynamics(lambda p, h: h + p * h * (h - 0.002), jnp.zeros(1))  # points 0.002 apart
    starts = np.array([[-0.001], [0.003]])
    options = {"reach": None, "tolerance": 1e-24}
    assert len(fixed_points(pair, 1.0, X, starts, apart=1e-3, **options).states) == 2
    assert len(fixed_points(pair, 1.0, X, starts, apart=1e-2, **options).states) == 1


def test_slow_points_are_told_apart_and_report_their_speed():
    """h <- h + h^2 + e never stands still, but is slowest at 0, with q = e^2 / 2."""
    cell = dynamics(lambda p, h: h + h**2 + p, jnp.zeros(1))
    starts = np.linspace(-0.5, 0.5, 6)[:, None]
    found = fixed_points(cell, 1e-4, X, starts, steps=300)
    assert found.kinds.tolist() == ["slow"] * len(found.kinds) and not found.stable.any()
    np.testing.assert_allclose(found.speed[0], 1e-8 / 2, rtol=1e-3)
    assert np.abs(found.states).max() < 0.02
    assert len(fixed_points(cell, 1e-4, X, starts, slow=0).states) == 0
    nothing = fixed_points(cell, 0.1, X, starts)
    assert len(nothing.states) == 0 and nothing.lost == 6 and "kind" in str(nothing)


def test_far_points_are_dropped():
    cell = dynamics(lambda p, h: h + 0.1 * h * (h - 100), jnp.zeros(1))  # points at 0 and 100
    starts = np.array([[-1.0], [1.0], [0.5], [12.0], [60.0]])
    assert len(fixed_points(cell, None, X, starts, reach=None).states) == 2
    assert len(fixed_points(cell, None, X, starts, reach=2.0).states) == 1


class Pair(NamedTuple):
    a: jax.Array
    z: jax.Array


def test_any_carry_a_tree_with_complex_numbers():
    """z <- lam z + 1 has the point 1 / (1 - lam); a, [2, 1], goes to 0.5 of itself and 1."""
    like = Pair(jnp.zeros((2, 1)), jnp.zeros(1, jnp.complex64))
    cell = dynamics(lambda p, c: Pair(0.5 * c.a + 1, p * c.z + 1), like)
    lam = np.complex64(0.6 + 0.5j)
    starts = Pair(RNG.normal(size=(4, 2, 1)), (RNG.normal(size=(4, 1)) + 0j).astype("complex64"))
    found = fixed_points(cell, lam, X, starts)
    assert isinstance(found.carries, Pair) and found.carries.a.shape == (1, 2, 1)
    np.testing.assert_allclose(found.carries.a[0], 2, atol=1e-9)
    wide = complex(lam)
    np.testing.assert_allclose(found.carries.z[0], 1 / (1 - wide), atol=1e-9)
    expected = sorted([0.5, 0.5, abs(wide), abs(wide)], reverse=True)
    np.testing.assert_allclose(np.abs(found.eigenvalues[0]), expected, atol=1e-7)
    assert found.kinds.tolist() == ["stable focus"] and found.states.shape == (1, 4)


@pytest.mark.slow
def test_gru_and_select():
    cell = jb.cells.gru(6)
    params = cell.init(jax.random.key(0), X)
    params["recurrent"] = 3 * params["recurrent"]
    found = fixed_points(cell, params, X, RNG.normal(size=(40, 6)))
    assert (found.kinds[-1] == "slow") and found.speed.max() <= 1e-6  # where a gate is shut
    found = found.select(found.kinds != "slow")
    assert found.speed.max() < 1e-20
    for h in found.states:
        after = cell.step(params, jnp.asarray(h, jnp.float32), jnp.asarray(X))[0]
        np.testing.assert_allclose(after, h, atol=3e-6)
    assert len(found.states) > 1
    first = found.select([0])
    assert isinstance(first, FixedPoints) and first.states.shape == (1, 6)
    assert first.lost == found.lost + found.counts[1:].sum()
    assert len(str(found).splitlines()) == 2 + len(found.states)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"starts": np.zeros(2)}, ValueError, r"starts must be carries of cells\.elman\(2\)"),
        ({"starts": np.zeros((4, 3))}, ValueError, r"\(4, 3\)"),
        ({"starts": (np.zeros((4, 2)),)}, ValueError, "starts must be carries"),
        ({"starts": np.zeros((0, 2))}, ValueError, "at least one carry"),
        ({"starts": np.full((1, 2), np.nan)}, ValueError, "starts must be finite"),
        ({"starts": np.zeros((4, 2), int)}, TypeError, "floating-point"),
        ({"cell": jb.dense(2)}, TypeError, "must be a Cell"),
        ({"tolerance": 0.0}, ValueError, "tolerance must be positive"),
        ({"slow": -1.0}, ValueError, "slow must not be negative"),
        ({"apart": -1.0}, ValueError, "apart must be positive"),
        ({"reach": 0.0}, ValueError, "reach must be positive"),
        ({"steps": 0}, ValueError, "steps must be a positive integer"),
        ({"at_once": 2.0}, ValueError, "at_once must be an integer"),
        ({"x": np.zeros(3)}, ValueError, "1 input features"),
    ],
)
def test_refusals(options, error, match):
    given = {"cell": jb.cells.elman(2), "params": elman(np.eye(2)), "x": X}
    given |= {"starts": np.zeros((4, 2))} | options
    with pytest.raises(error, match=match):
        fixed_points(**given)


def test_refuses_traces_and_steps_of_their_own_type():
    with pytest.raises(TypeError, match=r"params is traced.*outside"):
        jax.jit(lambda p: fixed_points(jb.cells.elman(2), p, X, np.zeros((1, 2))).speed)(
            elman(np.eye(2))
        )
    narrow = dynamics(lambda p, h: h.astype(jnp.float32), jnp.zeros(2))
    with pytest.raises(TypeError, match="keep the type of its carry"):
        fixed_points(narrow, None, X, np.zeros((1, 2)))


def test_leaves_the_precision_of_jax_alone():
    fixed_points(jb.cells.elman(2), elman(np.eye(2)), X, np.ones((1, 2)))
    assert jnp.ones(()).dtype == jnp.float32
