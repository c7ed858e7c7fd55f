"""Energy-based rules: predictive coding and equilibrium propagation.

Activities relax on an energy of the network, input and target. Then every weight learns from the
activities at its two ends. The activities need 32 bits or more: in half precision the small
differences between them are lost to rounding. A rule reports the loss of its prediction: the output
of the forward pass in predictive coding, of the free equilibrium in equilibrium propagation. Its
state shows how far the last batch was from equilibrium.
"""

from jaxbrain.learning.energy.asymmetric import asymmetric_equilibrium_propagation
from jaxbrain.learning.energy.complex_errors import (
    half_mse_error,
    mse_error,
    sigmoid_error,
    softmax_error,
)
from jaxbrain.learning.energy.contrastive import contrastive_hebbian
from jaxbrain.learning.energy.descent import backtracking, fixed_step
from jaxbrain.learning.energy.dual import dual_propagation
from jaxbrain.learning.energy.equilibrium import (
    centered_equilibrium_propagation,
    equilibrium_propagation,
    random_sign_equilibrium_propagation,
)
from jaxbrain.learning.energy.error_coordinates import error_predictive_coding
from jaxbrain.learning.energy.holomorphic import holomorphic_equilibrium_propagation
from jaxbrain.learning.energy.inference import InferenceDiagnostics
from jaxbrain.learning.energy.lagrangian import lagrangian_predictive_coding
from jaxbrain.learning.energy.predictive import centered_predictive_coding, predictive_coding
from jaxbrain.learning.energy.predictive_clamped import (
    clamped_predictive_coding,
    incremental_predictive_coding,
)
from jaxbrain.learning.energy.predictive_exact import (
    fixed_prediction_coding,
    zero_divergence_inference_learning,
)
from jaxbrain.learning.energy.symmetric import equilibrium_network
from jaxbrain.learning.energy.two_phases import Residuals

__all__ = [
    "InferenceDiagnostics",
    "Residuals",
    "asymmetric_equilibrium_propagation",
    "backtracking",
    "centered_equilibrium_propagation",
    "centered_predictive_coding",
    "clamped_predictive_coding",
    "contrastive_hebbian",
    "dual_propagation",
    "equilibrium_network",
    "equilibrium_propagation",
    "error_predictive_coding",
    "fixed_prediction_coding",
    "fixed_step",
    "half_mse_error",
    "holomorphic_equilibrium_propagation",
    "incremental_predictive_coding",
    "lagrangian_predictive_coding",
    "mse_error",
    "predictive_coding",
    "random_sign_equilibrium_propagation",
    "sigmoid_error",
    "softmax_error",
    "zero_divergence_inference_learning",
]


def __dir__() -> list[str]:
    return __all__
