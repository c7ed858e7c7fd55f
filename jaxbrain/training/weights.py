"""Weights of examples and classes, for rules that learn from a loss."""

import inspect
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.composition import examples_of
from jaxbrain.core.config import label
from jaxbrain.core.structure import is_configured
from jaxbrain.core.types import LearningRule, Loss
from jaxbrain.losses import Weighted, weighted


def loss_of(rule: LearningRule) -> Loss | None:
    """The loss that a rule was made from and learns from, or None.

    Examples:
      >>> import jaxbrain as jb
      >>> loss_of(jb.backprop(jb.dense(1), jb.losses.mse)) is jb.losses.mse
      True
    """
    if not is_configured(rule):
        return None
    parameter = inspect.signature(rule.config.make).parameters.get("loss")  # pyright: ignore[reportOptionalMemberAccess]
    if parameter is None or parameter.default is not parameter.empty:
        return None  # a plasticity only reports its loss
    return rule.config.parameters["loss"]  # pyright: ignore[reportOptionalMemberAccess]


def weigh(
    rule: LearningRule, data: tuple[Any, Any], sample_weights: Any, class_weights: Any
) -> tuple[LearningRule, tuple[Any, Any]]:
    """The rule with a `jaxbrain.losses.weighted` loss, and data with its targets.

    Args:
      rule: made from a loss.
      data: ``(x, y)``.
      sample_weights: ``[examples]``, or None.
      class_weights: ``[classes]``, or None.

    Raises:
      ValueError: if the rule does not learn from a loss, or the weights do not fit.
    """
    if sample_weights is None and class_weights is None:
        return rule, data
    x, y = data
    loss = loss_of(rule)
    if loss is None:
        raise ValueError(
            f"sample_weights and class_weights scale the loss of each example, but {label(rule)} "
            "was not made from (net, loss); use jb.backprop or another rule of a loss"
        )
    n = examples_of(x)
    weights: Any = np.ones(n)
    if sample_weights is not None:
        weights = _checked("sample_weights", sample_weights, n, "examples")
    if class_weights is not None:
        weights = jnp.asarray(weights, float) * jnp.asarray(_of_classes(class_weights, y, n), float)
    config = rule.config
    names, parts = config.parts  # pyright: ignore[reportOptionalMemberAccess]
    pairs = zip(names, parts, strict=True)
    changed = [weighted(loss) if name == "loss" else part for name, part in pairs]
    return config.rebuild(tuple(changed)), (x, Weighted(y, jnp.asarray(weights)))  # pyright: ignore[reportOptionalMemberAccess]


def _of_classes(class_weights: Any, y: Any, n: int) -> Any:
    """The weight of each example from that of its class."""
    classes = np.size(class_weights)
    weights = _checked("class_weights", class_weights, classes, "classes")
    shape = getattr(y, "shape", None)
    one_hot = classes > 1 and shape == (n, classes)
    if not one_hot and shape not in ((n,), (n, 1)):
        raise ValueError(
            "class_weights need one class for each example: labels [n], one-hot [n, classes] with "
            f"as many classes as weights ({classes}), or [n, 1] of 0 and 1, got y of shape {shape};"
            " give sample_weights"
        )
    if isinstance(y, jax.core.Tracer):
        labels = jnp.argmax(y, axis=-1) if one_hot else y.reshape(n).astype("int32")
        return jnp.asarray(weights)[labels]
    known = np.asarray(y)
    labels = np.argmax(known, axis=-1) if one_hot else known.reshape(n)
    again = np.eye(classes)[labels] if one_hot else np.floor(labels)
    if np.any(again != (known if one_hot else labels)) or not np.all(
        (labels >= 0) & (labels < classes)
    ):
        raise ValueError(
            f"class_weights: each target must be one of the classes 0..{classes - 1}, a label or "
            "one-hot, but y holds others; give sample_weights"
        )
    return weights[labels.astype("int32")]


def _checked(name: str, weights: Any, n: int, what: str) -> Any:
    """The weights ``[n]``, if they are finite, not negative and not all zero."""
    if np.shape(weights) != (n,):
        raise ValueError(f"{name} must be of shape [{what}] = ({n},), got {np.shape(weights)}")
    if isinstance(weights, jax.core.Tracer):
        return weights
    known = np.asarray(weights, float)
    if not np.all(np.isfinite(known) & (known >= 0)) or not np.any(known > 0):
        raise ValueError(
            f"{name} must be finite, not negative and not all 0, got {np.min(known)} to "
            f"{np.max(known)}"
        )
    return known
