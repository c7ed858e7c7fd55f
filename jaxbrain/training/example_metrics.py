"""Metrics of one example, ``(prediction, target) -> scalar``; a data set takes their mean."""

import jax
import jax.numpy as jnp

from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import as_array, on_device
from jaxbrain.core.requirements import require_count
from jaxbrain.training.decisions import class_of, yes_or_no


@checked
def accuracy(logits: jax.Array, target: jax.Array) -> jax.Array:
    """Accuracy of one prediction from logits: 1 if it is right, 0 if it is wrong.

    Several classes: argmax(logits) == label. One output: (logit > 0) == (target > 1/2).

    Args:
      logits: ``[classes]``; or ``[1]`` or ``[]``, one logit before its sigmoid (after it, use
        `binary_accuracy`); or ``[..., classes]``, over which the mean is taken.
      target: an integer label ``[]`` or one-hot ``[classes]``; for one logit 0 or 1 in its shape.
        For several labels of one example use `multilabel_accuracy` or `exact_match`.

    Returns:
      1.0 or 0.0 in float32, nan if a traced target is no class; its mean over examples is the
      accuracy.

    Raises:
      ValueError: if the shapes do not fit, or a known target is no class.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(accuracy(jnp.array([0.1, 2.0, 0.3]), jnp.array(1)))
      1.0
      >>> float(accuracy(jnp.array([-3.0]), jnp.array([1])))
      0.0
    """
    logits = _some("accuracy", "logits", logits)
    if logits.size == 1:
        return jnp.mean(_right("accuracy", logits, target, 0.0))
    labels, inside = class_of("accuracy", logits.shape, target)
    right = jnp.argmax(logits, axis=-1).astype("int32") == labels
    return jnp.mean(jnp.where(inside, right.astype("float32"), jnp.nan))


@checked
def top_k_accuracy(logits: jax.Array, target: jax.Array, *, k: int = 5) -> jax.Array:
    """Accuracy of the k largest outputs: 1 if the class is among them, else 0.

    Of equal outputs the first count as larger, as in `accuracy`, which has k = 1.

    Args:
      logits: ``[classes]`` or ``[..., classes]``; probabilities serve too.
      target: an integer label or one-hot, as for `accuracy`.
      k: below the number of classes; ``functools.partial(top_k_accuracy, k=3)`` binds it.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(top_k_accuracy(jnp.array([0.1, 2.0, 0.3]), jnp.array(2), k=2))
      1.0
    """
    k = require_count("top_k_accuracy", "k", k)
    if logits.ndim == 0 or k >= logits.shape[-1]:
        raise ValueError(
            f"top_k_accuracy: k must be below the number of classes, else it is always 1, got k={k}"
            f" for outputs of shape {logits.shape}"
        )
    labels, inside = class_of("top_k_accuracy", logits.shape, target)
    chosen = jax.lax.top_k(logits, k)[1].astype("int32")
    right = jnp.any(chosen == labels[..., None], axis=-1)
    return jnp.mean(jnp.where(inside, right.astype("float32"), jnp.nan))


@checked
def binary_accuracy(probability: jax.Array, target: jax.Array) -> jax.Array:
    """Accuracy of sigmoid outputs: the part of them on the right side of one half.

    mean_k [(probability_k > 1/2) == (target_k > 1/2)]

    Args:
      probability: ``[]``, ``[1]`` or ``[outputs]``, after the sigmoid; for logits use `accuracy` of
        one output, or `multilabel_accuracy`.
      target: 0 or 1, in the same shape.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(binary_accuracy(jnp.array([0.3]), jnp.array([0.0])))
      1.0
    """
    return jnp.mean(_right("binary_accuracy", probability, target, 0.5))


@checked
def multilabel_accuracy(
    logits: jax.Array, target: jax.Array, *, threshold: float = 0.0
) -> jax.Array:
    """Accuracy of several labels of one example: the part of them that is right.

    mean_k [(logit_k > threshold) == (target_k > 1/2)]

    Args:
      logits: ``[outputs]``, of a network that learns by `jaxbrain.losses.binary_cross_entropy`.
      target: 0 or 1, in the same shape.
      threshold: 0 for logits, 1/2 for probabilities.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(multilabel_accuracy(jnp.array([5.0, -4.0]), jnp.array([1, 1])))
      0.5
    """
    return jnp.mean(_right("multilabel_accuracy", logits, target, threshold))


@checked
def exact_match(logits: jax.Array, target: jax.Array, *, threshold: float = 0.0) -> jax.Array:
    """Exact match of several labels of one example: 1 if all of them are right, else 0.

    Args:
      logits, target, threshold: as for `multilabel_accuracy`.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(exact_match(jnp.array([5.0, -4.0]), jnp.array([1, 1])))
      0.0
    """
    return jnp.min(_right("exact_match", logits, target, threshold))


@checked
def mean_absolute_error(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Mean absolute error over K outputs: 1/K sum_k |prediction_k - target_k|.

    Args:
      prediction, target: ``[...]``, of one shape.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(mean_absolute_error(jnp.array([1.0, 2.0]), jnp.array([0.0, 4.0])))
      1.5
    """
    prediction = _some("mean_absolute_error", "prediction", prediction)
    target = on_device("mean_absolute_error", "target", target)
    if prediction.shape != target.shape:
        raise ValueError(
            "mean_absolute_error: target must have the shape of the prediction, "
            f"{jnp.shape(prediction)}, got {jnp.shape(target)} (one example each); use y[:, None] "
            "for a column of targets"
        )
    if not jnp.issubdtype(prediction.dtype, jnp.inexact):
        prediction = prediction.astype(float)  # else a target would lose its fraction
    error = jnp.abs(prediction - target.astype(prediction.dtype))
    return jnp.mean(error, dtype=None if error.dtype.itemsize > 2 else "float32")


def _some(name: str, argument: str, outputs: jax.Array) -> jax.Array:
    outputs = on_device(name, argument, outputs)
    if not outputs.size:
        raise ValueError(
            f"{name}: {argument} must have at least one output, got shape {outputs.shape}"
        )
    return outputs


def _right(name: str, outputs: jax.Array, target: jax.Array, threshold: float) -> jax.Array:
    """1.0 for each output on the side of its target, 0.0 for the others."""
    outputs, target = _some(name, "prediction", outputs), as_array(name, "target", target)
    if outputs.shape != target.shape:
        raise ValueError(
            f"{name}: yes-no outputs need a target of the same shape, got output {outputs.shape} "
            f"and target {target.shape}; use y[:, None] for a column of targets"
        )
    actual = yes_or_no(name, target)
    right = (outputs > threshold) == (actual > 0.5)
    return jnp.where(jnp.isnan(actual), jnp.nan, right.astype("float32"))
