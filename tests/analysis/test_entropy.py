"""Variances of maximum entropy against the conditions of optimality."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.analysis.entropy import maximum_entropy_variances

pytestmark = pytest.mark.x64


def test_variances_are_the_most_random_of_these_sums():
    """1 / D is a sum of three; no other D of the same sums has more entropy."""
    rng = np.random.default_rng(9)
    values = [np.sort(rng.exponential(size=n) ** 3) for n in (5, 8, 4)]
    values = [v / v.sum() for v in values]
    both = [jnp.stack([jnp.ones(len(v)) / len(v), jnp.asarray(v)]) for v in values]
    even, found = np.asarray(jax.vmap(maximum_entropy_variances)(tuple(both)))
    np.testing.assert_allclose(even, 1 / even.size, rtol=1e-9)
    for value, axes in zip(values, ((1, 2), (0, 2), (0, 1)), strict=True):
        np.testing.assert_allclose(found.sum(axes), value, rtol=1e-9)
    precision = 1 / found
    additive = (
        precision.mean((1, 2))[:, None, None]
        + precision.mean((0, 2))[:, None]
        + precision.mean((0, 1))
        - 2 * precision.mean()
    )
    np.testing.assert_allclose(precision, additive, rtol=1e-6)
    product = np.einsum("i,j,k->ijk", *values)
    assert np.log(found).sum() > np.log(product).sum() + 1
    assert np.abs(1 / product - additive).max() > 1
