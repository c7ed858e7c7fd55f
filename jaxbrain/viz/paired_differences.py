"""Paired differences of learning rules, seed by seed, with confidence intervals."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.viz.series import finals
from jaxbrain.viz.style import Series, axes, bare, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@checked
def rule_differences(
    runs: Mapping[str, Any],
    metric: str = "accuracy",
    *,
    reference: str = "backprop",
    confidence: float = 0.95,
    ax: "Axes | None" = None,
) -> "Axes":
    """Paired differences of rules to a reference: each seed, the mean and its confidence interval.

    d_s = value_s(rule) - value_s(reference),  mean(d) +- t sd(d) / sqrt(seeds)

    t is the quantile of Student's distribution with seeds - 1 degrees of freedom. The interval is
    about other seeds on the same data: it says nothing about other data.

    Args:
      runs: as in `rule_scores`, of one number of seeds, in which seed s of each rule is paired.
      metric: series of a `History`, and the name in the label of the axis.
      reference: rule in runs that the others are compared with.
      confidence: probability that the interval holds the true mean, between 0 and 1.
      ax: the Axes to draw in; default: a new figure.

    Raises:
      ValueError: if reference is not in runs or alone, the numbers of seeds differ or are below 2,
        or a value is not finite.

    Source: Student 1908, doi 10.1093/biomet/6.1.1.

    Examples:
      >>> import jaxbrain.viz as viz
      >>> runs = {"backprop": [0.97, 0.98, 0.96], "alignment": [0.95, 0.97, 0.94]}
      >>> ax = viz.rule_differences(runs)
      >>> ax.texts[-1].get_text()
      '-0.017 [-0.031, -0.002]'
    """
    values = finals(runs, metric)
    _check(values, reference, confidence)
    base = values[reference]
    others = {name: value - base for name, value in values.items() if name != reference}
    ax = axes(ax, height=1.4 + 0.62 * len(others))
    ax.axvline(0, color="#555555", linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
    seeds = len(base)
    quantile = student_quantile((1 + confidence) / 2, seeds - 1)
    looks = {name: series_style(index) for index, name in enumerate(values)}  # as in rule_scores
    for row, (name, difference) in enumerate(others.items()):
        _row(ax, row, difference, quantile, looks[name])
    ax.set_ylim(len(others) - 0.4, -0.6)
    ax.set_yticks(range(len(others)), [str(name) for name in others])
    ax.tick_params(axis="y", length=0)
    ax.locator_params(axis="x", nbins=6)
    ax.margins(x=0.08)
    ax.set_xlabel(f"{metric.replace('_', ' ')} less that of {reference}, seed by seed")
    ax.set_title(f"mean and {confidence:.0%} interval of {seeds} seeds", fontsize=10, loc="right")
    ax.grid(axis="x", color="#e4e4e4", linewidth=0.8, zorder=-1)
    ax.set_axisbelow(True)
    bare(ax, keep=("bottom",))
    return ax


def _check(values: dict[str, np.ndarray], reference: str, confidence: float) -> None:
    if reference not in values or len(values) < 2:
        raise ValueError(
            f"reference must be one of several rules in runs, got {reference!r} for runs of "
            f"{', '.join(values)}"
        )
    seeds = {name: len(value) for name, value in values.items()}
    if len(set(seeds.values())) != 1 or min(seeds.values()) < 2:
        raise ValueError(f"runs must have the same seeds for each rule, two or more, got {seeds}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence!r}")


def _row(ax: "Axes", row: int, difference: np.ndarray, quantile: float, look: Series) -> None:
    """Seeds as pale dots, the interval as a line, the mean as a marker; numbers at the side."""
    n = len(difference)
    mean, half = difference.mean(), quantile * difference.std(ddof=1) / math.sqrt(n)
    places = row + 0.22 + 0.1 * (np.arange(n) % 2)
    ax.scatter(difference, places, s=16, color=look.color, alpha=0.4, linewidths=0, zorder=2)
    ax.plot([mean - half, mean + half], [row, row], color=look.color, linewidth=2.5, zorder=3)
    ax.plot(
        [mean], [row], color=look.color, marker=look.marker, markersize=7, markeredgecolor="white"
    )
    text = f"{mean:+z.3f} [{mean - half:+z.3f}, {mean + half:+z.3f}]"
    ax.text(1.01, row, text, transform=ax.get_yaxis_transform(), va="center", fontsize=9)


def student_quantile(probability: float, freedom: int) -> float:
    """The quantile of Student's t distribution, for a probability above one half, by bisection.

    P(T > t) = 1/2 I(freedom / (freedom + t^2); freedom / 2, 1/2)
    """
    low, high = 0.0, 1e4
    for _ in range(60):
        middle = (low + high) / 2
        share = freedom / (freedom + middle**2)
        tail = 0.5 * float(jax.scipy.special.betainc(freedom / 2, 0.5, share))
        low, high = (middle, high) if tail > 1 - probability else (low, middle)
    return (low + high) / 2
