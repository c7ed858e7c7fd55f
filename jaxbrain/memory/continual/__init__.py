"""Continual learning: elastic weights, synaptic intelligence, replay, sleep."""

from jaxbrain.memory.continual import replay
from jaxbrain.memory.continual.elastic import (
    Anchor,
    elastic_penalty,
    full_elastic_penalty,
    hold,
    hold_online,
    no_anchor,
    penalised,
)
from jaxbrain.memory.continual.fisher_information import (
    empirical_fisher,
    fisher,
    full_fisher,
    sampled_fisher,
)
from jaxbrain.memory.continual.replay import Reservoir, rehearsed, reservoir
from jaxbrain.memory.continual.sleep import sleep_replay
from jaxbrain.memory.continual.synaptic import SynapticState, end_task, synaptic_intelligence

__all__ = [
    "Anchor",
    "Reservoir",
    "SynapticState",
    "elastic_penalty",
    "empirical_fisher",
    "end_task",
    "fisher",
    "full_elastic_penalty",
    "full_fisher",
    "hold",
    "hold_online",
    "no_anchor",
    "penalised",
    "rehearsed",
    "replay",
    "reservoir",
    "sampled_fisher",
    "sleep_replay",
    "synaptic_intelligence",
]


def __dir__() -> list[str]:
    return __all__
