"""Labels of forward-forward: the distribution of wrong ones, and the wave over an image."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.learning.forward import any_label, likely_label, overlay_label

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 2)


@pytest.mark.parametrize("negatives", [likely_label, any_label])
def test_a_wrong_label_is_never_the_true_one(negatives):
    """Over many keys; the others follow their probabilities."""
    logits, label = jnp.array([2.0, -1.0, 5.0, 0.5]), jnp.array(2)
    keys = jax.random.split(new_key(), 20_000)
    found = jax.vmap(lambda k: negatives(k, logits, label))(keys)
    shares = np.bincount(found, minlength=4) / 20_000
    p = np.exp(np.asarray(logits)) if negatives is likely_label else np.ones(4)
    p[2] = 0
    assert shares[2] == 0
    np.testing.assert_allclose(shares, p / p.sum(), atol=0.015)
    naive = jax.random.randint(jax.random.key(7), 20_000, 0, 4)
    assert np.mean(naive == 2) > 0.2  # the control: of all labels, the true one is often drawn


def test_the_wave_of_a_label_is_its_equation():
    x = np.random.default_rng(0).normal(size=(5, 6, 2))
    label = np.array([0.0, 0.25, 0.75, 0.0])
    p, q = np.meshgrid(np.arange(5) / 5, np.arange(6) / 6, indexing="ij")
    wave = sum(
        label[c] * np.cos(2 * np.pi * f * (p * np.cos(np.pi * c / 4) + q * np.sin(np.pi * c / 4)))
        for c, f in enumerate([1, 2, 3, 1])
    )
    want = 0.7 * x + 0.3 * np.abs(x).max() * wave[..., None]
    np.testing.assert_allclose(overlay_label(jnp.asarray(x), jnp.asarray(label)), want, rtol=1e-12)
    with pytest.raises(ValueError, match=r"x must be \[height, width, ...\]"):
        overlay_label(jnp.ones(8), jnp.asarray(label))
