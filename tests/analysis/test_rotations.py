"""jPCA against systems that turn and systems that do not, surrogates against their moments."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

import jaxbrain as jb
from jaxbrain.analysis import (
    condition_inversion,
    condition_shuffle,
    jpca,
    linear_fit,
    maximum_entropy,
    skew_fit,
)
from tests.analysis.smooth_activity import CONDITIONS, TIMES, UNITS, smooth

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 0)


def found_in(activity, dt=0.05, seed=0, **options):
    options = {"components": 4, "soft_normalize": None, "surrogates": 20, **options}
    return jpca(jax.random.key(seed), activity, dt=dt, **options)


def turning(frequencies, dt=0.05, growth=1.0, seed=0):
    """[conditions, time, units] of x' = Omega x in random planes, and the planes."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(UNITS, 2 * len(frequencies))))[0]
    start = rng.normal(size=(CONDITIONS, len(frequencies))) * [1, 2]
    start = start + 0.3j * rng.normal(size=start.shape)
    t = np.arange(TIMES)
    z = start[:, None] * (growth * np.exp(2j * np.pi * dt * np.array(frequencies))) ** t[:, None]
    return np.stack([z.real, z.imag], -1).reshape(CONDITIONS, TIMES, -1) @ axes.T, axes


def same_surrogate(activity):
    return lambda key: activity


def quick(activity, **options):
    """Where surrogates do not matter."""
    return found_in(activity, surrogate=same_surrogate, surrogates=1, **options)


def test_the_closed_form_is_the_minimum():
    rng = np.random.default_rng(1)
    x, k = rng.normal(size=(80, 5)) * np.arange(1, 6) @ rng.normal(size=(5, 5)), 5
    dx = x @ rng.normal(size=(k, k)) + rng.normal(size=x.shape)
    upper = np.triu_indices(k, 1)

    def skew(free):
        matrix = np.zeros((k, k))
        matrix[upper] = free
        return matrix - matrix.T

    def objective(free):
        error = dx - x @ skew(free).T
        slope = -2 * error.T @ x
        return (error**2).sum(), (slope - slope.T)[upper]

    found = np.asarray(skew_fit(x, dx))
    start = np.zeros(len(upper[0]))
    searched = minimize(objective, start, jac=True, method="CG", options={"gtol": 1e-8})
    np.testing.assert_allclose(found, -found.T, atol=0)
    np.testing.assert_allclose(found, skew(searched.x), atol=1e-6 * np.abs(found).max())
    assert objective(found[upper])[0] == pytest.approx(searched.fun, rel=1e-12)
    # The same as ordinary least squares over the free entries.
    basis = np.stack([(x @ skew(e).T).ravel() for e in np.eye(len(start))], axis=1)
    exact = np.linalg.lstsq(basis, dx.ravel(), rcond=None)[0]
    np.testing.assert_allclose(found[upper], exact, rtol=1e-9)
    np.testing.assert_allclose(
        linear_fit(x, dx).T, np.linalg.lstsq(x, dx, rcond=None)[0], rtol=1e-9
    )
    # Control: the antisymmetric part of the free fit is not the minimum.
    free = np.asarray(linear_fit(x, dx))
    assert objective(((free - free.T) / 2)[upper])[0] > 1.001 * searched.fun


def test_rotations_are_found_as_they_are():
    """Coarse steps: a third of a turn in the fast plane."""
    activity, axes = turning([2.5, 6.5])
    found = found_in(activity)
    np.testing.assert_allclose(found.frequencies, [6.5, 2.5], rtol=1e-10)
    assert all(float(value) == pytest.approx(1, abs=1e-12) for value in found.fits)
    assert float(found.variance.sum()) == pytest.approx(1, rel=1e-12)
    for plane, truth in zip(found.planes, (axes[:, 2:], axes[:, :2]), strict=True):
        np.testing.assert_allclose(plane.T @ plane, np.eye(2), atol=1e-12)
        np.testing.assert_allclose(truth @ truth.T @ plane, plane, atol=1e-10)
    moved = activity - activity.mean(axis=0)
    np.testing.assert_allclose(
        found.projections, np.einsum("ctn,pnx->pctx", moved, found.planes), atol=1e-12
    )
    # Control: against the earlier state, as in the paper, a fast rotation seems a decay.
    x, dx = moved[:, :-1] @ axes, np.diff(moved @ axes, axis=1)
    naive = np.abs(np.linalg.eigvals(skew_fit(x, dx))).max() / (2 * np.pi * 0.05)
    assert naive == pytest.approx(np.sin(2 * np.pi * 6.5 * 0.05) / (2 * np.pi * 0.05), rel=0.01)


