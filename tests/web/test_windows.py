"""Pooling and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.javascript import assert_same, needs_node

pytestmark = needs_node
X = np.random.default_rng(6).normal(size=(5, 6)).astype("float32")


def largest(x, padding="SAME"):
    return lax.reduce_window(x, -jnp.inf, lax.max, (2, 3), (2, 1), padding)


def test_the_largest_of_windows_and_its_gradient():
    assert_same(lambda x: (largest(x), jax.grad(lambda x: (largest(x) ** 2).sum())(x)), X)


@pytest.mark.slow
def test_more_windows():
    def windows(x):
        return (
            lax.reduce_window(x, 0.0, lax.add, (2, 2), (1, 2), ((1, 0), (0, 1))),
            lax.reduce_window(x, jnp.inf, lax.min, (2, 2), (1, 1), "VALID", window_dilation=(1, 2)),
            jax.jvp(lambda x: largest(x, "VALID"), (x,), (x * x,)),
        )

    assert_same(windows, X)
