"""Tuning curves and preferred directions."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxbrain.analysis.tuning_curves import Tuning, tuning
from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import require_count
from jaxbrain.viz.directions import colors_of, require_directions
from jaxbrain.viz.style import MARKERS, axes, bare, floats, hosts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SECTORS = 16
_INNER = 1.12  # radius of the ring that counts units


@checked
def tuning_curves(
    angles: Any,
    rates: Any,
    *,
    limit: int = 6,
    unit: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Tuning curves of units over the direction of movement, with fitted cosines.

    rate = b + c cos(direction - preferred direction), by least squares; a unit has the color of its
    preferred direction.

    Args:
      angles: directions of the trials, in radians `[trials]`; at least three different ones.
      rates: `[trials]` or `[trials, units]`; trials of one direction are drawn as their mean.
      limit: number of units drawn, those of the largest c; the title gives the number of all.
      unit: of the rates.

    Source: Georgopoulos et al. 1982, doi 10.1523/JNEUROSCI.02-11-01527.1982.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> ways = np.linspace(0, 2 * np.pi, 8, endpoint=False)
      >>> viz.tuning_curves(ways, 2 + np.cos(ways - 1)).get_legend().get_texts()[0].get_text()
      '57°, R² = 1.00'
    """
    require_count("tuning_curves", "limit", limit)
    values = floats("rates", rates, ndim=(1, 2))
    values = values.reshape(len(values), -1)
    angles = require_directions("angles", angles, len(values), "trials")
    turned = np.mod(angles, 2 * np.pi)
    # Single precision does not bring a direction back to the same number after a turn.
    _, first, which = np.unique(
        np.round(1e5 * turned) % np.round(2e5 * np.pi), return_index=True, return_inverse=True
    )
    ways = turned[first] % (2 * np.pi - 1e-5)
    if len(ways) < 3:
        raise ValueError(f"angles must hold at least 3 different ones, got {len(ways)}")
    means = np.stack([values[which == k].mean(axis=0) for k in range(len(ways))])
    fits = jax.tree.map(np.asarray, tuning(ways, means))
    shown = np.argsort(-fits.amplitude, kind="stable")[:limit]
    ax = axes(ax, width=6.4, height=4.0)
    for index, k in enumerate(shown):
        fit = Tuning(*np.stack(fits)[:, k])
        _draw_unit(ax, ways, means[:, k], fit, MARKERS[index % len(MARKERS)])
    ax.set_xticks(range(0, 361, 45))
    ax.set_xlim(-8, 368)
    ax.set_xlabel("direction of movement (°)")
    ax.set_ylabel("rate" if unit is None else f"rate ({unit})")
    if len(shown) < values.shape[1]:
        ax.set_title(f"{len(shown)} of {values.shape[1]} units, those tuned most deeply", size=10)
    bare(ax)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8.5,
              title="preferred, cosine fit", title_fontsize=8.5)  # fmt: skip
    return ax


def _draw_unit(ax: "Axes", ways: np.ndarray, means: np.ndarray, fit: Tuning, marker: str) -> None:
    """Means as markers, the first again at 360 degrees, and the fitted cosine."""
    color = colors_of(np.asarray(fit.preferred))
    share = f"{fit.r2:.2f}" if np.ptp(means) > 0 else "n/a"
    turn = np.linspace(0, 2 * np.pi, 181)
    curve = fit.baseline + fit.amplitude * np.cos(turn - fit.preferred)
    ax.plot(np.rad2deg(turn), curve, color=color, linewidth=1.6, zorder=2)
    again = ways < 1e-5
    places = np.concatenate([ways, ways[again] + 2 * np.pi])
    means = np.concatenate([means, means[again]])
    ax.plot(np.rad2deg(places), means, marker, color=color, markersize=5, markeredgecolor="white",
            markeredgewidth=0.5, linestyle="none", zorder=3,
            label=f"{round(float(np.rad2deg(fit.preferred))) % 360}°, R² = {share}")  # fmt: skip


