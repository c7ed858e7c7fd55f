"""Loops and branches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.javascript import assert_same, needs_node

pytestmark = needs_node
A = np.random.default_rng(8).normal(size=(3, 4)).astype("float32")


def swap(carry, row):
    """Carries change places, and rows have the old ones."""
    a, b, c = carry
    return (b + row, a, jnp.tanh(c)), (a, b * row, c)


def halve(c):
    return c[0] + 1, c[2], c[1] * 0.5


def test_loops_and_branches():
    def loops(a, n):
        return (
            lax.scan(swap, (a[0], a[1], a[2]), a),
            lax.scan(swap, (a[0], a[1], a[2]), a, reverse=True),
            lax.scan(lambda c, x: (c, lax.pad(x, 1.0, ((1, 0, 1),))), 0, a),
            lax.while_loop(lambda c: c[0] < n, halve, (0, a, a[:, :1] + a)),
            lax.cond(n > 3, lambda a: (a, a.sum()), lambda a: (a * 2, 0.0), a),
            lax.switch(n - 9, [jnp.copy, jnp.negative, jnp.square], a),
            lax.switch(n, [jnp.copy, jnp.negative, jnp.square], a),
        )

    assert_same(loops, A, 5)


def count(limit):
    """Powers of two in a loop whose number of steps differs by row."""
    return lax.while_loop(lambda c: c[0] < limit, lambda c: (c[0] + 1, c[1] * 2), (0, 1.0))


@pytest.mark.slow
def test_loops_within_loops_and_their_gradients():
    def inner(c, row):
        return c + 1, lax.scan(lambda d, y: (d + y, d * y), c, row)

    def loops(a, key):
        return (
            jax.vmap(count)(jnp.arange(4)),
            lax.scan(inner, jnp.float32(0.0), a),
            lax.scan(lambda k, _: (jax.random.split(k)[0], jax.random.key_data(k)), key, length=3),
            jax.grad(lambda a: lax.scan(lambda c, x: (jnp.tanh(c + x), c * x), a[0], a)[1].sum())(
                a
            ),
            lax.fori_loop(0, 5, lambda i, c: c * 1.1 + i.astype("float32"), a),
            lax.associative_scan(jnp.add, a),
            lax.scan(lambda c, x: (c + x, c), a[0], a[:0]),
            lax.map(jnp.sum, a),
        )

    assert_same(loops, A, jax.random.key(0))


@pytest.mark.slow
def test_calls_are_their_programs():
    assert_same(
        lambda a: (
            jax.checkpoint(jnp.sin)(a), jax.nn.relu(a), jax.grad(lambda a: jax.nn.gelu(a).sum())(a),
            jax.nn.softplus(a), lax.platform_dependent(a, cpu=jnp.sin, default=jnp.cos),
            lax.optimization_barrier(a), jax.nn.softmax(a),
        ),
        A,
    )  # fmt: skip
