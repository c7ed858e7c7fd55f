"""Generative models: Boltzmann machines, belief networks, Helmholtz machines."""

from jaxbrain.learning.generative import belief, boltzmann, helmholtz
from jaxbrain.learning.generative.divergence import (
    contrastive_divergence,
    persistent_contrastive_divergence,
)
from jaxbrain.learning.generative.helmholtz import wake_sleep

__all__ = [
    "belief",
    "boltzmann",
    "contrastive_divergence",
    "helmholtz",
    "persistent_contrastive_divergence",
    "wake_sleep",
]


def __dir__() -> list[str]:
    return __all__
