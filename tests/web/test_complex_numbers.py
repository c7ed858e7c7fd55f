"""Complex numbers are pairs of real ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.javascript import assert_same, needs_node

pytestmark = needs_node
A, B = np.random.default_rng(1).normal(size=(2, 3, 3)).astype("float32")


def test_arithmetic_and_products_of_complex_numbers():
    def formulas(a, b):
        z = lax.complex(a, b)
        return z * z, z / (z + 1), jnp.tanh(z), z @ z.T, z.sum(0), abs(z), jnp.conj(z)[1:]

    assert_same(formulas, A, B, tolerance=3e-6)


@pytest.mark.slow
def test_all_functions_of_complex_numbers():
    def formulas(z, a):
        return (
            jnp.exp(z), jnp.log(z), jnp.sin(z), jnp.cos(z), jax.nn.sigmoid(z), z**2, z**3, z**-1,
            z.real, z.imag, jnp.where(a > 0, z, -z), z == z, z != z.T, jnp.stack([z, z]),
            z - a.astype("complex64"), lax.dot(a.astype("complex64"), z), jnp.where(a > 0, z, 0),
        )  # fmt: skip

    assert_same(formulas, A + 1j * B, A, tolerance=5e-6)
