"""Reservoirs: what they forget and remember, and a readout that float32 would spoil."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.cells import scan, unroll
from jaxbrain.learning.readout.reservoir import echo_state, linear_memory_capacity, ridge

new_key = partial(jax.random.key, 0)


def mackey_glass(steps, *, delay=17, substeps=10):
    """dx/dt = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x, by Runge and Kutta, one point a time."""
    h, past = 1 / substeps, [1.2] * (delay * substeps + 1)

    def slope(x, late):
        return 0.2 * late / (1 + late**10) - 0.1 * x

    for _ in range((steps + 200) * substeps):
        x, late, next_late = past[-1], past[-delay * substeps - 1], past[-delay * substeps]
        middle = (late + next_late) / 2
        a = slope(x, late)
        b = slope(x + h / 2 * a, middle)
        c = slope(x + h / 2 * b, middle)
        d = slope(x + h * c, next_late)
        past.append(x + h / 6 * (a + 2 * b + 2 * c + d))
    return np.array(past[-steps * substeps :: substeps])


@pytest.mark.parametrize("connectivity", [1.0, 0.2])
@pytest.mark.x64
def test_the_spectral_radius_is_what_was_asked_for(connectivity):
    for seed, units in enumerate((7, 60) if connectivity == 1 else (60,)):
        cell = echo_state(units, spectral_radius=1.3, connectivity=connectivity)
        own = cell.init(jax.random.key(seed), jnp.ones(2))["recurrent"]
        radius = np.abs(np.linalg.eigvals(own)).max()
        assert abs(radius - 1.3) < 1e-6
        if units > 7:
            assert abs(np.mean(np.asarray(own) != 0) - connectivity) < 0.03
    scaled = echo_state(60, input_scale=3.0, bias_scale=0.5).init(new_key(), jnp.ones(2))
    assert 2.5 < np.abs(scaled["kernel"]).max() <= 3 and 0.4 < np.abs(scaled["bias"]).max() <= 0.5


@pytest.mark.x64
def test_a_step_is_its_equation():
    cell, x = echo_state(5, leak=0.3, bias_scale=0.4, activation=jnp.sin), jnp.array([0.3, -0.8])
    params = cell.init(new_key(), x)
    h = jnp.linspace(-1, 1, 5)
    w, r, b = (np.asarray(params[name]) for name in ("kernel", "recurrent", "bias"))
    by_hand = 0.7 * np.asarray(h) + 0.3 * np.sin(np.asarray(x) @ w + np.asarray(h) @ r + b)
    carry, y = cell.step(params, h, x)
    np.testing.assert_allclose(y, by_hand, rtol=1e-12)
    assert np.array_equal(carry, y)


@pytest.mark.x64
def test_echo_state_property():
    """Two beginnings under the same input: the difference dies below a radius of 1, not at 1.5."""
    xs = jax.random.normal(jax.random.key(1), (800, 1)) * 0.3
    starts = jax.random.normal(jax.random.key(2), (2, 200))

    def apart(radius):
        cell = echo_state(200, spectral_radius=radius)
        params = cell.init(new_key(), xs[0])
        ends = jax.vmap(lambda h: scan(cell, params, h, xs)[0])(starts)
        return jnp.linalg.norm(ends[0] - ends[1])

    half, near, beyond = jax.jit(jax.vmap(apart))(jnp.array([0.5, 0.9, 1.5]))
    assert half < 1e-12 and near < 1e-12 and beyond > 1


@pytest.mark.x64
def test_chaos_begins_at_a_gain_of_one():
    """The Lyapunov exponent without input: negative at 0.8, positive at 1.5; tau is ten steps."""
    units, steps = 400, 1500

    def exponent(radius):
        cell = echo_state(units, spectral_radius=radius, leak=0.1)
        params = cell.init(new_key(), jnp.zeros(1))

        def one(carry, _):
            h, direction = carry
            move = lambda h: cell.step(params, h, jnp.zeros(1))[0]  # noqa: E731
            h, direction = jax.jvp(move, (h,), (direction,))
            size = jnp.linalg.norm(direction)
            return (h, direction / size), jnp.log(size)

        start = jax.random.normal(new_key(), (2, units))
        _, growth = jax.lax.scan(one, (start[0], start[1]), length=steps)
        return growth[500:].mean() / 0.1

    calm, chaotic = jax.jit(jax.vmap(exponent))(jnp.array([0.8, 1.5]))
    assert -0.35 < calm < -0.1 and 0 < chaotic < 0.2


@pytest.mark.x64
def test_a_linear_reservoir_remembers_as_many_inputs_as_it_has_units():
    rng = np.random.default_rng(0)
    for units in (10, 20, 50, 100):
        kernel, own = rng.normal(size=(1, units)), rng.normal(size=(units, units))
        own = 0.9 * own / np.abs(np.linalg.eigvals(own)).max()
        assert linear_memory_capacity(kernel, own) == units
    powers = [kernel[0]]
    for _ in range(99):
        powers.append(powers[-1] @ own)
    assert np.linalg.matrix_rank(np.stack(powers)) < 80, "why the powers are never formed"
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))
    blocks = q @ np.diag([0.9, 0.9, 0.5, 0.5, 0.5, 0.1]) @ q.T
    assert linear_memory_capacity(np.ones(6), blocks) == 3, "one for each distinct eigenvalue"
    assert linear_memory_capacity(np.zeros(6), blocks) == 0


def capacity(cell, units, xs, delays):
    """The sum over delays of the squared correlation of the best readout with the past input."""
    params = cell.init(new_key(), xs[0])
    states = np.asarray(unroll(cell).apply(params, xs))
    past = np.stack([np.roll(np.asarray(xs)[:, 0], d) for d in range(1, delays + 1)], 1)[delays:]
    states = states[delays:]
    readout = ridge(states, past, penalty=0.0)
    guess = states @ np.asarray(readout["kernel"]) + np.asarray(readout["bias"])[None]
    return float((1 - ((past - guess) ** 2).mean(0) / past.var(0)).sum())


@pytest.mark.x64
def test_no_reservoir_remembers_more_than_its_units():
    units, steps = 20, 4000
    xs = jax.random.uniform(jax.random.key(3), (steps, 1), minval=-1.0)
    limit = units + 2 * units**2 / steps
    linear = capacity(echo_state(units, activation=lambda z: z), units, xs, 60)
    bent = capacity(echo_state(units, input_scale=2.0), units, xs, 60)
    assert 0.4 * units < linear <= limit and bent <= limit
    assert bent < linear - 2, "a nonlinear one keeps less of the past as it was"


@pytest.mark.x64
def test_ridge_is_the_closed_form():
    rng = np.random.default_rng(0)
    states, targets = rng.normal(size=(40, 6)) + 2, rng.normal(size=(40, 2)) - 1
    x, y = states - states.mean(0), targets - targets.mean(0)
    kernel = np.linalg.solve(x.T @ x + 0.7 * np.eye(6), x.T @ y)
    found = ridge(states, targets, penalty=0.7)
    np.testing.assert_allclose(found["kernel"], kernel, rtol=1e-10)
    np.testing.assert_allclose(found["bias"], targets.mean(0) - states.mean(0) @ kernel, rtol=1e-9)
    assert np.abs(ridge(states, targets, penalty=0.8)["kernel"] - kernel).max() > 1e-4
    parts = ridge(states.reshape(4, 10, 6), targets.reshape(4, 10, 2), penalty=0.7)
    np.testing.assert_allclose(parts["kernel"], kernel, rtol=1e-10)
    twice = np.concatenate([states, states], 1)  # singular: of all solutions the smallest
    least = ridge(twice, targets, penalty=0.0)["kernel"]
    np.testing.assert_allclose(2 * least[:6], ridge(states, targets, penalty=0.0)["kernel"])
    linear = pytest.importorskip("sklearn.linear_model")
    other = linear.Ridge(alpha=0.7).fit(states, targets)
    np.testing.assert_allclose(found["kernel"], other.coef_.T, rtol=1e-9)
    np.testing.assert_allclose(found["bias"], other.intercept_, rtol=1e-9)


def test_mackey_glass_and_the_trap_of_normal_equations():
    """One step ahead, in float32 states; normal equations in 32 bits cost most of it."""
    series = mackey_glass(2000).astype(np.float32)[:, None]
    xs, ys, cut = series[:-1], series[1:], 1600
    cell = echo_state(100, spectral_radius=1.25, leak=0.3, bias_scale=1.0)
    net = jb.serial(unroll(cell), jb.dense(1))

    @jax.jit
    def states(key):
        params = cell.init(key, xs[0])
        return params, unroll(cell).apply(params, xs)

    solved, spoilt = [], []
    for seed in range(5):
        params, h = states(jax.random.key(seed))
        assert h.dtype == jnp.float32
        h = np.asarray(h)
        readout = ridge(h[100:cut], ys[100:cut], penalty=1e-5)
        guess = h[cut:] @ np.asarray(readout["kernel"]) + np.asarray(readout["bias"])[None]
        solved.append(np.sqrt(np.mean((guess - ys[cut:]) ** 2)))
        x = np.concatenate([h, np.ones_like(h[:, :1])], 1)
        gram = x[100:cut].T @ x[100:cut] + np.float32(1e-5) * np.eye(101, dtype=np.float32)
        weights = np.linalg.solve(gram, x[100:cut].T @ ys[100:cut])
        spoilt.append(np.sqrt(np.mean((x[cut:] @ weights - ys[cut:]) ** 2)))
    assert np.median(solved) < 0.008
    assert np.median(spoilt) > 1.5 * np.median(solved)
    whole = net.apply((params, readout), xs)
    np.testing.assert_allclose(whole[cut:], guess, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: echo_state(0), ValueError, "units"),
        (
            lambda: echo_state(3, spectral_radius=-1.0),
            ValueError,
            "spectral_radius must not be neg",
        ),
        (lambda: echo_state(3, leak=1.5), ValueError, "leak must be from 0 to 1"),
        (lambda: echo_state(3).init(new_key(), jnp.ones((5, 2))), ValueError, "one step"),
        (lambda: ridge(np.ones((5, 2)), np.ones(5)), ValueError, "targets must be"),
        (lambda: ridge(np.ones((5, 2)), np.ones((4, 1))), ValueError, "the time of states"),
        (lambda: ridge(np.full((5, 2), np.nan), np.ones((5, 1))), ValueError, "finite"),
        (lambda: ridge(np.ones((5, 2)), np.ones((5, 1)), penalty=-1.0), ValueError, "penalty"),
        (lambda: jax.jit(ridge)(np.ones((5, 2)), np.ones((5, 1))), TypeError, "outside jit"),
        (lambda: linear_memory_capacity(np.ones((2, 3)), np.eye(3)), ValueError, "kernel"),
    ],
)
def test_bad_input_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
