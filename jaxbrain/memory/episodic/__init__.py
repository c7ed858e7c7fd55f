"""Fast weights and external memory: memory within an episode."""

from jaxbrain.memory.episodic.external import external_memory
from jaxbrain.memory.episodic.fast_weights import (
    delta_fast_weights,
    hebbian_fast_weights,
    linear_attention,
)
from jaxbrain.memory.episodic.feature_maps import dpfp, elu_plus_one

__all__ = [
    "delta_fast_weights",
    "dpfp",
    "elu_plus_one",
    "external_memory",
    "hebbian_fast_weights",
    "linear_attention",
]


def __dir__() -> list[str]:
    return __all__
