"""Derivatives of the losses: those of `jax.grad` at real predictions, and holomorphic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning import energy
from jaxbrain.learning.energy.complex_errors import error_of
from jaxbrain.losses import Weighted

pytestmark = pytest.mark.x64

ONE_HOT = jax.nn.one_hot(1, 4)
ERRORS = {
    "half_mse": (ONE_HOT, energy.half_mse_error),
    "mse": (ONE_HOT, energy.mse_error),
    "softmax_cross_entropy": (jnp.array(2), energy.softmax_error),
    "binary_cross_entropy": (ONE_HOT, energy.sigmoid_error),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_the_derivative_of_its_loss_at_complex_predictions_too(name):
    y, error = ERRORS[name]
    loss, o = getattr(jb.losses, name), jnp.array([0.3, -1.2, 0.8, 2.0])
    y = y if y.ndim == 0 else y.astype(o.dtype)
    np.testing.assert_allclose(error(o, y), jax.grad(loss)(o, y), rtol=1e-12)
    z, h = jax.lax.complex(o, 0.3 * o[::-1]), 1e-6
    steps = h * jnp.eye(4, dtype=z.dtype)
    slope = jax.jit(jax.vmap(lambda d: (error(z + d, y) - error(z - d, y)) / 2))
    real, imaginary = slope(steps) / h, slope(1j * steps) / (1j * h)
    np.testing.assert_allclose(real, imaginary, atol=1e-8)  # the same along both axes


def test_a_sequence_of_logits_has_the_mean_error():
    logits, y = jnp.linspace(-1.0, 2.0, 12).reshape(4, 3), jnp.array([0, 2, 1, 1])
    want = jax.grad(jb.losses.softmax_cross_entropy)(logits, y)
    np.testing.assert_allclose(energy.softmax_error(logits, y), want, rtol=1e-12)


@pytest.mark.parametrize("given", [None, lambda z, y: 2 * energy.half_mse_error(z, y)])
def test_a_weight_scales_the_error_of_an_example(given):
    loss, o = jb.losses.half_mse, jnp.array([0.3, -1.2, 0.8, 2.0])
    error = error_of(jb.losses.weighted(loss), given)(o, Weighted(ONE_HOT.astype(o.dtype), 3.0))
    want = jax.grad(lambda o: 3.0 * loss(o, ONE_HOT.astype(o.dtype)))(o)
    np.testing.assert_allclose(error, want if given is None else 2 * want, rtol=1e-12)
