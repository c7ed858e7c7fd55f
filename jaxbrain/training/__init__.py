"""Training, evaluation and checkpoints."""

from jaxbrain.training import callbacks, checkpoint, metrics
from jaxbrain.training.fitting import ChunkInfo, NonFiniteError, fit
from jaxbrain.training.loop import History, TrainState, init_state, run, step

__all__ = [
    "ChunkInfo",
    "History",
    "NonFiniteError",
    "TrainState",
    "callbacks",
    "checkpoint",
    "fit",
    "init_state",
    "metrics",
    "run",
    "step",
]


def __dir__() -> list[str]:
    return __all__
