"""Activation dynamics: exponentials, Thelen's equation, bounds of the excitation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.motor import runge_kutta
from jaxbrain.motor.body import first_order_activation, thelen_activation
from jaxbrain.motor.body.activation import excitation
from tests.motor.body.bodies import HILLS, close

pytestmark = pytest.mark.x64
ONE = jnp.float32(1.0)
RNG = np.random.default_rng(0)
L, V, A = RNG.uniform(0.4, 1.7, 40), RNG.uniform(-1.2, 1.2, 40), RNG.uniform(0, 1, 40)


# ---- activation


def test_first_order_activation_is_an_exponential():
    def after(u, a, seconds, **times):
        rate = jax.jit(lambda a: first_order_activation(u, a, **times))
        for _ in range(100):
            a = runge_kutta(rate, a, seconds / 100)
        return a

    u, a = jnp.array([0.8, 0.1]), jnp.array([0.2, 0.9])
    tau = np.array([0.02, 0.06])
    wanted = u + (a - u) * np.exp(-0.03 / tau)
    close(after(u, a, 0.03, rise=0.02, fall=0.06), wanted, 1e-9)
    assert np.abs(after(u, a, 0.03, rise=0.06, fall=0.02) - wanted).min() > 0.05


def test_thelen_activation_is_its_equation():
    u = RNG.uniform(0, 1, 40)
    tau = np.where(u > A, 0.013 * (0.5 + 1.5 * A), 0.047 / (0.5 + 1.5 * A))
    close(thelen_activation(jnp.asarray(u), jnp.asarray(A), rise=0.013, fall=0.047), (u - A) / tau)
    close(HILLS["mujoco"].activation(ONE, 0 * ONE), 1 / (0.01 * 0.5), 1e-6)
    close(HILLS["mujoco"].activation(0 * ONE, ONE), -1 / (0.04 / 2), 1e-6)
    close(HILLS["thelen"].activation(ONE, 0 * ONE), 1 / (0.015 * 0.5), 1e-6)


def test_thelen_activation_passes_a_level_at_the_time_of_its_integral():
    # From 0 under u = 1: t(a) = 0.015 int (0.5 + 1.5 a) / (1 - a) da
    a, t = 0.7, 0.015 * (-1.5 * 0.7 - 2 * np.log(1 - 0.7))
    rate = jax.jit(lambda a: thelen_activation(jnp.array(1.0), a))
    found = jnp.array(0.0)
    for _ in range(200):
        found = runge_kutta(rate, found, t / 200)
    close(found, a, 1e-8)


def test_an_excitation_counts_within_its_bounds_and_passes_a_gradient_there():
    commands = jnp.array([-0.5, 0.0, 0.4, 1.0, 3.0])
    close(excitation(commands), [0, 0, 0.4, 1, 1])
    close(jax.vmap(jax.grad(excitation))(commands), [0, 1, 1, 1, 0])
    for rate in (thelen_activation, first_order_activation):
        close(rate(commands, jnp.full(5, 0.3)), rate(excitation(commands), jnp.full(5, 0.3)))
