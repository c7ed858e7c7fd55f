"""Table of learning rules as a figure: accuracy, gradient alignment and cost."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxbrain.analysis.comparison import Comparison
from jaxbrain.core.arguments import checked
from jaxbrain.viz.style import LINE_COLORS, MAGNITUDE, bare, hosts, integer_ticks, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PASSED, _FAILED, _NEITHER = LINE_COLORS[0], LINE_COLORS[1], "#777777"
_ROW = 0.29  # inches for each rule


@checked
def rule_table(
    found: Comparison, *, layers: Sequence[str] | None = None, lowest: float | None = None
) -> "Figure":
    """Table of a comparison of learning rules, one row for each rule, as a Figure.

    From left to right: the metric, every seed as a dot, with the floor as a line; the angle to the
    first rule's gradient over training, a strip for each layer; the time of a step relative to
    the first rule. Rules that diverged or do not beat the floor have another color and marker.

    Args:
      found: the `Comparison` of `jaxbrain.analysis.compare_rules`.
      layers: names of the layers, first layer first.
      lowest: lower end of the metric's axis; None: as far below the floor as the best rule is above
        it. An arrow names lower values.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> from jaxbrain.analysis import Comparison, Result
      >>> from jaxbrain.training import History
      >>> loss, angles = np.ones((2, 3)), np.full((2, 3, 1), 40.0)
      >>> history = History(loss, loss[..., None], {"accuracy": 0.9 * loss}, angles)
      >>> result = Result(start=None, state=None, history=history, seconds=1e-3)
      >>> figure = viz.rule_table(Comparison({"backprop": result}, "accuracy", None))
      >>> [ax.get_xlabel() for ax in figure.axes[:3]]
      ['accuracy', 'epoch', 'time of a step\\n(backprop = 1)']
    """
    names = list(found.results)
    finals = hosts("found", [result.final(found.metric) for result in found.results.values()])
    angles = _angles(found)
    strips = max((a.shape[1] for a in angles if a is not None), default=0)
    if layers is not None and strips and len(layers) != strips:
        raise ValueError(f"layers names {len(layers)} layers, found has angles of {strips}")
    titles = list(layers) if layers else [f"layer {i + 1}" for i in range(strips)]
    plt = pyplot()
    figure, panels = plt.subplots(
        1,
        strips + 2,
        figsize=(8.6 + 1.35 * strips, 1.7 + _ROW * len(names)),
        width_ratios=[3.6, *[1.35] * strips, 1.9],
        layout="constrained",
        sharey=True,
        squeeze=False,
    )
    first, last = panels[0, 0], panels[0, -1]
    _finals(first, found, finals, lowest)
    for layer, (ax, title) in enumerate(zip(panels[0, 1:-1], titles, strict=True)):
        image = _strips(ax, angles, layer)
        ax.set_title(title, fontsize=10)
        if layer == strips // 2:
            ax.set_xlabel("epoch")
        if layer == strips - 1:
            _scale(ax, image, names[0])
    _costs(last, [found.cost(name) for name in names], names[0])
    first.set_yticks(range(len(names)), names)
    first.set_ylim(len(names) - 0.4, -0.6)
    for ax in panels[0]:
        ax.tick_params(axis="y", length=0)
    return figure


def _angles(found: Any) -> list[np.ndarray | None]:
    """`[epochs, layers]` of each rule, or None."""
    return [result.mean_angles for result in found.results.values()]


def _finals(ax: "Axes", found: Any, finals: list[np.ndarray], lowest: float | None) -> None:
    floor = None
    if found.floor is not None:
        floor = float(np.nanmean(found.results[found.floor].final(found.metric)))
    low, limits = _limits(np.concatenate(finals), floor, lowest)
    ax.set_xlim(limits)
    looks = {"yes": (_PASSED, "o"), "": (_NEITHER, "s"), "unclear": (_NEITHER, "D")}
    for row, (name, values) in enumerate(zip(found.results, finals, strict=True)):
        known = (_PASSED, "o") if found.floor is None else looks.get(found.verdict(name))
        _row(ax, row, values, low, known or (_FAILED, "X"))
    if floor is not None:
        ax.axvline(floor, color="#555555", linewidth=1.1, linestyle=(0, (4, 3)), zorder=0)
        ax.annotate(
            f"floor {floor:.3f}",
            (floor, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color="#555555",
        )
    ax.set_xlabel(found.metric.replace("_", " "))
    ax.locator_params(axis="x", nbins=5)
    ax.grid(axis="both", color="#ececec", linewidth=0.8, zorder=-1)
    ax.set_axisbelow(True)
    bare(ax, keep=("bottom",))


def _limits(
    values: np.ndarray, floor: float | None, lowest: float | None
) -> tuple[float, tuple[float, float]]:
    """The lowest value drawn, and the ends of the axis."""
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, (0.0, 1.0)
    high = float(values.max())
    low = float(values.min()) if lowest is None else lowest
    if lowest is None and floor is not None and high > floor:
        low = max(low, floor - (high - floor))
    span = max(high - low, 1e-3)
    # Room for the arrows on the left.
    return low, (low - (0.2 if values.min() < low else 0.04) * span, high + 0.04 * span)


def _row(ax: "Axes", row: int, values: np.ndarray, lowest: float, look: tuple[str, str]) -> None:
    """Seeds as dots, their mean as a bar, mean and sd as text; arrows to values outside."""
    color, marker = look
    good = values[np.isfinite(values)]
    seen = good[good >= lowest]
    spread = 0.11 * (np.arange(len(seen)) % 3 - 1) if len(seen) > 1 else np.zeros(len(seen))
    style = {"s": 15, "marker": marker, "linewidths": 0.4, "alpha": 0.85, "zorder": 3}
    ax.scatter(seen, row + spread, color=color, edgecolors="white", **style)
    text = "diverged"
    if len(good):
        deviation = f" ± {good.std(ddof=1):.3f}" if len(good) > 1 else ""
        text = f"{good.mean():.3f}{deviation}"
        if good.mean() >= lowest:
            ax.plot([good.mean()] * 2, [row - 0.36, row + 0.36], color=color, lw=2.5, alpha=0.45)
        if len(good) < len(values):
            text += f", {len(values) - len(good)} diverged"
    if len(seen) < len(good):
        arrow = f" \N{LEFTWARDS ARROW} {good.min():.2f}"
        ax.text(ax.get_xlim()[0], row, arrow, color=color, va="center", fontsize=8)
    where = ax.get_yaxis_transform()
    ax.text(1.01, row, text, transform=where, va="center", fontsize=8, color=color)


def _strips(ax: "Axes", angles: list[np.ndarray | None], layer: int) -> Any:
    """One strip of colored epochs for each rule, with the last angle as a number."""
    import matplotlib

    epochs = max(a.shape[0] for a in angles if a is not None)
    means = np.full((len(angles), epochs), np.nan)
    for row, every in enumerate(angles):
        if every is not None:
            means[row, : len(every)] = every[:, layer]
    colors = matplotlib.colormaps[MAGNITUDE].with_extremes(bad="#e2e2e2", over=_FAILED)
    edges = np.arange(epochs + 1) + 0.5
    rows = np.arange(len(angles) + 1) - 0.5
    image = ax.pcolormesh(edges, rows, means, cmap=colors, vmin=0.0, vmax=90.0, rasterized=True)
    for row in range(1, len(angles)):
        ax.axhline(row - 0.5, color="white", linewidth=2.5)
    for row, every in enumerate(angles):
        end = np.nan if every is None else means[row, -1]
        dark = np.isfinite(end) and end < 45
        ax.text(
            epochs + 0.3,
            row,
            f"{end:.0f}°" if np.isfinite(end) else "\N{EN DASH}",
            ha="right",
            va="center",
            fontsize=7.5,
            color="white" if dark else "black",
        )
    integer_ticks(ax.xaxis)
    ax.tick_params(axis="x", labelsize=8)
    bare(ax, keep=())
    return image


def _scale(ax: "Axes", image: Any, reference: str) -> None:
    bar = ax.figure.colorbar(image, ax=ax, extend="max", pad=0.03, fraction=0.12, aspect=28)
    bar.set_ticks([0, 30, 60, 90])
    bar.set_label(f"angle to {reference}'s\ngradient (degrees)", fontsize=8.5)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]


def _costs(ax: "Axes", costs: list[float], reference: str) -> None:
    rows = range(len(costs))
    ax.barh(rows, [cost - 1 for cost in costs], left=1.0, height=0.55, color="#9a9a9a", zorder=2)
    ax.set_xscale("log")
    limits = min(0.5, 0.8 * min(costs)), 2.6 * max(2.0, *costs)
    ax.set_xlim(limits)
    _round_ticks(ax, limits)
    ax.axvline(1.0, color="#555555", linewidth=0.9)
    for row, cost in enumerate(costs):
        ax.text(
            1.12 * max(cost, 1.0),
            row,
            f"{cost:.2f}" if cost < 10 else f"{cost:,.0f}",
            va="center",
            fontsize=8,
        )
    ax.set_xlabel(f"time of a step\n({reference} = 1)")
    bare(ax, keep=("bottom",))


def _round_ticks(ax: "Axes", limits: tuple[float, float]) -> None:
    """0.5, 1, 2, 5, ... on a short axis, powers of ten on a long one."""
    low, high = limits
    steps = (1.0,) if high / low > 30 else (1.0, 2.0, 5.0)
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)))
    ticks = [tick for tick in np.outer(decades, steps).ravel() if low <= tick <= high]
    ax.set_xticks(ticks, [f"{tick:,g}" for tick in ticks])
    ax.set_xticks([], minor=True)
