"""Learning rules: ``(net, loss, *, ...) -> LearningRule``, one module a family."""

from jaxbrain.learning.backprop import backprop
from jaxbrain.learning.feedback import direct_feedback_alignment, feedback_alignment
from jaxbrain.learning.predictive import Settling, predictive_coding

__all__ = [
    "Settling",
    "backprop",
    "direct_feedback_alignment",
    "feedback_alignment",
    "predictive_coding",
]
