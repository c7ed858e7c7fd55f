"""jaxbrain: the brain's principles and the network's side by side, computed in JAX.

Networks, learning rules and memories are named tuples of pure functions over parameter pytrees;
``jax.grad``, ``jax.jit``, ``jax.vmap``, ``jax.lax.scan`` and optax do the rest.
"""

from jaxbrain import (
    analysis,
    cells,
    checkpoint,
    datasets,
    learning,
    losses,
    memory,
    metrics,
    motor,
    tasks,
    testing,
    viz,
)
from jaxbrain.association import associative_lookup, associative_pool, self_association
from jaxbrain.convolution import avg_pool, conv, max_pool
from jaxbrain.fit import ChunkInfo, NonFiniteError, fit
from jaxbrain.layers import dense, dropout, elementwise, embed, flatten, layer_norm
from jaxbrain.learning import (
    backprop,
    direct_feedback_alignment,
    feedback_alignment,
    predictive_coding,
)
from jaxbrain.metrics import accuracy, binary_accuracy, evaluate
from jaxbrain.network import (
    Cell,
    LearningRule,
    Memory,
    Network,
    batch,
    lift,
    parallel,
    residual,
    serial,
    with_precision,
)
from jaxbrain.summary import summary
from jaxbrain.training import History, TrainState, init_state, run, step

__version__ = "0.1.0"

__all__ = [
    "Cell",
    "ChunkInfo",
    "History",
    "LearningRule",
    "Memory",
    "Network",
    "NonFiniteError",
    "TrainState",
    "accuracy",
    "analysis",
    "associative_lookup",
    "associative_pool",
    "avg_pool",
    "backprop",
    "batch",
    "binary_accuracy",
    "cells",
    "checkpoint",
    "conv",
    "datasets",
    "dense",
    "direct_feedback_alignment",
    "dropout",
    "elementwise",
    "embed",
    "evaluate",
    "feedback_alignment",
    "fit",
    "flatten",
    "init_state",
    "layer_norm",
    "learning",
    "lift",
    "losses",
    "max_pool",
    "memory",
    "metrics",
    "motor",
    "parallel",
    "predictive_coding",
    "residual",
    "run",
    "self_association",
    "serial",
    "step",
    "summary",
    "tasks",
    "testing",
    "viz",
    "with_precision",
]
