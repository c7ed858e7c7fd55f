"""Learning rules: ``(net, loss, *, ...) -> LearningRule``.

Each folder is one family: `feedback`, `targets`, `energy`, `forward`, `online`, `readout`,
`plasticity`, `generative`. The rules themselves are here too.

Unless a rule says otherwise, net is a `serial` chain of layers of one example, of which any network
may be one (`jaxbrain.LearningRule`), loss is ``(prediction, target) -> scalar`` of one example, the
loss that the rule reports is its mean over the batch, and the gradients have the structure of the
parameters. Online rules take ``(cell, readout, loss)``. Anything else is refused when the rule is
made or traced, with the fix in the message.
"""

from jaxbrain.learning import (
    energy,
    feedback,
    forward,
    generative,
    online,
    plasticity,
    readout,
    targets,
)
from jaxbrain.learning.backpropagation import backprop
from jaxbrain.learning.energy import (
    asymmetric_equilibrium_propagation,
    centered_equilibrium_propagation,
    centered_predictive_coding,
    clamped_predictive_coding,
    contrastive_hebbian,
    dual_propagation,
    equilibrium_propagation,
    error_predictive_coding,
    fixed_prediction_coding,
    holomorphic_equilibrium_propagation,
    incremental_predictive_coding,
    lagrangian_predictive_coding,
    predictive_coding,
    random_sign_equilibrium_propagation,
    zero_divergence_inference_learning,
)
from jaxbrain.learning.feedback import (
    batch_random_sign_symmetry,
    direct_feedback_alignment,
    direct_random_target_projection,
    feedback_alignment,
    fixed_random_sign_symmetry,
    kolen_pollack,
    sign_symmetry,
    weight_mirror,
)
from jaxbrain.learning.forward import (
    forward_forward,
    forward_gradient,
    node_perturbation,
    pepita,
    self_contrastive_forward_forward,
    weight_perturbation,
)
from jaxbrain.learning.generative import (
    contrastive_divergence,
    persistent_contrastive_divergence,
    wake_sleep,
)
from jaxbrain.learning.online import (
    eprop,
    generalized_latent_equilibrium,
    kf_rtrl,
    one_step_backprop,
    over_time,
    rflo,
    rtrl,
    rtrl_diagonal,
    snap,
    uoro,
)
from jaxbrain.learning.targets import (
    difference_target_propagation,
    gait_propagation,
    local_difference_reconstruction,
    local_losses,
    target_propagation,
)

__all__ = [
    "asymmetric_equilibrium_propagation",
    "backprop",
    "batch_random_sign_symmetry",
    "centered_equilibrium_propagation",
    "centered_predictive_coding",
    "clamped_predictive_coding",
    "contrastive_divergence",
    "contrastive_hebbian",
    "difference_target_propagation",
    "direct_feedback_alignment",
    "direct_random_target_projection",
    "dual_propagation",
    "energy",
    "eprop",
    "equilibrium_propagation",
    "error_predictive_coding",
    "feedback",
    "feedback_alignment",
    "fixed_prediction_coding",
    "fixed_random_sign_symmetry",
    "forward",
    "forward_forward",
    "forward_gradient",
    "gait_propagation",
    "generalized_latent_equilibrium",
    "generative",
    "holomorphic_equilibrium_propagation",
    "incremental_predictive_coding",
    "kf_rtrl",
    "kolen_pollack",
    "lagrangian_predictive_coding",
    "local_difference_reconstruction",
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
    "readout",
    "rflo",
    "rtrl",
    "rtrl_diagonal",
    "self_contrastive_forward_forward",
    "sign_symmetry",
    "snap",
    "target_propagation",
    "targets",
    "uoro",
    "wake_sleep",
    "weight_mirror",
    "weight_perturbation",
    "zero_divergence_inference_learning",
]


def __dir__() -> list[str]:
    return __all__
