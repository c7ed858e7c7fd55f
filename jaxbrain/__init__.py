"""jaxbrain: the brain's principles and the network's side by side, computed in JAX.

Networks, learning rules and memories are named tuples of pure functions over parameter pytrees;
``jax.grad``, ``jax.jit``, ``jax.vmap``, ``jax.lax.scan`` and optax do the rest.
"""

from jaxbrain import analysis, checkpoint, datasets, learning, losses, metrics
from jaxbrain.fit import ChunkInfo, NonFiniteError, fit
from jaxbrain.layers import (
    avg_pool,
    conv,
    dense,
    dropout,
    elementwise,
    embed,
    flatten,
    layer_norm,
    max_pool,
)
from jaxbrain.learning import (
    backprop,
    direct_feedback_alignment,
    feedback_alignment,
    predictive_coding,
)
from jaxbrain.metrics import accuracy, evaluate
from jaxbrain.network import (
    Cell,
    LearningRule,
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
