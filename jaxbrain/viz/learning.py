"""Alignment of gradients and scores of learning rules."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.viz.series import draw, finals, over_seeds
from jaxbrain.viz.style import as_floats, axes, bare, hosts, integer_ticks, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _layers(angles: Any, layers: Sequence[str] | None) -> tuple[list[str], list[np.ndarray]]:
    """Names and `[seeds, epochs]` of every layer."""
    if isinstance(angles, Mapping):
        names = [str(name) for name in (angles if layers is None else layers)]
        arrays = hosts("angles", list(angles.values()))
        values = [np.atleast_2d(as_floats("angles", a, ndim=(1, 2))) for a in arrays]
    elif isinstance(angles, list | tuple):
        raise TypeError(
            "angles must be an array [epochs, layers] or [seeds, epochs, layers], or a mapping "
            f"from layer names to [epochs]; got a {type(angles).__name__}. Of a sequence with one "
            "array per layer make dict(zip(names, angles))"
        )
    else:
        every = as_floats("angles", hosts("angles", [angles])[0], ndim=(2, 3))
        every = every if every.ndim == 3 else every[None]
        values = list(np.moveaxis(every, -1, 0))
        names = list(layers or (f"layer {i + 1}" for i in range(len(values))))
    if len(names) != len(values) or not values:
        raise ValueError(f"layers names {len(names)} layers, angles has {len(values)}")
    return names, values


@checked
def alignment(
    angles: Any, *, layers: Sequence[str] | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Angle between a rule's gradient and that of backprop over training, layer by layer.

    0 degrees is the direction of backprop, 90 degrees that of a random change.

    Args:
      angles: in degrees, `[epochs, layers]` or `[seeds, epochs, layers]`, or a mapping from layer
        names to `[epochs]` or `[seeds, epochs]`. Over seeds the mean and the sample standard
        deviation are drawn.
      layers: names of the layers, first layer first.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> ax = viz.alignment({"hidden": np.array([88.0, 60.0, 41.0])})
      >>> ax.get_ylabel()
      'angle to backprop (degrees)'
    """
    names, values = _layers(angles, layers)
    finite = np.concatenate([value[np.isfinite(value)] for value in values])
    if finite.size and not -1e-3 <= finite.min() <= finite.max() <= 180 + 1e-3:
        raise ValueError(
            f"angles must lie between 0 and 180 degrees, got {finite.min():g} to {finite.max():g}"
        )
    ax = axes(ax)
    for index, (name, value) in enumerate(zip(names, values, strict=True)):
        draw(ax, 1.0 + np.arange(value.shape[1]), over_seeds(value, "sd"), index=index, label=name)
    top = max(100.0, float(finite.max()) + 8.0 if finite.size else 0.0)
    ax.set_ylim(-9.0, min(top, 184.0))
    ax.set_yticks(np.arange(0, top + 1, 30 if top > 120 else 15))
    for height, text, below in ((90.0, "90°: no better than chance", 0), (0.0, "0°: backprop", 1)):
        ax.axhline(height, color="#777777", linewidth=1.0, linestyle=(0, (3, 3)), zorder=0)
        ax.annotate(
            text,
            (0.995, height),
            xycoords=("axes fraction", "data"),
            xytext=(0, -4 if below else 3),
            textcoords="offset points",
            ha="right",
            va="top" if below else "bottom",
            fontsize=9,
            color="#555555",
        )
    seeds = {len(value) for value in values}
    ax.set_xlabel("epoch")
    ax.set_ylabel("angle to backprop (degrees)")
    if max(seeds) > 1:
        ax.set_title(f"mean ± sd of {max(seeds)} seeds", fontsize=10, loc="right")
    integer_ticks(ax.xaxis)
    bare(ax)
    # To the right: angles may lie anywhere, so no corner of the Axes is sure to be free.
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=3.4)
    return ax


