"""Training, evaluation and checkpoints."""

from jaxbrain.training import checkpoint, metrics
from jaxbrain.training.fitting import ChunkInfo, NonFiniteError, fit
from jaxbrain.training.loop import History, TrainState, init_state, run, step
from jaxbrain.training.resuming import SaveError

__all__ = [
    "ChunkInfo",
    "History",
    "NonFiniteError",
    "SaveError",
    "TrainState",
    "checkpoint",
    "fit",
    "init_state",
    "metrics",
    "run",
    "step",
]


def __dir__() -> list[str]:
    return __all__
