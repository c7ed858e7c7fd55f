"""Losses of one example: ``(prediction, target) -> scalar``. Rules average them over the batch.

Cross-entropies take logits, which are exact at any size. For a network that ends in a sigmoid or a
softmax there are losses of probabilities, which say so in their names.

Shapes and dtypes are checked at trace time, so that nothing broadcasts silently. A label out of
range is never clamped: a known one raises an error, a traced one gives nan, which `jaxbrain.fit`
reports with its step.
"""

from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import optax

from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import as_array, on_device
from jaxbrain.core.config import configured
from jaxbrain.core.types import Loss

__all__ = [
    "Weighted",
    "binary_cross_entropy",
    "binary_cross_entropy_of_probabilities",
    "cross_entropy_of_probabilities",
    "half_mse",
    "mse",
    "softmax_cross_entropy",
    "weighted",
]

_SUM = 1e-2  # how far the sum of a distribution may be from 1


def __dir__() -> list[str]:
    return __all__


@checked
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
    prediction = _floats("half_mse", prediction)
    return jnp.sum(optax.losses.l2_loss(prediction, _same_shape("half_mse", prediction, target)))


@checked
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
    prediction = _floats("mse", prediction)
    return jnp.mean(optax.losses.squared_error(prediction, _same_shape("mse", prediction, target)))


@checked
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
    logits = _floats("binary_cross_entropy", logits)
    known, target = target, _same_shape("binary_cross_entropy", logits, target)
    _raise_outside(known, 1, "target of binary_cross_entropy")
    inside = (target >= 0) & (target <= 1)
    loss = jnp.sum(optax.losses.sigmoid_binary_cross_entropy(logits, target))
    return jnp.where(jnp.all(inside), loss, jnp.nan)


@checked
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
    target = as_array("softmax_cross_entropy", "target", target)
    _require_classes("softmax_cross_entropy", logits, target, "binary_cross_entropy")
    logits = _floats("softmax_cross_entropy", logits)
    if jnp.shape(target) == jnp.shape(logits):
        target, inside = _distribution("target of softmax_cross_entropy", target, logits)
        loss = optax.losses.softmax_cross_entropy(logits, target)
    else:
        target, inside = _labels("softmax_cross_entropy", target, jnp.shape(logits)[-1])
        loss = optax.losses.softmax_cross_entropy_with_integer_labels(logits, target)
    return jnp.mean(jnp.where(inside, loss, jnp.nan))


@checked
def binary_cross_entropy_of_probabilities(probability: jax.Array, target: jax.Array) -> jax.Array:
    """Cross-entropy of independent binary outputs, from probabilities, after a sigmoid.

    L = - sum_k [t_k log p_k + (1 - t_k) log(1 - p_k)]

    In a logarithm p_k and 1 - p_k count as the smallest normal number of their dtype if they are
    below it (1.2e-38 in float32), so that L is finite. There, and where 1 - p_k is rounded to 0
    (logits above 17), the gradient is 0: `binary_cross_entropy` of the logits has no such limit.

    Args:
      probability: ``[...]``, from 0 to 1.
      target: of the same shape, from 0 to 1; bool and integers too.

    Returns:
      A scalar; nan if a traced probability or target is not from 0 to 1.

    Raises:
      ValueError: if the shapes differ, or a known probability or target is not from 0 to 1.

    Examples:
      >>> import jax.numpy as jnp
      >>> p, t = jnp.array([0.2, 0.6, 0.7, 0.1]), jnp.array([0, 1, 1, 0])
      >>> round(float(binary_cross_entropy_of_probabilities(p, t)) / 4, 4)
      0.299
    """
    name = "binary_cross_entropy_of_probabilities"
    probability = _floats(name, probability)
    known, target = target, _same_shape(name, probability, target)
    _raise_outside(known, 1, f"target of {name}")
    _raise_outside(probability, 1, f"probability of {name}")
    inside = (target >= 0) & (target <= 1) & (probability >= 0) & (probability <= 1)
    loss = -jnp.sum(target * _log(probability) + (1 - target) * _log(1 - probability))
    return jnp.where(jnp.all(inside), loss, jnp.nan)


@checked
def cross_entropy_of_probabilities(probability: jax.Array, target: jax.Array) -> jax.Array:
    """Cross-entropy of one class out of K, from probabilities, after a softmax.

    L = - log p_label, or - sum_k t_k log p_k for a distribution t

    In the logarithm p_k counts as the smallest normal number of its dtype if it is below it
    (1.2e-38 in float32), so that L is finite. There the gradient is 0: `softmax_cross_entropy` of
    the logits has no such limit.

    Args:
      probability: ``[..., classes]``, a distribution; the loss is the mean over leading axes.
      target: integer labels ``[...]``, or distributions ``[..., classes]``, such as one-hot.

    Returns:
      A scalar; nan if a traced label is out of range, or a traced distribution does not sum to 1.

    Raises:
      TypeError, ValueError: as `softmax_cross_entropy`, and if a known probability is not one of
        a distribution.

    Examples:
      >>> import jax.numpy as jnp
      >>> p = jnp.array([0.1, 0.7, 0.2])
      >>> round(float(cross_entropy_of_probabilities(p, jnp.array(1))), 4)
      0.3567
    """
    name = "cross_entropy_of_probabilities"
    target = as_array(name, "target", target)
    _require_classes(name, probability, target, "binary_cross_entropy_of_probabilities")
    probability = _floats("cross_entropy_of_probabilities", probability)
    probability, whole = _distribution(f"probability of {name}", probability, probability)
    log_p = _log(probability)
    if jnp.shape(target) == jnp.shape(probability):
        target, inside = _distribution(f"target of {name}", target, probability)
        loss = -jnp.sum(target * log_p, axis=-1)
    else:
        target, inside = _labels(name, target, jnp.shape(probability)[-1])
        loss = -jnp.take_along_axis(log_p, target[..., None], axis=-1)[..., 0]
    return jnp.mean(jnp.where(inside & whole, loss, jnp.nan))


