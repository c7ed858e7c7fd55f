"""Checks that prove a learning rule, one's own too: the contract, the gradient, the mean, rest.

Each check raises an ``AssertionError`` that says in numbers, layer by layer, what is wrong, and
returns what it measured. `check_rule` is the contract of every rule. Which of the others a rule
must pass its theory says: one that is back-propagation in a limit passes `check_gradient` there, a
stochastic estimate of the gradient `check_unbiased`, one that relaxes `check_settled`.
"""

from jaxbrain.testing.contract import check_rule
from jaxbrain.testing.oracles import (
    check_gradient,
    check_settled,
    check_unbiased,
    relative_error,
)

__all__ = ["check_gradient", "check_rule", "check_settled", "check_unbiased", "relative_error"]
