"""Bodies: arms, muscles and their mechanics."""

from jaxbrain.motor.body import hill
from jaxbrain.motor.body.activation import first_order_activation, thelen_activation
from jaxbrain.motor.body.arm import two_link_arm
from jaxbrain.motor.body.links import LI_TODOROV, MOTORNET, NIJHOF_KOUWENHOVEN, Arm, ArmState
from jaxbrain.motor.body.mass import PointState, point_mass
from jaxbrain.motor.body.muscles import MuscledArm, Muscles, muscled_arm
from jaxbrain.motor.body.paths import path_length
from jaxbrain.motor.body.plant import Action, Hand, Physics, Plant, runge_kutta
from jaxbrain.motor.body.six_muscles import (
    ARM26_MUSCLES,
    ARM26_SKELETON,
    arm26,
    arm26_length,
    arm26_moment_arms,
)

__all__ = [
    "ARM26_MUSCLES",
    "ARM26_SKELETON",
    "LI_TODOROV",
    "MOTORNET",
    "NIJHOF_KOUWENHOVEN",
    "Action",
    "Arm",
    "ArmState",
    "Hand",
    "MuscledArm",
    "Muscles",
    "Physics",
    "Plant",
    "PointState",
    "arm26",
    "arm26_length",
    "arm26_moment_arms",
    "first_order_activation",
    "hill",
    "muscled_arm",
    "path_length",
    "point_mass",
    "runge_kutta",
    "thelen_activation",
    "two_link_arm",
]


def __dir__() -> list[str]:
    return __all__
