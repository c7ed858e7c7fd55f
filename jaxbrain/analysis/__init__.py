"""Looking at what was learned.

How rules compare with back-propagation and with one another; what recurrent networks do in time:
where they stand still, how fast trajectories part, how many dimensions they take up.
"""

from jaxbrain.analysis.comparison import compare_rules, frozen_hidden
from jaxbrain.analysis.dynamics import dimensionality, lyapunov
from jaxbrain.analysis.estimators import Estimate, bias_and_variance
from jaxbrain.analysis.fixed_points import fixed_points
from jaxbrain.analysis.results import Comparison, Result
from jaxbrain.analysis.similarity import (
    Similarity,
    angles,
    angles_to,
    compared_to,
    norm_ratios,
    sign_agreement,
    similarity,
)
from jaxbrain.analysis.stability import FixedPoints, classify

__all__ = [
    "Comparison",
    "Estimate",
    "FixedPoints",
    "Result",
    "Similarity",
    "angles",
    "angles_to",
    "bias_and_variance",
    "classify",
    "compare_rules",
    "compared_to",
    "dimensionality",
    "fixed_points",
    "frozen_hidden",
    "lyapunov",
    "norm_ratios",
    "sign_agreement",
    "similarity",
]
