"""Dimensions and Lyapunov exponents against closed forms and published maps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.analysis import dimensionality, lyapunov
from jaxbrain.core.types import Cell

pytestmark = pytest.mark.x64

RNG = np.random.default_rng(0)


def dynamics(function):
    """The map h <- function(params, h, x) as a cell."""

    def step(params, carry, x, *, key=None):
        h = function(params, carry, x)
        return h, h

    return Cell(lambda key, x: None, lambda params, x: None, step)


def turned(n):
    return np.linalg.qr(RNG.normal(size=(n, n)))[0]


def test_equal_variances_have_as_many_dimensions_as_units():
    n = 7
    cross = np.sqrt(n) * np.concatenate([np.eye(n), -np.eye(n)])
    assert float(dimensionality(cross @ turned(n) + 3.0)) == pytest.approx(n, rel=1e-12)
    assert float(dimensionality(cross * np.arange(n))) < n - 1


def test_a_line_has_one_dimension_and_a_point_none():
    line = np.outer(RNG.normal(size=50), RNG.normal(size=9)) + 2.0
    assert float(dimensionality(line)) == pytest.approx(1.0, rel=1e-12)
    assert float(dimensionality(line + RNG.normal(size=(50, 9)))) > 1.5
    assert float(dimensionality(np.ones((5, 3)))) == 0


@pytest.mark.parametrize("shape", [(200, 6), (5, 40, 6), (4, 6), (2, 3, 20)])
def test_participation_ratio_is_that_of_the_eigenvalues(shape):
    """More samples than units and fewer, with leading axes."""
    states = RNG.normal(size=shape) * np.arange(1.0, shape[-1] + 1)
    values = np.linalg.eigvalsh(np.cov(states.reshape(-1, shape[-1]).T))
    expected = values.sum() ** 2 / (values**2).sum()
    assert float(jax.jit(dimensionality)(states)) == pytest.approx(expected, rel=1e-10)
    assert float(dimensionality(1e-12 * states)) == pytest.approx(expected, rel=1e-10)
    big = jnp.asarray(states * 1e15, jnp.float32)  # its fourth power is no float32
    assert float(dimensionality(big)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("states", [np.ones(3), np.ones((1, 3)), np.float64(1.0), np.ones((0, 3))])
def test_dimensionality_refuses_fewer_than_two_states(states):
    with pytest.raises(ValueError, match="states must be"):
        dimensionality(states)


def test_a_linear_map_has_the_logarithms_of_its_eigenvalues():
    basis = RNG.normal(size=(4, 4))
    values = np.array([1.3, -0.9, 0.5, 0.1])
    matrix = basis @ np.diag(values) @ np.linalg.inv(basis)
    cell = dynamics(lambda p, h, x: p @ h)
    xs = np.zeros((300, 1))
    run = jax.jit(lambda p, count_dt: lyapunov(
        cell, p, jnp.zeros(4), xs, count=4, discard=100, dt=0.1) * count_dt)  # fmt: skip
    np.testing.assert_allclose(run(matrix, 0.1), np.log(np.abs(values)), atol=1e-9)
    assert np.abs(run(1.1 * matrix, 0.1) - np.log(np.abs(values))).min() > 0.09
    largest = lyapunov(cell, matrix, jnp.zeros(4), xs, count=1, discard=100)
    np.testing.assert_allclose(largest, np.log(1.3), atol=1e-9)


def test_a_diagonal_map_does_not_hide_its_largest():
    """Directions begin turned: the first unit is not the fastest."""
    cell = dynamics(lambda p, h, x: p * h)
    rates = np.array([0.1, 0.2, 0.9])
    found = lyapunov(cell, rates, jnp.ones(3), np.zeros((200, 1)), discard=100)
    np.testing.assert_allclose(found, np.log(0.9), atol=1e-9)


def test_henon():
    """0.419 (Wolf et al. 1985); the sum is the logarithm of the constant area factor 0.3."""
    cell = dynamics(lambda p, h, x: jnp.stack([1 - p * h[0] ** 2 + h[1], 0.3 * h[0]]))
    run = jax.jit(lambda a: lyapunov(
        cell, a, jnp.full(2, 0.1), np.zeros((20000, 1)), count=2, discard=100))  # fmt: skip
    found = run(1.4)
    assert float(found[0]) == pytest.approx(0.419, abs=0.004)
    assert float(found.sum()) == pytest.approx(np.log(0.3), abs=1e-9)
    assert float(run(0.2)[0]) < 0  # a stable point


def test_logistic():
    """ln 2 at r = 4; at r = 3.2 of the cycle of two, whose slopes multiply to 4 + 2 r - r^2."""
    cell = dynamics(lambda p, h, x: p * h * (1 - h))
    run = jax.jit(lambda r: lyapunov(cell, r, jnp.full(1, 0.3), np.zeros((20000, 1)), discard=100))
    assert float(run(4.0)[0]) == pytest.approx(np.log(2), abs=0.002)
    assert float(run(3.2)[0]) == pytest.approx(np.log(4 + 6.4 - 3.2**2) / 2, abs=1e-6)


def test_random_networks_turn_chaotic():
    """Sompolinsky, Crisanti and Sommers 1988: between g = 0.8 and g = 1.5.

    Below, the state goes to 0, and the exponent is that of the slowest eigenvalue there.
    """
    n, dt, steps = 400, 0.1, 6000
    weights = np.random.default_rng(0).normal(size=(n, n)) / np.sqrt(n)
    start = np.random.default_rng(1).normal(size=n)
    cell = dynamics(lambda p, h, x: h + jnp.asarray(dt, h.dtype) * (p @ jnp.tanh(h) - h))

    def run(g):
        args = (jnp.asarray(a, jnp.float32) for a in (g * weights, start))
        xs = jnp.zeros((steps, 1), jnp.float32)
        one = jax.jit(lambda p, h: lyapunov(cell, p, h, xs, discard=steps // 3, dt=dt))
        return float(one(*args)[0])

    slowest = np.log(np.abs(1 + dt * (0.8 * np.linalg.eigvals(weights) - 1))).max() / dt
    assert run(0.8) == pytest.approx(slowest, abs=2e-3)
    assert slowest < -0.15
    assert 0.01 < run(1.5) < 0.08


def test_an_input_quenches_chaos():
    """Molgedey et al. 1992: strong noise makes the driven network forget its start."""
    n, steps = 100, 1000
    cell = jb.cells.elman(n)
    params = {
        "kernel": RNG.normal(size=(n, n)) / np.sqrt(n),
        "recurrent": 2.0 * RNG.normal(size=(n, n)) / np.sqrt(n),
        "bias": np.zeros(n),
    }
    xs = RNG.normal(size=(steps, n))
    run = jax.jit(lambda size: lyapunov(cell, params, jnp.ones(n) / 2, size * xs, discard=200))
    assert float(run(0.0)[0]) > 0.05
    assert float(run(10.0)[0]) < -0.05


def test_a_carry_of_several_arrays_and_complex_numbers():
    cell = dynamics(lambda p, c, x: (0.5 * c[0], p * c[1]))
    carry = (jnp.ones((2, 1)), jnp.ones(1, jnp.complex128))
    found = lyapunov(cell, 0.6 + 0.5j, carry, np.zeros((60, 1)), count=4)
    expected = np.log([abs(0.6 + 0.5j)] * 2 + [0.5] * 2)
    np.testing.assert_allclose(found, expected, atol=0.1)
    np.testing.assert_allclose(found.sum(), expected.sum(), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"count": 0}, ValueError, "count must be a positive integer"),
        ({"count": 3}, ValueError, "count must be at most the 2 units"),
        ({"discard": 5}, ValueError, "discard must leave"),
        ({"discard": -1}, ValueError, "discard must leave"),
        ({"dt": 0.0}, ValueError, "dt must be positive"),
        ({"xs": np.zeros((0, 1))}, ValueError, "empty sequence"),
        ({"carry": jnp.zeros(2, int)}, TypeError, "floating-point"),
        ({"cell": jb.dense(2)}, TypeError, "must be a Cell"),
    ],
)
def test_lyapunov_refuses(options, error, match):
    given = {"cell": dynamics(lambda p, h, x: h), "params": None, "carry": jnp.zeros(2)}
    with pytest.raises(error, match=match):
        lyapunov(**(given | {"xs": np.zeros((5, 1))} | options))
