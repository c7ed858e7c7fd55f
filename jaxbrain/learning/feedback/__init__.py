"""Feedback rules: errors propagate through feedback weights, not the transposed forward weights."""

from jaxbrain.learning.feedback.fixed import (
    direct_feedback_alignment,
    direct_random_target_projection,
    feedback_alignment,
)
from jaxbrain.learning.feedback.learned import kolen_pollack, weight_mirror
from jaxbrain.learning.feedback.signs import (
    batch_random_sign_symmetry,
    fixed_random_sign_symmetry,
    sign_symmetry,
)

__all__ = [
    "batch_random_sign_symmetry",
    "direct_feedback_alignment",
    "direct_random_target_projection",
    "feedback_alignment",
    "fixed_random_sign_symmetry",
    "kolen_pollack",
    "sign_symmetry",
    "weight_mirror",
]


def __dir__() -> list[str]:
    return __all__
