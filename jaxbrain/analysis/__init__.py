"""Looking at what was learned: how rules compare with back-propagation and with one another."""

from jaxbrain.analysis.comparison import compare_rules, frozen_hidden
from jaxbrain.analysis.estimators import Estimate, bias_and_variance
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

__all__ = [
    "Comparison",
    "Estimate",
    "Result",
    "Similarity",
    "angles",
    "angles_to",
    "bias_and_variance",
    "compare_rules",
    "compared_to",
    "frozen_hidden",
    "norm_ratios",
    "sign_agreement",
    "similarity",
]
