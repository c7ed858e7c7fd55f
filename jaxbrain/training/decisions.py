"""Decisions and targets of metrics: one class of several, or yes and no for each output.

Known targets of another kind are refused; traced ones give nan.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import as_array
from jaxbrain.core.config import configured

Decide = Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]

_SUM = 1e-2  # how far the sum of a distribution may be from 1


@checked
def most_likely(predictions: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Decision for the class with the largest output; for one output, a logit, yes above 0.

    Args:
      predictions: ``[n, classes]``; or ``[n]`` or ``[n, 1]``, one logit. Probabilities of several
        classes serve too; for those of one output use ``above(0.5)``.
      targets: integer labels ``[n]`` or one-hot ``[n, classes]``; for one output 0 or 1 in its
        shape.

    Returns:
      Two arrays ``[n, classes]`` of 0 and 1: the decisions and the targets. For one output there is
      one class, yes. The targets are nan if a traced one is no class.

    Raises:
      ValueError: if the shapes do not fit, or known targets are no classes.

    Examples:
      >>> logits = jnp.array([[0.1, 2.0, 0.3], [3.0, 0.0, 1.0]])
      >>> decisions, targets = most_likely(logits, jnp.array([1, 2]))
      >>> decisions.astype(int).tolist()
      [[0, 1, 0], [1, 0, 0]]
    """
    if predictions.ndim == 1 or predictions.shape[-1] == 1:
        return above()(predictions, targets)
    classes = predictions.shape[-1]
    labels, inside = class_of("most_likely", predictions.shape, targets)
    decisions = jax.nn.one_hot(jnp.argmax(predictions, axis=-1), classes, dtype="float32")
    actual = jnp.where(inside[..., None], jax.nn.one_hot(labels, classes, dtype="float32"), jnp.nan)
    return decisions.reshape(-1, classes), actual.reshape(-1, classes)


@configured
def above(threshold: float | jax.Array = 0.0) -> Decide:
    """Decision of each output for itself, yes above a threshold: one output, or several labels.

    Args:
      threshold: 0 for logits, 1/2 for probabilities.

    Returns:
      ``(predictions [n, ...], targets [n, ...]) -> (decisions, targets)``, ``[n, outputs]`` of 0
      and 1; targets that are not 0 or 1 are refused where they are known, else they are nan.

    Examples:
      >>> decisions, _ = above(0.5)(jnp.array([[0.7, 0.6]]), jnp.array([[1, 0]]))
      >>> decisions.tolist()
      [[1.0, 1.0]]
    """

    def decide(predictions: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
        if jnp.shape(predictions) != jnp.shape(targets):
            raise ValueError(
                "targets of yes-no outputs must have the shape of the predictions, "
                f"{jnp.shape(predictions)}, got {jnp.shape(targets)}; use y[:, None] for a column"
            )
        actual = yes_or_no("above", targets)
        decisions = (predictions > threshold).astype("float32")
        columns = decisions.shape[-1] if decisions.ndim > 1 else 1
        return decisions.reshape(-1, columns), actual.reshape(-1, columns)

    return decide


def class_of(name: str, shape: tuple[int, ...], target: Any) -> tuple[Any, Any]:
    """The class of each target, and True where it is one.

    Args:
      name: of the metric.
      shape: of the outputs, ``[..., classes]``.
      target: integer labels ``[...]`` or one-hot ``[..., classes]``.

    Raises:
      ValueError: if the shapes do not fit, or a known target is no class.
    """
    values, xp = _known(name, target)
    if values.shape == shape:
        rows = values.astype("float32")
        inside = xp.all(rows >= 0, axis=-1) & (xp.abs(xp.sum(rows, axis=-1) - 1) < _SUM)
        hint = (
            "one-hot, or a distribution with sum 1; several labels of one example are measured by "
            "jb.metrics.multilabel_accuracy or exact_match, numbers by mean_absolute_error"
        )
        _require(name, values, inside, hint)
        return xp.argmax(rows, axis=-1).astype("int32"), inside
    if values.shape != shape[:-1]:
        raise ValueError(
            f"{name}: for outputs of shape {shape} the target must be an integer label of shape "
            f"{shape[:-1]} or one-hot {shape}, got shape {values.shape}"
        )
    if values.dtype.itemsize < 4:  # in 32 bits: class 257 must not become the byte 1
        values = values.astype("int32")
    inside = (values >= 0) & (values < shape[-1])
    if jnp.issubdtype(values.dtype, jnp.floating):
        inside = inside & (values == xp.floor(values))
    _require(name, values, inside, f"a label in 0..{shape[-1] - 1}")
    return xp.where(inside, values, 0).astype("int32"), inside


def yes_or_no(name: str, target: Any) -> jax.Array:
    """Targets as 1.0 (above one half) and 0.0 (-1, too), nan where they are neither.

    Raises:
      ValueError: if a known target is neither from 0 to 1 nor -1.
    """
    known, _ = _known(name, target)
    values = known.astype("float32")
    inside = ((values >= 0) & (values <= 1)) | (values == -1)
    _require(name, known, inside, "0 or 1")
    return jnp.where(inside, (values > 0.5).astype("float32"), jnp.nan)


def _known(name: str, target: Any) -> tuple[Any, Any]:
    """A traced target with ``jax.numpy``, any other as a NumPy array with ``numpy``."""
    traced = isinstance(target, jax.core.Tracer)
    return (target, jnp) if traced else (np.asarray(as_array(name, "target", target)), np)


def _require(name: str, values: Any, inside: Any, wanted: str) -> None:
    if isinstance(values, jax.core.Tracer):
        return
    bad = np.argwhere(~inside)
    if len(bad):
        index = tuple(map(int, bad[0]))
        where = f" at index {list(index)}" if index else ""
        raise ValueError(f"{name}: a target must be {wanted}; got {values[index].tolist()}{where}")
