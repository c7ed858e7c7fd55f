"""Target propagation and local losses: hidden blocks get targets or losses of their own."""

from jaxbrain.learning.targets.difference_reconstruction import local_difference_reconstruction
from jaxbrain.learning.targets.gait import TargetDiagnostics, gait_propagation
from jaxbrain.learning.targets.local import linear_readout, local_losses
from jaxbrain.learning.targets.propagation import difference_target_propagation, target_propagation

__all__ = [
    "TargetDiagnostics",
    "difference_target_propagation",
    "gait_propagation",
    "linear_readout",
    "local_difference_reconstruction",
    "local_losses",
    "target_propagation",
]


def __dir__() -> list[str]:
    return __all__
