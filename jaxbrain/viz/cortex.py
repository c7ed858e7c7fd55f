"""Layers of a cortex: laminar activity in time, and connectivity."""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.viz.style import (
    as_floats,
    axes,
    bare,
    color_bar,
    fitted,
    floats,
    hosts,
    scale,
    symmetric,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROOM = 0.045  # of a name, as a fraction of all rows
_SHARP = 400  # largest number of rows or columns with sharp edges


class _Rows(NamedTuple):
    """Rows of one population, from the surface down."""

    name: str
    start: int
    stop: int

    @property
    def layer(self) -> str:
        """The name up to its first space, without an "e" or "i" at the end."""
        return re.sub(r"(?<=[0-9A-Z])[ei]$", "", (self.name.split() or [""])[0])

    @property
    def middle(self) -> float:
        return (self.start + self.stop - 1) / 2


@checked
def laminar_activity(
    activity: Any,
    names: Sequence[str] | Mapping[str, slice],
    *,
    dt: float = 0.01,
    unit: str | None = None,
    events: Mapping[str, float] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Laminar activity: depth by time, the surface of the cortex at the top.

    The layer of "L5e" and of "L5 excitatory" is L5; a border separates layers.

    Args:
      activity: `[time, populations]`, or of single units `[time, units]`.
      names: of the populations, from the surface down; for units a mapping from the names of
        populations to their slices, such as `slices` of the layers of a cortex. If populations are
        too small for their names, the layers are named.
      dt: time of a step, in s.
      unit: of the activity.
      events: from names to times in s, such as {"go": 0.3}: lines across all layers.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> ax = viz.laminar_activity(np.ones((9, 3)), ["L2/3e", "L2/3i", "L5e"])
      >>> [label.get_text() for label in ax.get_yticklabels()]
      ['L2/3e', 'L2/3i', 'L5e']
    """
    if not dt > 0:
        raise ValueError(f"dt must be positive, got {dt}")
    image = floats("activity", activity, ndim=(2,)).T
    rows = _named_rows("activity", names, len(image))
    ax = axes(ax, width=7.2, height=float(np.clip(0.24 * len(rows) + 1.6, 2.8, 6.5)))
    cmap, norm = scale(image)
    end = dt * image.shape[1]
    shown = ax.imshow(image, cmap=cmap, norm=norm, aspect="auto",
                      extent=(0.0, end, len(image) - 0.5, -0.5),
                      interpolation="nearest" if len(image) <= _SHARP else "auto")  # fmt: skip
    color_bar(ax, shown, "rate" if unit is None else f"rate ({unit})")
    for above, below in pairwise(rows):
        apart = above.layer != below.layer
        ax.axhline(below.start - 0.5, color="white", linewidth=2.2 if apart else 0.5)
    for name, time in (events or {}).items():
        ax.axvline(time, color="white", linewidth=1.6, linestyle=(0, (4, 2)))
        ax.text(time, 1.01, name, transform=ax.get_xaxis_transform(), ha="center", va="bottom",
                fontsize=9)  # fmt: skip
    ax.set_xlim(0, end)
    _label(ax.yaxis, rows)
    ax.set_xlabel("time (s)")
    bare(ax, keep=())
    return ax


@checked
def connectivity(
    weights: Any,
    slices: Sequence[str] | Mapping[str, slice],
    *,
    vmax: float | None = None,
    label: str = "weight",
    ax: "Axes | None" = None,
) -> "Axes":
    """Connectivity matrix: excitation (purple) and inhibition (orange), with the borders of layers.

    The layer of "L5e" and of "L5 excitatory" is L5: borders of layers are black, those of
    populations within a layer thin and gray.

    Args:
      weights: `[from, to]`, such as the recurrent matrix of a cell, or one number for each pair of
        populations.
      slices: from the names of populations to the slices of their units, from the surface down; or
        the names alone if each is one row. If populations are too small for their names, the layers
        are named.
      vmax: weight of the darkest color; default: the largest |w|.
      label: of the color bar.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> ax = viz.connectivity(np.eye(5), {"L2/3e": slice(0, 3), "L5e": slice(3, 5)})
      >>> ax.get_yticks().tolist()
      [1.0, 3.5]
    """
    matrix = as_floats("weights", hosts("weights", [weights])[0], ndim=(2,))
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"weights must be square, [from, to], got shape {list(matrix.shape)}")
    rows = _named_rows("weights", slices, len(matrix))
    ax = fitted(ax, 1.0, sides=2.2, above=1.2)
    cmap, norm = symmetric(matrix, vmax)
    image = ax.imshow(matrix, cmap=cmap, norm=norm,
                      interpolation="nearest" if len(matrix) <= _SHARP else "auto")  # fmt: skip
    bar = color_bar(ax, image, label)
    if vmax is not None and np.nanmax(np.abs(matrix)) > vmax:
        bar.set_label(f"{label} (cut at ± {vmax:g})")
    for above, below in pairwise(rows):
        apart = above.layer != below.layer
        for line in (ax.axhline, ax.axvline):
            line(below.start - 0.5, color="black" if apart else "#999999",
                 linewidth=1.2 if apart else 0.5)  # fmt: skip
    _label(ax.yaxis, rows)
    _label(ax.xaxis, rows)
    ax.tick_params(axis="x", labelrotation=90)
    ax.set_xlabel("to")
    ax.set_ylabel("from")
    return ax


def _named_rows(name: str, given: Sequence[str] | Mapping[str, slice], count: int) -> list[_Rows]:
    """The populations by depth, checked to cover all rows."""
    if isinstance(given, Mapping):
        spans = [(str(key), *part.indices(count)) for key, part in given.items()]
        if any(step != 1 for *_, step in spans):
            raise ValueError(f"slices must go in steps of 1, got {dict(given)}")
        rows = [_Rows(key, start, stop) for key, start, stop, _ in spans]
        ends = [0, *(row.stop for row in rows)]
        whole = all(row.start == end < row.stop for row, end in zip(rows, ends, strict=False))
        if not whole or ends[-1] != count:
            raise ValueError(
                f"slices must cover the {count} units of {name} one after the other, without gap "
                f"or overlap, got {dict(given)}"
            )
        return rows
    if isinstance(given, str) or len(given) != count:
        raise ValueError(
            f"names must be one for each of the {count} populations of {name}, got {given!r}; for "
            "single units pass a mapping from names to slices"
        )
    return [_Rows(str(key), k, k + 1) for k, key in enumerate(given)]


def _label(axis: Any, rows: list[_Rows]) -> None:
    """Names of the populations, or of the layers if populations are too small for theirs."""
    room = [below.middle - above.middle for above, below in pairwise(rows)]
    if room and min(room) < _ROOM * rows[-1].stop:
        layers = [list(group) for _, group in groupby(rows, lambda row: row.layer)]
        rows = [_Rows(group[0].layer, group[0].start, group[-1].stop) for group in layers]
    axis.set_ticks([row.middle for row in rows], labels=[row.name for row in rows], fontsize=8.5)
    axis.set_tick_params(length=0)