class Weighted(NamedTuple):
    """A target with the weight of its example, for a `weighted` loss.

    Attributes:
      target: of the example.
      weight: ``[]``, how much the example counts.
    """

    target: Any
    weight: Any


@configured
def weighted(loss: Loss) -> Loss:
    """A loss of weighted examples: L_w(prediction, (target, w)) = w L(prediction, target).

    The mean over a batch is 1/n sum_i w_i L_i, as in Keras; it is not divided by the sum of the
    weights. `jaxbrain.fit` makes it of ``sample_weights`` and ``class_weights``.

    Args:
      loss: ``(prediction, target) -> scalar`` of one example.

    Returns:
      ``(prediction, Weighted(target, weight)) -> scalar``.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(weighted(mse)(jnp.ones(2), Weighted(jnp.zeros(2), 3.0)))
      3.0
    """

    def weighted_loss(prediction: Any, target: Any, /) -> jax.Array:
        if not isinstance(target, Weighted):
            raise TypeError(
                "weighted: the target must be jb.losses.Weighted(target, weight), got "
                f"{type(target).__name__}"
            )
        value = loss(prediction, target.target)
        return value * jnp.asarray(target.weight).astype(jnp.result_type(value))

    return weighted_loss


def _floats(loss: str, prediction: Any) -> jax.Array:
    """A prediction in a float dtype: integers, in which a loss has no gradient, are converted."""
    known = on_device(loss, "prediction", prediction)
    if jnp.iscomplexobj(known):
        raise TypeError(
            f"{loss}: the prediction must be real, got {known.dtype}; give the loss jnp.abs of it, "
            "or its real and imaginary parts as two outputs"
        )
    return known if jnp.issubdtype(known.dtype, jnp.inexact) else known.astype(float)


def _log(p: jax.Array) -> jax.Array:
    """The logarithm of a probability, finite at 0."""
    return jnp.log(jnp.maximum(p, jnp.finfo(jnp.result_type(p)).tiny))


def _require_classes(name: str, output: Any, target: Any, binary: str) -> None:
    """Refuse outputs without classes, and targets that are neither labels nor distributions."""
    shape = jnp.shape(output)
    what = "probability" if "probabilities" in name else "logits"
    if not shape:
        raise ValueError(f"{what} of {name} must be [classes], got a scalar")
    if shape[-1] == 1:
        raise ValueError(
            f"{name} needs at least two classes: over a single one the loss is always 0; use "
            f"{binary} for one yes-no output"
        )
    if jnp.shape(target) not in (shape, shape[:-1]):
        raise ValueError(
            f"target of {name} for {what} of shape {shape} must be labels of shape {shape[:-1]} or "
            f"one-hot {shape}, got {jnp.shape(target)}{_column_hint(output, target)}"
        )


def _labels(name: str, target: Any, classes: int) -> tuple[jax.Array, jax.Array]:
    """Labels, 0 if out of range, and True for those in range; refuse known others."""
    if not jnp.issubdtype(jnp.result_type(target), jnp.integer):
        raise TypeError(
            f"labels of {name} must be integers, got {jnp.result_type(target)}; use "
            "labels.astype('int32')"
        )
    _raise_outside(target, classes - 1, f"label of {name}")
    target = jnp.asarray(target)
    if target.dtype.itemsize < 4:  # 256, a number of classes, is not a byte
        target = target.astype("int32")
    inside = (target >= 0) & (target < classes)
    return jnp.where(inside, target, 0), inside


def _distribution(what: str, value: Any, output: Any) -> tuple[jax.Array, jax.Array]:
    """Rows in the dtype of the output, and True for the distributions; refuse known others."""
    if not isinstance(value, jax.core.Tracer):
        require_distribution(what, value)
    rows = as_target(value, output)
    return rows, jnp.all(rows >= 0, axis=-1) & (jnp.abs(jnp.sum(rows, axis=-1) - 1) < _SUM)


def _same_shape(loss: str, prediction: Any, target: Any) -> jax.Array:
    """The target in the dtype of the prediction; refuse another shape."""
    target = as_array(loss, "target", target)
    if jnp.shape(prediction) != jnp.shape(target):
        raise ValueError(
            f"{loss}: target must have the shape of the prediction, {jnp.shape(prediction)}, got "
            f"{jnp.shape(target)}{_column_hint(prediction, target)}"
        )
    return as_target(target, prediction)


def as_target(target: Any, prediction: Any) -> jax.Array:
    """A target in the dtype of a prediction; refuse one whose imaginary parts would be lost."""
    if jnp.iscomplexobj(target) and not jnp.iscomplexobj(prediction):
        raise TypeError(
            f"target must be real, as the prediction is, got {jnp.result_type(target)}; learn its "
            "real and imaginary parts as two outputs"
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


def require_distribution(what: str, value: Any) -> None:
    """Refuse rows that are not distributions."""
    known = np.asarray(value, float)
    if np.any(known < 0) or not np.all(abs(known.sum(-1) - 1) <= _SUM):
        raise ValueError(
            f"{what} in the shape of the outputs must be a distribution (one-hot, or positive with "
            f"sum 1), got {known.tolist()}"
        )
