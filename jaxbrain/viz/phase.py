"""Phase portraits of cells: the flow over a plane of states."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxbrain.analysis.stability import FixedPoints
from jaxbrain.core.annotations import Inputs
from jaxbrain.core.arguments import checked
from jaxbrain.core.types import Cell, Params
from jaxbrain.core.vectors import to_carry, to_vector
from jaxbrain.viz.plane import coordinates, grid, require_bounds, require_plane
from jaxbrain.viz.projection import runs_of
from jaxbrain.viz.style import LINE_COLORS, MAGNITUDE, color_bar, fitted, floats, hosts

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@checked
def phase_portrait(
    cell: Cell,
    params: Params,
    x: Inputs,
    *,
    bounds: Sequence[float] | None = None,
    plane: Sequence[Any] | None = None,
    fixed: FixedPoints | None = None,
    trajectories: Any = None,
    n: int = 61,
    ax: "Axes | None" = None,
) -> "Axes":
    """Phase portrait of a cell: flow, speed and nullclines over a plane of its states.

    Streamlines follow step(h) - h. With two units, the nullclines show where one of them does not
    change; fixed points lie where they cross.

    Args:
      cell: a cell of two units, or of more with a plane.
      params: of the cell.
      x: the input of one step, held constant.
      bounds: (left, right, bottom, top); default: around fixed points and trajectories, else -1.5
        to 1.5.
      plane: (origin, first, second), each `[units]`: the states origin + a first + b second, and
        the component of the flow along the plane (least squares).
      fixed: FixedPoints of `jaxbrain.analysis.fixed_points`, filled if stable.
      trajectories: `[..., time, units]` or a sequence of `[time, units]`.
      n: states along each side.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> import jaxbrain.viz as viz
      >>> cell = jb.cells.elman(2)
      >>> params = {"kernel": jnp.zeros((1, 2)), "recurrent": 2 * jnp.eye(2), "bias": jnp.zeros(2)}
      >>> viz.phase_portrait(cell, params, jnp.zeros(1), n=15).get_xlabel()
      '$h_1$'
    """
    if n < 2:
        raise ValueError(f"n must be at least 2, got {n}")
    hosts("params or x", jax.tree.leaves((params, x)))
    base = _base(cell, params, x, plane)
    points = np.zeros((0, 2)) if fixed is None else _on(base, floats("fixed", fixed.states))
    runs = [] if trajectories is None else runs_of("trajectories", trajectories)
    paths = [_on(base, run) for run in runs]
    extent = _extent(bounds, np.concatenate([points, *paths]))
    flow = _flow(cell, params, x, base, extent, n)
    ratio = (extent[1] - extent[0]) / (extent[3] - extent[2])
    equal = plane is None and 1 / 3 <= ratio <= 3
    ax = fitted(ax, ratio if equal else 1.2, sides=2.3, above=1.4)
    _draw_flow(ax, flow, extent, nullclines=plane is None)
    _draw_points(ax, paths, points, np.zeros(0, bool) if fixed is None else fixed.stable)
    ax.set_aspect("equal" if equal else "auto")
    ax.set_xlim(*extent[:2])
    ax.set_ylim(*extent[2:])
    first, second = ("$h_1$", "$h_2$") if plane is None else ("along first", "along second")
    ax.set_xlabel(first)
    ax.set_ylabel(second)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return ax


def _base(cell: Cell, params: Params, x: Any, plane: Sequence[Any] | None) -> np.ndarray:
    """`[3, units]`: origin, first, second; of two units without a plane, their own axes."""
    carry = jax.eval_shape(cell.carry, params, x)
    units = jax.eval_shape(to_vector, carry).shape[0]
    if plane is None:
        if units != 2:
            raise ValueError(
                f"{cell} has {units} units, not 2: pass plane=(origin, first, second), each "
                f"[{units}], such as a fixed point and two principal components"
            )
        return np.concatenate([np.zeros((1, 2)), np.eye(2)])
    return require_plane(plane, units)


def _on(base: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Coordinates `[n, 2]` of states `[n, units]` on the plane."""
    if states.ndim != 2 or states.shape[1] != base.shape[1]:
        raise ValueError(
            f"fixed and trajectories must have the {base.shape[1]} units of the cell, got shape "
            f"{list(states.shape)}"
        )
    return coordinates(base, states)


