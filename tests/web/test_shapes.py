"""Views of arrays, and arrays put together, against NumPy and JAX."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from benchmarks.node import Job, run
from tests.javascript import assert_equal, assert_same, needs_node

pytestmark = needs_node
A = np.random.default_rng(2).normal(size=(3, 4)).astype("float32")


def test_shapes():
    assert_same(
        lambda a: (
            a.T.reshape(2, 6), a[::-1, 1::2], jnp.tile(a, (2, 3)), jnp.stack([a, a + 1], 1),
            jnp.concatenate([a, a[:, :1]], 1), lax.pad(a, 9.0, ((-1, 2, 1), (1, -1, 2))),
            jnp.split(a, 2, 1), lax.broadcasted_iota(jnp.int32, (2, 3), 1), jnp.roll(a, 1, 1),
        ),
        A,
    )  # fmt: skip


@pytest.mark.slow
def test_more_shapes_and_empty_arrays():
    assert_same(
        lambda a: (
            jnp.broadcast_to(a[:, None], (3, 2, 4)), jnp.squeeze(a[:1]), jnp.repeat(a, 2, 0),
            jnp.pad(a, ((1, 2), (0, 1))), jnp.eye(4) + a[:1], jnp.triu(a), jnp.unstack(a, axis=1),
            a[..., None].transpose(2, 0, 1), jnp.zeros((0, 3)), a[:0].sum(), a[:0].reshape(4, 0),
            jnp.concatenate([a[:0], a]),
        ),
        A,
    )  # fmt: skip


@st.composite
def changes(draw):
    """A shape, an order of its axes, a shape of the same size, and an axis to slice."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    order = draw(st.permutations(range(len(shape))))
    size = int(np.prod(shape))
    rows = draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0]))
    return tuple(shape), tuple(order), (rows, size // rows), draw(st.sampled_from(order))


def changed(xp, change, a):
    """Views of views, in NumPy or JAX."""
    _, order, other, axis = change
    turned = xp.flip(a.transpose(order), order[0])
    part = turned.reshape(other)[::2]
    return turned + 1, part * 2, xp.take(a, 0, axis=axis), (a + a.sum(axis, keepdims=True)).T


@settings(max_examples=2, deadline=None, derandomize=True)
@given(st.lists(changes(), min_size=6, max_size=10))
def test_views_of_any_shape(cases):
    arrays = [np.arange(np.prod(c[0]), dtype="float32").reshape(c[0]) for c in cases]
    jobs = [
        Job(lambda a, c=c: changed(jnp, c, a), (a,)) for c, a in zip(cases, arrays, strict=True)
    ]
    for case, array, done in zip(cases, arrays, run(jobs), strict=True):
        assert_equal(changed(np, case, array), done.results)
