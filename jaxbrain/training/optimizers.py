"""Optimizers of optax: the check of the argument, and one update of the parameters."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from optax.contrib import ScheduleFreeState

from jaxbrain.core import closures, structure
from jaxbrain.core.config import label, made_by
from jaxbrain.core.types import LearningRule, Params
from jaxbrain.learning.backpropagation import backprop

_ADAM = "optax.adam(1e-3)"


def require_optimizer(function: str, optimizer: Any) -> None:
    """Refuse anything that has no ``init`` and ``update``, with the fix.

    Raises:
      TypeError: naming what came instead, such as ``optax.adam`` that was not called.
    """
    if isinstance(optimizer, optax.GradientTransformation):
        return
    methods = (getattr(optimizer, name, None) for name in ("init", "update"))
    if all(map(callable, methods)) and not inspect.isclass(optimizer):
        return
    raise TypeError(
        f"{function}: optimizer must be an optax transformation, got {_came(optimizer)}"
    )


def _came(optimizer: Any) -> str:
    """The value that came in place of an optimizer, in words, and the fix."""
    name = getattr(optimizer, "__name__", type(optimizer).__name__)
    if inspect.isfunction(optimizer) and optimizer.__module__.partition(".")[0] == "optax":
        if closures.library(optimizer) == "optax":  # a closure: something was called
            return "a schedule of optax; give it to an optimizer: optax.adam(schedule)"
        place = "optax.contrib" if "contrib" in optimizer.__module__ else "optax"
        first = next(iter(inspect.signature(optimizer).parameters), "")
        rate = "1e-3" if first in ("learning_rate", "step_size") else "..."
        return f"the function {place}.{name}; call it: {place}.{name}({rate})"
    if inspect.isclass(optimizer):
        return f"the class {name}; pass what a function such as {_ADAM} returns"
    if isinstance(optimizer, str):
        known = callable(getattr(optax, optimizer.lower(), None))
        return f"{optimizer!r}; pass " + (f"optax.{optimizer.lower()}(1e-3)" if known else _ADAM)
    if isinstance(optimizer, int | float) and not isinstance(optimizer, bool):
        return f"the number {optimizer}; pass optax.sgd({optimizer})"
    library = type(optimizer).__module__.partition(".")[0]
    if library in ("torch", "keras", "tensorflow"):
        return f"the {name} of {library}; pass that of optax, such as {_ADAM}"
    return f"{'None' if optimizer is None else name}; pass one such as {_ADAM}"


def init_optimizer(optimizer: optax.GradientTransformation, params: Params) -> Any:
    """The first state of an optimizer.

    Raises:
      TypeError: if it cannot start from these params.
    """
    try:
        return optimizer.init(params)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise TypeError(_explain(optimizer, None)) from error


class Batch(NamedTuple):
    """A rule on one batch, for optimizers that look at other parameters than the present ones.

    Attributes:
      rule: the learning rule.
      grads: ``(params) -> (loss, grads, rule_state)`` on the batch, with the noise of this step.
    """

    rule: LearningRule
    grads: Callable[[Params], tuple[jax.Array, Params, Any]]


def update_params(
    optimizer: optax.GradientTransformation,
    batch: Batch,
    loss: jax.Array,
    grads: Params,
    opt_state: Any,
    params: Params,
) -> tuple[Params, Any]:
    """One update: params <- params + optimizer(grads).

    An optimizer gets the loss as ``value``, sharpness-aware minimization the gradient as a function
    of the parameters; line searches and second derivatives get the loss as such a function, where
    the rule follows it: for `backprop`.

    Raises:
      TypeError: if the optimizer needs anything else, or gives no update for each parameter.
    """
    try:
        # optax's adam mixes integers and floats, others mix ranks
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            extra = _extra(set(_makers(optimizer)), batch, loss, grads)
            whole = optax.with_extra_args_support(optimizer)
            updates, opt_state = whole.update(grads, opt_state, params, **extra)
            if not _fits(updates, params):
                raise TypeError("the updates have not the shapes of the parameters")
            return optax.apply_updates(params, updates), opt_state
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise TypeError(_explain(optimizer, batch.rule)) from error


def evaluation_params(opt_state: Any, params: Params) -> Params:
    """The parameters at which a network in training is measured.

    They are those that train, but of a schedule-free optimizer (`optax.contrib.schedule_free`),
    which takes gradients at y = (1 - b) z + b x, the average x.

    Examples:
      >>> optimizer, params = optax.contrib.schedule_free_sgd(0.5, b1=0.5), jnp.array(1.0)
      >>> opt_state = optimizer.init(params)._replace(z=jnp.array(0.0))
      >>> float(evaluation_params(opt_state, params))  # 1 = (0 + 2) / 2
      2.0
    """

    def averages(node: Any) -> bool:
        return isinstance(node, ScheduleFreeState)

    def left_out(node: Any) -> bool:  # by optax.masked and optax.partition
        return isinstance(node, optax.MaskedNode)

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for state in filter(averages, jax.tree.leaves(opt_state, is_leaf=averages)):
            own = jax.tree.map(
                lambda z, y: z if left_out(z) else y, state.z, params, is_leaf=left_out
            )
            average = optax.contrib.schedule_free_eval_params(state, own)
            params = jax.tree.map(
                lambda x, y: y if left_out(x) else x.astype(y.dtype),
                average,
                params,
                is_leaf=left_out,
            )
    return params


def _extra(makers: set[str], batch: Batch, loss: jax.Array, grads: Params) -> dict[str, Any]:
    """The further arguments of an update; optax refuses those that an optimizer does not take."""
    if "sam" in makers:
        return {"grad_fn": lambda params, i: batch.grads(params)[1]}

    def loss_of(params: Params) -> jax.Array:
        return batch.grads(params)[0]

    extra: dict[str, Any] = {"value": loss}
    if made_by(batch.rule, backprop):
        if any("linesearch" in name for name in makers):
            extra |= {"grad": grads, "value_fn": loss_of}
        if any("hessian" in name for name in makers):
            extra |= {"obj_fn": loss_of}
    return extra


def _fits(updates: Any, params: Params) -> bool:
    same = jax.tree.structure(updates) == jax.tree.structure(params)
    pairs = zip(jax.tree.leaves(updates), jax.tree.leaves(params), strict=same)
    return same and all(jnp.shape(a) == jnp.shape(b) for a, b in pairs)


def _explain(optimizer: Any, rule: LearningRule | None) -> str:
    """The reason for which an optimizer of optax does not work here, by the functions it is of."""
    makers = set(_makers(optimizer))
    if rule is not None and not made_by(rule, backprop):
        if any("linesearch" in name for name in makers):
            return (
                "the optimizer searches along the loss as a function of the parameters, which "
                f"{label(rule)} does not follow; use it with jb.backprop, or take {_ADAM}"
            )
        if any("hessian" in name for name in makers):
            return (
                "the optimizer needs second derivatives of the loss, which a training with "
                f"{label(rule)} does not have; use it with jb.backprop, or take {_ADAM}"
            )
    if any("per_example" in name or "privat" in name for name in makers):
        return (
            "the optimizer needs the gradient of each example (differential privacy), but a "
            f"learning rule gives that of the whole batch; take {_ADAM}"
        )
    if "lookahead" in makers:
        return (
            "optax.lookahead needs two copies of the parameters (optax.LookaheadParams), which "
            f"is not supported; use its fast optimizer alone, {_ADAM} say"
        )
    return (
        "the optimizer does not work with the parameters of this network: optax raised the error "
        f"shown above; take another one, {_ADAM} say"
    )


def _makers(value: Any, seen: frozenset[int] = frozenset()) -> Iterator[str]:
    """The names of the functions of optax that made the closures in an optimizer."""
    node = structure.take_apart(value)
    if node.kind == "closure":
        if id(value) in seen:
            return
        seen |= {id(value)}
        yield closures.maker(value)
    for part in node.parts:
        yield from _makers(part, seen)
