"""Style of all pictures: colors, axes, and the transfer of arrays to the host.

Diverging data are drawn in PuOr, symmetric about zero (orange negative, purple positive);
magnitudes in cividis; categories in those Okabe-Ito colors that stand out on white, always
together with a marker or a dash, so that no picture depends on color alone.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from jaxbrain.core.requirements import is_traced

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap, Normalize

DIVERGING = "PuOr"
MAGNITUDE = "cividis"
NEGATIVE, POSITIVE = "#b35806", "#542788"

# Okabe and Ito's colors; the pale ones (below 3:1 on white) serve as fills only.
LINE_COLORS = ("#0072B2", "#D55E00", "#009E73", "#000000", "#CC79A7")
FILL_COLORS = (*LINE_COLORS, "#E69F00", "#56B4E9", "#F0E442")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (6, 2, 1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


class Series(NamedTuple):
    """Look of the line of one category."""

    color: str
    dash: Any
    marker: str


def series_style(index: int) -> Series:
    """The look of category `index`; 140 categories pass before a look repeats."""
    return Series(
        LINE_COLORS[index % len(LINE_COLORS)],
        DASHES[index % len(DASHES)],
        MARKERS[index % len(MARKERS)],
    )


def pyplot():
    """`matplotlib.pyplot`, imported at the first call."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError('jaxbrain.viz needs matplotlib: pip install "jaxbrain[viz]"') from error
    return plt


def axes(ax: "Axes | None", *, width: float = 6.4, height: float = 4.8) -> "Axes":
    """`ax`, or the Axes of a new figure if there is none."""
    if ax is None:
        return pyplot().subplots(figsize=(width, height), layout="constrained")[1]
    if not hasattr(ax, "add_collection"):
        raise TypeError(
            f"ax must be one matplotlib Axes, got {type(ax).__name__}; "
            "of an array of Axes pass one element: ax=axes[0, 1]"
        )
    return ax


def fitted(ax: "Axes | None", ratio: float, *, sides: float, above: float) -> "Axes":
    """`ax`, or new Axes in a figure that fits a picture of fixed width : height.

    Args:
      ax: the Axes, or None.
      ratio: width of the picture over its height.
      sides: inches of labels and the color bar at the sides.
      above: inches of title, labels and legend above and below.
    """
    # The layout engine does not know which side limits a picture of fixed aspect; in a figure of
    # about the right shape nothing is cut off.
    width = 6.4
    height = (width - sides) / ratio + above
    if height > 6.0:
        height = 6.0
        width = max((height - above) * ratio + sides, 3.2)
    return axes(ax, width=width, height=max(height, 2.0))


def hosts(name: str, values: Sequence[Any]) -> list[np.ndarray]:
    """Several arrays on the host, in one transfer; traced ones raise a TypeError."""
    if is_traced(list(values)):
        raise TypeError(
            f"{name} is traced: pictures are drawn on the host from concrete arrays. "
            "Call jaxbrain.viz outside jax.jit, vmap and grad, on their results"
        )
    try:
        return [np.asarray(value) for value in jax.device_get(list(values))]
    except ValueError as error:
        raise ValueError(
            f"{name} must be a rectangular array; its parts have different lengths"
        ) from error


def floats(name: str, value: Any, *, ndim: tuple[int, ...] = ()) -> np.ndarray:
    """One real array on the host as float64, of one of the ranks in `ndim` if given."""
    return as_floats(name, hosts(name, [value])[0], ndim=ndim)


def as_floats(name: str, value: np.ndarray, *, ndim: tuple[int, ...] = ()) -> np.ndarray:
    """A host array as float64: real, not empty, of one of the ranks in `ndim` if given."""
    if value.dtype.kind in "cOUSMm":
        raise TypeError(f"{name} must hold real numbers, got dtype {value.dtype}")
    if ndim and value.ndim not in ndim:
        expected = " or ".join(str(rank) for rank in ndim)
        raise ValueError(f"{name} must have {expected} axes, got shape {list(value.shape)}")
    if value.size == 0:
        raise ValueError(f"{name} is empty: shape {list(value.shape)}")
    return value.astype(np.float64)


def labels_of(name: str, value: np.ndarray) -> np.ndarray:
    """Integer labels `[n]` from labels `[n]`, `[n, 1]`, or scores and one-hot `[n, classes]`."""
    if value.ndim == 2:
        value = value[:, 0] if value.shape[1] == 1 else value.argmax(axis=1)
    value = as_floats(name, value, ndim=(1,))
    if not np.array_equal(value, np.round(value)):
        raise ValueError(
            f"{name} must hold whole-number labels [n] or scores [n, classes], got "
            f"{value[value != np.round(value)][0]:g}"
        )
    return value.astype(int)


def largest(values: np.ndarray, vmax: float | None = None) -> float:
    """The scale of a picture: `vmax` if given, else the largest finite magnitude, never zero."""
    if vmax is not None:
        if not vmax > 0:
            raise ValueError(f"vmax must be positive, got {vmax}")
        return float(vmax)
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size and finite.max() > 0 else 1.0


def scale(values: np.ndarray, vmax: float | None = None) -> "tuple[Colormap, Normalize]":
    """Colors of an image: PuOr, symmetric about 0, if any value is negative; else cividis."""
    import matplotlib
    from matplotlib.colors import Normalize

    top = largest(values, vmax)
    signed = bool((values < 0).any())
    cmap = matplotlib.colormaps[DIVERGING if signed else MAGNITUDE].with_extremes(bad="#bbbbbb")
    return cmap, Normalize(-top if signed else 0.0, top)


def symmetric(values: np.ndarray, vmax: float | None = None) -> "tuple[Colormap, Normalize]":
    """PuOr with limits symmetric about 0; values that are not finite are gray."""
    import matplotlib
    from matplotlib.colors import Normalize

    top = largest(values, vmax)
    return matplotlib.colormaps[DIVERGING].with_extremes(bad="#bbbbbb"), Normalize(-top, top)


def color_bar(ax: "Axes", mappable: "ScalarMappable", label: str):
    """Draw a color bar inside the layout box of `ax`, so that no other Axes changes its size."""
    # An inset belongs to ax: unlike figure.colorbar(ax=ax) it neither shrinks ax nor adds a
    # subplot to the user's figure, and it keeps to the height of an image of equal aspect.
    inset = ax.inset_axes((1.03, 0.0, 0.035, 1.0))
    bar = ax.figure.colorbar(mappable, cax=inset)
    bar.set_label(label)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    return bar


def integer_ticks(axis: "Axis") -> None:
    """Keep the ticks of `axis` on whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1, steps=[1, 2, 5, 10]))


def bare(ax: "Axes", *, keep: Sequence[str] = ("left", "bottom")) -> None:
    """Hide the frame of `ax` except for the sides in `keep`."""
    for side, spine in ax.spines.items():
        spine.set_visible(side in keep)
