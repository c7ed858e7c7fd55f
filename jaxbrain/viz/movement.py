"""Movements of the hand: paths, velocity profiles, adaptation from trial to trial."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import require_count
from jaxbrain.viz.directions import GRAY, colors_of, compass, require_directions
from jaxbrain.viz.projection import runs_of
from jaxbrain.viz.series import smoothed
from jaxbrain.viz.style import DASHES, LINE_COLORS, axes, bare, floats, integer_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CM = 100.0  # of a meter


@checked
def hand_paths(
    paths: Any, *, targets: Any = None, radius: float = 0.01, ax: "Axes | None" = None
) -> "Axes":
    """Paths of the hand in cm, each in the color of its direction.

    Args:
      paths: positions in m, `[time, 2]`, `[..., time, 2]`, or a sequence of `[time, 2]` of
        different lengths.
      targets: in m. One for each path `[trials, 2]` gives its direction. Any other number of
        targets `[n, 2]`, or none: the direction of a path is that from its start to its end.
      radius: of a target, in m.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> ax = viz.hand_paths(np.array([[[0.0, 0.4], [0.1, 0.4]]]), targets=[[0.1, 0.4]])
      >>> ax.lines[0].get_xdata().tolist()
      [0.0, 10.0]
    """
    if not radius > 0:
        raise ValueError(f"radius must be positive, got {radius}")
    runs = runs_of("paths", paths)
    if runs[0].shape[1] != 2:
        raise ValueError(f"paths must be [..., time, 2], got {list(runs[0].shape)} for one of them")
    places = np.zeros((0, 2)) if targets is None else floats("targets", targets, ndim=(2,))
    if places.shape[1] != 2:
        raise ValueError(f"targets must be [trials, 2], got shape {list(places.shape)}")
    starts, ends = (np.array([_first(run[::way]) for run in runs]) for way in (1, -1))
    mine = len(places) == len(runs)
    ways = (places if mine else ends) - starts
    # A path that leads nowhere has no direction.
    still = np.hypot(*ways.T) < 1e-9
    angles = np.where(still, np.nan, np.arctan2(ways[:, 1], ways[:, 0]))
    ax = axes(ax, width=5.2, height=5.2)
    _draw_targets(ax, places, angles if mine else np.full(len(places), np.nan), radius)
    many = len(runs) > 40
    for run, color in zip(runs, colors_of(angles), strict=True):
        ax.plot(*(_CM * run.T), color=color, linewidth=1.0 if many else 1.6,
                alpha=0.85 if many else 1.0, solid_capstyle="round", zorder=3)  # fmt: skip
    for start in np.unique(np.round(_CM * starts, 3), axis=0):
        ax.plot(*start, "o", color="black", markerfacecolor="white", markersize=5, zorder=4)
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.06)
    ax.set_xlabel("x (cm)")
    ax.set_ylabel("y (cm)")
    bare(ax)
    return ax


def _first(run: np.ndarray) -> np.ndarray:
    """The first finite position of a path."""
    finite = run[np.isfinite(run).all(axis=1)]
    return finite[0] if len(finite) else np.full(2, np.nan)


def _draw_targets(ax: "Axes", places: np.ndarray, angles: np.ndarray, radius: float) -> None:
    """Pale discs with an edge in the color of the direction; the same place is drawn once."""
    from matplotlib.patches import Circle

    _, first = np.unique(np.round(places, 6), axis=0, return_index=True)
    for place, color in zip(places[first], colors_of(angles[first]), strict=True):
        disc = Circle(tuple(_CM * place), _CM * radius, facecolor=(*color, 0.16), edgecolor=color,
                      linewidth=1.2, zorder=2)  # fmt: skip
        ax.add_patch(disc)


@checked
def velocity_profiles(
    speeds: Any,
    *,
    dt: float = 0.01,
    directions: Any = None,
    reference: Any = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Velocity profiles: the speed of the hand in each trial, their mean, and a reference.

    Args:
      speeds: in m/s, `[time]` or `[trials, time]`.
      dt: time of a step, in s.
      directions: of the trials in radians `[trials]`, for their colors; default: gray.
      reference: a curve `[time]` in m/s, such as that of minimum jerk, or a mapping from a name to
        it; the legend gives its correlation with the mean.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> t = np.linspace(0, 1, 51)
      >>> bell = 30 * t**2 * (1 - t) ** 2 * 0.1
      >>> ax = viz.velocity_profiles([bell, 1.1 * bell], reference={"minimum jerk": bell})
      >>> [text.get_text() for text in ax.get_legend().get_texts()]
      ['mean of 2', 'minimum jerk (r = 1.000)']
    """
    if not dt > 0:
        raise ValueError(f"dt must be positive, got {dt}")
    trials = np.atleast_2d(floats("speeds", speeds, ndim=(1, 2)))
    time = dt * np.arange(trials.shape[1])
    mean = trials.mean(axis=0)
    angles = np.full(len(trials), np.nan)
    if directions is not None:
        angles = require_directions("directions", directions, len(trials), "trials")
    curve = None if reference is None else _reference(reference, len(time))
    ax = axes(ax, width=5.6, height=3.8)
    for one, color in zip(trials, colors_of(angles), strict=True):
        ax.plot(time, one, color=color, linewidth=0.9, alpha=0.75, zorder=2)
    if len(trials) > 1:
        ax.plot(time, mean, color="black", linewidth=2.4, label=f"mean of {len(trials)}", zorder=4)
    if curve is not None:
        name, values = curve
        r = np.corrcoef(mean, values)[0, 1] if min(np.ptp(mean), np.ptp(values)) > 0 else np.nan
        ax.plot(time, values, color=LINE_COLORS[0], linestyle=DASHES[1], linewidth=2.0,
                label=f"{name} (r = {r:.3f})", zorder=5)  # fmt: skip
    ax.set_xlim(0, time[-1] or dt)
    if trials.min() >= 0:
        ax.set_ylim(bottom=0)
    ax.set_xlabel("time (s)")
    ax.set_ylabel("speed (m/s)")
    bare(ax)
    if directions is not None:
        compass(ax, (1.01, 0.5, 0.15, 0.24))
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    return ax


