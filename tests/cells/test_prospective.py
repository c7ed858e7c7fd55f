"""Prospective neurons: the equation, and phase and gain of their response to sinusoids."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.cells.prospective import prospective_neurons

pytestmark = pytest.mark.x64

TAUS, AHEAD, DT = (0.02, 0.01, 0.05), (0.01, 0.03, 0.05), 0.002
RNG = np.random.default_rng(0)
W, B = RNG.normal(size=(2, 3)), RNG.normal(size=3)
OMEGAS = np.array([3.0, 20.0, 120.0])  # rad/s
THROUGH = jb.elementwise(jnp.asarray)


def test_it_is_its_equation():
    """With times of each unit, against a loop; the three units have three relations of times."""
    cell = prospective_neurons(jb.dense(3), tau=TAUS, tau_r=AHEAD, dt=DT, activation=jnp.tanh)
    xs = RNG.normal(size=(6, 2))
    params, given = {"kernel": jnp.array(W), "bias": jnp.array(B)}, jnp.array(xs)
    u, rates = jb.cells.scan(cell, params, cell.carry(params, given[0]), given)
    want, ahead = np.zeros((7, 3)), np.zeros((6, 3))
    for t in range(6):
        for k in range(3):
            current = xs[t] @ W[:, k] + B[k]
            slope = (current - want[t, k]) / TAUS[k]
            ahead[t, k] = want[t, k] + AHEAD[k] * slope
            want[t + 1, k] = want[t, k] + DT * slope
    np.testing.assert_allclose(u, want[-1], rtol=1e-12)
    np.testing.assert_allclose(rates, np.tanh(ahead), rtol=1e-12)
    # the third unit has equal times: it has no delay, the others have one or run ahead
    instant = np.tanh(xs @ W + B)
    np.testing.assert_allclose(rates[:, 2], instant[:, 2], rtol=1e-12)
    assert all(np.abs(rates[:, k] - instant[:, k]).max() > 0.1 for k in (0, 1))


@partial(jax.jit, static_argnums=(2, 3))
def responses(tau, tau_r, dt, steps):
    """Membrane before each step and rate, for exp(i w t) of each frequency, after the transient."""
    cell = prospective_neurons(THROUGH, tau=tau, tau_r=tau_r, dt=dt)
    waves = np.exp(1j * OMEGAS * dt * np.arange(steps)[:, None])

    def step(u, x):
        after, rate = cell.step((), u, x)
        return after, (u, rate)

    found = jax.lax.scan(step, jnp.zeros(3, complex), waves)[1]
    return jax.tree.map(lambda a: a[-1] / waves[-1], found)


def test_the_rate_is_ahead_of_its_membrane_by_the_arctangent():
    """Phase and gain are those of the closed form, with an error of first order in dt."""
    tau, tau_r, errors = 0.02, 0.035, []
    ideal = (1 + 1j * OMEGAS * tau_r) / (1 + 1j * OMEGAS * tau)
    for dt in (4e-4, 2e-4, 1e-4):
        u, rate = responses(tau, tau_r, dt, round(0.8 / dt))  # 40 tau: no transient is left
        z = np.exp(1j * OMEGAS * dt) - 1 + dt / tau
        discrete = tau_r / tau + (1 - tau_r / tau) * (dt / tau) / z
        np.testing.assert_allclose(rate, discrete, rtol=1e-12)
        advance, gain = np.angle(rate / u), np.abs(rate / u)
        of_phase = np.abs(advance - np.arctan(OMEGAS * tau_r))
        of_gain = np.abs(gain / np.sqrt(1 + (OMEGAS * tau_r) ** 2) - 1)
        errors.append(np.stack([of_phase, of_gain, np.abs(np.angle(rate / ideal))]))
        assert errors[-1].max() < 0.6 * OMEGAS.max() * dt
    halved = np.array(errors[:-1]) / np.array(errors[1:])
    np.testing.assert_allclose(halved, 2, atol=0.1)


def test_equal_times_pass_the_input_and_a_rate_at_the_step_is_the_membrane():
    for dt in (4e-3, 1e-4):
        u, rate = responses(0.02, 0.02, dt, 8000)
        np.testing.assert_allclose(rate, 1, rtol=1e-12)
        np.testing.assert_allclose(responses(0.02, dt, dt, 8000)[1], u * np.exp(1j * OMEGAS * dt))
        assert np.angle(u).min() < -1  # a membrane alone is late


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tau": 0.0}, "tau must be positive, got 0.0"),
        ({"tau_r": 5e-4}, "dt must be at most tau_r, got dt=0.001 and tau_r=0.0005"),
        ({"tau": (0.1, float("nan"))}, r"tau\[1\] must be a finite number, got nan"),
        ({"tau_r": (0.1, 0.2)},
         r"tau_r must be one number or of shape \(3,\), that of the output of dense\(3\), got"),
        ({"net": jb.parallel(jb.dense(3), jb.dense(2), combine=lambda *a: a)},
         r"net must return one array, .* returns \(\(\(3,\), \(2,\)\),\); join"),
    ],
)  # fmt: skip
def test_what_it_refuses(options, message):
    with pytest.raises(ValueError, match=f"prospective_neurons: {message}"):
        x, cell = jnp.ones(2), prospective_neurons(**{"net": jb.dense(3), **options})
        cell.carry(cell.init(jax.random.key(0), x), x)
