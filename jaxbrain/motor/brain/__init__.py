"""Motor cortex, basal ganglia, thalamus and cerebellum."""

from jaxbrain.motor.brain.adaptive_filter import (
    Cerebellum,
    CerebellumInput,
    ForwardModel,
    ForwardModelInput,
    cerebellum,
    forward_model,
)
from jaxbrain.motor.brain.cortex import Cortex, cortex_rates, laminar_cortex
from jaxbrain.motor.brain.layers import (
    MOTOR,
    POTJANS_DIESMANN,
    POTJANS_DIESMANN_SIZES,
    SENSORY,
    WEILER,
    Layers,
    Wiring,
    cortical_layers,
    layer_activity,
)
from jaxbrain.motor.brain.nuclei import (
    BasalGanglia,
    Pathways,
    Thresholds,
    basal_ganglia,
    gate,
    nuclei_rates,
)
from jaxbrain.motor.brain.selection_loop import IN_THE_LOOP, Selection, Thalamocortical, selection
from jaxbrain.motor.brain.system import MotorSystem, motor_system

__all__ = [
    "IN_THE_LOOP",
    "MOTOR",
    "POTJANS_DIESMANN",
    "POTJANS_DIESMANN_SIZES",
    "SENSORY",
    "WEILER",
    "BasalGanglia",
    "Cerebellum",
    "CerebellumInput",
    "Cortex",
    "ForwardModel",
    "ForwardModelInput",
    "Layers",
    "MotorSystem",
    "Pathways",
    "Selection",
    "Thalamocortical",
    "Thresholds",
    "Wiring",
    "basal_ganglia",
    "cerebellum",
    "cortex_rates",
    "cortical_layers",
    "forward_model",
    "gate",
    "laminar_cortex",
    "layer_activity",
    "motor_system",
    "nuclei_rates",
    "selection",
]


def __dir__() -> list[str]:
    return __all__
