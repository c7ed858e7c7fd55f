"""Losses of one example: ``(prediction, target) -> scalar``. Rules average them over the batch.

Shapes and dtypes are checked at trace time, so that nothing broadcasts silently. A label out of
range is never clamped: a known one raises an error, a traced one gives nan, which `jaxbrain.fit`
reports with its step.
"""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import optax

__all__ = [
    "binary_cross_entropy",
    "half_mse",
    "mse",
    "softmax_cross_entropy",
]


def __dir__() -> list[str]:
    return __all__


def half_mse(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Half the sum of squared errors, whose gradient is the error of the delta rule.

    L = 1/2 sum_k (prediction_k - target_k)^2,  dL/dprediction = prediction - target

    Args:
      prediction, target: ``[...]``, of one shape.

    Raises:
      ValueError: if the shapes differ.

    Source: Widrow and Hoff 1960, "Adaptive switching circuits".

    Examples:
      >>> import jax.numpy as jnp
      >>> float(half_mse(jnp.array([1.0, 2.0]), jnp.array([0.0, 0.0])))
      2.5
    """
    return jnp.sum(optax.losses.l2_loss(prediction, _same_shape(prediction, target)))


def mse(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Mean squared error over K outputs: L = 1/K sum_k (prediction_k - target_k)^2.

    Args:
      prediction, target: ``[...]``, of one shape.

    Raises:
      ValueError: if the shapes differ.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(mse(jnp.array([1.0, 2.0]), jnp.array([0.0, 0.0])))
      2.5
    """
    return jnp.mean(optax.losses.squared_error(prediction, _same_shape(prediction, target)))


def binary_cross_entropy(logits: jax.Array, target: jax.Array) -> jax.Array:
    """Cross-entropy of independent binary outputs, from logits.

    L = - sum_k [t_k log s(z_k) + (1 - t_k) log(1 - s(z_k))], s the logistic function

    Args:
      logits: ``[...]``, before the sigmoid.
      target: of the same shape, from 0 to 1; bool and integers too.

    Returns:
      A scalar; nan if a traced target is not from 0 to 1.

    Raises:
      ValueError: if the shapes differ or a known target is not from 0 to 1.

    Examples:
      >>> import jax.numpy as jnp
      >>> round(float(binary_cross_entropy(jnp.array([0.0]), jnp.array([1]))), 4)
      0.6931
    """
    known, target = target, _same_shape(logits, target)
    _raise_outside(known, 1, "target of binary_cross_entropy")
    inside = (target >= 0) & (target <= 1)
    loss = jnp.sum(optax.losses.sigmoid_binary_cross_entropy(logits, target))
    return jnp.where(jnp.all(inside), loss, jnp.nan)


def softmax_cross_entropy(logits: jax.Array, target: jax.Array) -> jax.Array:
    """Cross-entropy of one class out of K, from logits.

    L = - log softmax(z)_label, or - sum_k t_k log softmax(z)_k for a distribution t

    Args:
      logits: ``[..., classes]``, before the softmax; the loss is the mean over leading axes, such
        as the steps of a sequence.
      target: integer labels ``[...]`` from 0 to classes - 1, or distributions ``[..., classes]``,
        such as one-hot vectors.

    Returns:
      A scalar; nan if a traced label is out of range or a traced distribution does not sum to 1.

    Raises:
      TypeError: if a label is not an integer.
      ValueError: if the shapes do not fit, a known label is out of range, or a known distribution
        has a negative entry or does not sum to 1.

    Examples:
      >>> import jax.numpy as jnp
      >>> round(float(softmax_cross_entropy(jnp.zeros(10), jnp.array(3))), 4)
      2.3026
    """
    if jnp.ndim(logits) == 0:
        raise ValueError("logits of softmax_cross_entropy must be [classes], got a scalar")
    if jnp.shape(logits)[-1] == 1:
        raise ValueError(
            "softmax_cross_entropy needs at least two classes: over a single one the loss is "
            "always 0; use binary_cross_entropy for one yes-no output"
        )
    if jnp.shape(target) == jnp.shape(logits):
        _raise_no_distribution(target)
        target = jnp.asarray(target).astype(jnp.result_type(logits))
        inside = jnp.all(target >= 0, axis=-1) & (jnp.abs(jnp.sum(target, axis=-1) - 1) < 1e-2)
        loss = optax.losses.softmax_cross_entropy(logits, target)
        return jnp.mean(jnp.where(inside, loss, jnp.nan))
    if jnp.shape(target) != jnp.shape(logits)[:-1]:
        raise ValueError(
            f"target of softmax_cross_entropy for logits of shape {jnp.shape(logits)} must be "
            f"labels of shape {jnp.shape(logits)[:-1]} or one-hot {jnp.shape(logits)}, got "
            f"{jnp.shape(target)}{_column_hint(logits, target)}"
        )
    if not jnp.issubdtype(jnp.result_type(target), jnp.integer):
        raise TypeError(
            f"labels of softmax_cross_entropy must be integers, got {jnp.result_type(target)}; "
            "use labels.astype('int32')"
        )
    classes = jnp.shape(logits)[-1]
    _raise_outside(target, classes - 1, "label of softmax_cross_entropy")
    target = jnp.asarray(target)
    if target.dtype.itemsize < 4:  # 256, a number of classes, is not a byte
        target = target.astype("int32")
    inside = (target >= 0) & (target < classes)
    labels = jnp.where(inside, target, 0)
    loss = optax.losses.softmax_cross_entropy_with_integer_labels(logits, labels)
    return jnp.mean(jnp.where(inside, loss, jnp.nan))


def _same_shape(prediction: Any, target: Any) -> jax.Array:
    """The target in the dtype of the prediction; refuse another shape."""
    if jnp.shape(prediction) != jnp.shape(target):
        raise ValueError(
            f"target must have the shape of the prediction, {jnp.shape(prediction)}, got "
            f"{jnp.shape(target)}{_column_hint(prediction, target)}"
        )
    return jnp.asarray(target).astype(jnp.result_type(prediction))


def _column_hint(prediction: Any, target: Any) -> str:
    if jnp.shape(prediction) == (*jnp.shape(target), 1):
        return " (one example each); use y[:, None] to make the targets a column"
    if jnp.shape(target) == (*jnp.shape(prediction)[:-1], 1):
        return " (one example each); use y[:, 0] for integer labels"
    return " (one example each)"


def _raise_outside(value: jax.Array, high: int, what: str) -> None:
    """Refuse known values out of 0..high; labels can be known while the logits are traced."""
    if isinstance(value, jax.core.Tracer):
        return
    known = np.asarray(value)
    if not np.all((known >= 0) & (known <= high)):
        raise ValueError(f"{what} must be in 0..{high}, got {known.tolist()}")


def _raise_no_distribution(target: Any) -> None:
    """Refuse known targets whose rows are not distributions."""
    if isinstance(target, jax.core.Tracer):
        return
    known = np.asarray(target, float)
    if np.any(known < 0) or np.any(abs(known.sum(-1) - 1) > 1e-2):
        raise ValueError(
            "a target of softmax_cross_entropy in the shape of the logits must be a distribution "
            f"(one-hot, or positive with sum 1), got {known.tolist()}"
        )
