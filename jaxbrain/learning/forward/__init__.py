"""Forward-only rules: no error propagates backward through the network."""

from jaxbrain.learning.forward.goodness_rule import forward_forward, goodness, goodness_network
from jaxbrain.learning.forward.labels import any_label, draw_label, likely_label, overlay_label
from jaxbrain.learning.forward.modulation import pepita
from jaxbrain.learning.forward.perturbation import (
    forward_gradient,
    node_perturbation,
    weight_perturbation,
)
from jaxbrain.learning.forward.self_contrastive import (
    self_contrastive_forward_forward,
    standardized_network,
)

__all__ = [
    "any_label",
    "draw_label",
    "forward_forward",
    "forward_gradient",
    "goodness",
    "goodness_network",
    "likely_label",
    "node_perturbation",
    "overlay_label",
    "pepita",
    "self_contrastive_forward_forward",
    "standardized_network",
    "weight_perturbation",
]


def __dir__() -> list[str]:
    return __all__
