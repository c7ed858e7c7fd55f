"""Diagram of a network: neurons as circles, connections as lines."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.viz.layout import Chain, Column, chain, columns, edges
from jaxbrain.viz.style import DIVERGING, as_floats, color_bar, fitted, hosts, largest, scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize

_RADIUS = 0.33
_SOLID, _DASHED = (0, None), (0, (2.2, 1.4))
_INK = "#333333"


def _line_colors(vmax: float) -> "tuple[Colormap, Normalize]":
    """PuOr without its white middle: a weak connection is pale and thin, but visible."""
    import matplotlib
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    whole = matplotlib.colormaps[DIVERGING]
    kept = whole(np.r_[np.linspace(0.04, 0.36, 128), np.linspace(0.64, 0.96, 128)])
    return LinearSegmentedColormap.from_list("PuOr_lines", kept), Normalize(-vmax, vmax)


def _widths(weights: np.ndarray, vmax: float) -> np.ndarray:
    return 0.35 + 3.0 * np.minimum(np.abs(weights) / vmax, 1.0)


def _dashes(weights: np.ndarray) -> list:
    return [_DASHED if weight < 0 else _SOLID for weight in weights]


def _draw_edges(ax: "Axes", found, vmax: float, cmap, norm) -> None:
    from matplotlib.collections import LineCollection

    lines = LineCollection(
        list(found.segments),
        array=found.weights,
        cmap=cmap,
        norm=norm,
        linewidths=_widths(found.weights, vmax),
        linestyles=_dashes(found.weights),
        zorder=1,
    )
    lines.set_label("connections")
    ax.add_collection(lines, autolim=False)


def _draw_units(ax: "Axes", placed: Sequence[Column], faces: np.ndarray) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle

    circles = [Circle((column.x, y), _RADIUS) for column in placed for y in column.y]
    units = PatchCollection(circles, facecolors=list(faces), edgecolors=_INK, linewidths=0.9)
    units.set_zorder(2)
    units.set_label("units")
    ax.add_collection(units, autolim=False)
    dots = [Circle((column.x, y), 0.06) for column in placed for y in column.dots]
    elided = PatchCollection(dots, facecolors=_INK, edgecolors="none", zorder=2)
    elided.set_label("units left out")
    ax.add_collection(elided, autolim=False)


def _extent(placed: Sequence[Column]) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of the drawing."""
    low = min(column.y.min() for column in placed) - 1.4 * _RADIUS
    high = max(column.y.max() for column in placed) + 1.4 * _RADIUS
    return -2.0 * _RADIUS, placed[-1].x + 2.0 * _RADIUS, low, high


def _headings(ax: "Axes", placed: Sequence[Column]) -> None:
    hidden = len(placed) - 2
    names = ["input", *(f"hidden {i + 1}" for i in range(hidden)), "output"]
    if hidden == 1:
        names[1] = "hidden"
    elif hidden > 5:
        names[1:-1] = [str(i + 1) for i in range(hidden)]
    for column, name in zip(placed, names, strict=True):
        ax.annotate(
            name,
            (column.x, 0.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -1),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=9,
        )


def _name_units(ax: "Axes", column: Column, names: Sequence[str] | None, side: int) -> None:
    if names is None:
        return
    if len(names) != column.size:
        which = "inputs" if side < 0 else "outputs"
        raise ValueError(f"labels names {len(names)} {which}, the network has {column.size}")
    for unit, y in zip(column.units, column.y, strict=True):
        ax.text(
            column.x + side * 1.5 * _RADIUS,
            y,
            str(names[unit]),
            ha="right" if side < 0 else "left",
            va="center",
            fontsize=9,
        )


def _key(ax: "Axes", vmax: float, cmap, norm, title: str) -> None:
    from matplotlib.lines import Line2D

    values = np.array([-vmax, -vmax / 2, vmax / 2, vmax])
    handles = [
        Line2D([], [], color=cmap(norm(value)), linewidth=width, linestyle=dash)
        for value, width, dash in zip(values, _widths(values, vmax), _dashes(values), strict=True)
    ]
    ax.legend(
        handles,
        [f"{value:+.2g}".replace("-", "\N{MINUS SIGN}") for value in values],
        title=title,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=4,
        frameon=False,
        fontsize=9,
        title_fontsize=9,
        handlelength=2.6,
        borderaxespad=1.8,
    )


