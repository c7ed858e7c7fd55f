"""Checks that prove a learning rule or a body, one's own too.

Each check raises an ``AssertionError`` that says in numbers, layer by layer, what is wrong, and
returns what it measured. `check_rule` is the contract of every rule. Which of the others a rule
must pass its theory says: one that is back-propagation in a limit passes `check_gradient` there, a
stochastic estimate of the gradient `check_unbiased`, one that relaxes `check_relaxed`. Every body
with equations must pass `check_plant`.
"""

from jaxbrain.testing.bodies import Mechanics, check_plant
from jaxbrain.testing.contract import check_rule
from jaxbrain.testing.gradients import check_gradient, check_relaxed, check_unbiased, relative_error

__all__ = [
    "Mechanics",
    "check_gradient",
    "check_plant",
    "check_relaxed",
    "check_rule",
    "check_unbiased",
    "relative_error",
]


def __dir__() -> list[str]:
    return __all__
