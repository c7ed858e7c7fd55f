"""What came of rules that were trained alike, as numbers and as a table."""

from typing import NamedTuple

import numpy as np

from jaxbrain.analysis.columns import columns
from jaxbrain.training.loop import History, TrainState


class Result(NamedTuple):
    """What came of one rule; every array has a leading axis ``[seeds]``.

    Attributes:
      start: the states before training.
      state: the states after it.
      history: as of `jaxbrain.run`: loss ``[seeds, epochs]``, step_loss ``[seeds, epochs, steps]``,
        each metric ``[seeds, epochs]``; record: the angles, as below. A metric is nan from the
        epoch in which a weight of that seed left the finite numbers.
      seconds: a step of one network takes, in the fastest epoch; compiling and measuring are not
        counted.
    """

    start: TrainState
    state: TrainState
    history: History
    seconds: float

    @property
    def accuracy(self) -> np.ndarray:
        """``[seeds]``, after the last epoch."""
        return self.final("accuracy")

    @property
    def angles(self) -> np.ndarray | None:
        """``[seeds, epochs, layers]`` in degrees to the reference, where they were measured."""
        return self.history.record

    @property
    def diverged(self) -> np.ndarray:
        """``[seeds]``, whether the weights, the loss or a metric are finite no more."""
        series = [self.history.loss, *self.history.metrics.values()]
        return np.any([~np.isfinite(values[:, -1]) for values in series], axis=0)

    @property
    def mean_angles(self) -> np.ndarray | None:
        """``[epochs, layers]``, over the seeds that did not diverge."""
        kept = ~self.diverged
        if self.angles is None or not kept.any():
            return None
        return np.asarray(self.angles)[kept].mean(axis=0)

    def final(self, metric: str) -> np.ndarray:
        """``[seeds]``: a metric after the last epoch."""
        return self.history.metrics[metric][:, -1]


class Comparison(NamedTuple):
    """Rules that were trained alike; ``print`` shows the table.

    Attributes:
      results: from the name of each rule to its `Result`, in the order given.
      metric: the metric of the table.
      floor: the name of the row to beat, or None.
    """

    results: dict[str, Result]
    metric: str
    floor: str | None

    def __str__(self) -> str:
        return self.table()

    def cost(self, name: str) -> float:
        """The time of a step, relative to that of the first rule."""
        return self.results[name].seconds / next(iter(self.results.values())).seconds

    def verdict(self, name: str) -> str:
        """Whether a rule beats the floor, in plain words.

        By the differences seed by seed, which start alike: "yes" and "no" where their mean is
        further than two standard errors from 0; "unclear" between.
        """
        if self.floor is None or name == self.floor:
            return ""
        gain = self.results[name].final(self.metric) - self.results[self.floor].final(self.metric)
        if not np.isfinite(gain).all():
            return "diverged"
        error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else 0.0
        if abs(gain.mean()) <= 2 * error:
            return "unclear"
        return "yes" if gain.mean() > 0 else "no"

    def table(self) -> str:
        """The rules line by line: metric, angles at the end, loss, cost of a step."""
        headings = ["rule", self.metric.replace("_", " "), "loss", "angles", "cost"]
        rows = []
        for name, result in self.results.items():
            measured = _spread(result.final(self.metric), ".3f")
            rows.append([name, measured, _loss(result), _angles(result), f"{self.cost(name):.2f}"])
        if self.floor is not None:
            headings.append("beats the floor")
            rows = [[*row, self.verdict(row[0]) or "(floor)"] for row in rows]
        return columns(headings, rows)


def _spread(values: np.ndarray, form: str) -> str:
    """Mean and sample standard deviation of the seeds that did not diverge, and how many did."""
    good = values[np.isfinite(values)]
    lost = (
        f" ({len(values) - len(good)} of {len(values)} diverged)" if len(good) < len(values) else ""
    )
    if not len(good):
        return "diverged"
    deviation = f" ± {good.std(ddof=1):{form}}" if len(good) > 1 else ""
    return f"{good.mean():{form}}{deviation}{lost}"


def _angles(result: Result) -> str:
    every = result.mean_angles
    return "-" if every is None else " ".join(f"{angle:3.0f}" for angle in every[-1])


def _loss(result: Result) -> str:
    kept = result.history.loss[~result.diverged, -1]
    return f"{kept.mean():.3g}" if len(kept) else "-"
