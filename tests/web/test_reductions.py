"""Reductions and running totals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.javascript import assert_same, needs_node

pytestmark = needs_node
A = np.random.default_rng(3).normal(size=(3, 4)).astype("float32")
WHOLE = np.array([[3, -7, 0, 2**31 - 1], [5, -(2**31), 1, 9], [4, 4, -4, 2]], "int32")
ODD = np.array([1.0, np.nan, 3.0, np.nan], "float32")


def test_reductions():
    assert_same(
        lambda a, i, n: (
            a.sum(0), a.prod(1), a.max(), i.sum(), i.prod(0), i.min(1), jnp.cumsum(a, 1),
            lax.cummin(a, 1, reverse=True), jnp.argmax(a, 1), jnp.argmax(n), n.max(),
            (a > 0).all(0), (a > 0).any(1),
        ),
        A, WHOLE, ODD,
    )  # fmt: skip


@pytest.mark.slow
def test_more_reductions():
    assert_same(
        lambda a, i: (
            a.sum(), a.min(1), i.max(), jnp.cumprod(a, 0), lax.cummax(a, 0), jnp.cumsum(i, 0),
            lax.cumlogsumexp(a, 0), jnp.argmin(i, 0), jax.nn.logsumexp(a, 0), a.std(),
            lax.reduce_and(i, (0,)), lax.reduce_or(i, (1,)), lax.reduce_xor(i, (0,)),
        ),
        A, WHOLE,
    )  # fmt: skip
