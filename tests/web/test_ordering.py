"""Sorting."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.javascript import assert_same, needs_node

pytestmark = needs_node
A = np.array([[2.0, np.nan, -0.0, 0.0], [1.0, -3.0, 1.0, np.inf]], "float32")
WHOLE = np.array([[3, 1, 3, 0], [0, 0, -5, 2]], "int32")


def test_sorted_numbers_and_the_order_of_equal_ones():
    assert_same(
        lambda a, i: (jnp.sort(a), jnp.argsort(i), lax.sort((i, a), num_keys=1), lax.top_k(a, 3)),
        A, WHOLE,
    )  # fmt: skip


@pytest.mark.slow
def test_more_of_orders():
    assert_same(
        lambda a, i: (
            jnp.sort(i, 0), lax.sort((i // 3, a), dimension=1, num_keys=2), lax.top_k(i, 2),
            jnp.median(a[1]), jnp.searchsorted(jnp.sort(a[1]), a[0]),
        ),
        A, WHOLE,
    )  # fmt: skip
