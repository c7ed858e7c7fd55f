"""Metrics of one example, and their mean over a data set."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.calls import explained
from jaxbrain.core.compiled import compiled
from jaxbrain.core.program import Program
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Network, Params
from jaxbrain.training.arguments import require_metrics, require_network
from jaxbrain.training.data import check_data, check_range

__all__ = [
    "accuracy",
    "binary_accuracy",
    "evaluate",
]


def __dir__() -> list[str]:
    return __all__


Metric = Callable[[jax.Array, jax.Array], jax.Array]


def accuracy(logits: jax.Array, target: jax.Array) -> jax.Array:
    """Accuracy of one prediction from logits: 1 if it is right, 0 if it is wrong.

    Several classes: argmax(logits) == label. One output: (logit > 0) == (target > 1/2).

    Args:
      logits: ``[classes]``; or ``[1]`` or ``[]``, one logit before its sigmoid (after it, use
        `binary_accuracy`); or ``[..., classes]``, over which the mean is taken.
      target: an integer label ``[]`` or one-hot ``[classes]``; for one logit 0 or 1 in its shape.

    Returns:
      1.0 or 0.0 in float32; its mean over examples is the accuracy.

    Raises:
      ValueError: if the shapes do not fit.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(accuracy(jnp.array([0.1, 2.0, 0.3]), jnp.array(1)))
      1.0
      >>> float(accuracy(jnp.array([-3.0]), jnp.array([1])))
      0.0
    """
    if logits.size == 1:
        return _decide(logits, target, 0.0)
    if target.shape == logits.shape:
        target = jnp.argmax(target, axis=-1)
    if target.shape != logits.shape[:-1]:
        raise ValueError(
            f"accuracy: for logits of shape {logits.shape} (one example) the target must be an "
            f"integer label of shape () or one-hot {logits.shape}, got shape {target.shape}"
        )
    # in 32 bits: class 257 must not become the byte 1
    right = jnp.argmax(logits, axis=-1).astype("int32") == target.astype("int32")
    return jnp.mean(right, dtype="float32")


def binary_accuracy(probability: jax.Array, target: jax.Array) -> jax.Array:
    """Accuracy of one sigmoid output: 1 on the right side of one half, 0 on the other.

    (probability > 1/2) == (target > 1/2)

    Args:
      probability: ``[1]`` or ``[]``, after the sigmoid; for a logit use `accuracy`.
      target: 0 or 1, in the same shape.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(binary_accuracy(jnp.array([0.3]), jnp.array([0.0])))
      1.0
    """
    return _decide(probability, target, 0.5)


@explained
def evaluate(
    net: Network,
    params: Params,
    data: tuple[Any, Any],
    metrics: Mapping[str, Metric],
    *,
    batch_size: int | None = None,
) -> dict[str, jax.Array]:
    """The mean of each metric over a data set, without noise.

    Args:
      net: a network of one example.
      params: of net.
      data: ``(x [examples, ...], y [examples, ...])``.
      metrics: name to ``(prediction, target) -> scalar``; a loss of `jaxbrain.losses` is one too.
      batch_size: examples at a time, to save memory; None: all at once.

    Raises:
      TypeError, ValueError: if an argument is of another kind, a number of the data is not finite,
        or a label or token is out of range. Traced data are not checked.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, (x, y) = jb.dense(1), jb.datasets.xor()
      >>> params = net.init(jax.random.key(0), x[0])
      >>> metrics = {"loss": jb.losses.half_mse, "accuracy": jb.metrics.binary_accuracy}
      >>> sorted(evaluate(net, params, (x, y), metrics))
      ['accuracy', 'loss']
    """
    require_network("evaluate", net)
    require_metrics("evaluate", metrics)
    if batch_size is not None:
        batch_size = require_count("evaluate", "batch_size", batch_size)
    data = check_data("evaluate", "data", data)
    check_range("evaluate", "data", net, params, data)
    return _evaluate(Program((net, tuple(metrics.items()))), params, data, batch_size)


@compiled(static_argnums=3)
def _evaluate(what: Program, params: Params, data: Any, batch_size: int | None) -> dict[str, Any]:
    net, metrics = what.value

    def one(pair: tuple[Any, Any]) -> dict[str, jax.Array]:
        x, y = pair
        prediction = net.apply(params, x)
        values = {name: metric(prediction, y) for name, metric in metrics}
        for name, value in values.items():
            if jnp.shape(value):
                raise ValueError(
                    f"metric {name} must give a scalar for one example, got shape "
                    f"{jnp.shape(value)}"
                )
        return values

    rows = (
        jax.vmap(one)(data) if batch_size is None else jax.lax.map(one, data, batch_size=batch_size)
    )
    return {name: _mean(values) for name, values in rows.items()}


def _mean(values: jax.Array) -> jax.Array:
    """In float32 at least: half precision cannot count to 1,000."""
    exact = values.dtype == "float64" or values.dtype == "float32"
    return jnp.mean(values, dtype=values.dtype if exact else "float32")


def _decide(output: jax.Array, target: jax.Array, threshold: float) -> jax.Array:
    if output.size != 1 or output.shape != target.shape:
        raise ValueError(
            f"a single output of shape () or (1,) needs a target of the same shape, got output "
            f"{output.shape} and target {target.shape}; use y[:, None] for a column of targets"
        )
    right = (output > threshold) == (target.astype(output.dtype) > 0.5)
    return jnp.all(right).astype("float32")
