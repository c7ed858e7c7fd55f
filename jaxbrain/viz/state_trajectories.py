"""Trajectories of states and fixed points, on two or three axes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.viz.projection import project_onto, runs_of, state_axes
from jaxbrain.viz.style import FILL_COLORS, LINE_COLORS, floats, hosts, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# In the order of the legend; saddles apart by their unstable directions.
_LOOKS = {
    "stable": (LINE_COLORS[0], "o"),
    "saddle, 1 unstable": (LINE_COLORS[1], "s"),
    "saddle, 2 unstable": (FILL_COLORS[5], "D"),
    "saddle, 3 unstable": (LINE_COLORS[4], "v"),
    "saddle, more unstable": ("#777777", "X"),
    "unstable": (LINE_COLORS[3], "P"),
    "marginal": (LINE_COLORS[2], "^"),
    "slow": ("#bbbbbb", "o"),
}


@checked
def trajectories(
    states: Any, *, onto: Any = None, dims: int | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Trajectories of states, each from a ring to a disc.

    Args:
      states: `[time, units]`, several as `[..., time, units]` or a sequence of `[time, units]` of
        different lengths; or a mapping from names to any of these, each name in its own color.
      onto: a matrix `[units, dims]`, such as the kernel of a readout, or a pair of it and an offset
        `[dims]`; default: the principal components of all states.
      dims: 2 or 3; default: those of `onto` or of `ax`, else 2.
      ax: the Axes to draw in, for 3 dimensions made with ``projection="3d"``.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> t = np.linspace(0, 6, 50)
      >>> ax = viz.trajectories(np.stack([np.sin(t), np.cos(t), 0 * t], axis=1))
      >>> ax.get_xlabel(), ax.get_ylabel()
      ('PC 1 (51 %)', 'PC 2 (49 %)')
    """
    groups = states if isinstance(states, Mapping) else {None: states}
    if not groups:
        raise ValueError("states is empty: expected [time, units] or names of these")
    runs = {
        name: runs_of("states" if name is None else f"states[{name!r}]", group)
        for name, group in groups.items()
    }
    cloud = _cloud([one for group in runs.values() for one in group])
    projection = project_onto(onto, cloud, ax=ax, dims=dims)
    ax = state_axes(ax, projection)
    for index, (name, group) in enumerate(runs.items()):
        look = series_style(index)
        few = len(cloud) < 600 and sum(map(len, runs.values())) < 12
        for k, one in enumerate(group):
            path = projection(one)
            label = None if name is None or k else str(name)
            ax.plot(*path.T, color=look.color, linestyle=look.dash, label=label,
                    linewidth=1.5 if few else 0.9, alpha=1.0 if few else 0.7)  # fmt: skip
            ax.plot(
                *path[:1].T, "o", color=look.color, markerfacecolor="white", markersize=5, zorder=4
            )
            ax.plot(*path[-1:].T, look.marker, color=look.color, markersize=5, zorder=4)
    if None not in runs:
        ax.legend(frameon=False, loc="best", handlelength=3.4)
    return ax


@checked
def fixed_points(
    found: Any,
    *,
    trajectories: Any = None,
    onto: Any = None,
    dims: int | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Fixed points by kind, with the unstable directions of saddles; the legend counts each kind.

    Args:
      found: the FixedPoints of `jaxbrain.analysis.fixed_points`.
      trajectories: `[..., time, units]` or a sequence of `[time, units]`, as thin lines.
      onto: a matrix `[units, dims]`, such as the kernel of a readout, or a pair of it and an offset
        `[dims]`; default: the principal components of points and trajectories.
      dims: 2 or 3; default: those of `onto` or of `ax`, else 2.
      ax: the Axes to draw in, for 3 dimensions made with ``projection="3d"``.

    Examples:
      >>> import jax.numpy as jnp, numpy as np, jaxbrain as jb
      >>> import jaxbrain.viz as viz
      >>> cell = jb.cells.elman(2)
      >>> params = {"kernel": jnp.zeros((1, 2)), "recurrent": 2 * jnp.eye(2), "bias": jnp.zeros(2)}
      >>> starts = np.random.default_rng(0).normal(size=(99, 2))
      >>> found = jb.analysis.fixed_points(cell, params, jnp.zeros(1), starts)
      >>> [text.get_text() for text in viz.fixed_points(found).get_legend().get_texts()]
      ['stable (4)', 'saddle, 1 unstable (4)', 'unstable (1)']
    """
    if not all(hasattr(found, name) for name in ("states", "kinds", "eigenvalues", "jacobian")):
        raise TypeError(
            f"found must be the FixedPoints of jb.analysis.fixed_points, got {type(found).__name__}"
        )
    points = floats("found", hosts("found", [found.states])[0], ndim=(2,))
    sizes = {len(a) for a in (found.kinds, found.unstable, found.eigenvalues, found.jacobian)}
    if sizes != {len(points)}:
        raise ValueError(
            f"found must have a kind, Jacobian and spectrum for each of its {len(points)} states, "
            f"got {sorted(sizes)}; to choose points take them from every field"
        )
    runs = [] if trajectories is None else runs_of("trajectories", trajectories)
    if any(run.shape[1] != points.shape[1] for run in runs):
        raise ValueError(
            f"trajectories must have the {points.shape[1]} units of the fixed points, got shape "
            f"{list(runs[0].shape)}"
        )
    projection = project_onto(onto, _cloud([points, *runs]), ax=ax, dims=dims)
    ax = state_axes(ax, projection)
    for run in runs:
        ax.plot(*projection(run).T, color="#999999", linewidth=0.9, zorder=1)
    at = projection(points)
    span = np.ptp(np.concatenate([at, *map(projection, runs)]), axis=0).max() or 1.0
    _directions(ax, found, at, 0.075 * span, projection.matrix)
    names = np.array([_name(*point) for point in zip(found.kinds, found.unstable, strict=True)])
    for name, (color, marker) in _LOOKS.items():
        chosen = at[names == name]
        if len(chosen):
            ax.plot(*chosen.T, marker, color=color, markersize=7.5, linestyle="none", zorder=4,
                    markeredgecolor="white" if name != "slow" else "#555555", markeredgewidth=0.8,
                    label=f"{name} ({len(chosen)})")  # fmt: skip
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return ax


def _cloud(runs: list[np.ndarray]) -> np.ndarray:
    """All finite states `[n, units]`."""
    if len({run.shape[1] for run in runs}) != 1:
        raise ValueError(
            f"states must all have the same units, got shapes {[list(run.shape) for run in runs]}"
        )
    states = np.concatenate(runs)
    states = states[np.isfinite(states).all(axis=1)]
    if not len(states):
        raise ValueError("there is no finite state to draw")
    return states


def _name(kind: str, unstable: int) -> str:
    """The entry of the legend to which a point belongs."""
    if kind == "saddle":
        return f"saddle, {unstable if unstable <= 3 else 'more'} unstable"
    return kind.split()[0]


def _directions(ax: "Axes", found: Any, at: np.ndarray, length: float, matrix: np.ndarray) -> None:
    """A short line along each of the one or two unstable directions of a saddle."""
    for i in np.flatnonzero((found.kinds == "saddle") & (found.unstable <= 2)):
        values, vectors = np.linalg.eig(found.jacobian[i])
        for k in np.argsort(-np.abs(values))[: found.unstable[i]]:
            way = np.real(vectors[:, k]) @ matrix
            size = np.linalg.norm(way)
            if size > 1e-12:
                ends = at[i] + np.outer([-1, 1], way * length / size)
                ax.plot(*ends.T, color=LINE_COLORS[3], linewidth=1.6, zorder=3)
