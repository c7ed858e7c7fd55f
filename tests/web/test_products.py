"""Products of arrays and convolutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.javascript import assert_equal, assert_same, in_node, needs_node

pytestmark = needs_node
RNG = np.random.default_rng(4)
A, B = RNG.normal(size=(2, 3, 6)).astype("float32")
X = RNG.normal(size=(2, 5, 6, 2)).astype("float32")
K = RNG.normal(size=(3, 2, 2, 4)).astype("float32")
ORDER = ("NHWC", "HWIO", "NHWC")


def test_products_in_any_order_of_axes_against_numpy():
    def products(xp, a, b, i):
        both = xp.stack([a, b])
        return (
            a @ b.T, xp.einsum("ij,ij->i", a, b), xp.einsum("ij,kl->jlik", a, b[:, :2]),
            xp.einsum("bij,bkj->bik", both, both), a[0] @ b[0], i @ i.T,
        )  # fmt: skip

    whole = np.arange(6, dtype="int32").reshape(2, 3)
    found = in_node(lambda *arrays: products(jnp, *arrays), A, B, whole)
    assert_equal(products(np, A, B, whole), found)


def test_integer_products_wrap_around():
    big = np.full((2, 3), 2**30, "int32")
    found = in_node(lambda i: i @ i.T, big)
    assert_equal(big @ big.T, found)


def convolved(x, kernel, stride=(2, 1), padding=((1, 2), (0, 1)), **options):
    return lax.conv_general_dilated(x, kernel, stride, padding, dimension_numbers=ORDER, **options)


def test_a_convolution():
    assert_same(convolved, X, K)


@pytest.mark.slow
def test_convolutions_with_holes_groups_and_gradients():
    def convolutions(x, k):
        gradient = jax.grad(lambda x, k: (convolved(x, k) ** 2).sum(), (0, 1))
        return (
            convolved(x, k, rhs_dilation=(1, 2)), convolved(x, k, lhs_dilation=(2, 1)),
            convolved(x, k[:, :, :1], feature_group_count=2), gradient(x, k),
            convolved(x, k, (1, 1), batch_group_count=2),
        )  # fmt: skip

    assert_same(convolutions, X, K, tolerance=1e-5)
