"""Training, evaluation and checkpoints."""

from jaxbrain.training import callbacks, checkpoint, metrics
from jaxbrain.training.fitting import ChunkInfo, NonFiniteError, fit
from jaxbrain.training.loop import History, run, step
from jaxbrain.training.resuming import SaveError
from jaxbrain.training.states import TrainState, init_state
from jaxbrain.training.validation import check

__all__ = [
    "ChunkInfo",
    "History",
    "NonFiniteError",
    "SaveError",
    "TrainState",
    "callbacks",
    "check",
    "checkpoint",
    "fit",
    "init_state",
    "metrics",
    "run",
    "step",
]


def __dir__() -> list[str]:
    return __all__
