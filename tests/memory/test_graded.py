"""The graded Hopfield network against its equation, its energy and the bipolar network."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.memory import hopfield, outer_product
from tests.memory.spin_glass import draw, energy, symmetric

pytestmark = pytest.mark.x64


@pytest.mark.parametrize("gain", [1.5, 3.0])
@pytest.mark.slow
def test_graded_converges_to_a_fixed_point(gain):
    w = symmetric(4, 30)
    memory = jb.memory.graded_hopfield(gain=gain, tolerance=1e-9, max_steps=5000)
    v, info = memory.recall(w, draw(30))
    assert bool(info.converged) and int(info.steps) < 5000
    np.testing.assert_allclose(v, np.tanh(gain * w @ np.array(v)), atol=1e-7)
    assert np.abs(v).max() > 0.5
    np.testing.assert_allclose(jax.grad(memory.energy, 1)(w, v), 0, atol=1e-6)
    _, stopped = jb.memory.graded_hopfield(gain=gain, max_steps=3).recall(w, draw(30))
    assert not bool(stopped.converged) and int(stopped.steps) == 3


def test_graded_is_its_euler_steps():
    """Three units, four steps, then the energy of v = tanh(gain u)."""
    w, u, gain, dt = symmetric(6, 3), np.array([1.0, -1.0, 1.0]), 3.0, 0.2
    for _ in range(4):
        u = u + dt * (-u + w @ np.tanh(gain * u))
    v = np.tanh(gain * u)
    memory = jb.memory.graded_hopfield(gain=gain, dt=dt, tolerance=1e-12, max_steps=4)
    state, info = jax.jit(memory.recall)(w, np.array([1.0, -1.0, 1.0]))
    np.testing.assert_allclose(state, v, rtol=1e-12)
    integral = v * np.arctanh(v) + 0.5 * np.log(1 - v**2)
    np.testing.assert_allclose(info.energy, energy(w, v) + integral.sum() / gain, rtol=1e-12)
    assert int(info.steps) == 4 and not bool(info.converged)


@pytest.mark.slow
def test_graded_follows_the_equation_and_its_energy_falls():
    w, gain, dt = symmetric(6, 25), 3.0, 0.05
    u, v, levels = draw(25, 7), None, []
    memory = jb.memory.graded_hopfield(gain=gain, dt=dt, tolerance=1e-12)
    for _ in range(29):
        u = u + dt * (-u + w @ np.tanh(gain * u))
        v = np.tanh(gain * u)
        integral = v * np.arctanh(v) + 0.5 * np.log(1 - v**2)
        levels.append(float(memory.energy(w, v)))
        np.testing.assert_allclose(levels[-1], energy(w, v) + integral.sum() / gain, rtol=1e-9)
    limited = jb.memory.graded_hopfield(gain=gain, dt=dt, tolerance=1e-12, max_steps=29)
    np.testing.assert_allclose(limited.recall(w, draw(25, 7))[0], v, atol=1e-12)
    assert np.all(np.diff(levels) < 0)
    # too large steps climb: two units that inhibit each other, on the diagonal
    pair = jnp.array([[0.0, -1.0], [-1.0, 0.0]])
    start, big = jnp.ones(2), {"gain": 5.0, "dt": 2.0, "tolerance": 1e-12}
    ends = [jb.memory.graded_hopfield(max_steps=k, **big).recall(pair, start)[1] for k in (1, 2, 3)]
    assert max(float(b.energy - a.energy) for a, b in itertools.pairwise(ends)) > -1e-9


def test_graded_energy_is_finite_at_the_corners():
    w, s = symmetric(8, 10), draw(10)
    value = jb.memory.graded_hopfield(gain=4.0).energy(w, s)
    np.testing.assert_allclose(value, energy(w, s) + 10 * np.log(2) / 4, rtol=1e-12)


def test_graded_with_a_high_gain_is_hopfield():
    x = draw((5, 100))
    cue = np.where(np.arange(100) < 20, -x[0], x[0])
    params = outer_product(x)
    v, _ = jb.memory.graded_hopfield(gain=200.0).recall(params, cue)
    np.testing.assert_allclose(v, hopfield().recall(params, cue)[0], atol=1e-6)
    flat, _ = jb.memory.graded_hopfield(gain=0.3).recall(params, cue)
    np.testing.assert_allclose(flat, 0, atol=1e-2)