@checked
def preferred_directions(
    directions: Any, depths: Any = None, *, ax: "Axes | None" = None
) -> "Axes":
    """Preferred directions of units as rays, with a ring that counts them by sector.

    The dotted circle is the count of evenly spread directions; the title gives the mean resultant
    length: 0 for evenly spread directions, 1 for equal ones.

    Args:
      directions: preferred directions in radians `[units]`; units of nan, such as untuned ones,
        are left out and counted.
      depths: depths of tuning `[units]`, not negative, such as the `amplitude` of
        `jaxbrain.analysis.tuning`: the lengths of the rays, relative to the largest; default:
        equal.
      ax: the Axes to draw in, not polar.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> viz.preferred_directions([0.0, np.pi / 2, np.nan]).get_title()
      'preferred directions of 2 of 3 units, resultant 0.71'
    """
    given = [directions] if depths is None else [directions, depths]
    parts = hosts("directions", given)
    angles = floats("directions", parts[0], ndim=(1,))
    lengths = np.ones(len(angles)) if depths is None else floats("depths", parts[1], ndim=(1,))
    if len(lengths) != len(angles) or (lengths < 0).any():
        raise ValueError(
            f"depths must be [{len(angles)}], one for each unit, and not negative, got shape "
            f"{list(lengths.shape)}"
        )
    if getattr(ax, "name", "") == "polar":
        raise ValueError("ax must be a plain Axes: the circle is drawn by itself, not polar")
    tuned = np.isfinite(angles) & np.isfinite(lengths)
    if not tuned.any():
        raise ValueError("directions holds no finite angle: no unit is tuned")
    units, angles, lengths = len(angles), angles[tuned], lengths[tuned]
    ax = axes(ax, width=5.0, height=5.2)
    _draw_rays(ax, angles, lengths / (lengths.max() or 1.0))
    _draw_ring(ax, angles)
    resultant = abs(np.exp(1j * angles).mean())
    count = f"{len(angles)} units" if len(angles) == units else f"{len(angles)} of {units} units"
    ax.set_title(f"preferred directions of {count}, resultant {resultant:.2f}", size=10)
    ax.set_aspect("equal")
    ax.set_xlim(-2.1, 2.1)
    ax.set_ylim(-2.1, 2.1)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel(
        f"ring: units in each sector of {360 / _SECTORS:g}°; dotted: spread evenly", size=8.5
    )
    bare(ax, keep=())
    return ax


def _draw_rays(ax: "Axes", angles: np.ndarray, lengths: np.ndarray) -> None:
    from matplotlib.collections import LineCollection

    ends = lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rays = np.stack([np.zeros_like(ends), ends], axis=1)
    colors = colors_of(angles)
    width = 1.6 if len(angles) <= 60 else 0.9
    ax.add_collection(LineCollection(list(rays), colors=colors.tolist(), linewidths=width))
    ax.scatter(*ends.T, c=colors, s=16 if len(angles) <= 60 else 7, linewidths=0, zorder=3)
    turn = np.linspace(0, 2 * np.pi, 181)
    ax.plot(np.cos(turn), np.sin(turn), color="#bbbbbb", linewidth=0.8, zorder=0)


def _draw_ring(ax: "Axes", angles: np.ndarray) -> None:
    """Bars outwards from a circle, of height 0.6 for the fullest sector."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Wedge

    width = 2 * np.pi / _SECTORS
    # Sectors are centered at 0, 22.5 degrees...: those of the usual targets do not lie on borders.
    sector = np.round(np.mod(angles, 2 * np.pi) / width).astype(int) % _SECTORS
    counts = np.bincount(sector, minlength=_SECTORS)
    height = 0.6 / counts.max()
    edges = np.rad2deg(width) * (np.arange(_SECTORS)[:, None] + [-0.46, 0.46])
    bars = [
        Wedge((0, 0), _INNER + height * counts[k], *edges[k], width=height * counts[k])
        for k in np.flatnonzero(counts)
    ]
    filled = np.flatnonzero(counts)
    ax.add_collection(
        PatchCollection(bars, facecolors=colors_of(filled * width).tolist(), linewidths=0)
    )
    turn = np.linspace(0, 2 * np.pi, 361)
    even = _INNER + height * len(angles) / _SECTORS
    ax.plot(even * np.cos(turn), even * np.sin(turn), ":", color="black", linewidth=1.0, zorder=4)
    for angle, name in ((0, "0°"), (90, "90°"), (180, "180°"), (270, "270°")):
        where = 1.95 * np.cos(np.deg2rad(angle)), 1.95 * np.sin(np.deg2rad(angle))
        ax.text(*where, name, ha="center", va="center", fontsize=8.5)
