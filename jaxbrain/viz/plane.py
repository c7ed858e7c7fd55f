"""A plane through the space of states: coordinates, bounds, grid."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxbrain.viz.style import floats


def require_plane(plane: Sequence[Any], units: int | None = None) -> np.ndarray:
    """`[3, units]`: origin, first, second; with `units`, of exactly so many."""
    base = floats("plane", list(plane), ndim=(2,))
    fits = len(base) == 3 and units in (None, base.shape[1])
    if not fits or np.linalg.matrix_rank(base[1:]) < 2:
        raise ValueError(
            f"plane must be (origin, first, second), each [{units or 'units'}], with two "
            f"directions that are not parallel, got shape {list(base.shape)}"
        )
    return base


def coordinates(base: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Coordinates `[n, 2]` on the plane of states `[n, units]`, or of their projections."""
    return np.linalg.lstsq(base[1:].T, (states - base[0]).T, rcond=None)[0].T


def require_bounds(bounds: Sequence[float]) -> tuple[float, ...]:
    """(left, right, bottom, top)."""
    left, right, bottom, top = map(float, bounds)
    if not (left < right and bottom < top):
        raise ValueError(f"bounds must be (left, right, bottom, top), got {tuple(bounds)}")
    return left, right, bottom, top


def grid(extent: tuple[float, ...], n: int) -> np.ndarray:
    """The points `[n * n, 2]` of a picture, the bottom row first."""
    left, right, bottom, top = extent
    across, up = np.meshgrid(np.linspace(left, right, n), np.linspace(bottom, top, n))
    return np.stack([across.ravel(), up.ravel()], axis=1)
