"""Online rules from two parts: an influence and a feedback.

The loss of step t depends on the params p directly and through the carry s_{t-1}. Its gradient is
dL_t/dp + dL_t/ds_{t-1} ds_{t-1}/dp, and the influence ds/dp follows the recursion
ds_t/dp = I_t + D_t ds_{t-1}/dp, I = ds_t/dp at a fixed s_{t-1}, D = ds_t/ds_{t-1}. Rules differ in
what they keep of the influence (`Influence`) and in how the error returns to the cell (`Feedback`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.flatten_util import ravel_pytree

from jaxbrain.core.composition import split_key
from jaxbrain.core.config import configured
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.online.linearization import LinearizedStep, linearize, same_noise
from jaxbrain.learning.online.readout_feedback import Feedback, symmetric_feedback
from jaxbrain.learning.outputs import require_matching_loss

_OWN = 0x0E  # separates the randomness of a rule from the noise of its cell


class Influence(NamedTuple):
    """The part of ds/dp that a rule keeps, as traces.

    Attributes:
      init: ``(cell_params, carry, x) -> traces`` before the first step, whose input is x: of
        ds_0/dp, which is zero unless the first carry is learned.
      gradient: ``(traces, step) -> [n_params]``, dL/ds times the influence of the steps before.
      update: ``(traces, step) -> traces`` after the step.
      advance: ``(traces, step) -> (gradient, traces)``, both at once where they share work, the
        gradient in the structure of the params; None: one after the other.
    """

    init: Callable[[Params, Any, Any], Any]
    gradient: Callable[[Any, LinearizedStep], jax.Array]
    update: Callable[[Any, LinearizedStep], Any]
    advance: Callable[[Any, LinearizedStep], tuple[Params, Any]] | None = None


def joint_influence(init: Callable, advance: Callable) -> Influence:
    """An influence whose gradient and update share work."""
    return Influence(
        init,
        gradient=lambda traces, step: ravel_pytree(advance(traces, step)[0])[0],
        update=lambda traces, step: advance(traces, step)[1],
        advance=advance,
    )


@configured
def online_rule(
    name: str,
    cell: Cell,
    readout: Network,
    loss: Loss,
    influence: Influence,
    *,
    feedback: Feedback | None = None,
    credited: Cell | None = None,
) -> Cell:
    """An online rule from its influence and its feedback.

    g_t = dL_t/dp + dL_t/ds_{t-1} traces

    Where a step has no target let the loss be zero, with a pair of target and weight as y.

    Args:
      name: of the rule, for messages.
      influence: the part of ds/dp that is kept.
      feedback: the way of the error from the readout; None: `symmetric_feedback`.
      credited: a cell with the steps of cell, and derivatives on the paths that get credit; None:
        cell itself.

    Returns:
      A Cell from ``(x, y)`` to ``(loss, grads)``, whose carry is the pair of the carry of cell and
      the traces.

    Raises:
      TypeError: if cell is not a Cell, readout not a Network or feedback not a Feedback.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> nothing = Influence(  # truncated back-propagation: the past has no influence
      ...     init=lambda params, carry, x: (),
      ...     gradient=lambda traces, step: jnp.zeros_like(step.params),
      ...     update=lambda traces, step: ())
      >>> rule = online_rule("mine", jb.cells.gru(3), jb.dense(1), jb.losses.mse, nothing)
      >>> now = (jnp.ones(2), jnp.ones(1))
      >>> params = rule.init(jax.random.key(0), now)
      >>> carry, (loss, grads) = rule.step(params, rule.carry(params, now), now)
      >>> grads[0]["recurrent"].any().item(), grads[1]["bias"].shape
      (False, (1,))
    """
    require_matching_loss(name, readout, loss)
    way = symmetric_feedback() if feedback is None else feedback
    model = online_model(cell, readout, way)
    inside = cell if credited is None else credited

    def init(key: jax.Array, x: Any) -> Params:
        return model.init(key, x[0])

    def carry(params: Params, x: Any) -> tuple[Any, Any]:
        start = model.carry(params, x[0])
        return start, influence.init(params[0], start, x[0])

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        x, target = x
        before, traces = carry
        inner, outer, *held = params
        of_cell, of_readout = split_key(key, 2)
        after, y, linearized = linearize(inside, inner, before, x, of_cell)
        prediction = readout.apply(outer, y, key=of_readout)
        value, error = jax.value_and_grad(loss)(prediction, target)
        outward = _pull(lambda p: readout.apply(p, y, key=same_noise(of_readout)), outer, error)
        back = way.weights(outer, tuple(held))
        signal = _pull(lambda a: readout.apply(back, a, key=same_noise(of_readout)), y, error)

        direct, now = linearized(signal, None if key is None else jax.random.fold_in(key, _OWN))
        past, traces = _advance(influence, traces, now)
        inward = jax.tree.map(lambda p, a, b: (a + b).astype(p.dtype), inner, direct, past)
        outward, of_feedback = way.change(outward, outer, tuple(held))
        return (after, traces), (value, (inward, outward, *of_feedback))

    return Cell(init, carry, step)


@configured
def online_model(cell: Cell, readout: Network, feedback: Feedback) -> Cell:
    """The model that an online rule trains: a Cell from the input to the prediction."""

    def init(key: jax.Array, x: Any) -> Params:
        of_cell, of_readout, of_feedback = jax.random.split(key, 3)
        params = cell.init(of_cell, x)
        before = jax.eval_shape(cell.carry, params, x)
        y = jax.eval_shape(cell.step, params, before, x)[1]
        return params, readout.init(of_readout, y), *feedback.init(of_feedback, readout, y)

    def carry(params: Params, x: Any) -> Any:
        return cell.carry(params[0], x)

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        of_cell, of_readout = split_key(key, 2)
        carry, y = cell.step(params[0], carry, x, key=of_cell)
        return carry, readout.apply(params[1], y, key=of_readout)

    return Cell(init, carry, step)


def _advance(influence: Influence, traces: Any, step: LinearizedStep) -> tuple[Params, Any]:
    if influence.advance is not None:
        return influence.advance(traces, step)
    unravel = ravel_pytree(step.cell_params)[1]
    return unravel(influence.gradient(traces, step)), influence.update(traces, step)


def _pull(function: Callable, at: Any, signal: Any) -> Any:
    return jax.vjp(function, at)[1](signal)[0]
