"""Analysis of learning rules, recurrent dynamics, neural populations and movements.

Comparison of learning rules and similarity of gradients; fixed points, Lyapunov exponents and
dimensionality of recurrent networks; directional tuning, decoding, rotational dynamics and
similarity of populations; kinematics of reaches, lesions and force fields.
"""

from jaxbrain.analysis.comparison import Comparison, Result, compare_rules, frozen_hidden
from jaxbrain.analysis.decoders import Linear, recurrent_decoder, ridge_decoder
from jaxbrain.analysis.decoding import Decoded, Decoder, decode, lagged, r_squared
from jaxbrain.analysis.dynamics import dimensionality, lyapunov
from jaxbrain.analysis.estimators import Estimate, bias_and_variance
from jaxbrain.analysis.fixed_point_search import fixed_points
from jaxbrain.analysis.gradient_similarity import (
    Similarity,
    angles,
    angles_to,
    compared_to,
    norm_ratios,
    sign_agreement,
    similarity,
)
from jaxbrain.analysis.kinematics import (
    Adaptation,
    Kinematics,
    adaptation,
    lateral_deviation,
    minimum_jerk_correlation,
    movement_window,
    reach_kinematics,
    reach_time,
)
from jaxbrain.analysis.rotations import Fits, Rotations, jpca, linear_fit, skew_fit
from jaxbrain.analysis.spaces import (
    Alignment,
    PrincipalComponents,
    cca,
    cka,
    pca,
    procrustes,
    svcca,
)
from jaxbrain.analysis.stability import FixedPoints, classify
from jaxbrain.analysis.surrogates import (
    Marginals,
    condition_inversion,
    condition_shuffle,
    marginal_covariances,
    maximum_entropy,
)
from jaxbrain.analysis.sweeps import field_sweep, lesion_sweep
from jaxbrain.analysis.tuning_curves import Tuning, held_out_error, population_vector, tuning

__all__ = [
    "Adaptation",
    "Alignment",
    "Comparison",
    "Decoded",
    "Decoder",
    "Estimate",
    "Fits",
    "FixedPoints",
    "Kinematics",
    "Linear",
    "Marginals",
    "PrincipalComponents",
    "Result",
    "Rotations",
    "Similarity",
    "Tuning",
    "adaptation",
    "angles",
    "angles_to",
    "bias_and_variance",
    "cca",
    "cka",
    "classify",
    "compare_rules",
    "compared_to",
    "condition_inversion",
    "condition_shuffle",
    "decode",
    "dimensionality",
    "field_sweep",
    "fixed_points",
    "frozen_hidden",
    "held_out_error",
    "jpca",
    "lagged",
    "lateral_deviation",
    "lesion_sweep",
    "linear_fit",
    "lyapunov",
    "marginal_covariances",
    "maximum_entropy",
    "minimum_jerk_correlation",
    "movement_window",
    "norm_ratios",
    "pca",
    "population_vector",
    "procrustes",
    "r_squared",
    "reach_kinematics",
    "reach_time",
    "recurrent_decoder",
    "ridge_decoder",
    "sign_agreement",
    "similarity",
    "skew_fit",
    "svcca",
    "tuning",
]


def __dir__() -> list[str]:
    return __all__
