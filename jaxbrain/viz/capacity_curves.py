"""Capacity of memories: measured recall against load, with theory."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.viz.style import as_floats, axes, bare, floats, hosts, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# From this factor between the ends on, a linear axis hides the small loads.
_LOG_FROM = 30.0


@checked
def capacity(
    curves: Any,
    *,
    theory: Mapping[str, Any] | None = None,
    metric: str = "bit_error",
    log: bool = False,
    ax: "Axes | None" = None,
) -> "Axes":
    """Capacity curves of memories: recall against load, measured as marks and theory as lines.

    Bars are the sample standard deviation over trials. A line of theory with the name of a memory
    has the color of that memory.

    Args:
      curves: a `jaxbrain.memory.CapacityCurve`, or a pair (loads `[loads]`, values `[loads]` or
        `[loads, trials]`), or a mapping from names to either.
      theory: from names to a pair (loads, values), drawn as a line, or to one load, such as 0.138,
        drawn as a vertical line.
      metric: field of the curves to draw, and label of the axis.
      log: True for a logarithmic value axis, without values of zero.

    Examples:
      >>> import jaxbrain.viz as viz
      >>> measured = {"Hebb": ([0.1, 0.2], [[0.0, 0.0], [0.1, 0.3]])}
      >>> ax = viz.capacity(measured, theory={"Hebb": ([0.1, 0.2], [0.0, 0.2]), "limit": 0.138})
      >>> [text.get_text() for text in ax.get_legend().get_texts()]
      ['Hebb', 'Hebb, theory', 'limit']
    """
    groups = dict(curves) if isinstance(curves, Mapping) else {None: curves}
    if not groups:
        raise ValueError("curves is empty: expected a curve, or names with curves")
    measured = {name: _pair(_title("curves", name), c, metric) for name, c in groups.items()}
    lines: dict[Any, Any] = {
        n: _line(_title("theory", n), line) for n, line in (theory or {}).items()
    }
    ax = axes(ax)
    _scales(ax, [loads for loads, _ in measured.values()], log)
    looks = {name: series_style(index) for index, name in enumerate(measured)}
    drawn = []
    for name, (loads, values) in measured.items():
        drawn += _marks(
            ax, loads, values, looks[name], name, joined=not _is_line(lines.get(name)), log=log
        )
        if name in lines:
            drawn += _theory(ax, lines[name], looks[name], f"{name}, theory")
    for name, line in lines.items():
        if name not in measured:
            drawn += _theory(ax, line, None, str(name))
    ax.set_xlabel("load (patterns / units)")
    ax.set_ylabel(metric.replace("_", " "))
    trials = {values.shape[1] for _, values in measured.values()}
    if max(trials) > 1:
        count = str(max(trials)) if len(trials) == 1 else f"{min(trials)} to {max(trials)}"
        ax.set_title(f"mean ± sd of {count} trials", fontsize=10, loc="right")
    bare(ax)
    named = [one for one in drawn if not one.get_label().startswith("_")]
    if named:
        ax.legend(handles=named, frameon=False, loc="best", handlelength=3.4)
    return ax


def _title(argument: str, name: Any) -> str:
    return argument if name is None else f"{argument}[{name!r}]"


def _pair(title: str, curve: Any, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Loads `[loads]` and values `[loads, trials]`, in the order of the loads."""
    if hasattr(curve, "loads"):
        if not hasattr(curve, metric):
            known = ", ".join(getattr(curve, "_fields", dir(curve)))
            raise ValueError(f"{title} has no {metric!r}, only {known}")
        curve = curve.loads, getattr(curve, metric)
    loads, values = _two(title, curve)
    loads = as_floats(f"{title}: loads", loads, ndim=(1,))
    values = as_floats(f"{title}: values", values, ndim=(1, 2))
    if len(loads) != len(values):
        raise ValueError(
            f"{title} has {len(loads)} loads and values of shape {list(values.shape)}; expected "
            f"[{len(loads)}] or [{len(loads)}, trials]"
        )
    order = np.argsort(loads, kind="stable")
    return loads[order], values.reshape(len(loads), -1)[order]


def _two(title: str, curve: Any) -> list[np.ndarray]:
    if not isinstance(curve, list | tuple) or len(curve) != 2:
        raise TypeError(
            f"{title} must be a CapacityCurve or a pair (loads, values), got {type(curve).__name__}"
        )
    return hosts(title, list(curve))


def _line(title: str, line: Any) -> Any:
    """One load as a number, or loads and values."""
    if np.ndim(line) == 0 and not isinstance(line, list | tuple):
        return float(floats(title, line))
    loads, values = _pair(title, line, "values")
    return loads, values.mean(axis=1)


def _is_line(theory: Any) -> bool:
    return isinstance(theory, tuple)


def _scales(ax: "Axes", loads: list[np.ndarray], log: bool) -> None:
    every = np.concatenate(loads)
    if every.min() > 0 and every.max() >= _LOG_FROM * every.min():
        ax.set_xscale("log")
    if log:
        ax.set_yscale("log")


def _marks(
    ax: "Axes",
    loads: np.ndarray,
    values: np.ndarray,
    look: Any,
    name: str | None,
    *,
    joined: bool,
    log: bool,
) -> list:
    middle = values.mean(axis=1)
    spread = values.std(axis=1, ddof=1) if values.shape[1] > 1 else np.zeros(len(loads))
    if log:
        # A bar that reaches zero would leave the axis.
        middle = np.where(middle > 0, middle, np.nan)
        below = np.minimum(spread, 0.9 * np.nan_to_num(middle))
    else:
        below = spread
    bars = ax.errorbar(
        loads,
        middle,
        yerr=[below, spread] if values.shape[1] > 1 else None,
        color=look.color,
        marker=look.marker,
        linestyle=look.dash if joined else "none",
        linewidth=1.1,
        elinewidth=1.1,
        markersize=5.5,
        markeredgecolor="white",
        markeredgewidth=0.6,
        label=name,
        zorder=3,
    )
    return [bars]


def _theory(ax: "Axes", line: Any, look: Any, label: str) -> list:
    color, dash = ("#555555", (0, (4, 3))) if look is None else (look.color, look.dash)
    if isinstance(line, float):
        return [ax.axvline(line, color=color, lw=1.2, linestyle=(0, (1, 1.2)), label=label)]
    return ax.plot(*line, color=color, linewidth=1.5, linestyle=dash, label=label, alpha=0.85)
