"""Cosine tuning and the population vector against what is known of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain import analysis
from jaxbrain.analysis import Tuning, population_vector, tuning

pytestmark = pytest.mark.x64

RNG = np.random.default_rng(0)
UNITS = 40


def population(preferred=None):
    preferred = RNG.uniform(-np.pi, np.pi, UNITS) if preferred is None else preferred
    baseline, amplitude = RNG.uniform(5, 20, UNITS), RNG.uniform(1, 5, UNITS)
    return Tuning(*map(jnp.asarray, (baseline, amplitude, preferred, np.ones(UNITS))))


def rates_of(units, angles):
    b0, b, preferred, _ = (np.asarray(a) for a in units)
    return b0 + b * np.cos(np.asarray(angles)[..., None] - preferred)


def uneven(n=60):
    """Directions of which some are far more frequent: sines and cosines are not orthogonal."""
    return np.concatenate([RNG.normal(0.5, 0.4, n), RNG.uniform(-np.pi, np.pi, 7)])


def test_cosines_are_recovered_exactly():
    units, angles = population(), uneven()
    found = tuning(angles, rates_of(units, angles))
    for field, truth in zip(found, units, strict=True):
        np.testing.assert_allclose(field, truth, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.depth, units.amplitude / units.baseline, rtol=1e-9)
    # Control: with directions this uneven the projections of the textbook are off.
    rates = rates_of(units, angles)
    textbook = np.angle(np.exp(1j * angles) @ (rates - rates.mean(axis=0)))
    apart = np.angle(np.exp(1j * (textbook - np.asarray(units.preferred))))
    assert np.abs(apart).max() > 0.1


def test_the_fit_is_that_of_least_squares():
    angles = uneven()
    rates = rates_of(population(), angles) + 3 * RNG.normal(size=(len(angles), UNITS))
    found = tuning(angles, rates)
    design = np.stack([np.ones(len(angles)), np.cos(angles), np.sin(angles)], axis=1)
    (b0, b1, b2), errors, *_ = np.linalg.lstsq(design, rates, rcond=None)
    np.testing.assert_allclose(found.baseline, b0, rtol=1e-9)
    np.testing.assert_allclose(found.amplitude * jnp.cos(found.preferred), b1, rtol=1e-8)
    np.testing.assert_allclose(found.amplitude * jnp.sin(found.preferred), b2, rtol=1e-8)
    r2 = 1 - errors / ((rates - rates.mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(found.r2, r2, rtol=1e-8)
    grid = tuning(angles[:66].reshape(2, 33), rates[:66].reshape(2, 33, UNITS))
    np.testing.assert_allclose(grid.r2, tuning(angles[:66], rates[:66]).r2, rtol=1e-8)


def test_noise_lowers_r2_as_it_should():
    """Expected of one cosine: the share of its variance; of no tuning: 2 / (n - 1)."""
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    noise = RNG.normal(size=(200, UNITS))
    tuned = 4 * np.cos(angles[:, None] - RNG.uniform(-np.pi, np.pi, UNITS))
    r2 = float(tuning(angles, tuned + 2 * noise).r2.mean())
    assert r2 == pytest.approx(8 / (8 + 4), abs=0.03)
    assert float(tuning(angles, noise).r2.mean()) == pytest.approx(2 / 199, abs=0.006)
    assert float(tuning(angles[:3], noise[:3]).r2.min()) == pytest.approx(1)
    twice = 5 + np.cos(2 * angles)[:, None] * np.ones(2)  # two preferred directions: no cosine
    assert float(tuning(angles, twice).r2.max()) < 1e-12


def test_a_unit_that_does_not_vary_has_no_tuning():
    rates = np.full((8, 2), 7.0)
    found = tuning(np.arange(8.0), rates)
    np.testing.assert_allclose(found.r2, 0)
    np.testing.assert_allclose(found.amplitude, 0, atol=1e-12)
    assert float(jnp.abs(population_vector(rates, found)).max()) == 0


def test_evenly_spread_units_point_where_the_hand_goes():
    units = population(np.linspace(-np.pi, np.pi, UNITS, endpoint=False))
    angles = np.linspace(-3, 3, 11)
    vectors = population_vector(rates_of(units, angles), units)
    truth = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    np.testing.assert_allclose(vectors, truth, atol=1e-12)
    noise = rates_of(units, angles) + RNG.normal(size=(50, 11, UNITS))
    found = np.asarray(population_vector(noise, units))
    apart = np.degrees(np.angle(np.exp(1j * (np.arctan2(found[..., 1], found[..., 0]) - angles))))
    assert found.shape == (50, 11, 2) and np.abs(apart).mean() < 15 and abs(apart.mean()) < 2


def test_crowded_preferred_directions_draw_the_vector():
    units = population(RNG.normal(0.3, 0.6, UNITS))
    angles = np.linspace(-3, 3, 11)
    vectors = np.asarray(population_vector(rates_of(units, angles), units))
    each = np.stack([np.cos(units.preferred), np.sin(units.preferred)], axis=1)
    pull = 2 / UNITS * each.T @ each
    truth = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    np.testing.assert_allclose(vectors, truth @ pull, atol=1e-12)
    off = np.abs(np.angle(np.exp(1j * (np.arctan2(*vectors.T[::-1]) - angles))))
    assert np.degrees(off.max()) > 20
    np.testing.assert_allclose(vectors @ np.linalg.inv(pull), truth, atol=1e-10)


def test_units_that_are_not_tuned_have_no_vote():
    units = population(np.linspace(-np.pi, np.pi, UNITS, endpoint=False))
    untuned = np.arange(UNITS) % 2 == 1
    units = units._replace(r2=jnp.where(untuned, 0.05, 0.9))
    rates = rates_of(units, 1.0) + 100 * untuned
    vector = population_vector(rates, units, least_r2=0.1)
    np.testing.assert_allclose(vector, [np.cos(1), np.sin(1)], atol=1e-12)
    assert np.abs(population_vector(rates, units) - vector).max() > 1


def test_it_can_be_compiled_mapped_differentiated_and_in_single_precision():
    angles = jnp.asarray(uneven())
    noise = RNG.normal(size=(2, len(angles), UNITS))
    rates = jnp.asarray(rates_of(population(), angles) + noise)
    every = jax.jit(jax.vmap(tuning, in_axes=(None, 0)))(angles, rates)
    np.testing.assert_allclose(every.preferred[1], tuning(angles, rates[1]).preferred, rtol=1e-9)
    slope = jax.jit(jax.grad(lambda r: tuning(angles, r).r2.sum()))(rates[0])
    step = 1e-6 * noise[1]
    change = [tuning(angles, rates[0] + s * step).r2.sum() for s in (1, -1)]
    expected = float(change[0] - change[1]) / 2
    assert float(jnp.sum(slope * step)) == pytest.approx(expected, rel=1e-4)
    single = tuning(angles, rates[0].astype(jnp.float32))
    assert {field.dtype for field in single} == {jnp.dtype(jnp.float32)}
    assert population_vector(rates[0].astype(jnp.float32), every._replace()._make(
        field[0] for field in every
    )).dtype == jnp.float32  # fmt: skip
    np.testing.assert_allclose(single.r2, tuning(angles, rates[0]).r2, rtol=1e-3)


@pytest.mark.parametrize(
    ("angles", "rates", "message"),
    [
        (np.arange(4.0), np.ones((5, 2)), "one angle for each movement"),
        (np.array([0.0, np.pi, 2 * np.pi, 0.0]), np.ones((4, 2)), "at least three directions"),
        (np.arange(4.0), np.ones(4), "rates must have at least 2 axes"),
        (np.arange(4.0), np.full((4, 2), np.inf), "rates must be finite"),
        (np.full(4, np.nan), np.ones((4, 2)), "angles must be finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(angles, rates, message):
    with pytest.raises(ValueError, match=message):
        tuning(angles, rates)


def test_a_population_vector_needs_the_units_of_the_tuning():
    with pytest.raises(ValueError, match=r"of the units of tuning, .*shape \[3, 5\]"):
        population_vector(np.ones((3, 5)), population())
    with pytest.raises(ValueError, match="least_r2 must be from 0 to 1"):
        population_vector(np.ones((3, UNITS)), population(), least_r2=2.0)


def test_the_population_vector_is_read_from_other_movements():
    rng = np.random.default_rng(0)
    angles = jnp.arange(16.0) * jnp.pi / 8
    preferred = jnp.arange(12.0) * jnp.pi / 6
    rates = 2 + jnp.cos(angles[:, None] - preferred[None])
    assert jnp.abs(analysis.held_out_error(angles, rates)).max() < 1e-5
    turned = rates.at[1::2].set(2 + jnp.cos(angles[1::2, None] + 0.3 - preferred[None]))
    np.testing.assert_allclose(analysis.held_out_error(angles, turned), 0.3, atol=1e-5)
    noise = jnp.asarray(rng.normal(size=rates.shape).astype("float32"))
    assert jnp.abs(analysis.held_out_error(angles, noise, least_r2=0.0)).mean() > 0.5
    with pytest.raises(ValueError, match="angles must be"):
        analysis.held_out_error(angles[:3], rates)
