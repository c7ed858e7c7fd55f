"""Outputs of a network and the loss that they fit: logits or probabilities.

The range of the outputs follows from the functions after the last weights, which are evaluated at a
few numbers. So a sigmoid is recognized by its values, under any name. Nothing is said of networks
made by hand, and nothing of losses that are not known.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import optax

from jaxbrain import losses
from jaxbrain.cells.composition import stack
from jaxbrain.cells.unrolling import last, learned_carry, masked, unroll
from jaxbrain.core import composition
from jaxbrain.core.structure import is_configured
from jaxbrain.core.types import Loss, Network
from jaxbrain.networks import avg_pool, conv, dense, dropout, elementwise, embed, flatten, max_pool

_NUMBERS = (
    np.array([-20.0, -3.0, -0.5, 0.5, 2.0, 20.0], np.float32),
    np.array([-1e4, 1e4, -1e4, 0.25, -1e4, 1e4], np.float32),
)
_ANY_NUMBER = (dense, conv, embed)  # their outputs can be any numbers
_SAME_RANGE = (flatten, dropout, max_pool, avg_pool, last)
_WRAPPERS = {
    composition.batch: "net",
    composition.with_precision: "net",
    composition.lift: "net",
    unroll: "cell",
    learned_carry: "cell",
    masked: "cell",
}
_JOINED = (composition.serial, stack, composition.parallel, elementwise)
_KNOWN = {*_JOINED, *_WRAPPERS, *_ANY_NUMBER, *_SAME_RANGE, composition.affine}
_BINARY = (losses.binary_cross_entropy, optax.losses.sigmoid_binary_cross_entropy)
_SOFTMAX = (
    losses.softmax_cross_entropy,
    optax.losses.softmax_cross_entropy,
    optax.losses.softmax_cross_entropy_with_integer_labels,
)
_PROBABILITIES = {
    losses.binary_cross_entropy_of_probabilities: ("sigmoid", "binary_cross_entropy"),
    losses.cross_entropy_of_probabilities: ("softmax", "softmax_cross_entropy"),
}


class Outputs(NamedTuple):
    """Outputs of a network where the functions after its last weights get any numbers.

    Attributes:
      rows: for each row of numbers before these functions; empty where they cannot be evaluated.
      complete: True if all outputs are in the range of rows, and all of the range can be reached.
      layer: the last of these functions, as a layer, or None.
    """

    rows: tuple[np.ndarray, ...]
    complete: bool
    layer: Network | None

    @property
    def low(self) -> float:
        return min((float(np.min(row)) for row in self.rows), default=-np.inf)

    @property
    def high(self) -> float:
        return max((float(np.max(row)) for row in self.rows), default=np.inf)

    @property
    def probabilities(self) -> bool:
        """True if all outputs are from 0 to 1."""
        return self.low >= 0 and self.high <= 1

    @property
    def distributions(self) -> bool:
        """True if the outputs are probabilities with sum 1."""
        return self.probabilities and all(
            np.allclose(row.sum(-1), 1, atol=1e-3) for row in self.rows
        )


Before = Callable[[], Outputs]


def _any_numbers() -> Outputs:
    """The outputs of a network of which nothing is known."""
    return Outputs(_NUMBERS, False, None)


def outputs_of(net: Any) -> Outputs:
    """The outputs of a network or cell, as far as its configuration tells.

    Examples:
      >>> import jaxbrain as jb
      >>> outputs_of(jb.serial(jb.dense(3), jb.elementwise(jax.nn.softmax))).distributions
      True
    """
    return _through(net, _any_numbers)


def require_matching_loss(rule: str, net: Any, loss: Loss | None) -> None:
    """Refuse a loss from logits after a sigmoid or softmax, and one of probabilities without."""
    known = _innermost(loss)
    if any(known is loss for loss in _PROBABILITIES):
        _require_probabilities(rule, net, known)
    elif any(known is loss for loss in (*_BINARY, *_SOFTMAX)):
        _require_logits(rule, net, known)


def _require_logits(rule: str, net: Any, loss: Any) -> None:
    found = outputs_of(net)
    binary = loss in _BINARY
    what = None
    if found.probabilities:
        what = "are probabilities, from 0 to 1"
    elif binary and found.low >= 0:
        what = "are never negative, so that no probability is below one half"
    elif found.high <= 0 and (binary or _is_log_sigmoid(found)):
        what = "are never positive, as logarithms of probabilities"
    if what is not None:
        other = ("binary_" if binary else "") + "cross_entropy_of_probabilities"
        either = f", or use jb.losses.{other}" if found.probabilities else ""
        raise ValueError(
            f"{rule}: {loss.__name__} takes logits, but the outputs of {net} {what}; drop the last "
            f"layer, {found.layer}{either}"
        )


def _require_probabilities(rule: str, net: Any, loss: Any) -> None:
    found = outputs_of(net)
    function, other = _PROBABILITIES[loss]
    if found.complete and not found.probabilities:
        what = "can be below 0 or above 1"
    elif function == "softmax" and found.probabilities and not found.distributions:
        what = "do not have sum 1"
    else:
        return
    raise ValueError(
        f"{rule}: {loss.__name__} takes probabilities, but the outputs of {net} {what}; let it end "
        f"in jb.elementwise(jax.nn.{function}), or in jb.dense with jb.losses.{other}"
    )


def _innermost(loss: Any) -> Any:
    """The loss within partials and within losses of a loss, such as `jaxbrain.tasks.graded`."""
    while True:
        parameters = loss.config.parameters if is_configured(loss) else {}
        if isinstance(loss, functools.partial):
            loss = loss.func
        elif "loss" in parameters or "score" in parameters:
            loss = parameters.get("loss", parameters.get("score"))
        else:
            return loss


def _chain(parts: tuple[Any, ...], before: Before) -> Outputs:
    """The outputs of a chain of parts; from its end, so that only the last functions are called."""
    return before() if not parts else _through(parts[-1], lambda: _chain(parts[:-1], before))


def _through(part: Any, before: Before) -> Outputs:
    """The outputs of a part of a network for those of the parts before it."""
    config = part.config if is_configured(part) else None
    while config is not None and config.make not in _KNOWN and config.inner is not None:
        config = config.inner  # such as the serial that a constructor of the user returned
    if config is None:
        return _any_numbers()
    make, parameters = config.make, config.parameters
    if make in (composition.serial, stack):
        return _chain(config.arguments, before)
    if make in _WRAPPERS:
        return _through(parameters[_WRAPPERS[make]], before)
    if make is composition.parallel and parameters["combine"] is composition.concatenate:
        branches = [_through(branch, before) for branch in config.arguments]
        rows = tuple(row for branch in branches for row in branch.rows)
        known = all(branch.rows for branch in branches)
        return Outputs(rows if known else (), all(b.complete for b in branches), part)
    if make is elementwise:
        return _values(part, parameters["function"], before())
    if make in _SAME_RANGE:
        return before()
    weightless = getattr(composition.constructor(part), "without_weights", False)
    declared = make is composition.affine and not weightless
    return Outputs(_NUMBERS, make in _ANY_NUMBER or declared, None)


def _values(layer: Network, function: Any, before: Outputs) -> Outputs:
    try:
        with jax.ensure_compile_time_eval():
            rows = tuple(np.asarray(function(jnp.asarray(row)), float) for row in before.rows)
    except Exception:  # a function of the user, of another shape or dtype: nothing is known
        return Outputs((), False, layer)
    known = all(row.size and not np.isnan(row).any() for row in rows)
    return Outputs(rows if known else (), before.complete and known, layer)


def _is_log_sigmoid(found: Outputs) -> bool:
    """True for log s(z): a log-softmax, which has sum 1, is as good as its logits."""
    pairs = zip(found.rows, _NUMBERS, strict=False)
    return all(
        row.shape == z.shape and np.allclose(row, -np.logaddexp(0, -z), atol=1e-4)
        for row, z in pairs
    )
