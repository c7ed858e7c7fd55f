"""Plasticity of single synapses: Hebbian rules and spike timing."""

from jaxbrain.learning.plasticity.hebbian import (
    bcm,
    covariance,
    delta,
    hebb,
    oja,
    oja_subspace,
    perceptron,
    sanger,
)
from jaxbrain.learning.plasticity.rule import plastic, plastic_in_time
from jaxbrain.learning.plasticity.spike_timing import (
    HIPPOCAMPUS,
    HIPPOCAMPUS_MINIMAL,
    VISUAL_CORTEX,
    VISUAL_CORTEX_MINIMAL,
    Triplet,
    everywhere,
    pair_stdp,
    reward_modulated_stdp,
    triplet_stdp,
)
from jaxbrain.learning.plasticity.synapses import local_rule, modulated, total_change

__all__ = [
    "HIPPOCAMPUS",
    "HIPPOCAMPUS_MINIMAL",
    "VISUAL_CORTEX",
    "VISUAL_CORTEX_MINIMAL",
    "Triplet",
    "bcm",
    "covariance",
    "delta",
    "everywhere",
    "hebb",
    "local_rule",
    "modulated",
    "oja",
    "oja_subspace",
    "pair_stdp",
    "perceptron",
    "plastic",
    "plastic_in_time",
    "reward_modulated_stdp",
    "sanger",
    "total_change",
    "triplet_stdp",
]


def __dir__() -> list[str]:
    return __all__
