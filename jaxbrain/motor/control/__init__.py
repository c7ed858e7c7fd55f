"""Closed loops, perturbations, lesions, costs and reference controllers."""

from jaxbrain.motor.control import perturbations
from jaxbrain.motor.control.cost import reach_loss
from jaxbrain.motor.control.lesions import WithGain, with_gain
from jaxbrain.motor.control.loop import Loop, Signals, TaskInput, closed_loop
from jaxbrain.motor.control.reference_controllers import (
    LinearReach,
    Movement,
    Regulator,
    linear_reach,
    lqr,
    minimum_jerk,
    reach_cost,
)

__all__ = [
    "LinearReach",
    "Loop",
    "Movement",
    "Regulator",
    "Signals",
    "TaskInput",
    "WithGain",
    "closed_loop",
    "linear_reach",
    "lqr",
    "minimum_jerk",
    "perturbations",
    "reach_cost",
    "reach_loss",
    "with_gain",
]


def __dir__() -> list[str]:
    return __all__
