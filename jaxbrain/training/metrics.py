"""Metrics: of one example, with their mean over a data set, and of a whole data set."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from jaxbrain.core.annotations import Inputs
from jaxbrain.core.arguments import checked, explained
from jaxbrain.core.arrays import require_arrays
from jaxbrain.core.compiled import compiled
from jaxbrain.core.program import Program
from jaxbrain.core.requirements import require_count, shown
from jaxbrain.core.types import Network, Params
from jaxbrain.training.arguments import require_metrics, require_network
from jaxbrain.training.data import check_data, check_inputs, check_range
from jaxbrain.training.decisions import above, most_likely
from jaxbrain.training.example_metrics import (
    accuracy,
    binary_accuracy,
    exact_match,
    mean_absolute_error,
    multilabel_accuracy,
    top_k_accuracy,
)
from jaxbrain.training.metric_checks import Metric, check_metrics
from jaxbrain.training.scores import (
    confusion_matrix,
    f1,
    is_over_dataset,
    macro,
    micro,
    over_dataset,
    per_class,
    precision,
    r_squared,
    recall,
    roc_auc,
    support_weighted,
)

__all__ = [
    "above",
    "accuracy",
    "binary_accuracy",
    "confusion_matrix",
    "evaluate",
    "exact_match",
    "f1",
    "macro",
    "mean_absolute_error",
    "micro",
    "most_likely",
    "multilabel_accuracy",
    "over_dataset",
    "per_class",
    "precision",
    "r_squared",
    "recall",
    "roc_auc",
    "support_weighted",
    "top_k_accuracy",
]


def __dir__() -> list[str]:
    return __all__


@checked
def predict(net: Network, params: Params, x: Inputs, *, batch_size: int | None = None) -> Any:
    """Predictions of a network for a data set, without noise: ``batch(net).apply``, in one program.

    They are the outputs of the network: logits, if it has learned by a loss from logits. Then
    ``jnp.argmax(predictions, -1)`` are the classes and ``jax.nn.softmax(predictions)`` their
    probabilities; of yes-no outputs these are ``predictions > 0`` and ``jax.nn.sigmoid``.

    Args:
      net: a network of one example.
      params: of net.
      x: ``[examples, ...]``, an array or a pytree of arrays.
      batch_size: examples at a time, to save memory; None: all at once.

    Returns:
      ``[examples, ...]``, in the order of x.

    Raises:
      TypeError, ValueError: if x is no array of finite numbers, is empty, or its arrays differ in
        length.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> net, params = jb.dense(1), {"kernel": jnp.ones((2, 1)), "bias": jnp.zeros(1)}
      >>> predict(net, params, jnp.array([[1.0, 2.0], [3.0, 4.0]]), batch_size=1).tolist()
      [[3.0], [7.0]]
    """
    require_network("predict", net)
    x = check_inputs("predict", x)
    if batch_size is not None:
        batch_size = require_count("predict", "batch_size", batch_size)
    return _predict(Program(net), params, x, batch_size)


@compiled(static_argnums=3)
def _predict(what: Program, params: Params, x: Any, batch_size: int | None) -> Any:
    return _for_each(lambda one: what.value.apply(params, one), x, batch_size)


@explained
def evaluate(
    net: Network,
    params: Params,
    data: tuple[Any, Any],
    metrics: Mapping[str, Metric],
    *,
    batch_size: int | None = None,
) -> dict[str, Any]:
    """Metrics over a data set, without noise.

    Args:
      net: a network of one example.
      params: of net.
      data: ``(x [examples, ...], y [examples, ...])``.
      metrics: name to ``(prediction, target) -> scalar`` of one example, whose mean is taken; a
        loss of `jaxbrain.losses` is one too. Those of all examples at once are
        `jaxbrain.metrics.precision`, `roc_auc` and others, and what `over_dataset` marks.
      batch_size: examples at a time, to save memory; None: all at once.

    Returns:
      Name to value: a Python number; an array where the metric has axes, or is traced.

    Raises:
      TypeError, ValueError: if an argument is of another kind, a number of the data is not finite,
        or a label or token is out of range. Traced data are not checked.
      ValueError: if the data or the outputs of net do not fit a metric.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, (x, y) = jb.dense(1), jb.datasets.xor()
      >>> params = net.init(jax.random.key(0), x[0])
      >>> metrics = {"loss": jb.losses.half_mse, "accuracy": jb.metrics.binary_accuracy}
      >>> sorted(evaluate(net, params, (x, y), metrics))
      ['accuracy', 'loss']
    """
    require_network("evaluate", net)
    require_arrays("evaluate", "params", params)
    require_metrics("evaluate", metrics, needed=True)
    if batch_size is not None:
        batch_size = require_count("evaluate", "batch_size", batch_size)
    data = check_data("evaluate", "data", data)
    check_range("evaluate", "data", net, params, data)
    check_metrics("data", net, params, data, metrics)
    found = _evaluate(Program((net, tuple(metrics.items()))), params, data, batch_size)
    return {name: _number(found[name]) for name in metrics}


@compiled(static_argnums=3)
def _evaluate(what: Program, params: Params, data: Any, batch_size: int | None) -> dict[str, Any]:
    net, metrics = what.value
    at_once = {name: metric for name, metric in metrics if is_over_dataset(metric)}

    def one(pair: tuple[Any, Any]) -> tuple[dict[str, jax.Array], Any]:
        x, y = pair
        prediction = net.apply(params, x)
        values = {name: metric(prediction, y) for name, metric in metrics if name not in at_once}
        for name, value in values.items():
            _require_scalar(name, value)
        return values, prediction if at_once else None

    rows, predictions = _for_each(one, data, batch_size)
    found = {name: _mean(values) for name, values in rows.items()}
    return found | {name: metric(predictions, data[1]) for name, metric in at_once.items()}


def _require_scalar(name: str, value: Any) -> None:
    form = f"metric {name} must give a scalar for one example, got"
    if value is None or isinstance(value, str):
        raise TypeError(f"{form} {shown(value)}")
    if not jax.tree_util.all_leaves([value]):
        raise TypeError(f"{form} a {type(value).__name__}")
    if jnp.shape(value):
        raise ValueError(
            f"{form} shape {jnp.shape(value)}; mark a metric of all examples at once with "
            "jb.metrics.over_dataset"
        )


def _for_each(function: Callable[[Any], Any], xs: Any, batch_size: int | None) -> Any:
    if batch_size is None:
        return jax.vmap(function)(xs)
    return jax.lax.map(function, xs, batch_size=batch_size)


def _number(value: jax.Array) -> Any:
    traced = isinstance(value, jax.core.Tracer)
    return value if traced or jnp.ndim(value) else value.item()


def _mean(values: jax.Array) -> jax.Array:
    """In float32 at least: half precision cannot count to 1,000."""
    exact = values.dtype == "float64" or values.dtype == "float32"
    return jnp.mean(values, dtype=values.dtype if exact else "float32")
