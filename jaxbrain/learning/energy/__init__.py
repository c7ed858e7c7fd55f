"""Energy-based rules: predictive coding and equilibrium propagation."""

from jaxbrain.learning.energy.contrastive import contrastive_hebbian
from jaxbrain.learning.energy.equilibrium import (
    centered_equilibrium_propagation,
    equilibrium_propagation,
    random_sign_equilibrium_propagation,
)
from jaxbrain.learning.energy.holomorphic import (
    half_mse_error,
    holomorphic_equilibrium_propagation,
    mse_error,
    sigmoid_error,
    softmax_error,
)
from jaxbrain.learning.energy.inference import Settling, backtracking, fixed_step
from jaxbrain.learning.energy.predictive import centered_predictive_coding, predictive_coding
from jaxbrain.learning.energy.predictive_clamped import (
    clamped_predictive_coding,
    incremental_predictive_coding,
)
from jaxbrain.learning.energy.predictive_exact import (
    fixed_prediction_coding,
    zero_divergence_inference_learning,
)

__all__ = [
    "Settling",
    "backtracking",
    "centered_equilibrium_propagation",
    "centered_predictive_coding",
    "clamped_predictive_coding",
    "contrastive_hebbian",
    "equilibrium_propagation",
    "fixed_prediction_coding",
    "fixed_step",
    "half_mse_error",
    "holomorphic_equilibrium_propagation",
    "incremental_predictive_coding",
    "mse_error",
    "predictive_coding",
    "random_sign_equilibrium_propagation",
    "sigmoid_error",
    "softmax_error",
    "zero_divergence_inference_learning",
]


def __dir__() -> list[str]:
    return __all__
