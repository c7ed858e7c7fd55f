"""Learning while the sequence runs: an online rule is a Cell from ``(x, y)`` to ``(loss, grads)``.

Its carry is that of the recurrent cell and what the rule remembers of the past, the same amount
however long the sequence; it is used in one's own scan, or summed over time by `over_time`.

A rule here is an `Influence` (how the weights moved the carry up to now) and a `Feedback` (how the
error comes back to the cell). The loss of step t depends on the weights directly and through the
carry s_{t-1}: its gradient is dL_t/dp + dL_t/ds_{t-1} ds_{t-1}/dp, and the influence
ds_t/dp = I_t + D_t ds_{t-1}/dp, I = ds_t/dp at a fixed s_{t-1} and D = ds_t/ds_{t-1}, can be
kept up from step to step. Rules differ in what they keep of it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from jaxbrain.cells.unrolling import first, require_cells, require_time, unroll
from jaxbrain.core.composition import split_key
from jaxbrain.core.config import configured
from jaxbrain.core.types import Cell, LearningRule, Network, Params
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.online.readout_feedback import Feedback, symmetric_feedback

_OWN = 0x0E  # separates the randomness of a rule from the noise of its cell


class Now(NamedTuple):
    """What an influence sees of one step.

    Attributes:
      params: of the cell, flat ``[n_params]``.
      state: the carry before the step, its floating leaves flat ``[n_state]``.
      move: ``(params, state) -> state`` after the step, both flat.
      back: ``(v [n_state]) -> (v I [n_params], v D [n_state])``.
      back_from_output: ``(v [n_outputs]) -> [n_state]``, v times dy/ds of the output y, flat.
      signal: dL/dy ``[n_outputs]``.
      credit: dL/ds ``[n_state]``, the signal through dy/ds.
      key: of the rule's own randomness, or None.
      cell_params: of the cell, as they are.
      carry: before the step, as it is.
      x: of the step.
    """

    params: jax.Array
    state: jax.Array
    move: Callable[[jax.Array, jax.Array], jax.Array]
    back: Callable[[jax.Array], tuple[jax.Array, jax.Array]]
    back_from_output: Callable[[jax.Array], jax.Array]
    signal: jax.Array
    credit: jax.Array
    key: jax.Array | None
    cell_params: Params
    carry: Any
    x: Any


class Influence(NamedTuple):
    """What a rule keeps of ds/dp.

    Attributes:
      start: ``(cell_params, carry, x) -> traces`` before the first step, whose input is x.
      pull: ``(traces, now) -> [n_params]``: credit ds/dp.
      push: ``(traces, now) -> traces`` after the step.
    """

    start: Callable[[Params, Any, Any], Any]
    pull: Callable[[Any, Now], jax.Array]
    push: Callable[[Any, Now], Any]


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
    """An online rule from what it keeps of the past and the way its error comes back.

    g_t = dL_t/dp + dL_t/ds_{t-1} traces

    Args:
      name: of the rule.
      cell: the recurrent cell.
      readout: from the output of the cell to the prediction; at every step the same.
      loss: ``(prediction, target) -> scalar`` of one step; zero where a step has no target (then
        let y be a pair of target and weight).
      influence: what is kept of ds/dp.
      feedback: how the error comes back; None: `readout_feedback.symmetric`.
      credited: the cell, with the paths cut that no credit is to take; None: all of cell.

    Returns:
      A Cell from ``(x, y)`` of a step to ``(loss, grads)``, with params ``(cell, readout)`` and
      what the feedback holds, and a carry of the cell's carry and the traces.

    Raises:
      TypeError: if cell is not a Cell or readout not a Network.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = jb.learning.rtrl(jb.cells.gru(3), jb.dense(1), jb.losses.mse)  # is made by it
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> params = rule.init(jax.random.key(0), now)
      >>> carry, (loss, grads) = rule.step(params, rule.carry(params, now), now)
      >>> jax.tree.structure(grads) == jax.tree.structure(params)
      True
    """
    require_cells(name, cell)
    if not isinstance(readout, Network):
        raise TypeError(
            f"{name}: readout must be a Network such as jb.dense(3), got {type(readout).__name__}"
        )
    way = symmetric_feedback() if feedback is None else feedback
    if not isinstance(way, Feedback):
        raise TypeError(
            f"{name}: feedback must be one such as jb.learning.online.random_feedback(), got "
            f"{type(way).__name__}"
        )
    model = online_model(cell, readout, way)
    inside = cell if credited is None else credited

    def init(key: jax.Array, x: Any) -> Params:
        return model.init(key, x[0])

    def carry(params: Params, x: Any) -> tuple[Any, Any]:
        start = model.carry(params, x[0])
        return start, influence.start(params[0], start, x[0])

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        x, target = x
        before, traces = carry
        inner, outer, *held = params
        of_cell, of_readout = split_key(key, 2)
        after, y, linear = _linearise(inside, inner, before, x, of_cell)
        prediction = readout.apply(outer, y, key=of_readout)
        value, error = jax.value_and_grad(loss)(prediction, target)
        changes = _pull(lambda p: readout.apply(p, y, key=_again(of_readout)), outer, error)
        back = way.weights(outer, tuple(held))
        signal = _pull(lambda a: readout.apply(back, a, key=_again(of_readout)), y, error)

        direct, now = linear(signal, None if key is None else jax.random.fold_in(key, _OWN))
        grads = direct + influence.pull(traces, now)
        traces = influence.push(traces, now)
        changes, rest = way.change(changes, outer, tuple(held))
        unravel = ravel_pytree(inner)[1]
        return (after, traces), (value, (unravel(grads), changes, *rest))

    return Cell(init, carry, step)


@configured
def online_model(cell: Cell, readout: Network, feedback: Feedback) -> Cell:
    """The model that an online rule teaches: a Cell from the input to the prediction."""

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


def _linearise(cell: Cell, params: Params, carry: Any, x: Any, key: Any) -> Any:
    """One step: the carry after it, its output, and what a signal at the output makes of it.

    Leaves of the carry that are not floating, such as counters, take part and get no credit.
    """
    flat, unravel = ravel_pytree(params)
    state, join = flat_state(carry)

    def run(p: jax.Array, s: jax.Array, key: Any = key) -> Any:
        after, y = cell.step(unravel(p), join(s), x, key=key)
        return (flat_state(after)[0], y), after

    (moved, y), pull, after = jax.vjp(run, flat, state, has_aux=True)
    still, silent = jnp.zeros_like(moved), jax.tree.map(jnp.zeros_like, y)
    unravel_y = ravel_pytree(y)[1]

    def linear(signal: Any, own: Any) -> tuple[jax.Array, Now]:
        direct, credit = pull((still, signal))
        now = Now(
            params=flat,
            state=state,
            move=lambda p, s: run(p, s, _again(key))[0][0],
            back=lambda v: pull((v, silent)),
            back_from_output=lambda v: pull((still, unravel_y(v)))[1],
            signal=ravel_pytree(signal)[0],
            credit=credit,
            key=own,
            cell_params=params,
            carry=carry,
            x=x,
        )
        return direct, now

    return after, y, linear


def flat_state(carry: Any) -> tuple[jax.Array, Callable[[jax.Array], Any]]:
    """The floating leaves of a carry as one vector, and the way back, which keeps the others.

    Args:
      carry: any pytree of arrays.

    Returns:
      ``[n_state]``, and a function from such a vector to a carry.

    Examples:
      >>> import jax.numpy as jnp
      >>> state, join = flat_state({"steps": jnp.array(3), "v": jnp.zeros(2)})
      >>> state.shape, join(state + 1)["v"].tolist(), int(join(state + 1)["steps"])
      ((2,), [1.0, 1.0], 3)
    """
    leaves, treedef = jax.tree.flatten(carry)
    floating = [jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in leaves]
    if any(jnp.issubdtype(jnp.result_type(leaf), jnp.complexfloating) for leaf in leaves):
        raise TypeError("online rules need a real carry; keep real and imaginary part apart")
    vector, unravel = ravel_pytree([a for a, yes in zip(leaves, floating, strict=True) if yes])

    def join(vector: jax.Array) -> Any:
        parts = iter(unravel(vector))
        both = zip(leaves, floating, strict=True)
        return jax.tree.unflatten(treedef, [next(parts) if yes else a for a, yes in both])

    return vector, join


def _pull(function: Callable, at: Any, signal: Any) -> Any:
    return jax.vjp(function, at)[1](signal)[0]


def _again(key: jax.Array | None) -> jax.Array | None:
    """The same noise once more, on purpose."""
    return None if key is None else jax.random.clone(key)


@configured
def one_step_backprop(cell: Cell, readout: Network, loss: Loss) -> Cell:
    """Back-propagation through this step alone: truncated at k = 1, nothing is remembered.

    g_t = dL_t/dp at a fixed carry s_{t-1}

    Some libraries call this real-time recurrent learning, which it is not: `rtrl` is.

    Args:
      cell: any cell.
      readout: from the output of the cell to the prediction.
      loss: ``(prediction, target) -> scalar`` of one step.

    Returns:
      A Cell from ``(x, y)`` to ``(loss, grads)`` with params ``(cell, readout)``.

    Raises:
      TypeError: if cell is not a Cell or readout not a Network.

    Source: Williams and Peng 1990, doi 10.1162/neco.1990.2.4.490.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = one_step_backprop(jb.cells.gru(3), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> params = rule.init(jax.random.key(0), now)
      >>> rule.carry(params, now)[1]  # no traces
      ()
    """
    nothing = Influence(
        lambda params, carry, x: (),
        lambda traces, now: jnp.zeros_like(now.params),
        lambda traces, now: (),
    )
    return online_rule("one_step_backprop", cell, readout, loss, nothing)


@configured
def over_time(rule: Cell, *, network: Network | None = None) -> LearningRule:
    """An online rule for whole sequences: the mean of its gradients over time and over the batch.

    g = 1/T sum_t g_t, at weights that stand still meanwhile

    Args:
      rule: an online rule, a Cell from ``(x, y)`` of a step to ``(loss, grads)``.
      network: what predicts, from ``[time, ...]`` with the params of the rule; None: cell and
        readout of a rule made by `online`, as all of jaxbrain are.

    Returns:
      A LearningRule without state for x and y ``[batch, time, ...]``; its loss is the mean of that
      of the steps. One of a rule with random feedback holds B in its params.

    Raises:
      TypeError: if rule is not a Cell.
      ValueError: if network is None and rule was not made by `online`; at trace time, if x and y
        differ in length.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> xs = jax.random.normal(jax.random.key(0), (8, 5, 1))
      >>> rule = over_time(jb.learning.snap(jb.cells.gru(4), jb.dense(1), jb.losses.mse))
      >>> state, losses = jb.run(rule, optax.adam(0.01), (xs, xs), key=jax.random.key(1), epochs=2)
      >>> rule.network.apply(state.params, xs[0]).shape
      (5, 1)
    """
    require_cells("over_time", rule)
    net = _taught(rule) if network is None else network

    def init(key: jax.Array, params: Params, x: Any) -> tuple:
        return ()

    def sequence(params: Params, xs: Any, ys: Any, key: jax.Array | None) -> Any:
        length = require_time("over_time", (xs, ys))

        def add(state: Any, now: Any) -> tuple[Any, None]:
            carry, total = state
            now, k = now
            carry, found = rule.step(params, carry, now, key=k)
            return (carry, jax.tree.map(jnp.add, total, found)), None

        keys = None if key is None else jax.random.split(key, length)
        carry = rule.carry(params, first((xs, ys)))
        found = jax.eval_shape(rule.step, params, carry, first((xs, ys)), key=key)[1]
        nothing = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), found)
        (_, total), _ = jax.lax.scan(add, (carry, nothing), ((xs, ys), keys))
        return jax.tree.map(lambda a: a / length, total)

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        n = jax.tree.leaves(x)[0].shape[0]
        keys = None if key is None else jax.random.split(key, n)
        each = jax.vmap(sequence, in_axes=(None, 0, 0, None if keys is None else 0))
        value, changes = jax.tree.map(lambda a: jnp.mean(a, axis=0), each(params, x, y, keys))
        return value, changes, state

    return LearningRule(init, grads, net)


def _taught(rule: Cell) -> Network:
    """The network that a rule of a cell, a readout and a feedback teaches."""
    known = rule.config.parameters if rule.config is not None else {}
    if not {"cell", "readout"} <= set(known):
        raise ValueError(
            f"over_time: the network that {rule} teaches is not known, because the rule was not "
            "made from a cell and a readout; give it: network=jb.cells.unroll(cell)"
        )
    feedback = known.get("feedback") or symmetric_feedback()
    return unroll(online_model(known["cell"], known["readout"], feedback))