def _reference(reference: Any, steps: int) -> tuple[str, np.ndarray]:
    """Name and curve `[steps]`."""
    name = "reference"
    if isinstance(reference, Mapping):
        if len(reference) != 1:
            raise ValueError(f"reference must be one curve, got {len(reference)} names")
        ((name, reference),) = reference.items()
    curve = floats("reference", reference, ndim=(1,))
    if len(curve) != steps:
        raise ValueError(
            f"reference must have the {steps} steps of speeds, got shape {list(curve.shape)}"
        )
    return str(name), curve


@checked
def adaptation_curve(
    deviation: Any,
    *,
    phases: Mapping[str, int] | None = None,
    unit: str = "m",
    smooth: int = 9,
    ax: "Axes | None" = None,
) -> "Axes":
    """Adaptation curve: deviations trial by trial, with the phases of the experiment.

    Args:
      deviation: signed, `[trials]`, or of several subjects or seeds `[seeds, trials]`: then their
        mean and standard deviation are drawn.
      phases: from names, in their order, to numbers of trials.
      unit: of the deviation; "m" is drawn in cm, any other as it is.
      smooth: trials in the moving mean, which never crosses the border of a phase.

    Examples:
      >>> import jaxbrain.viz as viz
      >>> ax = viz.adaptation_curve([0.0, 0.03, 0.02, -0.02], phases={"null": 1, "field": 2,
      ...                           "null again": 1})
      >>> [text.get_text() for text in ax.texts]
      ['null', 'field', 'null again']
    """
    values = np.atleast_2d(floats("deviation", deviation, ndim=(1, 2)))
    require_count("adaptation_curve", "smooth", smooth)
    count = values.shape[1]
    named = {"": count} if phases is None else dict(phases)
    if any(n < 1 for n in named.values()) or sum(named.values()) != count:
        raise ValueError(
            f"phases must be positive numbers of trials that add up to the {count} of deviation, "
            f"got {named}"
        )
    values, unit = (_CM * values, "cm") if unit == "m" else (values, unit)
    borders = np.cumsum([0, *named.values()])
    ax = axes(ax, width=7.0, height=3.6)
    ax.axhline(0, color="#777777", linewidth=0.8, zorder=1)
    for index, (start, stop) in enumerate(pairwise(borders)):
        if index % 2:
            ax.axvspan(start + 0.5, stop + 0.5, color="#efefef", linewidth=0, zorder=0)
        _draw_phase(ax, 1 + np.arange(start, stop), values[:, start:stop], smooth)
    for name, (start, stop) in zip(named, pairwise(borders), strict=True):
        if name:
            ax.text((start + stop + 1) / 2, 1.02, name, transform=ax.get_xaxis_transform(),
                    ha="center", va="bottom", fontsize=9)  # fmt: skip
    ax.set_xlim(0.5, count + 0.5)
    integer_ticks(ax.xaxis)
    ax.set_xlabel("trial")
    spread = f"\n(mean ± sd of {len(values)})" if len(values) > 1 else ""
    ax.set_ylabel(f"deviation ({unit})" + spread)
    bare(ax)
    return ax


def _draw_phase(ax: "Axes", trial: np.ndarray, values: np.ndarray, smooth: int) -> None:
    """Trials of one subject as dots, of several as a band, and the moving mean."""
    mean = values.mean(axis=0)
    if len(values) > 1:
        spread = values.std(axis=0, ddof=1)
        ax.fill_between(trial, mean - spread, mean + spread, color=LINE_COLORS[0], alpha=0.18,
                        linewidth=0, zorder=2)  # fmt: skip
        ax.plot(trial, mean, color=LINE_COLORS[0], linewidth=1.6, zorder=4)
        return
    ax.plot(trial, mean, "o", color=GRAY, markersize=3.5, markeredgewidth=0, zorder=3)
    ax.plot(trial, smoothed(mean, smooth), color=LINE_COLORS[0], linewidth=2.0, zorder=4)
