"""Primitives by element are those of JAX, for every dtype."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.javascript import assert_same, needs_node

pytestmark = needs_node
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 3, 4)).astype("float32")
ODD = np.array(
    [np.nan, 1.0, -0.0, 0.0, np.inf, -np.inf, 2.5, -2.5, 1e20, 3.0, 0.5, 1.5, -1.0], "float32"
)
WHOLE = np.array([[3, -7, 0, 2**31 - 1], [5, -(2**31), 1, 9], [4, 4, -4, 2]], "int32")
J = np.array([[2, 3, 0, 1], [-5, -1, 7, 2], [0, 1, -3, 40]], "int32")


def test_functions_of_floats():
    assert_same(
        lambda a: (
            jnp.exp(a), jnp.log(abs(a)), jnp.tanh(a), jax.nn.sigmoid(a), lax.erf(a),
            lax.erf_inv(a / 4), lax.rsqrt(abs(a)), a**3, a**-2, jnp.log1p(abs(a)),
        ),
        A,
    )  # fmt: skip


@pytest.mark.slow
def test_all_functions_of_floats():
    assert_same(
        lambda a, b: (
            a + b, a - b, a * b, a / b, a % b, jnp.maximum(a, b), jnp.minimum(a, b), -a, abs(a),
            jnp.sign(a), jnp.floor(a), jnp.ceil(a), abs(a) ** b, jnp.square(a), jnp.expm1(a),
            jnp.sinh(a), jnp.cosh(a), jnp.sin(a), jnp.cos(a), jnp.tan(a), jnp.arcsin(a / 4),
            jnp.arccos(a / 4), jnp.arctan(a), jnp.arcsinh(a), jnp.arccosh(1 + abs(a)),
            jnp.arctanh(a / 4), jnp.sqrt(abs(a)), jnp.cbrt(a), lax.erfc(a), jnp.arctan2(a, b),
            jnp.exp2(a), jnp.log2(abs(a)), jnp.clip(a, -1, b),
        ),
        A, B,
    )  # fmt: skip


def test_nan_infinity_and_the_sign_of_zero():
    def odd(n):
        return (
            jnp.sign(n), 1 / n, jnp.maximum(n, 0.0), jnp.round(n), n.astype("int32"),
            n.astype("uint32"), n.astype(bool), jnp.isfinite(n), n != n, n**0, 1.0**n,
            (-jnp.ones_like(n)) ** n, jnp.nextafter(n, 0.0), n.astype("int8"),
        )  # fmt: skip

    assert_same(odd, ODD)


@pytest.mark.slow
def test_more_of_odd_numbers():
    def odd(n):
        return (
            lax.round(n, lax.RoundingMethod.AWAY_FROM_ZERO), n.astype("int16"), jnp.minimum(n, 0.0),
            jnp.nextafter(n, jnp.inf), lax.reduce_precision(n, 5, 10), jnp.clip(n, -1, 1),
            lax.max(n, jnp.flip(n)), lax.bitcast_convert_type(n[1:], jnp.int32),
            lax.bitcast_convert_type(lax.bitcast_convert_type(n, jnp.uint32), jnp.float32),
        )  # fmt: skip

    assert_same(odd, ODD)


def whole(i, j):
    """Arithmetic and bits of integers, with division by zero and overflow."""
    shifted = (i << j, i >> j, lax.shift_right_logical(i, j))
    return i + j, i - j, i * j, i * i, lax.div(i, j), lax.rem(i, j), -i, i & j, ~i, *shifted, i > j


def test_integers_wrap_around():
    assert_same(whole, WHOLE, J)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint32", "int16", "uint16", "int8", "uint8"])
def test_integers_of_every_width(dtype):
    assert_same(whole, WHOLE.astype(dtype), J.astype(dtype))
    assert_same(lambda i: [i.astype(d) for d in ("int32", "uint32", "int8", "float32")], J)


@pytest.mark.slow
def test_truth_values():
    assert_same(
        lambda a, b: (a & b, a | b, a ^ b, ~a, a == b, a < b, a.astype(float), jnp.where(a, 1, 2)),
        A > 0, B > 0,
    )  # fmt: skip


def test_axes_of_size_one_are_repeated_and_a_select_takes_cases():
    assert_same(
        lambda a, i: (lax.add(a, a[:1]), lax.mul(a[:, :1], a), lax.select_n(i, a, -a, a + 1)),
        A, abs(WHOLE) % 3,
    )  # fmt: skip
