"""Interactions against their definitions: F up to a factor, the energy, the capacity."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.memory import exponential, polynomial, rectified_polynomial

pytestmark = pytest.mark.x64

OVERLAPS, UNITS = np.array([7.0, -3.0, 1.0, -9.0]), 11
CASES = {
    "cubic": (polynomial(3), lambda h: UNITS * (h / UNITS) ** 3),
    "quartic": (polynomial(4), lambda h: UNITS * (h / UNITS) ** 4),
    "rectified": (rectified_polynomial(3), lambda h: UNITS * np.maximum(h / UNITS, 0) ** 3),
    "exponential": (exponential(), np.exp),
}
each = pytest.mark.parametrize(("interaction", "f"), CASES.values(), ids=CASES)


@each
def test_values_are_f_times_a_common_factor(interaction, f):
    h = np.linspace(-8, 8, 9)
    values = [interaction.value(jnp.asarray(x), jnp.asarray(OVERLAPS)) for x in h]
    factor = values[-1] / f(h[-1])
    assert factor > 0
    np.testing.assert_allclose(values, factor * f(h), rtol=1e-12)


@each
def test_energy_is_minus_the_sum_of_f(interaction, f):
    want = -np.sum(f(OVERLAPS))
    want = -math.log(-want) if f is np.exp else want  # an increasing function of it
    np.testing.assert_allclose(interaction.energy(jnp.asarray(OVERLAPS), UNITS), want, rtol=1e-12)


def test_capacities_are_those_of_the_papers():
    """Krotov and Hopfield 2016; half of the crosstalk is rectified; Demircigil et al. 2017."""
    for degree, odd in ((2, 1), (3, 3), (4, 15)):
        limit = 100 ** (degree - 1) / (2 * odd * math.log(100))
        assert polynomial(degree).capacity(100) == pytest.approx(limit)
        assert rectified_polynomial(degree).capacity(100) == pytest.approx(2 * limit)
    assert exponential().capacity(30) == 2.0**15
