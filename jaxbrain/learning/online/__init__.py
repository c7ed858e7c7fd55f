"""Online rules for recurrent networks: learning while the sequence runs.

An online rule is a Cell from ``(x, y)`` of one step to ``(loss, grads)``. Its params are
``(cell, readout)``, followed by the feedback weights where the feedback has any; those of
`generalized_latent_equilibrium`, which has no readout, are the cell's. Its carry is that of the
cell and the traces of the rule, of the same size however long the sequence. It runs in any scan, or
over whole sequences by `over_time`. All raise a TypeError if cell is not a Cell or readout not a
Network.
"""

from jaxbrain.learning.online.eligibility import eprop, rflo
from jaxbrain.learning.online.influence import one_step_backprop, rtrl, rtrl_diagonal, snap
from jaxbrain.learning.online.latent_equilibrium import generalized_latent_equilibrium
from jaxbrain.learning.online.linearization import LinearizedStep
from jaxbrain.learning.online.readout_feedback import (
    Feedback,
    adaptive_feedback,
    random_feedback,
    symmetric_feedback,
)
from jaxbrain.learning.online.rule import Influence, online_rule
from jaxbrain.learning.online.sequences import over_time
from jaxbrain.learning.online.stochastic import kf_rtrl, uoro

__all__ = [
    "Feedback",
    "Influence",
    "LinearizedStep",
    "adaptive_feedback",
    "eprop",
    "generalized_latent_equilibrium",
    "kf_rtrl",
    "one_step_backprop",
    "online_rule",
    "over_time",
    "random_feedback",
    "rflo",
    "rtrl",
    "rtrl_diagonal",
    "snap",
    "symmetric_feedback",
    "uoro",
]


def __dir__() -> list[str]:
    return __all__
