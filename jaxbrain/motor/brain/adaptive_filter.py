"""The cerebellum as an adaptive filter that learns to cancel an error while it runs.

Its weights are part of the carry: a run through `jaxbrain.cells.scan` is the learning. Time
constants are in s, delays in steps.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.config import configured, traceable
from jaxbrain.core.requirements import (
    as_number,
    is_traced,
    require_count,
    require_positive,
    shape_of,
)
from jaxbrain.core.types import Cell, Params
from jaxbrain.networks.parts import as_float, float_like

Number = float | jax.Array
Times = tuple[float, ...] | jax.Array


class CerebellumInput(NamedTuple):
    """Input of the cerebellum in one step.

    Attributes:
      mossy: on the mossy fibers: commands, sensory feedback ``[inputs]``.
      error: on the climbing fibers, wanted minus predicted ``[outputs]``.
    """

    mossy: jax.Array
    error: jax.Array


class Cerebellum(NamedTuple):
    """The carry of `cerebellum`.

    Attributes:
      fibers: parallel fibers, each input filtered with each time constant ``[times, inputs]``.
      eligible: the fibers of the last steps, oldest first ``[delay, times, inputs]``.
      weights: from parallel fibers to Purkinje cells ``[times, inputs, outputs]``.
    """

    fibers: jax.Array
    eligible: jax.Array
    weights: jax.Array


class ForwardModelInput(NamedTuple):
    """Input of a forward model in one step.

    Attributes:
      command: the efference copy ``[commands]``.
      sensory: the delayed sensory feedback ``[signals]``.
    """

    command: jax.Array
    sensory: jax.Array


class ForwardModel(NamedTuple):
    """The carry of `forward_model`.

    Attributes:
      filter: the cerebellum.
      predicted: predictions of the last steps, oldest first ``[delay, signals]``.
    """

    filter: Cerebellum
    predicted: jax.Array


@traceable("taus")
@configured
def cerebellum(
    *,
    dt: Number = 0.01,
    taus: Times = (0.01, 0.03, 0.1, 0.3),
    learning_rate: Number = 0.01,
    delay_steps: int = 1,
) -> Cell:
    """The cerebellum: a fixed temporal basis and weights that learn from errors.

    p_t = p_{t-1} + (1 - exp(-dt / tau)) (m_t - p_{t-1}),  y_t = sum w_t p_t
    w_t = w_{t-1} + learning_rate e_t p_{t-d}

    Learning stops where the error is uncorrelated with every parallel fiber: the weights are those
    of the Wiener filter, of least mean square error. With constant fibers it is stable while
    0 < learning_rate |p|^2 < 2 sin(pi / (4 d - 2)): keep inputs of order 1.

    Args:
      dt: the time step, in s.
      taus: of the parallel fibers, in s ``[times]``.
      learning_rate: 0 is a filter with the weights of its carry.
      delay_steps: d, from a prediction to its error; at least 1, because the error of a step comes
        before its prediction.

    Returns:
      A Cell from `CerebellumInput` to the prediction ``[outputs]``. No params; its carry is a
      `Cerebellum`, whose weights begin at 0.

    Source: Fujita 1982, doi 10.1007/BF00336192; Dean et al. 2010, doi 10.1038/nrn2756; the
    rule, Widrow and Hoff 1960.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> cell, x = cerebellum(learning_rate=0.5), CerebellumInput(jnp.ones(1), jnp.zeros(1))
      >>> carry, wanted, y = cell.carry((), x), 0.3, jnp.zeros(1)
      >>> for _ in range(50):
      ...     carry, y = cell.step((), carry, CerebellumInput(jnp.ones(1), wanted - y))
      >>> round(float(y[0]), 3)
      0.3
    """
    name = "cerebellum"
    _require("cerebellum", dt, taus, learning_rate, delay_steps)

    def init(key: jax.Array, x: Any) -> Params:
        _require_pair(name, x, CerebellumInput)
        return ()

    def carry(params: Params, x: Any) -> Cerebellum:
        _require_pair(name, x, CerebellumInput)
        return _empty(x.mossy, x.mossy.shape[0], x.error.shape[0], taus, delay_steps)

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        _require_pair(name, x, CerebellumInput)
        _require_fit(name, carry.weights, x)
        return _learn(carry, x, dt, taus, learning_rate)

    return Cell(init, carry, step)


@traceable("taus")
@configured
def forward_model(
    *,
    dt: Number = 0.01,
    taus: Times = (0.01, 0.03, 0.1, 0.3),
    learning_rate: Number = 0.01,
    delay_steps: int = 5,
) -> Cell:
    """A forward model: a cerebellum that predicts the sensory feedback still on its way.

    y_t = filter(u_t, s_{t-d}),  e_t = s_{t-d} - y_{t-d}

    Args:
      dt: the time step, in s.
      taus: of the parallel fibers, in s ``[times]``.
      learning_rate: 0 is no learning.
      delay_steps: d, of the sensory feedback.

    Returns:
      A Cell from `ForwardModelInput` to the prediction of s_t ``[signals]``, which arrives d steps
      later. No params; its carry is a `ForwardModel`.

    Source: Miall et al. 1993, doi 10.1080/00222895.1993.9942050.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> cell = forward_model(learning_rate=0.05, delay_steps=3)
      >>> u = jnp.sin(jnp.arange(3000.0) * 0.1)
      >>> late = jnp.concatenate([jnp.zeros(3), u[:-3]])  # a body that follows its command
      >>> xs = ForwardModelInput(u[:, None], late[:, None])
      >>> _, y = jb.cells.scan(cell, (), cell.carry((), jax.tree.map(lambda a: a[0], xs)), xs)
      >>> float(abs(y[-100:, 0] - u[-100:]).max()) < 0.02
      True
    """
    name = "forward_model"
    _require("forward_model", dt, taus, learning_rate, delay_steps)

    def init(key: jax.Array, x: Any) -> Params:
        _require_pair(name, x, ForwardModelInput)
        return ()

    def carry(params: Params, x: Any) -> ForwardModel:
        _require_pair(name, x, ForwardModelInput)
        signals = x.sensory.shape[0]
        empty = _empty(x.sensory, x.command.shape[0] + signals, signals, taus, delay_steps)
        return ForwardModel(empty, jnp.zeros((delay_steps, signals), empty.weights.dtype))

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        _require_pair(name, x, ForwardModelInput)
        dtype = carry.predicted.dtype
        mossy = jnp.concatenate([as_float(x.command, dtype), as_float(x.sensory, dtype)])
        late = CerebellumInput(mossy, as_float(x.sensory, dtype) - carry.predicted[0])
        _require_fit(name, carry.filter.weights, late)
        state, y = _learn(carry.filter, late, dt, taus, learning_rate)
        return ForwardModel(state, _pushed(carry.predicted, y)), y

    return Cell(init, carry, step)


def _learn(
    carry: Cerebellum, x: CerebellumInput, dt: Number, taus: Times, learning_rate: Number
) -> Any:
    """The change of the weights by the error, then the prediction with the new weights."""
    weights = carry.weights
    mossy, error = as_float(x.mossy, weights.dtype), as_float(x.error, weights.dtype)
    change = carry.eligible[0][:, :, None] * error[None, None, :]
    weights = weights + as_number(learning_rate, weights) * change
    times = jnp.asarray(taus).astype(weights.dtype)
    ahead = -jnp.expm1(-as_number(dt, weights) / times)[:, None]
    fibers = carry.fibers + ahead * (mossy[None, :] - carry.fibers)
    y = jnp.einsum("ti,tio->o", fibers, weights)
    return Cerebellum(fibers, _pushed(carry.eligible, fibers), weights), y


def _pushed(past: jax.Array, now: jax.Array) -> jax.Array:
    """A delay line, one step later."""
    return jnp.concatenate([past[1:], now[None]])


def _empty(like: Any, inputs: int, outputs: int, taus: Times, delay_steps: int) -> Cerebellum:
    times, dtype = shape_of(taus)[0], float_like(like)
    shapes = ((times, inputs), (delay_steps, times, inputs), (times, inputs, outputs))
    return Cerebellum(*(jnp.zeros(shape, dtype) for shape in shapes))


def _require(cell: str, dt: Any, taus: Any, learning_rate: Any, delay_steps: Any) -> None:
    require_positive(cell, "dt", dt)
    require_positive(cell, "learning_rate", learning_rate, zero=True)
    require_count(cell, "delay_steps", delay_steps)
    if len(shape_of(taus)) != 1 or shape_of(taus)[0] < 1:
        raise ValueError(f"{cell}: taus must be a tuple or [times], got {taus!r}")
    if not is_traced(taus) and not np.all(np.asarray(taus) > 0):
        raise ValueError(f"{cell}: taus must be positive, got {taus!r}")


def _require_pair(name: str, x: Any, kind: type) -> None:
    if not isinstance(x, kind) or any(len(_shape(part)) != 1 for part in x):
        got = tuple(_shape(part) for part in jax.tree.leaves(x))
        fields = ", ".join(f"{field} [n]" for field in getattr(kind, "_fields", ()))
        raise ValueError(
            f"{name}: the input of one step must be a {kind.__name__}({fields}), got "
            f"{type(x).__name__} with parts of shapes {got}"
        )


def _shape(part: Any) -> tuple[int, ...]:
    return tuple(getattr(part, "shape", ()))


def _require_fit(name: str, weights: jax.Array, x: CerebellumInput) -> None:
    if (x.mossy.shape[0], x.error.shape[0]) != weights.shape[1:]:
        raise ValueError(
            f"{name}: the carry was made for {weights.shape[1]} inputs and {weights.shape[2]} "
            f"outputs, got {x.mossy.shape[0]} and {x.error.shape[0]}; make it with "
            "cell.carry(params, x)"
        )
