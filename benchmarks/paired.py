"""Mean difference of paired seeds, with its interval."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


class Difference(NamedTuple):
    """A mean and half the width of its interval; nan for one pair."""

    mean: float
    half: float

    @property
    def low(self) -> float:
        return self.mean - self.half

    @property
    def high(self) -> float:
        return self.mean + self.half


def difference(values: Sequence[float], reference: Sequence[float]) -> Difference:
    """``mean ± t s / sqrt(n)`` of the differences of n pairs, Student's t with n - 1 degrees."""
    pairs = np.subtract(values, reference)
    n = len(pairs)
    if n < 2:
        return Difference(float(pairs.mean()), math.nan)
    t = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)
    return Difference(float(pairs.mean()), float(t * pairs.std(ddof=1) / math.sqrt(n)))
