"""Learning rules: ``(net, loss, *, ...) -> LearningRule``, one module a family.

Reached by their modules: plasticities of single synapses (`hebbian`, `spike_timing`; `plasticity`
makes rules of them), the machines that generate (`boltzmann`, `belief`, `helmholtz`), and what
online rules of recurrent networks are made of (`online`, `readout_feedback`). Readouts by least
squares: `reservoir`, `force`, `least_squares`.
"""

from jaxbrain.learning import (
    belief,
    boltzmann,
    force,
    hebbian,
    helmholtz,
    least_squares,
    online,
    plasticity,
    readout_feedback,
    reservoir,
    spike_timing,
)
from jaxbrain.learning.backprop import backprop
from jaxbrain.learning.clamping import contrastive_hebbian
from jaxbrain.learning.divergence import (
    contrastive_divergence,
    persistent_contrastive_divergence,
)
from jaxbrain.learning.eprop import eprop, rflo
from jaxbrain.learning.equilibrium import (
    centered_equilibrium_propagation,
    equilibrium_propagation,
    random_sign_equilibrium_propagation,
)
from jaxbrain.learning.feedback import (
    direct_feedback_alignment,
    direct_random_target_projection,
    feedback_alignment,
)
from jaxbrain.learning.gait import gait_propagation
from jaxbrain.learning.goodness import forward_forward
from jaxbrain.learning.helmholtz import wake_sleep
from jaxbrain.learning.holomorphic import holomorphic_equilibrium_propagation
from jaxbrain.learning.inference import Settling
from jaxbrain.learning.learned_feedback import kolen_pollack, weight_mirror
from jaxbrain.learning.local import local_losses
from jaxbrain.learning.modulation import pepita
from jaxbrain.learning.online import one_step_backprop, over_time
from jaxbrain.learning.perturbation import (
    forward_gradient,
    node_perturbation,
    weight_perturbation,
)
from jaxbrain.learning.predictive import centered_predictive_coding, predictive_coding
from jaxbrain.learning.predictive_clamped import (
    clamped_predictive_coding,
    incremental_predictive_coding,
)
from jaxbrain.learning.predictive_exact import (
    fixed_prediction_coding,
    zero_divergence_inference_learning,
)
from jaxbrain.learning.rtrl import rtrl, rtrl_diagonal, snap
from jaxbrain.learning.sign_feedback import (
    batch_random_sign_symmetry,
    fixed_random_sign_symmetry,
    sign_symmetry,
)
from jaxbrain.learning.stochastic_rtrl import kf_rtrl, uoro
from jaxbrain.learning.targets import difference_target_propagation, target_propagation

__all__ = [
    "Settling",
    "backprop",
    "batch_random_sign_symmetry",
    "belief",
    "boltzmann",
    "centered_equilibrium_propagation",
    "centered_predictive_coding",
    "clamped_predictive_coding",
    "contrastive_divergence",
    "contrastive_hebbian",
    "difference_target_propagation",
    "direct_feedback_alignment",
    "direct_random_target_projection",
    "eprop",
    "equilibrium_propagation",
    "feedback_alignment",
    "fixed_prediction_coding",
    "fixed_random_sign_symmetry",
    "force",
    "forward_forward",
    "forward_gradient",
    "gait_propagation",
    "hebbian",
    "helmholtz",
    "holomorphic_equilibrium_propagation",
    "incremental_predictive_coding",
    "kf_rtrl",
    "kolen_pollack",
    "least_squares",
    "local_losses",
    "node_perturbation",
    "one_step_backprop",
    "online",
    "over_time",
    "pepita",
    "persistent_contrastive_divergence",
    "plasticity",
    "predictive_coding",
    "random_sign_equilibrium_propagation",
    "readout_feedback",
    "reservoir",
    "rflo",
    "rtrl",
    "rtrl_diagonal",
    "sign_symmetry",
    "snap",
    "spike_timing",
    "target_propagation",
    "uoro",
    "wake_sleep",
    "weight_mirror",
    "weight_perturbation",
    "zero_divergence_inference_learning",
]