def test_states_turn_counter_clockwise_and_begin_along_x():
    found = found_in(turning([2.5, 6.5], growth=0.97, seed=3)[0])
    for states in np.asarray(found.projections):
        steps = np.diff(np.unwrap(np.angle(states[..., 0] + 1j * states[..., 1]), axis=1), axis=1)
        assert (steps > 0).all()
        first = np.cov(states[:, 0].T)
        assert first[0, 0] > first[1, 1] and abs(first[0, 1]) < 1e-10 * first[0, 0]


def test_activity_that_does_not_vary_does_not_rotate():
    flat = found_in(np.zeros((CONDITIONS, TIMES, UNITS)))
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(flat))
    assert float(flat.fits.r2_skew) == 0 and float(flat.p.r2_skew) == 1


def test_growth_is_no_rotation():
    rng = np.random.default_rng(2)
    start = rng.normal(size=(CONDITIONS, 1, UNITS))
    found = found_in(start * 1.1 ** np.arange(TIMES)[:, None])
    assert abs(float(found.fits.r2_skew)) < 1e-12 and abs(float(found.fits.ratio)) < 1e-12
    assert float(found.fits.r2_best) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(
        found.planes.reshape(2, UNITS, 2).swapaxes(1, 2) @ found.planes,
        np.stack([np.eye(2)] * 2),
        atol=1e-10,
    )
    # A spiral is some of both, and by how much is known: tan of half an angle.
    activity, _ = turning([2.5, 6.5], growth=1.1)
    assert 0.5 < float(found_in(activity).fits.r2_skew) < 0.999


def test_bursts_of_muscles_do_not_turn():
    """Bursts scaled by the direction, at next to the same time: standing, not travelling."""
    rng = np.random.default_rng(3)
    t, theta = np.arange(TIMES), np.linspace(0, 2 * np.pi, CONDITIONS, endpoint=False)
    peak, pd = 10 + 0.5 * rng.normal(size=UNITS), rng.uniform(0, 2 * np.pi, UNITS)
    bursts = np.exp(-((t[:, None] - peak) ** 2) / 18)
    emg = np.maximum(0, 1 + np.cos(theta[:, None, None] - pd)) * bursts
    found = found_in(emg)
    assert float(found.fits.r2_skew) < 0.2 and float(found.fits.r2_best) > 0.5


def test_surrogates_of_a_rotation_fall_below_it_and_those_of_noise_do_not():
    activity, _ = turning([2.5, 3.5])
    noise = np.random.default_rng(4).normal(size=activity.shape)
    turns = found_in(activity + 0.1 * noise)
    assert float(turns.fits.ratio) > 0.95
    assert float(turns.null.r2_skew.max()) < 0.9 * float(turns.fits.r2_skew)
    assert float(turns.p.r2_skew) == pytest.approx(1 / 21)
    chance = [found_in(smooth(seed)).p.r2_skew for seed in range(5)]
    assert np.mean(chance) > 0.2 and np.min(chance) > 1 / 21, chance
    # Smooth noise has a high R2 for all that: the number alone says nothing.
    assert float(found_in(smooth()).fits.ratio) > 0.5


def test_p_counts_the_surrogates():
    activity = smooth(7)
    found = found_in(activity, surrogate=condition_shuffle)
    for name in found.fits._fields:
        above = (getattr(found.null, name) >= getattr(found.fits, name)).sum()
        assert float(getattr(found.p, name)) == pytest.approx((1 + int(above)) / 21)
    again = found_in(activity, surrogate=condition_shuffle)
    np.testing.assert_array_equal(found.null.ratio, again.null.ratio)
    other = found_in(activity, surrogate=condition_shuffle, seed=9)
    assert not np.allclose(found.null.ratio, other.null.ratio)
    assert "surrogates: median" in str(found) and "Hz" in str(found)


def with_a_common_signal(activity):
    common = 40 * np.sin(np.arange(TIMES))[:, None] * np.ones(UNITS)
    return lambda key: activity + common[None]


