"""Metrics of a whole data set, which are no means over examples: precision, recall, F1, ROC AUC.

Each is ``(predictions [n, ...], targets [n, ...]) -> array``. `jaxbrain.evaluate`, `jaxbrain.fit`
and `jaxbrain.run` give it all examples at once. Options are bound with ``functools.partial``.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import on_device
from jaxbrain.core.config import configured, made_by
from jaxbrain.training.decisions import Decide, class_of, most_likely, yes_or_no

DatasetMetric = Callable[[Any, Any], jax.Array]


class Counts(NamedTuple):
    """Numbers of examples of each class, ``[classes]``.

    Attributes:
      true_positives: of the class and taken for it.
      false_positives: of another class and taken for it.
      false_negatives: of the class and taken for another.
    """

    true_positives: jax.Array
    false_positives: jax.Array
    false_negatives: jax.Array


Score = Callable[[Counts], jax.Array]
Average = Callable[[Score, Counts], jax.Array]


@configured
def over_dataset(metric: DatasetMetric) -> DatasetMetric:
    """A metric of all examples of a data set at once, instead of the mean over examples.

    Args:
      metric: ``(predictions [n, ...], targets [n, ...]) -> array``, a pure function.

    Returns:
      The same function, which `jaxbrain.evaluate`, `jaxbrain.fit` and `jaxbrain.run` give all
      examples. The metrics of this library that need them do not need this mark.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> worst = over_dataset(lambda predictions, targets: jnp.max(jnp.abs(predictions - targets)))
      >>> x = jnp.array([[1.0], [5.0]])
      >>> jb.evaluate(jb.elementwise(jnp.negative), (), (x, x), {"worst error": worst})
      {'worst error': 10.0}
    """
    if not callable(metric):
        raise TypeError(f"over_dataset: metric must be a function, got {type(metric).__name__}")
    return metric


def is_over_dataset(metric: Any) -> bool:
    """True for a metric of all examples at once."""
    while isinstance(metric, functools.partial):
        metric = metric.func
    return made_by(metric, over_dataset) or metric in _OWN


@checked
def macro(score: Score, counts: Counts) -> jax.Array:
    """The mean of a score over the classes that occur in the targets or in the predictions.

    Args:
      score: of the counts of each class.
      counts: of each class.

    Examples:
      >>> counts = Counts(*jnp.array([[1.0, 3.0], [1.0, 0.0], [1.0, 0.0]]))
      >>> float(macro(lambda c: c.true_positives, counts))
      2.0
    """
    occurs = ~(jnp.sum(jnp.stack(counts), axis=0) == 0)  # nan is not 0, and goes on
    values = jnp.where(occurs, score(counts), 0.0)
    return _ratio(jnp.sum(values), jnp.sum(occurs, dtype=values.dtype))


@checked
def micro(score: Score, counts: Counts) -> jax.Array:
    """The score of the counts of all classes together.

    Args:
      score: of counts.
      counts: of each class.

    Examples:
      >>> counts = Counts(*jnp.array([[1.0, 3.0], [1.0, 0.0], [1.0, 0.0]]))
      >>> float(micro(lambda c: c.true_positives, counts))
      4.0
    """
    return score(Counts(*(jnp.sum(count) for count in counts)))


@checked
def support_weighted(score: Score, counts: Counts) -> jax.Array:
    """The mean of a score over the classes, each weighted by its number of targets.

    Args:
      score: of the counts of each class.
      counts: of each class.

    Examples:
      >>> counts = Counts(*jnp.array([[1.0, 3.0], [1.0, 0.0], [1.0, 0.0]]))
      >>> round(float(support_weighted(lambda c: c.true_positives, counts)), 4)
      2.2
    """
    support = counts.true_positives + counts.false_negatives
    return _ratio(jnp.sum(support * score(counts)), jnp.sum(support))


@checked
def per_class(score: Score, counts: Counts) -> jax.Array:
    """The score of each class, ``[classes]``.

    Args:
      score: of the counts of each class.
      counts: of each class.

    Examples:
      >>> counts = Counts(*jnp.array([[1.0, 3.0], [1.0, 0.0], [1.0, 0.0]]))
      >>> per_class(lambda c: c.true_positives, counts).tolist()
      [1.0, 3.0]
    """
    return score(counts)


@checked
def precision(
    predictions: jax.Array,
    targets: jax.Array,
    *,
    average: Average = macro,
    decide: Decide = most_likely,
) -> jax.Array:
    """Precision: the part of the examples taken for a class that are of it, TP / (TP + FP).

    It is 0 for a class that no example is taken for, of which scikit-learn warns. With one output
    it is that of the answer yes, ``average="binary"`` of scikit-learn.

    Args:
      predictions: ``[n, ...]``, outputs of the network.
      targets: ``[n, ...]``.
      average: `macro`, `micro`, `support_weighted` or `per_class`.
      decide: `most_likely`, or `above` for several labels and for probabilities of one output.

    Examples:
      >>> logits, y = jnp.array([2.0, 1.0, -1.0]), jnp.array([1, 0, 1])
      >>> float(precision(logits, y))
      0.5
    """
    return average(_precision, _count(decide, predictions, targets))


@checked
def recall(
    predictions: jax.Array,
    targets: jax.Array,
    *,
    average: Average = macro,
    decide: Decide = most_likely,
) -> jax.Array:
    """Recall: the part of the examples of a class that are taken for it, TP / (TP + FN).

    It is 0 for a class without examples, of which scikit-learn warns.

    Args:
      predictions, targets, average, decide: as for `precision`.

    Examples:
      >>> logits, y = jnp.array([2.0, 1.0, -1.0, -2.0]), jnp.array([1, 0, 1, 1])
      >>> round(float(recall(logits, y)), 4)
      0.3333
    """
    return average(_recall, _count(decide, predictions, targets))


@checked
def f1(
    predictions: jax.Array,
    targets: jax.Array,
    *,
    average: Average = macro,
    decide: Decide = most_likely,
) -> jax.Array:
    """F1: the harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN).

    It is 0 for a class that occurs neither in the targets nor in the predictions.

    Args:
      predictions, targets, average, decide: as for `precision`.

    Examples:
      >>> logits, y = jnp.array([2.0, 1.0, -1.0, -2.0]), jnp.array([1, 0, 1, 1])
      >>> round(float(f1(logits, y)), 4)
      0.4
    """
    return average(_f1, _count(decide, predictions, targets))


@checked
def confusion_matrix(
    predictions: jax.Array, targets: jax.Array, *, decide: Decide = most_likely
) -> jax.Array:
    """Confusion matrix: entry (i, j) counts the examples of class i that are taken for class j.

    Args:
      predictions: ``[n, classes]``, or one output ``[n]`` or ``[n, 1]``.
      targets: ``[n, ...]``.
      decide: `most_likely`, or ``above(0.5)`` for the probability of one output.

    Returns:
      ``[classes, classes]`` in float32; for one output ``[2, 2]``, no and yes.

    Raises:
      ValueError: if decide gives several labels to an example.

    Examples:
      >>> confusion_matrix(jnp.array([2.0, 1.0, -1.0]), jnp.array([1, 0, 1])).tolist()
      [[0.0, 1.0], [1.0, 1.0]]
    """
    decisions, actual = decide(jnp.asarray(predictions), targets)
    if decisions.shape[-1] == 1:
        decisions, actual = (jnp.concatenate([1 - a, a], axis=-1) for a in (decisions, actual))
    elif decide is not most_likely:
        raise ValueError(
            "confusion_matrix: an example has one class, but decide gives an answer for each of "
            f"{decisions.shape[-1]} outputs; use jb.metrics.most_likely"
        )
    return actual.T @ decisions


@checked
def roc_auc(
    predictions: jax.Array,
    targets: jax.Array,
    *,
    scores: Callable[[jax.Array], jax.Array] = jax.nn.softmax,
) -> jax.Array:
    """Area under the ROC curve: probability that an example of a class ranks above another one.

    AUC = P(s+ > s-) + 1/2 P(s+ = s-)

    One output ranks the examples by itself, logit or probability. Several classes: the mean over
    the classes, each against all others, ``multi_class="ovr"`` of scikit-learn. It is nan if a
    class has no example or all of them, of which scikit-learn warns.

    Args:
      predictions: ``[n]`` or ``[n, 1]``; logits ``[n, classes]``; or ``[n, outputs]``.
      targets: 0 or 1 in the shape of the predictions, the mean over outputs that rank by
        themselves; or integer labels ``[n]`` for several classes.
      scores: from the logits ``[n, classes]`` to what ranks; for a network that ends in a softmax
        ``scores=lambda p: p``.

    Examples:
      >>> float(roc_auc(jnp.array([0.1, 0.4, 0.35, 0.8]), jnp.array([0, 0, 1, 1])))
      0.75
    """
    predictions = _wide(predictions)
    if jnp.shape(predictions) == jnp.shape(targets):
        columns = predictions.shape[-1] if predictions.ndim > 1 else 1
        actual = yes_or_no("roc_auc", targets).reshape(-1, columns)
    else:
        columns = predictions.shape[-1]
        labels, inside = class_of("roc_auc", predictions.shape, targets)
        hot = jax.nn.one_hot(labels, columns, dtype="float32")
        actual = jnp.where(inside[..., None], hot, jnp.nan).reshape(-1, columns)
        predictions = scores(predictions)
    return jnp.mean(jax.vmap(_area, in_axes=1)(predictions.reshape(-1, columns), actual))


@checked
def r_squared(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    """Coefficient of determination, the mean over outputs; 1 is perfect, 0 is the mean as a guess.

    R^2 = 1 - sum_i (t_i - p_i)^2 / sum_i (t_i - mean(t))^2

    For a constant target it is 1 if all predictions are right, else 0, as in scikit-learn.

    Args:
      predictions: ``[n, ...]``.
      targets: of the same shape.

    Examples:
      >>> float(r_squared(jnp.array([1.0, 2.0, 4.0]), jnp.array([1.0, 2.0, 3.0])))
      0.5
    """
    predictions = on_device("r_squared", "predictions", predictions)
    targets = on_device("r_squared", "targets", targets)
    if predictions.shape != targets.shape:
        raise ValueError(
            f"r_squared: targets must have the shape of the predictions, {jnp.shape(predictions)}, "
            f"got {jnp.shape(targets)}; use y[:, None] for a column of targets"
        )
    predictions, targets = _wide(predictions), _wide(targets)
    residual = jnp.sum(jnp.square(targets - predictions), axis=0)
    total = jnp.sum(jnp.square(targets - jnp.mean(targets, axis=0, keepdims=True)), axis=0)
    varied = total > 0
    constant = jnp.where(residual == 0, 1.0, 0.0)
    return jnp.mean(jnp.where(varied, 1 - residual / jnp.where(varied, total, 1), constant))


_OWN = (precision, recall, f1, confusion_matrix, roc_auc, r_squared)


def _count(decide: Decide, predictions: Any, targets: Any) -> Counts:
    decisions, actual = decide(jnp.asarray(predictions), targets)
    both = jnp.sum(decisions * actual, axis=0)
    return Counts(both, jnp.sum(decisions, axis=0) - both, jnp.sum(actual, axis=0) - both)


def _precision(counts: Counts) -> jax.Array:
    return _ratio(counts.true_positives, counts.true_positives + counts.false_positives)


def _recall(counts: Counts) -> jax.Array:
    return _ratio(counts.true_positives, counts.true_positives + counts.false_negatives)


def _f1(counts: Counts) -> jax.Array:
    twice = 2 * counts.true_positives
    return _ratio(twice, twice + counts.false_positives + counts.false_negatives)


def _ratio(part: jax.Array, whole: jax.Array) -> jax.Array:
    """0 where there is nothing; nan stays nan."""
    return jnp.where(whole == 0, 0.0, part / jnp.where(whole == 0, 1.0, whole))


def _area(scores: jax.Array, actual: jax.Array) -> jax.Array:
    """The mean, over the positives, of the part of the negatives below; ties count one half."""
    order = jnp.argsort(scores)
    ranked, negative = scores[order], (actual[order] == 0).astype("int32")
    below = jnp.append(jnp.zeros(1, "int32"), jnp.cumsum(negative, dtype="int32"))
    pairs = below[jnp.searchsorted(ranked, scores)]
    pairs = pairs + below[jnp.searchsorted(ranked, scores, side="right")]
    positives, negatives = jnp.sum(actual == 1), below[-1]
    each = jnp.where(actual == 1, pairs.astype("float32"), 0.0)
    each = each / (2 * jnp.maximum(negatives, 1)).astype("float32")
    area = jnp.sum(each) / jnp.maximum(positives, 1).astype("float32")
    known = (positives > 0) & (negatives > 0) & ~jnp.any(jnp.isnan(actual) | jnp.isnan(scores))
    return jnp.where(known, area, jnp.nan)


def _wide(values: Any) -> jax.Array:
    """In float32 at least: half precision cannot count to 1,000."""
    values = jnp.asarray(values)
    return values if values.dtype in ("float32", "float64") else values.astype("float32")
