"""Memories: store, recall, forget and consolidate.

An associative memory is a `jaxbrain.Memory`: ``store(patterns) -> params``,
``recall(params, cue) -> (state, Info)``, ``energy(params, state)``.
"""

from jaxbrain.core.types import Info
from jaxbrain.memory import continual, episodic, lagrangians
from jaxbrain.memory.bidirectional import bidirectional_associative_memory
from jaxbrain.memory.capacity import CapacityCurve, capacity_curve
from jaxbrain.memory.continual import (
    Anchor,
    ReplayBuffer,
    SynapticState,
    consolidate,
    consolidate_online,
    elastic_penalty,
    empirical_fisher,
    empty_anchor,
    end_task,
    fisher,
    full_elastic_penalty,
    full_fisher,
    replay,
    replay_buffer,
    sampled_fisher,
    sleep_replay,
    synaptic_intelligence,
    with_penalty,
    with_replay,
)
from jaxbrain.memory.dense_associative import (
    dense_associative_memory,
    dense_asynchronous,
    dense_synchronous,
)
from jaxbrain.memory.episodic import (
    delta_fast_weights,
    external_memory,
    hebbian_fast_weights,
    linear_attention,
)
from jaxbrain.memory.factors import Factors, local_fields
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
from jaxbrain.memory.patterns import corrupt, mask, overlap
from jaxbrain.memory.sparse_distributed_memory import (
    activation_probability,
    sparse_distributed,
    sparse_distributed_capacity,
)
from jaxbrain.memory.storage import (
    Storage,
    add_outer_product,
    add_outer_product_factors,
    add_pseudo_inverse,
    add_pseudo_inverse_factors,
    add_storkey,
    outer_product,
    outer_product_factors,
    pseudo_inverse,
    pseudo_inverse_factors,
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
    "Factors",
    "Hierarchy",
    "Info",
    "Interaction",
    "ReplayBuffer",
    "Storage",
    "SynapticState",
    "VectorSymbols",
    "activation_probability",
    "add_outer_product",
    "add_outer_product_factors",
    "add_pseudo_inverse",
    "add_pseudo_inverse_factors",
    "add_storkey",
    "asynchronous",
    "bidirectional_associative_memory",
    "bilinear",
    "capacity_curve",
    "clean_up",
    "consolidate",
    "consolidate_online",
    "continual",
    "corrupt",
    "delta_fast_weights",
    "dense_associative_memory",
    "dense_asynchronous",
    "dense_bit_error",
    "dense_capacity",
    "dense_synchronous",
    "elastic_penalty",
    "empirical_fisher",
    "empty_anchor",
    "end_task",
    "episodic",
    "exponential",
    "external_memory",
    "fisher",
    "fourier_holographic_reduced",
    "full_elastic_penalty",
    "full_fisher",
    "graded_hopfield",
    "heat_bath",
    "hebbian_fast_weights",
    "hidden_layer",
    "hierarchical_memory",
    "hierarchy",
    "holographic",
    "holographic_capacity",
    "holographic_reduced",
    "hopfield",
    "hopfield_bit_error",
    "hopfield_overlap",
    "lagrangians",
    "linear_attention",
    "local_fields",
    "mask",
    "modern_hopfield",
    "multiply_add_permute",
    "outer_product",
    "outer_product_factors",
    "overlap",
    "polynomial",
    "pseudo_inverse",
    "pseudo_inverse_factors",
    "rectified_polynomial",
    "replay",
    "replay_buffer",
    "sampled_fisher",
    "sleep_replay",
    "sparse_distributed",
    "sparse_distributed_capacity",
    "storkey",
    "synaptic_intelligence",
    "synchronous",
    "unitary",
    "willshaw",
    "willshaw_capacity",
    "willshaw_load",
    "with_penalty",
    "with_replay",
]


def __dir__() -> list[str]:
    return __all__
