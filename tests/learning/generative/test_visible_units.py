"""Visible units against sums and integrals over their states."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.learning.generative import boltzmann
from jaxbrain.learning.generative.boltzmann import bernoulli, gaussian, rbm
from tests.learning.generative.exact_machines import bits

pytestmark = pytest.mark.x64


@pytest.mark.parametrize("units", [bernoulli(), gaussian(0.7)], ids=repr)
def test_mean_is_the_slope_of_the_log_partition_function(units):
    bias, drive = jnp.array([0.3, -0.2, 0.0]), jnp.array([-2.0, 0.5, 1.0])
    slope = jax.jit(jax.grad(units.log_partition, argnums=1))(bias, drive)
    np.testing.assert_allclose(units.mean(bias, drive), slope, rtol=1e-12)


def test_bernoulli_units_are_sums_over_their_states():
    bias, drive, v = jnp.array([0.3, -0.2, 0.8]), jnp.array([-2.0, 0.5, 1.0]), bits(3)
    units = bernoulli()
    weight = np.exp(v @ (np.asarray(bias) + np.asarray(drive)))
    np.testing.assert_allclose(units.log_partition(bias, drive), np.log(weight.sum()), rtol=1e-12)
    np.testing.assert_allclose(units.mean(bias, drive), weight @ v / weight.sum(), rtol=1e-12)
    energies = jax.vmap(lambda v: units.energy(bias, v))(jnp.asarray(v))
    np.testing.assert_allclose(energies, -v @ np.asarray(bias), atol=1e-12)
    assert np.isnan(units.energy(bias, jnp.array([0.5, 1.0, 2.0])))
    draw = jax.vmap(lambda k: units.sample(k, bias, drive))
    states = np.asarray(draw(jax.random.split(jax.random.key(0), 20_000)))
    assert set(np.unique(states)) == {0.0, 1.0}
    np.testing.assert_allclose(states.mean(0), units.mean(bias, drive), atol=0.018)


@pytest.mark.parametrize("std", [1.0, 0.6])
def test_gaussian_units_are_integrals_over_their_states(std):
    w, b, c = np.array([[0.8, -1.1, 0.4]]), np.array([0.3]), np.array([-0.2, 0.5, 0.1])
    params = jax.tree.map(jnp.asarray, {"kernel": w, "visible_bias": b, "hidden_bias": c})
    units, v, h = gaussian(std), np.linspace(-12, 12, 20_001), bits(3)
    weight = np.exp(-((v[:, None] - b) ** 2) / (2 * std**2) + v[:, None] * (h @ w[0]) + h @ c)
    free = jax.vmap(lambda v: boltzmann.free_energy(params, v, visible=units))(v[:, None])
    np.testing.assert_allclose(free, -np.log(weight.sum(1)), rtol=1e-10)
    z = np.trapezoid(weight.sum(1), v)
    np.testing.assert_allclose(boltzmann.log_partition(params, visible=units), np.log(z), rtol=1e-9)
    means = np.trapezoid(v[:, None] * weight, v, axis=0) / np.trapezoid(weight, v, axis=0)
    drives = jnp.asarray(h) @ params["kernel"].T
    np.testing.assert_allclose(
        jax.vmap(lambda d: units.mean(params["visible_bias"], d)[0])(drives), means, atol=1e-9
    )
    keys = jax.random.split(jax.random.key(0), 20_000)
    samples = jax.vmap(lambda k: units.sample(k, params["visible_bias"], drives[-1]))(keys)
    assert abs(samples.mean() - means[-1]) < 5 * std / np.sqrt(20_000)
    assert abs(samples.std() - std) < 5 * std / np.sqrt(40_000)
    hidden = rbm(3).apply(params, jnp.array([v[12_345]]))
    np.testing.assert_allclose(hidden, (weight[12_345] @ h) / weight[12_345].sum(), rtol=1e-10)


def test_a_standard_deviation_must_be_positive():
    with pytest.raises(ValueError, match="std must be positive, got 0"):
        gaussian(0.0)
    assert gaussian(0.5) == gaussian(0.5) != gaussian(0.6)
