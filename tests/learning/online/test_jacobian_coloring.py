"""Coloring: the entries of a sparse Jacobian from fewer pullbacks than it has rows."""

import jax.numpy as jnp
import numpy as np

from jaxbrain.learning.online.jacobian_coloring import color_rows, colored_entries


def test_the_entries_of_a_sparse_matrix():
    rng = np.random.default_rng(0)
    pattern = rng.random((30, 40)) < 0.05
    matrix = np.where(pattern, rng.normal(size=pattern.shape), 0).astype("float32")
    colors = color_rows(pattern)
    assert colors.max() + 1 < 15
    for color in range(colors.max() + 1):
        assert pattern[colors == color].sum(0).max() <= 1, "two rows of a color share a column"
    rows, columns = np.nonzero(pattern)
    entries = colored_entries(lambda v: v @ jnp.asarray(matrix), colors, "float32")
    np.testing.assert_allclose(entries(rows, columns), matrix[rows, columns], rtol=1e-6)
    one = colored_entries(lambda v: v @ jnp.asarray(matrix), np.zeros(30, int), "float32")
    assert np.abs(one(rows, columns) - matrix[rows, columns]).max() > 0.1
