"""Checks of learning rules and bodies, for the library's own and the user's.

A failed check raises an ``AssertionError`` with the numbers of each layer or law; a passed check
returns its measurements. Every rule must pass `check_rule`. A rule that is back-propagation in a
limit must pass `check_gradient` in that limit, a stochastic estimate of the gradient
`check_unbiased`, a rule that relaxes `check_relaxed`, and every body with equations `check_plant`.
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
