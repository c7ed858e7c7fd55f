"""Energy of memories: along recalls, and as a landscape over a plane of states."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.viz.plane import coordinates, grid, require_bounds, require_plane
from jaxbrain.viz.style import (
    LINE_COLORS,
    MAGNITUDE,
    MARKERS,
    as_floats,
    axes,
    bare,
    color_bar,
    fitted,
    floats,
    hosts,
    integer_ticks,
    series_style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@checked
def energy(energies: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Energy along recalls, one line each; a cross marks each step on which it rises.

    The title counts the steps on which the energy rises by more than rounding.

    Args:
      energies: `[steps]`; several recalls `[recalls, steps]` or a sequence of `[steps]` of
        different lengths (nan at the end is not drawn); or a mapping from names to any of these.

    Examples:
      >>> import jaxbrain.viz as viz
      >>> viz.energy({"a": [0.0, -2.0, -3.0], "b": [-1.0, -4.0]}).get_title()
      'never rises'
    """
    groups = energies if isinstance(energies, Mapping) else {None: energies}
    if not groups:
        raise ValueError("energies is empty: expected [steps], [recalls, steps] or names of these")
    lines = {name: _lines(name, group) for name, group in groups.items()}
    ax = axes(ax)
    rises, steps = 0, 0
    for index, (name, group) in enumerate(lines.items()):
        look = series_style(index)
        for k, line in enumerate(group):
            x = np.arange(len(line))
            ax.plot(
                x,
                line,
                color=look.color,
                linestyle=look.dash,
                linewidth=1.6 if len(group) < 6 else 0.9,
                alpha=1.0 if len(group) < 6 else 0.6,
                label=str(name) if name is not None and not k else None,
            )
            ax.plot(x[-1:], line[-1:], look.marker, color=look.color, markersize=4.5)
            up = _rising(line)
            rises, steps = rises + int(up.sum()), steps + len(up)
            ax.plot(
                x[1:][up], line[1:][up], MARKERS[6], color=LINE_COLORS[1], markersize=9, zorder=4
            )
    ax.set_title("never rises" if not rises else f"rises on {rises} of {steps} steps (crosses)")
    ax.title.set_fontsize(10)
    ax.set_xlabel("step")
    ax.set_ylabel("energy")
    integer_ticks(ax.xaxis)
    bare(ax)
    if None not in lines:
        ax.legend(frameon=False, loc="best", handlelength=3.4)
    return ax


def _lines(name: Any, group: Any) -> list[np.ndarray]:
    """The recalls of one group, without nan at the end."""
    title = "energies" if name is None else f"energies[{name!r}]"
    ragged = isinstance(group, list | tuple) and any(np.ndim(one) for one in group)
    if ragged:
        each = [as_floats(title, one, ndim=(1,)) for one in hosts(title, list(group))]
    else:
        each = list(np.atleast_2d(floats(title, group, ndim=(1, 2))))
    each = [line[: np.flatnonzero(np.isfinite(line)).max(initial=-1) + 1] for line in each]
    if not all(map(len, each)):
        raise ValueError(f"{title} holds a recall without one finite energy")
    return each


def _rising(line: np.ndarray) -> np.ndarray:
    """`[steps - 1]`: True where the energy rises by more than the rounding of float32."""
    return np.diff(line) > 1e-5 * np.nanmax(np.abs(line))


@checked
def landscape(
    energy: Callable[[Any], Any],
    *,
    bounds: Sequence[float] | None = None,
    plane: Sequence[Any] | None = None,
    patterns: Any = None,
    paths: Any = None,
    highest: float | None = None,
    n: int = 121,
    ax: "Axes | None" = None,
) -> "Axes":
    """Energy landscape over a plane: dark valleys, patterns as stars, recalls as paths.

    A path begins at a ring and ends at a disc.

    Args:
      energy: from a state `[2]` to a scalar, or with a plane from a state `[units]`; for a memory
        pass `partial(memory.energy, params)`. It is compiled once, for the n x n states of the
        picture.
      bounds: (left, right, bottom, top); default: around patterns and paths, else -1.5 to 1.5.
      plane: (origin, first, second), each `[units]`: the states origin + a first + b second. For
        the plane of three patterns x, y, z pass (x, y - x, z - x).
      patterns: `[patterns, 2]`, or with a plane `[patterns, units]`, projected onto it (least
        squares).
      paths: states one after another, `[steps, 2]` or `[steps, units]`; several as
        `[paths, steps, units]` or a sequence.
      highest: energies above it have one color, so that steep walls leave colors for the valleys.
      n: states along each side.

    Examples:
      >>> import jax.numpy as jnp
      >>> import jaxbrain.viz as viz
      >>> wells = jnp.array([[1.0, 0.0], [-1.0, 0.0]])
      >>> ax = viz.landscape(lambda s: ((s[None] - wells) ** 2).sum(1).min(), patterns=wells, n=21)
      >>> ax.get_legend().get_texts()[0].get_text()
      'pattern'
    """
    if n < 2:
        raise ValueError(f"n must be at least 2, got {n}")
    base = None if plane is None else require_plane(plane)
    stars = np.zeros((0, 2)) if patterns is None else _onto("patterns", patterns, base)
    ways = [] if paths is None else [_onto("paths", path, base) for path in _apart(paths)]
    extent = _bounds(bounds, np.concatenate([stars, *ways]))
    values = _over(energy, base, extent, n)
    ratio = (extent[1] - extent[0]) / (extent[3] - extent[2])
    # Directions of a plane have lengths of their own: only two true units are drawn alike.
    equal = base is None and 1 / 3 <= ratio <= 3
    ax = fitted(ax, ratio if equal else 1.2, sides=2.3, above=1.1)
    _valleys(ax, values, extent, highest)
    for index, way in enumerate(ways):
        _path(ax, way, label="recall" if index == 0 else None)
    if len(stars):
        ax.plot(*stars.T, "*", color="white", markeredgecolor="black", markersize=15,
                label="pattern", linestyle="none", zorder=5)  # fmt: skip
    ax.set_aspect("equal" if equal else "auto")
    ax.set_xlim(*extent[:2])
    ax.set_ylim(*extent[2:])
    first, second = ("$s_1$", "$s_2$") if base is None else ("along first", "along second")
    ax.set_xlabel(first)
    ax.set_ylabel(second)
    if len(stars) or ways:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return ax


