"""Planes of rotational dynamics (jPCA), and histograms of surrogates."""

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.viz.directions import colors_of, compass, require_directions
from jaxbrain.viz.style import LINE_COLORS, axes, bare, floats, hosts, integer_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@checked
def rotations(
    projections: Any,
    *,
    directions: Any = None,
    frequency: Any = None,
    r2: Any = None,
    surrogates: Any = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """One plane of jPCA: a path for each condition, from a ring to an arrow.

    Args:
      projections: states in the plane, `[conditions, time, 2]` or `[time, 2]`, such as
        `found.projections[0]` of `jaxbrain.analysis.jpca`.
      directions: of the conditions in radians `[conditions]`, for their colors; default: the circle
        of colors in the order of the conditions.
      frequency: of the plane in Hz, for the title.
      r2: R2 of the fit of a rotation, for the title.
      surrogates: R2 of surrogate data `[n]`, drawn as a histogram to the right; needs r2.

    Source: Churchland et al. 2012, doi 10.1038/nature11129.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> t = np.linspace(0, 3, 30)[None] + np.array([[0.0], [2.0]])
      >>> turning = np.stack([np.cos(t), np.sin(t)], axis=-1)
      >>> viz.rotations(turning, frequency=1.5, r2=0.9).get_title()
      '1.5 Hz, R² = 0.90'
    """
    given = [projections] if surrogates is None else [projections, surrogates]
    parts = hosts("projections", given)
    paths = floats("projections", parts[0], ndim=(2, 3))
    paths = paths.reshape(-1, *paths.shape[-2:])
    if paths.shape[-1] != 2 or paths.shape[1] < 2:
        raise ValueError(
            f"projections must be [conditions, time, 2] of one plane, with at least 2 steps, got "
            f"shape {list(paths.shape)}; of several planes pass one"
        )
    if surrogates is not None and r2 is None:
        raise ValueError("surrogates need r2, the value of the data that they are compared with")
    count = len(paths)
    angles = 2 * np.pi * np.arange(count) / count
    if directions is not None:
        angles = require_directions("directions", directions, count, "conditions")
    notes = [] if frequency is None else [f"{_number('frequency', frequency):.1f} Hz"]
    notes += [] if r2 is None else [f"R² = {_number('r2', r2):.2f}"]
    if surrogates is not None:
        _compared(r2, parts[1])  # refused before anything is drawn
    ax = axes(ax, width=5.0 if surrogates is None else 8.2, height=4.6)
    _draw_paths(ax, paths, colors_of(angles))
    ax.set_title(", ".join(notes), size=10)
    if directions is not None:
        compass(ax, (0.87, 0.87, 0.13, 0.13))
    if surrogates is not None:
        surrogate_histogram(r2, parts[1], ax=ax.inset_axes((1.16, 0.0, 0.62, 1.0)))
    return ax


def _number(name: str, value: Any) -> float:
    return floats(name, value, ndim=(0,)).item()


def _draw_paths(ax: "Axes", paths: np.ndarray, colors: np.ndarray) -> None:
    reach = 1.12 * (np.abs(paths[np.isfinite(paths)]).max(initial=0) or 1.0)
    ax.plot(0, 0, "+", color="#777777", markersize=9, zorder=1)
    for path, color in zip(paths, colors, strict=True):
        ax.plot(*path.T, color=color, linewidth=1.5, solid_capstyle="butt", zorder=2)
        ax.plot(*path[0], "o", color=color, markerfacecolor="white", markersize=4.5, zorder=3)
        # Along the last 4 % of the plane, not of the path, whose last step may be tiny.
        far = np.flatnonzero(np.hypot(*(path - path[-1]).T) > 0.04 * reach)
        if len(far):
            ax.annotate("", xy=tuple(path[-1]), xytext=tuple(path[far[-1]]), zorder=4,
                        arrowprops={"arrowstyle": "-|>", "color": color, "linewidth": 0,
                                    "mutation_scale": 13, "shrinkA": 0, "shrinkB": 0})  # fmt: skip
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    ax.set_aspect("equal")
    ax.locator_params(nbins=5)
    ax.set_xlabel("jPC 1")
    ax.set_ylabel("jPC 2")
    bare(ax)


@checked
def surrogate_histogram(
    value: Any, surrogates: Any, *, name: str = "R²", ax: "Axes | None" = None
) -> "Axes":
    """Histogram of a statistic over surrogate data, with its value in the data.

    p = (1 + number of surrogates that reach the value) / (1 + number of surrogates), in the title

    Args:
      value: of the statistic in the data.
      surrogates: the statistic in data without the structure in question `[n]`.
      name: of the statistic.

    Examples:
      >>> import jaxbrain.viz as viz
      >>> viz.surrogate_histogram(0.9, [0.5, 0.6, 0.7]).get_title()
      'p = 0.25 (3 surrogates)'
    """
    parts = hosts("value or surrogates", [value, surrogates])
    data, null = _compared(*parts)
    p = (1 + int((null >= data).sum())) / (1 + len(null))
    ax = axes(ax, width=4.4, height=3.6)
    edges = np.histogram_bin_edges(null, bins=int(np.clip(len(null) ** 0.5 * 1.5, 5, 40)))
    ax.hist(null, bins=list(edges), color="#b3b3b3", edgecolor="white", linewidth=0.5,
            label="surrogates")  # fmt: skip
    ax.axvline(data, ymax=0.8, color=LINE_COLORS[1], linewidth=2.2, label=f"data, {data:.2f}")
    low, high = min(null.min(), data), max(null.max(), data)
    margin = 0.07 * (high - low) or 0.1
    ax.set_xlim(low - margin, high + margin)
    ax.set_title(f"p = {p:.2g} ({len(null)} surrogates)", size=10)
    ax.set_xlabel(name)
    ax.set_ylabel("surrogates")
    ax.margins(y=0.25)  # room for the legend above the bars
    integer_ticks(ax.yaxis)
    ax.legend(frameon=False, loc="upper left", fontsize=8.5)
    bare(ax)
    return ax


def _compared(value: Any, surrogates: Any) -> tuple[float, np.ndarray]:
    """The value of the data, and those of surrogates that are finite."""
    data = floats("value", value, ndim=(0,)).item()
    null = floats("surrogates", surrogates, ndim=(1,))
    null = null[np.isfinite(null)]
    if not len(null) or not np.isfinite(data):
        raise ValueError("value and surrogates must be finite; there is nothing to compare")
    return data, null
