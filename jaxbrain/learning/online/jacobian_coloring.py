"""Coloring of sparse Jacobians: their entries from few pullbacks.

Rows of one color share no column, so that one pullback of their sum gives the entries of all.

Source: Curtis, Powell and Reid 1974, doi 10.1093/imamat/13.1.117.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Coloring(NamedTuple):
    """Colors of the rows of the three Jacobians of a step.

    Attributes:
      immediate: of ds_t/dp, ``[n_state]``.
      carried: of ds_t/ds_{t-1}, ``[n_state]``.
      read: of dy/ds, ``[n_outputs]``.
    """

    immediate: np.ndarray
    carried: np.ndarray
    read: np.ndarray


def color_rows(pattern: np.ndarray) -> np.ndarray:
    """Greedy coloring of the rows of a boolean matrix: the color of each row, from 0 on.

    Examples:
      >>> color_rows(np.array([[True, False], [False, True], [True, True]])).tolist()
      [0, 0, 1]
    """
    numbers = pattern.astype(np.float32)
    meet = numbers @ numbers.T > 0
    color = np.zeros(len(pattern), int)
    for i in range(1, len(pattern)):
        taken = set(color[:i][meet[i, :i]].tolist())
        color[i] = next(c for c in range(len(pattern)) if c not in taken)
    return color


def color_seeds(color: np.ndarray, dtype: Any) -> jax.Array:
    """For each color the sum of its rows, as a vector to pull back ``[colors, rows]``."""
    return jnp.asarray(color[None] == np.arange(color.max() + 1)[:, None], dtype)


def colored_entries(
    pull: Callable[[jax.Array], jax.Array], color: np.ndarray, dtype: Any
) -> Callable[[np.ndarray, np.ndarray], jax.Array]:
    """The entries of a Jacobian, by row and column, where its pattern is not zero.

    Args:
      pull: ``(v [rows]) -> v J [columns]``.
      color: of each row.
      dtype: of v.
    """
    sums = jax.vmap(pull)(color_seeds(color, dtype))
    return lambda row, column: sums[color[row], column]
