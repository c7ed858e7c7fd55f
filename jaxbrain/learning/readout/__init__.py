"""Readouts trained by least squares: reservoirs and FORCE learning."""

from jaxbrain.learning.readout.force_learning import (
    ForceState,
    GeneratorState,
    force,
    full_force,
    generator,
    learned_params,
)
from jaxbrain.learning.readout.recursive_least_squares import (
    Squares,
    least_squares,
    least_squares_step,
)
from jaxbrain.learning.readout.reservoir import echo_state, linear_memory_capacity, ridge

__all__ = [
    "ForceState",
    "GeneratorState",
    "Squares",
    "echo_state",
    "force",
    "full_force",
    "generator",
    "learned_params",
    "least_squares",
    "least_squares_step",
    "linear_memory_capacity",
    "ridge",
]


def __dir__() -> list[str]:
    return __all__
