"""Learning curves: losses and metrics over training."""

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.viz.series import draw, named, over_seeds, read, smoothed
from jaxbrain.viz.style import as_floats, axes, bare, hosts, integer_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Beyond this factor between smallest and largest value a linear axis hides the end of training.
_LOG_FROM = 50.0


def _by_seed(name: str, values: np.ndarray, per_step: bool) -> np.ndarray:
    """`[seeds, points]`; of values per step the epochs follow one another."""
    if per_step and values.ndim >= 2:
        values = values.reshape(*values.shape[:-2], -1)
    return np.atleast_2d(as_floats(name, values, ndim=(1, 2)))


def _wants_log(lines: list[np.ndarray]) -> bool:
    values = np.concatenate([line[np.isfinite(line)] for line in lines])
    return bool(values.size and values.min() > 0 and values.max() > _LOG_FROM * values.min())


def _caption(y: str, seeds: set[int], band: str | None, smooth: int) -> str:
    notes = []
    if max(seeds) > 1:
        kind = {"sd": " ± sd", "range": " and range", None: ""}[band]
        count = str(max(seeds)) if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
        notes.append(f"mean{kind} of {count} seeds")
    if smooth > 1:
        notes.append(f"smoothed over {smooth}")
    return y.replace("_", " ") + (f"\n({', '.join(notes)})" if notes else "")


@checked
def curves(
    history: Any,
    y: str = "loss",
    *,
    smooth: int = 0,
    band: str | None = "sd",
    log: bool | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Learning curves: a loss or a metric over training, one line per run.

    Args:
      history: a `History`; a sequence of them, one per seed; an array `[epochs]` or
        `[seeds, epochs]`; or a mapping from names to any of these.
      y: "loss", "step_loss" (`[epochs, steps]`, drawn against steps) or the name of a metric.
      smooth: points in a centered moving mean; 0 draws every value.
      band: band around the mean of several seeds: "sd" (sample standard deviation), "range"
        (smallest to largest) or None.
      log: True for a logarithmic value axis; default: True if all values are positive and span
        more than a factor of 50.

    Examples:
      >>> import jaxbrain.viz as viz
      >>> ax = viz.curves({"backprop": [1.0, 0.5, 0.2], "alignment": [1.0, 0.7, 0.4]})
      >>> [line.get_label() for line in ax.lines]
      ['backprop', 'alignment']
    """
    if band not in ("sd", "range", None):
        raise ValueError(f'band must be "sd", "range" or None, got {band!r}')
    if smooth < 0:
        raise ValueError(f"smooth must not be negative, got {smooth}")
    per_step = y == "step_loss"
    names, runs = named(history)
    arrays = hosts(f"history ({y})", [read(run, y) for run in runs])
    values = [_by_seed(f"history ({y})", array, per_step) for array in arrays]
    bands = [over_seeds(smoothed(value, smooth), band) for value in values]
    log = _wants_log([one.middle for one in bands]) if log is None else log
    if log:
        # A band that reaches zero would leave a logarithmic axis: it ends at the smallest value.
        floor = min([v[v > 0].min() for v in values if (v > 0).any()], default=1e-12)
        bands = [one._replace(lower=np.maximum(one.lower, floor)) for one in bands]
    ax = axes(ax)
    for index, (name, one) in enumerate(zip(names, bands, strict=True)):
        draw(ax, 1.0 + np.arange(len(one.middle)), one, index=index, label=name)
    ax.set_yscale("log" if log else "linear")
    integer_ticks(ax.xaxis)
    ax.set_xlabel("step" if per_step else "epoch")
    ax.set_ylabel(_caption(y, {len(value) for value in values}, band, smooth))
    bare(ax)
    if names != [None]:
        ax.legend(frameon=False, loc="best", handlelength=3.4)
    return ax
