"""Spike rasters of one population or several; times in ms by default."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import require_count
from jaxbrain.viz.style import LINE_COLORS, as_floats, axes, bare, hosts, integer_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GAP = 0.04  # between populations, as a fraction of all units
_HEIGHT = 0.85  # of a mark, in rows


@checked
def raster(
    spikes: Any,
    *,
    labels: Sequence[str] | None = None,
    dt: float | None = None,
    unit: str = "ms",
    limit: int = 100,
    ax: "Axes | None" = None,
) -> "Axes":
    """Spike raster: a mark for each spike, time to the right, one row for each unit.

    Populations stand above each other, the first at the top, each in its own color; the first unit
    of a population is its top row.

    Args:
      spikes: 0 or 1, `[time, units]`; or a mapping from the names of populations to such arrays,
        of the same number of steps; or a sequence of them.
      labels: names of the populations, if `spikes` has none.
      dt: time of a step; None: the axis counts steps.
      unit: of dt.
      limit: number of units drawn of a population, the first ones; its label gives the number of
        all.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> ax = viz.raster({"input": np.eye(4), "hidden": np.ones((4, 2))})
      >>> [label.get_text() for label in ax.get_yticklabels()]
      ['input', 'hidden']
    """
    require_count("raster", "limit", limit)
    if dt is not None and not dt > 0:
        raise ValueError(f"dt must be positive, got {dt}")
    names, groups = _groups(spikes, labels)
    steps = len(groups[0])
    for name, group in zip(names, groups, strict=True):
        if len(group) != steps:
            raise ValueError(
                f"all populations must have the same number of steps: {names[0] or 'the first'} "
                f"has {steps}, {name or 'another'} has {len(group)}; spikes are [time, units]"
            )
    shown = [min(group.shape[1], limit) for group in groups]
    gap = max(_GAP * sum(shown), 1.0)
    height = min(max(0.05 * (sum(shown) + gap * (len(shown) - 1)) + 0.9, 2.2), 7.0)
    ax = axes(ax, width=7.0, height=height)
    _draw(ax, names, groups, shown, gap, 1.0 if dt is None else dt)
    ax.set_xlabel("time step" if dt is None else f"time ({unit})")
    if dt is None or dt == round(dt):
        integer_ticks(ax.xaxis)
    alone = names == [""]
    if alone:
        units = groups[0].shape[1]
        ax.set_ylabel("unit" if shown == [units] else f"unit ({shown[0]} of {units})")
    bare(ax, keep=("left", "bottom") if alone else ("bottom",))
    return ax


def _groups(spikes: Any, labels: Sequence[str] | None) -> tuple[list[str], list[np.ndarray]]:
    """Names and spikes `[time, units]` of the populations."""
    if isinstance(spikes, Mapping):
        names, given = [str(name) for name in spikes], list(spikes.values())
    elif isinstance(spikes, list | tuple) and all(np.ndim(one) == 2 for one in spikes):
        names, given = [""] * len(spikes), list(spikes)
    else:
        names, given = [""], [spikes]
    if not given:
        raise ValueError("spikes is empty: expected [time, units], or names with such arrays")
    if labels is not None and len(labels) != len(given):
        raise ValueError(f"labels are {len(labels)}, the populations {len(given)}")
    names = names if labels is None else [str(label) for label in labels]
    titles = [f"spikes[{name!r}]" if name else "spikes" for name in names]
    fetched = hosts("spikes", given)
    groups = [as_floats(t, g, ndim=(2,)) for t, g in zip(titles, fetched, strict=True)]
    return names, groups


def _draw(
    ax: "Axes",
    names: list[str],
    groups: list[np.ndarray],
    shown: list[int],
    gap: float,
    dt: float,
) -> None:
    top, places, texts = 0.0, [], []
    for i, (name, group, count) in enumerate(zip(names, groups, shown, strict=True)):
        time, unit = np.nonzero(group[:, :count] > 0)
        row = top + unit
        ax.vlines(
            time * dt,
            row + (1 - _HEIGHT) / 2,
            row + (1 + _HEIGHT) / 2,
            color=LINE_COLORS[i % len(LINE_COLORS)],
            linewidth=_width(ax, len(group)),
        )
        if i:
            ax.axhline(top - gap / 2, color="#bbbbbb", linewidth=0.6)
        places.append(top + count / 2)
        texts.append(name if count == group.shape[1] else f"{name}\n{count} of {group.shape[1]}")
        top += count + gap
    ax.set_xlim(-0.8 * dt, (len(groups[0]) - 0.2) * dt)
    ax.set_ylim(top - gap, 0)
    if names == [""]:
        integer_ticks(ax.yaxis)
    elif any(texts):
        ax.set_yticks(places, texts)
        ax.tick_params(axis="y", length=0)


def _width(ax: "Axes", steps: int) -> float:
    """Width of a mark in points: half a step, within the limits of a visible line."""
    inches = ax.get_window_extent().width / ax.figure.dpi
    return float(np.clip(72 * inches / steps / 2, 0.9, 2.5))
