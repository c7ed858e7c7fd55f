"""Gather, scatter and slices, inside and outside of their arrays."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.javascript import assert_same, needs_node

pytestmark = needs_node
A = np.random.default_rng(5).normal(size=(3, 4)).astype("float32")
J = np.array([[2, 3, 0, 1], [-5, -1, 7, 2], [0, 1, -3, 40]], "int32")


def test_rows_outside_are_nan_or_the_nearest_and_updates_are_left_out():
    out = np.array([0, 7, -1])
    assert_same(
        lambda a, j, out: (
            jnp.take(a, out, axis=1), jnp.take(a, out, axis=0, mode="clip"), a[j % 3, j % 4],
            a.at[out].add(1.0, mode="drop"), a.at[out].min(-7.0, mode="clip"),
            a.at[j[0] % 3].add(1.0), lax.dynamic_slice(a, (j[0, 0], 1), (2, 2)),
            lax.dynamic_update_slice(a, a[:2, :2] * 3, (5, j[0, 1])),
            jax.vmap(lambda row, i: row.at[i].add(1.0))(a, j % 4),
        ),
        A, J, out,
    )  # fmt: skip


@pytest.mark.slow
def test_more_of_indices():
    rows = np.array([2, 0, 1])
    assert_same(
        lambda a, j, rows: (
            a[:, j[0] % 4], a.at[rows].set(a), a.at[j % 3, j % 4].mul(2.0), a[j[1, 2]],
            a.at[rows].max(0.0), jnp.take_along_axis(a, j % 4, 1), jnp.take(j, rows + 1, axis=0),
            jax.vmap(lambda row, i: row[i])(a, j[:, 0] % 4), (a > 0)[rows],
            jax.vmap(lambda row, i: lax.dynamic_slice(row, (i,), (2,)))(a, j[:, 0]),
            a.at[rows].subtract(2.0), lax.complex(a, -a)[rows],
            lax.complex(a, a).at[rows].add(1j),
        ),
        A, J, rows,
    )  # fmt: skip
