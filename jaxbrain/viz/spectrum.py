"""Spectrum of a matrix: eigenvalues in the complex plane."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.viz.style import Series, axes, bare, hosts, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@checked
def eigenvalues(values: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Eigenvalues of a discrete map in the complex plane, with the unit circle.

    Outside of the circle states grow; the title counts the eigenvalues there.

    Args:
      values: real or complex, of any shape, such as the `eigenvalues` of FixedPoints; or a mapping
        from names to such arrays, each in its own color.

    Examples:
      >>> import jaxbrain.viz as viz
      >>> viz.eigenvalues([0.5 + 0.2j, 0.5 - 0.2j, 1.2]).get_title()
      '1 of 3 outside the unit circle'
    """
    groups = values if isinstance(values, Mapping) else {None: values}
    if not groups:
        raise ValueError("values is empty: expected eigenvalues or names of these")
    points = {name: _complex(name, group) for name, group in groups.items()}
    every = np.concatenate(list(points.values()))
    ax = axes(ax, width=5.4, height=5.4)
    turn = np.linspace(0, 2 * np.pi, 361)
    ax.fill(np.cos(turn), np.sin(turn), facecolor="#f0f0f0", edgecolor="#777777", linewidth=1.0)
    size = 5 if every.size <= 400 else 3
    for index, (name, group) in enumerate(points.items()):
        inside, outside = group[np.abs(group) <= 1], group[np.abs(group) > 1]
        label = None if name is None else str(name)
        look = series_style(index)
        _dots(ax, inside, look, size, label)  # none still puts the name into the legend
        _dots(ax, outside, series_style(1) if name is None else look, size, None)
    count = int((np.abs(every) > 1).sum())
    ax.set_title(f"{count} of {every.size} outside the unit circle", fontsize=10)
    reach = 1.08 * max(1.0, float(np.abs([np.real(every), np.imag(every)]).max()))
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    ax.set_aspect("equal")
    ax.set_xlabel("real part")
    ax.set_ylabel("imaginary part")
    bare(ax)
    if None not in points:
        ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _dots(ax: "Axes", values: np.ndarray, look: Series, size: float, label: str | None) -> None:
    ax.plot(np.real(values), np.imag(values), look.marker, color=look.color, markersize=size,
            alpha=0.75, markeredgewidth=0, linestyle="none", label=label)  # fmt: skip


def _complex(name: Any, group: Any) -> np.ndarray:
    """`[n]` complex."""
    title = "values" if name is None else f"values[{name!r}]"
    array = hosts(title, [group])[0]
    if array.dtype.kind in "OUSMm":
        raise TypeError(f"{title} must hold numbers, got dtype {array.dtype}")
    array = array.astype(complex).ravel()
    array = array[np.isfinite(array)]
    if not array.size:
        raise ValueError(f"{title} holds no finite eigenvalue")
    return array
