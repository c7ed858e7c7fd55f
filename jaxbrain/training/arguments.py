"""Arguments that all trainings share: rule, optimizer, numbers, metrics and functions of users."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import optax

from jaxbrain.core.functions import require_fitting
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import LearningRule, Network
from jaxbrain.training.optimizers import require_optimizer

Metric = Callable[[Any, Any], jax.Array]


def require_training(
    function: str, rule: Any, optimizer: Any, data: Any, *, epochs: Any, batch_size: Any
) -> None:
    """Refuse what is no rule, no optimizer, no number of epochs or examples; see `require_rule`."""
    require_rule(function, rule, optimizer)
    if isinstance(data, optax.GradientTransformation):
        raise TypeError(
            f"{function}: optimizer and data are exchanged; pass {function}(rule, optimizer, data)"
        )
    require_optimizer(function, optimizer)
    require_count(function, "epochs", epochs)
    if batch_size is not None:
        require_count(function, "batch_size", batch_size)


def require_rule(function: str, rule: Any, optimizer: Any = None) -> None:
    """Refuse anything but a LearningRule.

    Raises:
      TypeError: naming what came, and the fix.
    """
    if isinstance(rule, LearningRule):
        return
    if isinstance(optimizer, LearningRule):
        raise TypeError(
            f"{function}: rule and optimizer are exchanged; pass {function}(rule, optimizer, ...)"
        )
    fix = "make one of the network: jb.backprop(net, loss)" if isinstance(rule, Network) else ""
    fix = fix or (
        "call it: rule(net, loss)" if callable(rule) else "such as jb.backprop(net, loss)"
    )
    raise TypeError(f"{function}: rule must be a LearningRule, got {type(rule).__name__}; {fix}")


def require_network(function: str, net: Any) -> None:
    """Refuse anything but a Network."""
    if not isinstance(net, Network):
        rule = isinstance(net, LearningRule)
        fix = "pass rule.network" if rule else "pass net, then params: (net, params, data, metrics)"
        raise TypeError(f"{function}: net must be a Network, got {type(net).__name__}; {fix}")


def require_function(function: str, argument: str, value: Any, wanted: Any, form: str) -> None:
    """Refuse anything but None or a function of this form, ``(state) -> pytree`` say.

    Args:
      function, argument: names for the message.
      value: what came.
      wanted: the type of the function, ``Callable[[...], ...]``.
      form: its type in words.
    """
    if value is None:
        return
    if not callable(value) or isinstance(value, tuple):
        raise TypeError(
            f"{function}: {argument} must be a function {form}, got {type(value).__name__}"
        )
    require_fitting(wanted, f"a function {form}", function, argument, value)


def require_flag(function: str, argument: str, value: Any) -> None:
    """Refuse anything but True, False or None."""
    if value is not None and not isinstance(value, bool):
        raise TypeError(f"{function}: {argument} must be True, False or None, got {value!r}")


def require_metrics(function: str, metrics: Any, *, needed: bool = False) -> None:
    """Refuse anything but a mapping from names to functions, or None where they are not needed."""
    form = '{"accuracy": jb.accuracy}'
    if metrics is None and not needed:
        return
    if not isinstance(metrics, Mapping):
        got = getattr(metrics, "__name__", None) or repr(metrics)
        raise TypeError(
            f"{function}: metrics must map names to functions, {form} say, got {got[:80]}"
        )
    for name, metric in metrics.items():
        if not isinstance(name, str):
            raise TypeError(
                f"{function}: metrics must be named by strings, {form} say, got {name!r}"
            )
        require_function(
            function, f"metrics[{name!r}]", "None" if metric is None else metric, Metric,
            "(prediction, target) -> scalar, jb.accuracy say",
        )  # fmt: skip
