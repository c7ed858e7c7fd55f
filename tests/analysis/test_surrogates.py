"""Surrogates against their moments and their definitions."""

from functools import partial

import jax
import numpy as np
import pytest

from jaxbrain.analysis import (
    condition_inversion,
    condition_shuffle,
    marginal_covariances,
    maximum_entropy,
)
from tests.analysis.smooth_activity import CONDITIONS, smooth

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 0)


@jax.jit
def drawn_from(activity):
    return jax.vmap(maximum_entropy(activity))(jax.random.split(new_key(), 4000))


def correlated():
    """Conditions, time and units that each have a structure, and a mean."""
    rng = np.random.default_rng(5)
    mixed = np.einsum(
        "cd,dtn,nm->ctm",
        rng.normal(size=(5, 5)),
        smooth(6, units=4)[:5, :8],
        rng.normal(size=(4, 4)),
    )
    return mixed + np.arange(8.0)[:, None] + 3 * np.arange(4.0)


def test_maximum_entropy_has_the_moments_of_the_activity():
    truth = jax.jit(marginal_covariances)(correlated())
    by_hand = correlated()
    for axes in ((1, 2), (0, 2), (0, 1)):
        by_hand = by_hand - by_hand.mean(axis=axes, keepdims=True)
    np.testing.assert_allclose(truth.mean, correlated() - by_hand, atol=1e-10)
    for axis, covariance in enumerate(truth[1:]):
        rows = np.moveaxis(by_hand, axis, 0).reshape(by_hand.shape[axis], -1)
        np.testing.assert_allclose(covariance, rows @ rows.T, atol=1e-9)
    drawn = drawn_from(correlated())
    spread = np.asarray(drawn.std(axis=0)) / np.sqrt(4000)
    assert (np.abs(drawn.mean(axis=0) - truth.mean) < 5 * spread + 1e-9).all()
    rest = np.asarray(drawn) - np.asarray(truth.mean)
    for form, target in zip(
        ("zctn,zdtn->cd", "zctn,zcsn->ts", "zctn,zctm->nm"), truth[1:], strict=True
    ):
        average = np.einsum(form, rest, rest, optimize=True) / 4000
        assert np.linalg.norm(average - target) < 0.05 * np.linalg.norm(target)


def test_the_shuffle_keeps_time_and_loses_the_rest():
    truth = jax.jit(marginal_covariances)(correlated())

    @jax.jit
    @jax.vmap
    def shuffled(key):
        sample = condition_shuffle(correlated())(key)
        return sample, marginal_covariances(sample)

    samples, found = shuffled(jax.random.split(new_key(), 300))
    mean = np.asarray(correlated()).mean(axis=0)
    sample = samples[0]
    np.testing.assert_allclose(sample.mean(axis=0), mean, rtol=1e-12)
    assert not np.allclose(sample, correlated())
    np.testing.assert_allclose(np.sort(sample, axis=0), np.sort(correlated(), axis=0))
    units = np.asarray(found.units.mean(axis=0))
    assert np.linalg.norm(units - truth.units) > 0.2 * np.linalg.norm(truth.units)


def test_inversion_keeps_the_start_and_turns_half():
    activity = smooth(8)
    sample = np.asarray(jax.jit(condition_inversion(activity))(new_key()))
    inverted = np.isclose(sample, 2 * activity[:, :1] - activity).all(axis=1)
    kept = np.isclose(sample, activity).all(axis=1)
    assert (inverted ^ kept).all() and (inverted.sum(axis=0) == CONDITIONS // 2).all()
    assert (inverted != inverted[:, :1]).any()


def test_directions_without_variance_stay_empty():
    activity = correlated()
    activity = activity - activity.mean(axis=0)
    activity[..., 2] = activity[..., 3]
    sample = np.asarray(drawn_from(activity)[0])
    assert np.isfinite(sample).all() and sample.std() > 0.1
    assert np.abs(sample.mean(axis=0)).max() < 1e-6
    np.testing.assert_allclose(sample[..., 2], sample[..., 3], atol=1e-6)
    assert np.abs(sample[..., 2] - sample[..., 1]).max() > 0.1


@pytest.mark.parametrize("function", [marginal_covariances, maximum_entropy])
def test_a_refusal_names_the_function_that_was_called(function):
    with pytest.raises(ValueError, match=rf"^{function.__name__}: activity must be \[conditions"):
        function(np.ones((1, 4, 2)))
