"""Series over training: read from histories, averaged over seeds, drawn as lines."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxbrain.viz.style import as_floats, hosts, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Band(NamedTuple):
    """A line with a band around it."""

    middle: np.ndarray  # [points]
    lower: np.ndarray  # [points]
    upper: np.ndarray  # [points]


def is_history(run: Any) -> bool:
    """True for a `History`: anything with `loss` and `metrics`."""
    return hasattr(run, "loss") and hasattr(run, "metrics")


def read(run: Any, y: str) -> Any:
    """Series `y` of a History, or of a sequence of them (one per seed); else `run` itself."""
    if is_history(run):
        if y in ("loss", "step_loss") and hasattr(run, y):
            return getattr(run, y)
        if y in run.metrics:
            return run.metrics[y]
        known = ", ".join(["loss", "step_loss", *map(str, run.metrics)])
        raise ValueError(
            f"the history has no {y!r}, only {known}; record it with "
            f"fit(..., validation=..., metrics={{{y!r}: ...}})"
        )
    if isinstance(run, Sequence) and not isinstance(run, str) and any(map(is_history, run)):
        return [read(one, y) for one in run]
    return run


def finals(runs: Mapping[str, Any], metric: str) -> dict[str, np.ndarray]:
    """The final values ``[seeds]`` of a metric for each rule; finite.

    Raises:
      ValueError: runs is empty, or a value is not finite.
    """
    if not runs:
        raise ValueError("runs is empty: expected names of rules with values [seeds]")
    arrays = hosts("runs", [read(run, metric) for run in runs.values()])
    found = {}
    for (name, run), array in zip(runs.items(), arrays, strict=True):
        several = isinstance(run, list | tuple) and any(map(is_history, run))
        last = np.atleast_1d(array[..., -1] if is_history(run) or several else array)
        found[str(name)] = as_floats(f"runs[{name!r}]", last, ndim=(1,))
    bad = [name for name, values in found.items() if not np.isfinite(values).all()]
    if bad:
        raise ValueError(f"runs holds values that are not finite, for {', '.join(bad)}")
    return found


def named(runs: Any) -> tuple[list[str | None], list[Any]]:
    """Names and runs, in the order given; a single run has no name."""
    if isinstance(runs, Mapping):
        if not runs:
            raise ValueError("there is nothing to draw: the mapping of runs is empty")
        return [str(name) for name in runs], list(runs.values())
    return [None], [runs]


def smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Centered mean over `window` points along the last axis; it narrows at both ends."""
    if window <= 1:
        return values
    points = values.shape[-1]
    sums = np.cumsum(np.concatenate([np.zeros_like(values[..., :1]), values], -1), -1)
    last = np.minimum(np.arange(points) + window // 2 + 1, points)
    first = np.maximum(np.arange(points) - (window - 1) // 2, 0)
    return (sums[..., last] - sums[..., first]) / (last - first)


def over_seeds(values: np.ndarray, band: str | None) -> Band:
    """Mean over the seeds `[seeds, points]` with a band: "sd" (sample), "range" or None."""
    middle = values.mean(axis=0)
    if band is None or len(values) == 1:
        return Band(middle, middle, middle)
    if band == "range":
        return Band(middle, values.min(axis=0), values.max(axis=0))
    deviation = values.std(axis=0, ddof=1)
    return Band(middle, middle - deviation, middle + deviation)


def draw(ax: "Axes", x: np.ndarray, band: Band, *, index: int, label: str | None) -> None:
    """Draw one category: a line with its own color, dash and marker, and its band."""
    look = series_style(index)
    many = len(x) > 60
    ax.plot(
        x,
        band.middle,
        color=look.color,
        linestyle=look.dash,
        marker=look.marker,
        # Markers of different lines stand at different places, so that equal lines stay visible.
        markevery=(index % 4 * len(x) // 40, max(len(x) // 8, 1)) if many else max(len(x) // 10, 1),
        markersize=4.5,
        linewidth=1.2 if many else 1.7,
        label=label,
    )
    if not np.array_equal(band.lower, band.upper, equal_nan=True):
        ax.fill_between(x, band.lower, band.upper, color=look.color, alpha=0.16, linewidth=0)
