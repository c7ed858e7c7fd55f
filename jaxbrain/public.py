"""Names at the root of the package, loaded together when the first of them is used."""

from jaxbrain import cells, learning, losses
from jaxbrain.core.composition import (
    affine,
    batch,
    lift,
    parallel,
    residual,
    serial,
    with_precision,
)
from jaxbrain.core.config import Config, configured
from jaxbrain.core.serialization import from_json, to_json
from jaxbrain.core.types import Cell, LearningRule, Memory, Network
from jaxbrain.learning import (
    backprop,
    direct_feedback_alignment,
    feedback_alignment,
    predictive_coding,
)
from jaxbrain.networks import (
    associative_lookup,
    associative_pool,
    avg_pool,
    conv,
    dense,
    dropout,
    elementwise,
    embed,
    equinox_params,
    flatten,
    from_equinox,
    from_functions,
    from_linen,
    from_nnx,
    layer_norm,
    linen_params,
    max_pool,
    nnx_params,
    self_association,
    summary,
    to_equinox,
    to_linen,
    to_nnx,
)
from jaxbrain.training import callbacks, checkpoint, metrics
from jaxbrain.training.fitting import ChunkInfo, NonFiniteError, fit
from jaxbrain.training.loop import History, TrainState, init_state, run, step
from jaxbrain.training.metrics import accuracy, binary_accuracy, evaluate, predict
from jaxbrain.training.model_file import load_model, save_model
from jaxbrain.training.resuming import SaveError
from jaxbrain.training.training_file import load_training
from jaxbrain.training.validation import check

__all__ = [
    "Cell",
    "ChunkInfo",
    "Config",
    "History",
    "LearningRule",
    "Memory",
    "Network",
    "NonFiniteError",
    "SaveError",
    "TrainState",
    "accuracy",
    "affine",
    "associative_lookup",
    "associative_pool",
    "avg_pool",
    "backprop",
    "batch",
    "binary_accuracy",
    "callbacks",
    "cells",
    "check",
    "checkpoint",
    "configured",
    "conv",
    "dense",
    "direct_feedback_alignment",
    "dropout",
    "elementwise",
    "embed",
    "equinox_params",
    "evaluate",
    "feedback_alignment",
    "fit",
    "flatten",
    "from_equinox",
    "from_functions",
    "from_json",
    "from_linen",
    "from_nnx",
    "init_state",
    "layer_norm",
    "learning",
    "lift",
    "linen_params",
    "load_model",
    "load_training",
    "losses",
    "max_pool",
    "metrics",
    "nnx_params",
    "parallel",
    "predict",
    "predictive_coding",
    "residual",
    "run",
    "save_model",
    "self_association",
    "serial",
    "step",
    "summary",
    "to_equinox",
    "to_json",
    "to_linen",
    "to_nnx",
    "with_precision",
]


def __dir__() -> list[str]:
    return __all__