def test_the_mean_over_conditions_of_surrogates_is_left_out_too():
    found = found_in(smooth(1), surrogate=with_a_common_signal, surrogates=1)
    np.testing.assert_allclose(found.null.r2_skew[0], found.fits.r2_skew, rtol=1e-9)


def test_surrogates_go_through_the_same_analysis():
    found = found_in(smooth(1), surrogate=same_surrogate)
    np.testing.assert_allclose(found.null.r2_skew, found.fits.r2_skew, rtol=1e-9)
    assert float(found.p.r2_skew) > 0.04


def test_what_is_common_to_conditions_and_the_scale_of_units_are_left_out():
    activity = smooth(2)
    common = 40 * np.sin(np.arange(TIMES))[:, None] * np.ones(UNITS)
    kept = quick(activity).fits.r2_skew
    assert float(quick(activity + common).fits.r2_skew) == pytest.approx(float(kept), rel=1e-9)
    left = quick(activity + common, subtract_mean=False).fits.r2_skew
    assert abs(float(left) - float(kept)) > 0.01
    scales = np.linspace(1, 30, UNITS)
    even = quick(activity, soft_normalize=0.0)
    scaled = quick(activity * scales, soft_normalize=0.0)
    np.testing.assert_allclose(scaled.fits.r2_skew, even.fits.r2_skew, rtol=1e-9)
    soft = quick(activity * scales, soft_normalize=5.0)
    by_hand = activity * scales / (np.ptp(activity * scales, axis=(0, 1)) + 5)
    np.testing.assert_allclose(soft.fits.r2_skew, quick(by_hand).fits.r2_skew, rtol=1e-9)
    assert abs(float(soft.fits.r2_skew) - float(even.fits.r2_skew)) > 1e-6


@pytest.mark.slow
def test_it_can_be_compiled_mapped_differentiated_and_in_single_precision():
    activity = jnp.asarray(np.stack([smooth(1), smooth(2)]))
    one = quick(activity[1])

    def strength(x):
        found = quick(x)
        return found.fits.r2_skew, found

    run = jax.jit(jax.vmap(jax.value_and_grad(strength, has_aux=True)))
    (values, every), slopes = run(activity)
    np.testing.assert_allclose(values[1], one.fits.r2_skew, rtol=1e-8)
    np.testing.assert_allclose(every.frequencies[1], one.frequencies, rtol=1e-8)
    step = 1e-5 * np.random.default_rng(0).normal(size=activity[1].shape)
    change = [quick(activity[1] + s * step).fits.r2_skew for s in (1, -1)]
    expected = float(change[0] - change[1]) / 2
    assert float(jnp.sum(slopes[1] * step)) == pytest.approx(expected, rel=1e-4)
    one = found_in(activity[1])
    single = found_in(activity[1].astype(jnp.float32))
    assert single.projections.dtype == single.null.ratio.dtype == jnp.float32
    np.testing.assert_allclose(single.frequencies, one.frequencies, rtol=1e-3)
    assert abs(float(single.null.r2_skew.mean()) - float(one.null.r2_skew.mean())) < 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"components": 3}, "components must be even"),
        ({"components": 14}, "at most the units"),
        ({"surrogates": 0}, "surrogates must be a positive integer"),
        ({"dt": 0.0}, "dt must be positive"),
        ({"soft_normalize": -1.0}, "soft_normalize must not be negative"),
        ({"activity": np.ones((4, 5))}, "activity must have at least 3 axes"),
        ({"activity": np.ones((1, 9, 12))}, "two conditions and three times"),
        ({"activity": np.ones((2, 4, 12))}, "leaves 3 changes of state"),
        ({"activity": np.full((9, 20, 12), np.nan)}, "activity must be finite"),
    ],
)
def test_what_cannot_be_analysed_is_refused(change, message):
    options = {"activity": smooth(), "dt": 0.1, "key": new_key(), "components": 4, **change}
    with pytest.raises(ValueError, match=message):
        jpca(options.pop("key"), options.pop("activity"), **options)


def test_there_is_no_result_without_surrogates():
    with pytest.raises(TypeError, match="key"):
        jpca(activity=smooth(), dt=0.1)
    with pytest.raises(ValueError, match="one shape"):
        skew_fit(np.ones((4, 2)), np.ones((3, 2)))
    for sampler in (condition_shuffle, condition_inversion, maximum_entropy):
        with pytest.raises(ValueError, match="at least two conditions"):
            sampler(np.ones((1, 5, 3)))
    assert jb.analysis.jpca is jpca