def _limits(values: np.ndarray, lines: Sequence[float]) -> tuple[float, float]:
    """A range that holds every value, and those lines that are near."""
    low, high = float(values.min()), float(values.max())
    span = max(high - low, 0.02 * max(abs(high), abs(low)), 1e-6)
    near = [line for line in lines if low - 4 * span <= line <= high + 4 * span]
    low, high = min([low, *near]), max([high, *near])
    margin = 0.12 * max(high - low, span)
    return low - margin, high + margin


def _reference(ax: "Axes", name: str, value: float, level: int) -> None:
    """A line across all rules, or an arrow where the line lies outside."""
    left, right = ax.get_xlim()
    text = f"{name} {value:.3g}"
    if left <= value <= right:
        ax.axvline(value, color="#555555", linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
        where, ha = (value, "center")
    else:
        text = f"\N{LEFTWARDS ARROW} {text}" if value < left else f"{text} \N{RIGHTWARDS ARROW}"
        where, ha = (left, "left") if value < left else (right, "right")
    ax.annotate(
        text,
        (where, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3 + 12 * level),
        textcoords="offset points",
        ha=ha,
        fontsize=9,
        color="#555555",
    )


@checked
def rule_scores(
    runs: Mapping[str, Any],
    metric: str = "accuracy",
    *,
    floor: float | None = None,
    chance: float | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Scores of learning rules: every seed as a dot, the mean as a bar and as a number.

    The axis spans the dots; an arrow names a reference line that is far away.

    Args:
      runs: from the name of a rule to the final values `[seeds]`, or to a `History`, or to a
        sequence of them, one per seed, whose last epoch counts. The order given is kept.
      metric: series of a `History` to draw, and label of the axis.
      floor: value that a rule must exceed to show that its hidden layers learn.
      chance: value of guessing.

    Examples:
      >>> import jaxbrain.viz as viz
      >>> ax = viz.rule_scores({"backprop": [0.97, 0.98], "alignment": [0.95, 0.96]}, floor=0.9)
      >>> [label.get_text() for label in ax.get_yticklabels()]
      ['backprop', 'alignment']
    """
    values = list(finals(runs, metric).values())
    every = np.concatenate(values)
    lines = [(n, v) for n, v in (("floor", floor), ("chance", chance)) if v is not None]
    ax = axes(ax, height=1.4 + 0.62 * len(runs))
    ax.set_xlim(*_limits(every, [value for _, value in lines]))
    ax.set_ylim(len(runs) - 0.4, -0.6)
    for row, value in enumerate(values):
        _rule(ax, row, value)
    for level, (name, value) in enumerate(lines):
        _reference(ax, name, value, level)
    ax.set_yticks(range(len(runs)), [str(name) for name in runs])
    ax.tick_params(axis="y", length=0)
    ax.locator_params(axis="x", nbins=6)
    ax.set_xlabel(metric.replace("_", " "))
    ax.grid(axis="x", color="#e4e4e4", linewidth=0.8, zorder=-1)
    ax.set_axisbelow(True)
    bare(ax, keep=("bottom",))
    return ax


def _rule(ax: "Axes", row: int, values: np.ndarray) -> None:
    """One row: seeds as dots at fixed small offsets, mean as a bar, mean and sd as text."""
    look = series_style(row)
    spread = 0.13 * (np.arange(len(values)) % 3 - 1) if len(values) > 1 else np.zeros(1)
    ax.scatter(
        values,
        row + spread,
        s=34,
        color=look.color,
        marker=look.marker,
        edgecolors="white",
        linewidths=0.7,
        alpha=0.9,
        zorder=3,
    )
    ax.plot(
        [values.mean()] * 2,
        [row - 0.32, row + 0.32],
        color=look.color,
        linewidth=4,
        alpha=0.4,
        solid_capstyle="butt",
        zorder=2,
    )
    deviation = f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else ""
    ax.text(
        1.01,
        row,
        f"{values.mean():.3f}{deviation}",
        transform=ax.get_yaxis_transform(),
        va="center",
        fontsize=9,
    )
