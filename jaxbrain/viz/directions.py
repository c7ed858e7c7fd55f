"""Colors of directions: a closed circle of colors, and its legend."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxbrain.viz.style import floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# To the right, up, to the left, down. Light against dark and warm against cold stay apart for
# color-blind readers, and every color between them has a contrast above 3:1 on white.
_QUARTERS = ("#da470d", "#030011", "#9343f3", "#4d9ea4")
GRAY = "#8c8c8c"


def colors_of(angles: np.ndarray) -> np.ndarray:
    """RGB `[..., 3]` of angles in radians, counter-clockwise from the right; nan is gray."""
    from matplotlib.colors import to_rgb

    quarters = np.array([to_rgb(color) for color in _QUARTERS])
    known = np.isfinite(angles)
    place = np.mod(np.where(known, angles, 0.0) / (np.pi / 2), 4.0)
    first = np.floor(place).astype(int) % 4
    part = (place - np.floor(place))[..., None]
    mixed = (1 - part) * quarters[first] + part * quarters[(first + 1) % 4]
    return np.where(known[..., None], mixed, to_rgb(GRAY))


def require_directions(name: str, directions: Any, count: int, what: str) -> np.ndarray:
    """Angles `[count]` in radians, one for each."""
    angles = floats(name, directions, ndim=(1,))
    if len(angles) != count:
        raise ValueError(
            f"{name} must be [{what}], one angle in radians for each of the {count} {what}, got "
            f"shape {list(angles.shape)}"
        )
    return angles


def compass(ax: "Axes", bounds: tuple[float, float, float, float]) -> None:
    """Draw the circle of colors within `ax`, as the legend of directions."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Wedge

    inset = ax.inset_axes(bounds)
    parts = np.linspace(0, 360, 73)
    wedges = PatchCollection(
        [Wedge((0, 0), 1.0, a, b + 0.5, width=0.38) for a, b in pairwise(parts)]
    )
    wedges.set_color(colors_of(np.deg2rad(parts[:-1] + 2.5)).tolist())
    inset.add_collection(wedges)
    inset.set_xlim(-1.05, 1.05)
    inset.set_ylim(-1.05, 1.05)
    inset.set_aspect("equal")
    inset.text(0, -1.25, "direction", ha="center", va="top", fontsize=7.5)
    inset.axis("off")