def _apart(paths: Any) -> list[Any]:
    """The paths of an array `[paths, steps, units]`, of a sequence, or the one path given."""
    if isinstance(paths, list | tuple) and all(np.ndim(path) == 2 for path in paths):
        return list(paths)
    return list(paths) if np.ndim(paths) == 3 else [paths]


def _onto(name: str, states: Any, base: np.ndarray | None) -> np.ndarray:
    """Coordinates of states on the plane, `[states, 2]`."""
    points = floats(name, states, ndim=(1, 2))
    points = np.atleast_2d(points)
    units = 2 if base is None else base.shape[1]
    if points.shape[1] != units:
        way_out = "; of larger states draw a slice, as in plane=(x, y - x, z - x)"
        raise ValueError(
            f"{name} must have states of {units} units, got shape {list(points.shape)}"
            f"{way_out if base is None else ''}"
        )
    if base is None:
        return points
    return coordinates(base, points)


def _bounds(bounds: Sequence[float] | None, points: np.ndarray) -> tuple[float, ...]:
    """(left, right, bottom, top)."""
    if bounds is not None:
        return require_bounds(bounds)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return -1.5, 1.5, -1.5, 1.5
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.25 * max(float((high - low).max()), 1e-3)
    (left, bottom), (right, top) = low - margin, high + margin
    return float(left), float(right), float(bottom), float(top)


def _over(
    energy: Callable, base: np.ndarray | None, extent: tuple[float, ...], n: int
) -> np.ndarray:
    """Energies of all states of the picture `[n, n]`, the bottom row first."""
    states = grid(extent, n)
    if base is not None:
        states = base[0] + states @ base[1:]
    states = states.astype(jax.dtypes.canonicalize_dtype(float))
    shape = jax.eval_shape(energy, jax.ShapeDtypeStruct(states.shape[1:], states.dtype)).shape
    if shape != ():
        raise ValueError(
            f"energy must map a state [{states.shape[1]}] to a scalar, got {list(shape)}; for a "
            "memory pass partial(memory.energy, params)"
        )
    values = floats("energy(state)", jax.jit(jax.vmap(energy))(states)).reshape(n, n)
    if not np.isfinite(values).any():
        raise ValueError("energy is nowhere finite within bounds")
    return values


def _valleys(
    ax: "Axes", values: np.ndarray, extent: tuple[float, ...], highest: float | None
) -> None:
    import matplotlib

    left, right, bottom, top = extent
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    if highest is not None:
        if not highest > low:
            raise ValueError(f"highest must be above the lowest energy {low:.4g}, got {highest}")
        high = min(high, float(highest))
    high = high if high > low else low + 1.0
    image = ax.imshow(
        values,
        extent=(left, right, bottom, top),
        origin="lower",
        aspect="auto",
        cmap=matplotlib.colormaps[MAGNITUDE].with_extremes(bad="#bbbbbb"),
        vmin=low,
        vmax=high,
        interpolation="bilinear",
    )
    levels = np.linspace(low, high, 18)[1:-1]
    n = len(values)
    grid = np.linspace(left, right, n), np.linspace(bottom, top, n)
    if np.ptp(finite) > 0:
        ax.contour(*grid, values, levels=levels, colors="white", linewidths=0.5, alpha=0.6,
                   linestyles="solid")  # fmt: skip
    color_bar(ax, image, "energy")


def _path(ax: "Axes", way: np.ndarray, label: str | None) -> None:
    """A white line with a dark edge, visible on every color."""
    from matplotlib import patheffects

    def edged(width: float) -> list:
        return [patheffects.Stroke(linewidth=width, foreground="black"), patheffects.Normal()]

    ax.plot(*way.T, color="white", linewidth=1.5, marker=".", markersize=3.5, zorder=3,
            path_effects=edged(3.2), label=label)  # fmt: skip
    ax.plot(*way[0], "o", markerfacecolor="none", markeredgecolor="white", markersize=9,
            markeredgewidth=1.4, path_effects=edged(3.2), zorder=4)  # fmt: skip
    ax.plot(*way[-1], "o", color=LINE_COLORS[1], markeredgecolor="black", markersize=5,
            markeredgewidth=0.7, zorder=6)  # fmt: skip
