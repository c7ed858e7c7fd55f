"""Readouts taught by least squares: reservoirs and FORCE."""

from jaxbrain.learning.readout.force_learning import (
    Activity,
    Learner,
    Taught,
    force,
    full_force,
    generator,
    learned,
)
from jaxbrain.learning.readout.recursive_least_squares import (
    Squares,
    least_squares,
    least_squares_step,
)
from jaxbrain.learning.readout.reservoir import echo_state, linear_memory_capacity, ridge

__all__ = [
    "Activity",
    "Learner",
    "Squares",
    "Taught",
    "echo_state",
    "force",
    "full_force",
    "generator",
    "learned",
    "least_squares",
    "least_squares_step",
    "linear_memory_capacity",
    "ridge",
]


def __dir__() -> list[str]:
    return __all__
