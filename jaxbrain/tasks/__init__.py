"""Tasks: experiments as pure functions of a key, so that data are made inside the compiled loop.

A `Task` holds ``sample(key) -> Trial``. `batches` makes batches of it for `jaxbrain.step`. `graded`
scores a network on the graded steps of a trial, `graded_step` one step for the online rules.
"""

from jaxbrain.tasks.decisions import context_integration, delayed_match, evidence_accumulation
from jaxbrain.tasks.generation import sine_generation
from jaxbrain.tasks.recall import adding, copy, flip_flop, sequence_memory
from jaxbrain.tasks.task import Task, Trial, batches, graded, graded_step

__all__ = [
    "Task",
    "Trial",
    "adding",
    "batches",
    "context_integration",
    "copy",
    "delayed_match",
    "evidence_accumulation",
    "flip_flop",
    "graded",
    "graded_step",
    "sequence_memory",
    "sine_generation",
]


def __dir__() -> list[str]:
    return __all__
