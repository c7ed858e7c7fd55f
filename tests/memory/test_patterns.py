"""Corruption, masks and overlap of patterns against their definitions."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.memory import corrupt, mask, overlap
from jaxbrain.memory.patterns import sign_or_stay

new_key = partial(jax.random.key, 0)
X = np.random.default_rng(0).choice([-1.0, 1.0], 40).astype("float32")


@pytest.mark.parametrize("fraction", [0.0, 0.24, 0.5, 1.0])
def test_corrupt_flips_the_rounded_number_of_bits(fraction):
    found = np.asarray(corrupt(new_key(), jnp.asarray(X), fraction))
    flipped = round(fraction * 40)
    assert np.sum(found == -X) == flipped and np.sum(found == X) == 40 - flipped
    assert float(overlap(found, X)) == pytest.approx(1 - 2 * flipped / 40)


def test_corrupt_draws_all_places_with_the_same_probability():
    flips = jax.jit(jax.vmap(lambda k: corrupt(k, jnp.ones(10), 0.3)))
    share = np.mean(np.asarray(flips(jax.random.split(new_key(), 4000))) < 0, axis=0)
    assert np.max(np.abs(share - 0.3)) < 4.5 * np.sqrt(0.3 * 0.7 / 4000)


def test_mask_hides_the_end_of_a_pattern():
    found = np.asarray(mask(jnp.asarray(X), 0.3, value=0.0))
    np.testing.assert_array_equal(found, np.where(np.arange(40) < 28, X, 0))
    np.testing.assert_array_equal(mask(jnp.asarray(X), 1.0), -np.ones(40))
    np.testing.assert_array_equal(mask(jnp.asarray(X), 0.0), X)


def test_overlap_is_the_mean_product():
    y = np.random.default_rng(1).choice([-1.0, 1.0], 40).astype("float32")
    assert float(overlap(X, y)) == pytest.approx(X @ y / 40)
    assert float(overlap(X, X)) == 1 and float(overlap(X, -X)) == -1
    assert X @ y not in (0, 40)


def test_a_tie_keeps_the_state():
    field = jnp.array([2.0, -2.0, 0.0, 0.1, -0.1])
    state = jnp.array([-1.0, 1.0, 1.0, -1.0, 1.0])
    assert sign_or_stay(field, state).tolist() == [1, -1, 1, 1, -1]
    assert sign_or_stay(field, state, 0.1).tolist() == [1, -1, 1, -1, 1]


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"corrupt: fraction must be from 0 to 1, got 1\.5"):
        corrupt(new_key(), X, 1.5)
    with pytest.raises(ValueError, match="mask: fraction must be from 0 to 1, got -1"):
        mask(X, -1)
    with pytest.raises(
        ValueError, match=r"state \(3,\) and pattern \(40,\) must have the same shape"
    ):
        overlap(X[:3], X)
