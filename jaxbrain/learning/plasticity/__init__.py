"""Synaptic plasticity: Hebbian rules, competition, spike timing, three factors.

A plasticity is a `jb.Cell` from ``(pre, post, modulator)`` to a change that is to be ADDED:
``carry, change = cell.step(w, carry, (pre, post, modulator))`` with the weights w ``[pre, post]``,
the activities pre ``[pre]`` and post ``[post]`` of one presentation or one time step, and a third
factor: None, a scalar (reward), or a target ``[post]`` for the rules that learn from one. Traces
and thresholds are the carry. `plastic` makes a learning rule of a plasticity. The learning rate is
that of the optimizer; time constants are options of the plasticity.

All raise a ValueError: when they are made, for a time that is not positive; when they are traced,
for weights, activities or a modulator that do not fit each other.
"""

from jaxbrain.learning.plasticity.competitive import soft_hebb
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
    "soft_hebb",
    "total_change",
    "triplet_stdp",
]


def __dir__() -> list[str]:
    return __all__