def _extent(bounds: Sequence[float] | None, points: np.ndarray) -> tuple[float, ...]:
    """(left, right, bottom, top)."""
    if bounds is not None:
        return require_bounds(bounds)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return -1.5, 1.5, -1.5, 1.5
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    half = 0.7 * max(float(np.ptp(points, axis=0).max()), 1.0)
    (left, bottom), (right, top) = middle - half, middle + half
    return float(left), float(right), float(bottom), float(top)


def _flow(
    cell: Cell, params: Params, x: Any, base: np.ndarray, extent: tuple[float, ...], n: int
) -> tuple[np.ndarray, np.ndarray]:
    """The component of step(h) - h along the plane `[2, n, n]`, and its length `[n, n]`."""
    states = base[0] + grid(extent, n) @ base[1:]
    like = cell.carry(params, x)
    dtype = to_vector(like).dtype

    def ahead(h: jax.Array) -> jax.Array:
        return to_vector(cell.step(params, to_carry(h, like), x)[0]) - h

    moves = floats("the step", jax.jit(jax.vmap(ahead))(states.astype(dtype)))
    along = np.linalg.lstsq(base[1:].T, moves.T, rcond=None)[0]
    return along.reshape(2, n, n), np.linalg.norm(moves, axis=1).reshape(n, n)


def _draw_flow(
    ax: "Axes",
    flow: tuple[np.ndarray, np.ndarray],
    extent: tuple[float, ...],
    *,
    nullclines: bool,
) -> None:
    """Speed as color, direction as streamlines, nullclines dashed and dotted."""
    import matplotlib
    from matplotlib import patheffects
    from matplotlib.colors import LogNorm

    along, length = flow
    n = length.shape[0]
    left, right, bottom, top = extent
    grid = np.linspace(left, right, n), np.linspace(bottom, top, n)
    fastest = length[np.isfinite(length)].max(initial=0) or 1.0
    shown = np.clip(length, 1e-3 * fastest, None)
    image = ax.imshow(
        shown,
        extent=(left, right, bottom, top),
        origin="lower",
        aspect="auto",
        cmap=matplotlib.colormaps[MAGNITUDE].with_extremes(bad="#bbbbbb"),
        norm=LogNorm(shown[np.isfinite(shown)].min(initial=fastest), fastest),
        interpolation="bilinear",
    )
    ax.streamplot(*grid, *along, color="white", linewidth=0.7, arrowsize=0.8, density=1.1, zorder=2)
    edged = [patheffects.Stroke(linewidth=3.2, foreground="black"), patheffects.Normal()]
    for part, (name, dash) in enumerate(
        (("$h_1$-nullcline", "dashed"), ("$h_2$-nullcline", "dotted"))
    ):
        if nullclines and np.nanmin(along[part]) < 0 < np.nanmax(along[part]):
            lines = ax.contour(*grid, along[part], levels=[0.0], colors="white",
                               linewidths=1.8, linestyles=dash, zorder=3)  # fmt: skip
            lines.set_path_effects(edged)
            ax.plot([], [], color="#777777", linestyle=dash, linewidth=1.8, label=name)
    color_bar(ax, image, "length of a step")


def _draw_points(
    ax: "Axes", paths: list[np.ndarray], points: np.ndarray, stable: np.ndarray
) -> None:
    """Paths, and fixed points, filled if stable."""
    for path in paths:
        ax.plot(*path.T, color=LINE_COLORS[1], linewidth=1.8, zorder=4)
        ax.plot(*path[-1], "o", color=LINE_COLORS[1], markersize=4.5, zorder=6)
    for chosen, face, label in ((stable, "black", "stable"), (~stable, "white", "not stable")):
        if chosen.any():
            ax.plot(*points[chosen].T, "o", markerfacecolor=face, markeredgecolor="black",
                    markersize=9, markeredgewidth=1.5, linestyle="none", label=label,
                    zorder=5)  # fmt: skip
