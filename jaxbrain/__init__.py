"""jaxbrain: the brain's principles and the network's side by side, computed in JAX.

Networks, learning rules and memories are named tuples of pure functions over parameter pytrees;
``jax.grad``, ``jax.jit``, ``jax.vmap``, ``jax.lax.scan`` and optax do the rest.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what editors read; the same names as in the table
    from jaxbrain import analysis as analysis
    from jaxbrain import cells as cells
    from jaxbrain import datasets as datasets
    from jaxbrain import learning as learning
    from jaxbrain import losses as losses
    from jaxbrain import memory as memory
    from jaxbrain import motor as motor
    from jaxbrain import tasks as tasks
    from jaxbrain import testing as testing
    from jaxbrain import viz as viz
    from jaxbrain import web as web
    from jaxbrain.core.composition import affine as affine
    from jaxbrain.core.composition import batch as batch
    from jaxbrain.core.composition import lift as lift
    from jaxbrain.core.composition import parallel as parallel
    from jaxbrain.core.composition import residual as residual
    from jaxbrain.core.composition import serial as serial
    from jaxbrain.core.composition import with_precision as with_precision
    from jaxbrain.core.config import Config as Config
    from jaxbrain.core.config import configured as configured
    from jaxbrain.core.serialization import from_json as from_json
    from jaxbrain.core.serialization import to_json as to_json
    from jaxbrain.core.types import Cell as Cell
    from jaxbrain.core.types import LearningRule as LearningRule
    from jaxbrain.core.types import Memory as Memory
    from jaxbrain.core.types import Network as Network
    from jaxbrain.learning import backprop as backprop
    from jaxbrain.learning import direct_feedback_alignment as direct_feedback_alignment
    from jaxbrain.learning import feedback_alignment as feedback_alignment
    from jaxbrain.learning import predictive_coding as predictive_coding
    from jaxbrain.networks import associative_lookup as associative_lookup
    from jaxbrain.networks import associative_pool as associative_pool
    from jaxbrain.networks import avg_pool as avg_pool
    from jaxbrain.networks import conv as conv
    from jaxbrain.networks import dense as dense
    from jaxbrain.networks import dropout as dropout
    from jaxbrain.networks import elementwise as elementwise
    from jaxbrain.networks import embed as embed
    from jaxbrain.networks import equinox_params as equinox_params
    from jaxbrain.networks import flatten as flatten
    from jaxbrain.networks import from_equinox as from_equinox
    from jaxbrain.networks import from_functions as from_functions
    from jaxbrain.networks import from_linen as from_linen
    from jaxbrain.networks import from_nnx as from_nnx
    from jaxbrain.networks import layer_norm as layer_norm
    from jaxbrain.networks import linen_params as linen_params
    from jaxbrain.networks import max_pool as max_pool
    from jaxbrain.networks import nnx_params as nnx_params
    from jaxbrain.networks import repeated as repeated
    from jaxbrain.networks import self_association as self_association
    from jaxbrain.networks import summary as summary
    from jaxbrain.networks import to_equinox as to_equinox
    from jaxbrain.networks import to_linen as to_linen
    from jaxbrain.networks import to_nnx as to_nnx
    from jaxbrain.training import callbacks as callbacks
    from jaxbrain.training import checkpoint as checkpoint
    from jaxbrain.training import metrics as metrics
    from jaxbrain.training.fitting import ChunkInfo as ChunkInfo
    from jaxbrain.training.fitting import NonFiniteError as NonFiniteError
    from jaxbrain.training.fitting import fit as fit
    from jaxbrain.training.loop import History as History
    from jaxbrain.training.loop import TrainState as TrainState
    from jaxbrain.training.loop import init_state as init_state
    from jaxbrain.training.loop import run as run
    from jaxbrain.training.loop import step as step
    from jaxbrain.training.metrics import accuracy as accuracy
    from jaxbrain.training.metrics import binary_accuracy as binary_accuracy
    from jaxbrain.training.metrics import evaluate as evaluate
    from jaxbrain.training.metrics import predict as predict
    from jaxbrain.training.model_file import load_model as load_model
    from jaxbrain.training.model_file import save_model as save_model
    from jaxbrain.training.resuming import SaveError as SaveError
    from jaxbrain.training.training_file import load_training as load_training
    from jaxbrain.training.validation import check as check

__version__ = "0.1.0"

# The public names of the root, by the module that has them; "" has the modules of the root itself.
_NAMES = {
    "": (
        "analysis", "cells", "datasets", "learning", "losses", "memory", "motor", "tasks",
        "testing", "viz", "web",
    ),
    "core.composition": (
        "affine", "batch", "lift", "parallel", "residual", "serial", "with_precision",
    ),
    "core.config": ("Config", "configured"),
    "core.serialization": ("from_json", "to_json"),
    "core.types": ("Cell", "LearningRule", "Memory", "Network"),
    "learning": (
        "backprop", "direct_feedback_alignment", "feedback_alignment", "predictive_coding",
    ),
    "networks": (
        "associative_lookup", "associative_pool", "avg_pool", "conv", "dense", "dropout",
        "elementwise", "embed", "equinox_params", "flatten", "from_equinox", "from_functions",
        "from_linen", "from_nnx", "layer_norm", "linen_params", "max_pool", "nnx_params",
        "repeated", "self_association", "summary", "to_equinox", "to_linen", "to_nnx",
    ),
    "training": ("callbacks", "checkpoint", "metrics"),
    "training.fitting": ("ChunkInfo", "NonFiniteError", "fit"),
    "training.loop": ("History", "TrainState", "init_state", "run", "step"),
    "training.metrics": ("accuracy", "binary_accuracy", "evaluate", "predict"),
    "training.model_file": ("load_model", "save_model"),
    "training.resuming": ("SaveError",),
    "training.training_file": ("load_training",),
    "training.validation": ("check",),
}  # fmt: skip
_PLACES = {name: place for place, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a name when it is first used: ``python -m jaxbrain --help`` does not wait for JAX."""
    if name == "__all__":
        return sorted(_PLACES)
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place = _PLACES[name]
    if not place:
        return importlib.import_module(f"{__name__}.{name}")
    module = importlib.import_module(f"{__name__}.{place}")
    globals()[name] = value = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted(_PLACES)
