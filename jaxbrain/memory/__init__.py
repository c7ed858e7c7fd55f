"""Memories: store, recall, forget and consolidate.

An associative memory is a `jaxbrain.Memory`: ``store(patterns) -> params``,
``recall(params, cue) -> (state, Info)``, ``energy(params, state)``.
"""

from jaxbrain.memory import continual, episodic, lagrangians
from jaxbrain.memory.bidirectional import bidirectional, swap_sides
from jaxbrain.memory.capacity import CapacityCurve, capacity_curve
from jaxbrain.memory.continual import (
    Anchor,
    Reservoir,
    SynapticState,
    elastic_penalty,
    empirical_fisher,
    end_task,
    fisher,
    full_elastic_penalty,
    full_fisher,
    hold,
    hold_online,
    no_anchor,
    penalised,
    rehearsed,
    replay,
    reservoir,
    sampled_fisher,
    sleep_replay,
    synaptic_intelligence,
)
from jaxbrain.memory.dense_associative import all_at_once, dense_associative_memory, one_by_one
from jaxbrain.memory.episodic import (
    delta_fast_weights,
    external_memory,
    hebbian_fast_weights,
    linear_attention,
)
from jaxbrain.memory.graded import graded_hopfield
from jaxbrain.memory.hierarchical import (
    Hierarchy,
    bilinear,
    hidden_layer,
    hierarchical_memory,
    hierarchy,
)
from jaxbrain.memory.holographic_memory import holographic, holographic_capacity
from jaxbrain.memory.hopfield_network import asynchronous, heat_bath, hopfield, synchronous
from jaxbrain.memory.interactions import Interaction, exponential, polynomial, rectified_polynomial
from jaxbrain.memory.modern import modern_hopfield
from jaxbrain.memory.patterns import Info, cover, flip, overlap
from jaxbrain.memory.sparse_distributed_memory import (
    activation_probability,
    sparse_distributed,
    sparse_distributed_capacity,
)
from jaxbrain.memory.storage import (
    Storage,
    add_hebb,
    add_pseudo_inverse,
    add_storkey,
    hebb,
    pseudo_inverse,
    storkey,
)
from jaxbrain.memory.symbols import (
    VectorSymbols,
    clean_up,
    fourier_holographic_reduced,
    holographic_reduced,
    multiply_add_permute,
    unitary,
)
from jaxbrain.memory.theory import (
    dense_bit_error,
    dense_capacity,
    hopfield_bit_error,
    hopfield_overlap,
)
from jaxbrain.memory.willshaw_network import willshaw, willshaw_capacity, willshaw_load

__all__ = [
    "Anchor",
    "CapacityCurve",
    "Hierarchy",
    "Info",
    "Interaction",
    "Reservoir",
    "Storage",
    "SynapticState",
    "VectorSymbols",
    "activation_probability",
    "add_hebb",
    "add_pseudo_inverse",
    "add_storkey",
    "all_at_once",
    "asynchronous",
    "bidirectional",
    "bilinear",
    "capacity_curve",
    "clean_up",
    "continual",
    "cover",
    "delta_fast_weights",
    "dense_associative_memory",
    "dense_bit_error",
    "dense_capacity",
    "elastic_penalty",
    "empirical_fisher",
    "end_task",
    "episodic",
    "exponential",
    "external_memory",
    "fisher",
    "flip",
    "fourier_holographic_reduced",
    "full_elastic_penalty",
    "full_fisher",
    "graded_hopfield",
    "heat_bath",
    "hebb",
    "hebbian_fast_weights",
    "hidden_layer",
    "hierarchical_memory",
    "hierarchy",
    "hold",
    "hold_online",
    "holographic",
    "holographic_capacity",
    "holographic_reduced",
    "hopfield",
    "hopfield_bit_error",
    "hopfield_overlap",
    "lagrangians",
    "linear_attention",
    "modern_hopfield",
    "multiply_add_permute",
    "no_anchor",
    "one_by_one",
    "overlap",
    "penalised",
    "polynomial",
    "pseudo_inverse",
    "rectified_polynomial",
    "rehearsed",
    "replay",
    "reservoir",
    "sampled_fisher",
    "sleep_replay",
    "sparse_distributed",
    "sparse_distributed_capacity",
    "storkey",
    "swap_sides",
    "synaptic_intelligence",
    "synchronous",
    "unitary",
    "willshaw",
    "willshaw_capacity",
    "willshaw_load",
]


def __dir__() -> list[str]:
    return __all__
