"""Elementwise functions that store one derivative per argument."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.cells.pointwise import pointwise

pytestmark = pytest.mark.x64
new_key = partial(jax.random.key, 0)


def test_pointwise_changes_no_derivative_and_keeps_less():
    def f(a, b, c):
        return jnp.tanh(a + jnp.sin(b) * c) * jax.nn.sigmoid(a * c)

    args = tuple(jax.random.normal(key, (5,)) for key in jax.random.split(new_key(), 3))
    for g in (f, pointwise(f)):
        np.testing.assert_array_equal(g(*args), f(*args))
    ours, plain = (jax.jacobian(g, (0, 1, 2))(*args) for g in (pointwise(f), f))
    np.testing.assert_allclose(jnp.stack(ours), jnp.stack(plain), rtol=1e-13, atol=1e-15)

    def kept(g):
        return sum(a.size for a in jax.tree.leaves(jax.vjp(g, *args)[1]))

    assert kept(pointwise(f)) <= 3 * 5 < kept(f)
