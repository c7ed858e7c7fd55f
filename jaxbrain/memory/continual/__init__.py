"""Continual learning: elastic weights, synaptic intelligence, replay, sleep."""

from jaxbrain.memory.continual import replay
from jaxbrain.memory.continual.elastic import (
    Anchor,
    consolidate,
    consolidate_online,
    elastic_penalty,
    empty_anchor,
    full_elastic_penalty,
    with_penalty,
)
from jaxbrain.memory.continual.fisher_information import (
    empirical_fisher,
    fisher,
    full_fisher,
    sampled_fisher,
)
from jaxbrain.memory.continual.replay import ReplayBuffer, replay_buffer, with_replay
from jaxbrain.memory.continual.sleep import sleep_replay
from jaxbrain.memory.continual.synaptic import SynapticState, end_task, synaptic_intelligence

__all__ = [
    "Anchor",
    "ReplayBuffer",
    "SynapticState",
    "consolidate",
    "consolidate_online",
    "elastic_penalty",
    "empirical_fisher",
    "empty_anchor",
    "end_task",
    "fisher",
    "full_elastic_penalty",
    "full_fisher",
    "replay",
    "replay_buffer",
    "sampled_fisher",
    "sleep_replay",
    "synaptic_intelligence",
    "with_penalty",
    "with_replay",
]


def __dir__() -> list[str]:
    return __all__