def _title(layers: Chain, placed: Sequence[Column], drawn: int) -> str:
    title = "-".join(str(size) for size in layers.sizes)
    hidden = [f"{len(c.units)} of {c.size}" for c in placed if len(c.units) < c.size]
    total = sum(kernel.size for kernel in layers.kernels)
    lost = sum(int((~np.isfinite(kernel)).sum()) for kernel in layers.kernels)
    notes = []
    if hidden:
        notes.append(f"{', '.join(hidden)} units")
    if drawn < total - lost:
        notes.append(f"{drawn:,} of {total:,} weights")
    lines = [title, *(["drawn: " + "; ".join(notes)] if notes else [])]
    return "\n".join(lines + ([f"{lost:,} weights are not finite"] if lost else []))


def _bias_values(layers: Chain, placed: Sequence[Column]) -> np.ndarray:
    """Biases of the drawn units; nan where there is none."""
    values = [np.full(len(placed[0].units), np.nan)]
    for bias, column in zip(layers.biases, placed[1:], strict=True):
        values.append(np.full(len(column.units), np.nan) if bias is None else bias[column.units])
    return np.concatenate(values)


def _activation_values(activations: Any, placed: Sequence[Column]) -> np.ndarray:
    given = [as_floats("activations", a, ndim=(1,)) for a in hosts("activations", activations)]
    sizes, expected = [len(a) for a in given], [column.size for column in placed]
    if sizes != expected:
        raise ValueError(
            "activations must hold one array per column, input first, with "
            f"{expected} units; got {sizes}"
        )
    return np.concatenate([a[c.units] for a, c in zip(given, placed, strict=True)])


def _faces(values: np.ndarray, cmap: "Colormap", norm: Any) -> np.ndarray:
    faces = cmap(norm(np.nan_to_num(values)))
    faces[~np.isfinite(values)] = (1.0, 1.0, 1.0, 1.0)
    return faces


@checked
def network(
    params: Any,
    *,
    activations: Sequence[Any] | None = None,
    labels: tuple[Sequence[str] | None, Sequence[str] | None] | None = None,
    max_units: int = 16,
    max_edges: int = 500,
    vmax: float | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Network diagram of dense layers: neurons as circles, weights as lines.

    The color of a line shows sign and size of the weight (orange negative, purple positive), its
    width the size; a dashed line is negative. A neuron has the color of its bias, or of its
    activation if `activations` are given. Strong connections lie on top.

    Args:
      params: any pytree with dense kernels `[in, out]`, in the order of the layers; matrices
        without a name, as in `[(w1, b1), (w2, b2)]`, count too.
      activations: one array `[units]` for every column, input first.
      labels: names of the inputs and of the outputs, `(["x", "y"], ["same"])`; None leaves a side
        without names.
      max_units: neurons drawn in one layer; dots stand for the others, and the title says so.
      max_edges: connections drawn, the largest in |w|.
      vmax: weight of the darkest color and the widest line; default: the largest |w|.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> ax = viz.network([np.eye(3), np.ones((3, 1))], labels=(["a", "b", "c"], None))
      >>> ax.get_title()
      '3-3-1'
    """
    layers = chain(params)
    placed = columns(layers.sizes, max_units)
    found = edges(layers.kernels, placed, max_edges)
    shown = None if activations is None else _activation_values(activations, placed)
    bias = _bias_values(layers, placed)
    every = [*layers.kernels, *(b for b in layers.biases if b is not None and shown is None)]
    top = largest(np.concatenate([array.reshape(-1) for array in every]), vmax)
    left, right, low, high = _extent(placed)
    ax = fitted(
        ax,
        (right - left) / (high - low),
        sides=(0.0 if shown is None else 0.8) + (0.3 if labels is None else 1.1),
        above=1.55,
    )
    cmap, norm = _line_colors(top)
    _draw_edges(ax, found, top, cmap, norm)
    if shown is None:
        bias_cmap, bias_norm = scale(np.array([-top, top]))
        _draw_units(ax, placed, _faces(bias, bias_cmap, bias_norm))
    else:
        from matplotlib.cm import ScalarMappable

        mappable = ScalarMappable(cmap=scale(shown)[0], norm=scale(shown)[1])
        _draw_units(ax, placed, _faces(shown, mappable.get_cmap(), mappable.norm))
        color_bar(ax, mappable, "activation (neurons)")
    _name_units(ax, placed[0], labels[0] if labels else None, -1)
    _name_units(ax, placed[-1], labels[1] if labels else None, +1)
    _headings(ax, placed)
    biased = shown is None and bool(np.isfinite(bias).any())
    _key(ax, top, cmap, norm, "weight (line) and bias (neuron)" if biased else "weight")
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)
    ax.set_aspect("equal", adjustable="box")
    ax.set_axis_off()
    ax.set_title(_title(layers, placed, len(found.weights)), fontsize=11)
    return ax
