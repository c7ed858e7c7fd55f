"""Checks of metrics against the targets and the network that they measure, once, on the host."""

import functools
from collections.abc import Mapping
from typing import Any

import jax

from jaxbrain.core.config import made_by
from jaxbrain.core.types import Network, Params
from jaxbrain.learning.outputs import outputs_of
from jaxbrain.training.arguments import Metric
from jaxbrain.training.data import output_shape
from jaxbrain.training.decisions import above, class_of, most_likely, yes_or_no
from jaxbrain.training.example_metrics import (
    accuracy,
    binary_accuracy,
    exact_match,
    multilabel_accuracy,
    top_k_accuracy,
)
from jaxbrain.training.scores import confusion_matrix, f1, precision, recall


def check_metrics(
    where: str, net: Network, params: Params, data: Any, metrics: Mapping[str, Metric]
) -> None:
    """Refuse known targets and outputs of a network that a metric of the library cannot measure.

    Raises:
      ValueError: naming the metric, the first target that does not fit, and the fix.
    """
    x, y = data
    kinds = {name: _kind(metric) for name, metric in metrics.items()}
    if all(kind is None for kind in kinds.values()) or not hasattr(y, "shape"):
        return
    output = output_shape(net, params, x)
    if not isinstance(output, jax.ShapeDtypeStruct):
        return
    shape = (*y.shape[:1], *output.shape)
    single = not output.shape or output.shape[-1] == 1
    for name, kind in kinds.items():
        if kind is None:
            continue
        several, threshold = kind
        if threshold == 0 and (single or not several) and outputs_of(net).low >= 0:
            raise ValueError(
                f"the metric {name!r} takes an output above 0 for yes, but the outputs of {net} "
                "are never negative; for probabilities use jb.metrics.binary_accuracy, threshold="
                "0.5 or decide=jb.metrics.above(0.5)"
            )
        if (single or not several) and y.shape != shape:
            continue  # the metric refuses it when it is traced
        if single or not several:
            yes_or_no(f"the metric {name!r} and y of {where}", y)
        else:
            class_of(f"the metric {name!r} and y of {where}", shape, y)


def _kind(metric: Metric) -> tuple[bool, Any] | None:
    """For a metric of the library that decides: True if for one class of several; its threshold."""
    options: dict[str, Any] = {}
    while isinstance(metric, functools.partial):
        options, metric = {**metric.keywords, **options}, metric.func
    if metric in (accuracy, top_k_accuracy):
        return True, 0
    if metric in (multilabel_accuracy, exact_match, binary_accuracy):
        return False, 0.5 if metric is binary_accuracy else options.get("threshold", 0)
    if metric in (precision, recall, f1, confusion_matrix):
        decide = options.get("decide", most_likely)
        if made_by(decide, above):
            return False, decide.config.parameters["threshold"]  # pyright: ignore[reportFunctionMemberAccess]
        return (True, 0) if decide is most_likely else None
    return None
