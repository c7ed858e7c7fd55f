"""Theory of recall against published numbers and the equations that it solves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.memory import (
    dense_bit_error,
    dense_capacity,
    hopfield_bit_error,
    hopfield_overlap,
    theory,
)


def test_published_bit_errors():
    loads = jnp.array([0.105, 0.138, 0.185, 0.37, 0.61])
    published = [0.001, 0.0036, 0.01, 0.05, 0.1]
    np.testing.assert_allclose(hopfield_bit_error(loads), published, rtol=0.03)
    assert float(hopfield_bit_error(0.01, n=100)) == 0  # a single pattern
    dense = {(3, 100, 600): 0.0092, (3, 100, 1500): 0.0680, (4, 50, 3000): 0.0478}
    for (degree, n, patterns), want in dense.items():
        assert float(dense_bit_error(n, degree, patterns)) == pytest.approx(want, abs=2e-4)
    np.testing.assert_allclose(dense_bit_error(80, 2, 16), hopfield_bit_error(0.2), rtol=1e-6)
    assert dense_capacity(200, 2) == pytest.approx(200 / (2 * np.log(200)))


def test_overlap_solves_the_mean_field_equations():
    """m, C and r of Amit, Gutfreund and Sompolinsky, not the one equation they come down to."""
    with jax.enable_x64(True):
        for load in (0.01, 0.05, 0.1, 0.13, 0.1379):
            m = float(hopfield_overlap(load))
            r = 1.0
            for _ in range(5000):
                spread = load * r
                c = np.sqrt(2 / (np.pi * spread)) * np.exp(-(m**2) / (2 * spread))
                r = 1 / (1 - c) ** 2
            again = float(jax.scipy.special.erf(m / np.sqrt(2 * load * r)))
            assert m == pytest.approx(again, abs=1e-6)
        # the critical load is where the equation has its maximum
        y = jnp.linspace(1.3, 1.7, 100_001)
        root = theory._load_root(y)
        assert float(jnp.max(root)) ** 2 / 2 == pytest.approx(theory.CRITICAL_LOAD, abs=1e-8)
        assert float(y[jnp.argmax(root)]) == pytest.approx(theory._Y_CRITICAL, abs=1e-3)
        below, above = hopfield_overlap(jnp.array([0.1379, 0.138]))
        assert 0.966 < float(below) < 0.969 and float(above) == 0
        assert jax.jit(hopfield_overlap)(jnp.full((2, 3), 0.1)).shape == (2, 3)
