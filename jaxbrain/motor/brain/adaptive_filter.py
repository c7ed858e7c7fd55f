"""The cerebellum as an adaptive filter: it learns, while it runs, to cancel an error.

Its weights are part of the carry, so a run through `jaxbrain.cells.scan` is the learning.
"""

from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_count, require_positive
from jaxbrain.core.types import Cell, Params
from jaxbrain.networks.parts import as_float, float_like

Number = float | jax.Array
Times = tuple[float, ...] | jax.Array


class Teaching(NamedTuple):
    """What reaches the cerebellum in one step.

    Attributes:
      mossy: on the mossy fibres: commands, senses ``[inputs]``.
      error: on the climbing fibres, what was wanted less what was predicted ``[outputs]``.
    """

    mossy: jax.Array
    error: jax.Array


class Cerebellum(NamedTuple):
    """The state of the filter.

    Attributes:
      fibres: the parallel fibres, each input through each time constant ``[times, inputs]``.
      eligible: the fibres of the last steps, oldest first ``[delay, times, inputs]``.
      weights: from parallel fibres to Purkinje cells ``[times, inputs, outputs]``.
    """

    fibres: jax.Array
    eligible: jax.Array
    weights: jax.Array


class Report(NamedTuple):
    """What reaches a forward model in one step.

    Attributes:
      command: the copy of what the motors are told ``[commands]``.
      sensed: what the senses tell, of some steps ago ``[senses]``.
    """

    command: jax.Array
    sensed: jax.Array


class ForwardModel(NamedTuple):
    """The state of a forward model.

    Attributes:
      filter: the cerebellum.
      predicted: what it said in the last steps, oldest first ``[delay, senses]``.
    """

    filter: Cerebellum
    predicted: jax.Array


@configured
def cerebellum(
    *,
    dt: Number = 0.01,
    taus: Times = (0.01, 0.03, 0.1, 0.3),
    rate: Number = 0.01,
    delay: int = 1,
) -> Cell:
    """An adaptive filter: a fixed basis in time, weights that errors change.

    p_t = p_{t-1} + (1 - exp(-dt / tau)) (m_t - p_{t-1}),  y_t = sum w_t p_t
    w_t = w_{t-1} + rate e_t p_{t-delay}

    The rule stops where the error has no correlation left with any parallel fibre: there the
    weights are those of the Wiener filter, the best in the mean square. Under fibres that do not
    change it is stable while 0 < rate |p|^2 < 2 sin(pi / (4 delay - 2)): keep inputs near 1.

    Args:
      dt: the time step, in s.
      taus: of the parallel fibres, in s ``[times]``.
      rate: of learning; 0 is a filter with the weights of its carry.
      delay: how many steps ago the prediction was made that an error is about; at least 1, since
        it is made after the error came.

    Returns:
      A Cell from `Teaching` to the prediction ``[outputs]``. No params; its carry is a
      `Cerebellum`, whose weights begin at 0.

    Raises:
      ValueError: if dt, delay or one of taus is not positive, rate is negative; at trace time, if
        the input is not a Teaching of vectors.

    Source: Fujita 1982, doi 10.1007/BF00336192; Dean et al. 2010, doi 10.1038/nrn2756; the
    rule, Widrow and Hoff 1960.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> cell, x = cerebellum(rate=0.5), Teaching(jnp.ones(1), jnp.zeros(1))
      >>> carry, wanted, y = cell.carry((), x), 0.3, jnp.zeros(1)
      >>> for _ in range(50):
      ...     carry, y = cell.step((), carry, Teaching(jnp.ones(1), wanted - y))
      >>> round(float(y[0]), 3)
      0.3
    """
    name = "cerebellum"
    _require("cerebellum", dt, taus, rate, delay)

    def init(key: jax.Array, x: Any) -> Params:
        _require_pair(name, x, Teaching)
        return ()

    def carry(params: Params, x: Any) -> Cerebellum:
        _require_pair(name, x, Teaching)
        return _empty(x.mossy, x.mossy.shape[0], x.error.shape[0], taus, delay)

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        _require_pair(name, x, Teaching)
        _require_fit(name, carry.weights, x)
        return _learn(carry, x, dt, taus, rate)

    return Cell(init, carry, step)


@configured
def forward_model(
    *,
    dt: Number = 0.01,
    taus: Times = (0.01, 0.03, 0.1, 0.3),
    rate: Number = 0.01,
    delay: int = 5,
) -> Cell:
    """A cerebellum that tells what the senses tell only later, from commands and late senses.

    y_t = filter(u_t, s_{t-delay}),  e_t = s_{t-delay} - y_{t-delay}

    Args:
      dt: the time step, in s.
      taus: of the parallel fibres, in s ``[times]``.
      rate: of learning; 0 is none.
      delay: of the senses, in steps, as in the loop around the body.

    Returns:
      A Cell from `Report` to what is sensed now and arrives later ``[senses]``. No params; its
      carry is a `ForwardModel`.

    Raises:
      ValueError: as `cerebellum`, of a Report.

    Source: Miall et al. 1993, doi 10.1080/00222895.1993.9942050.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> cell = forward_model(rate=0.05, delay=3)
      >>> u = jnp.sin(jnp.arange(3000.0) * 0.1)
      >>> late = jnp.concatenate([jnp.zeros(3), u[:-3]])  # of a body that does as it is told
      >>> xs = Report(u[:, None], late[:, None])
      >>> _, y = jb.cells.scan(cell, (), cell.carry((), jax.tree.map(lambda a: a[0], xs)), xs)
      >>> float(abs(y[-100:, 0] - u[-100:]).max()) < 0.02
      True
    """
    name = "forward_model"
    _require("forward_model", dt, taus, rate, delay)

    def init(key: jax.Array, x: Any) -> Params:
        _require_pair(name, x, Report)
        return ()

    def carry(params: Params, x: Any) -> ForwardModel:
        _require_pair(name, x, Report)
        senses = x.sensed.shape[0]
        empty = _empty(x.sensed, x.command.shape[0] + senses, senses, taus, delay)
        return ForwardModel(empty, jnp.zeros((delay, senses), empty.weights.dtype))

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        _require_pair(name, x, Report)
        dtype = carry.predicted.dtype
        mossy = jnp.concatenate([as_float(x.command, dtype), as_float(x.sensed, dtype)])
        teaching = Teaching(mossy, as_float(x.sensed, dtype) - carry.predicted[0])
        _require_fit(name, carry.filter.weights, teaching)
        state, y = _learn(carry.filter, teaching, dt, taus, rate)
        return ForwardModel(state, _pushed(carry.predicted, y)), y

    return Cell(init, carry, step)


def _learn(carry: Cerebellum, x: Teaching, dt: Number, taus: Times, rate: Number) -> Any:
    """Weights by the error, then the prediction with them."""
    weights = carry.weights
    mossy, error = as_float(x.mossy, weights.dtype), as_float(x.error, weights.dtype)
    change = carry.eligible[0][:, :, None] * error[None, None, :]
    weights = weights + as_number(rate, weights) * change
    times = jnp.asarray(taus).astype(weights.dtype)
    ahead = -jnp.expm1(-as_number(dt, weights) / times)[:, None]
    fibres = carry.fibres + ahead * (mossy[None, :] - carry.fibres)
    y = jnp.einsum("ti,tio->o", fibres, weights)
    return Cerebellum(fibres, _pushed(carry.eligible, fibres), weights), y


def _pushed(past: jax.Array, now: jax.Array) -> jax.Array:
    """The last steps, one step later."""
    return jnp.concatenate([past[1:], now[None]])


def _empty(like: Any, inputs: int, outputs: int, taus: Times, delay: int) -> Cerebellum:
    times, dtype = np.shape(taus)[0], float_like(like)
    shapes = ((times, inputs), (delay, times, inputs), (times, inputs, outputs))
    return Cerebellum(*(jnp.zeros(shape, dtype) for shape in shapes))


def _require(cell: str, dt: Any, taus: Any, rate: Any, delay: Any) -> None:
    require_positive(cell, "dt", dt)
    require_positive(cell, "rate", rate, zero=True)
    require_count(cell, "delay", delay)
    if len(np.shape(taus)) != 1 or np.shape(taus)[0] < 1:
        raise ValueError(f"{cell}: taus must be a tuple or [times], got {taus!r}")
    if not isinstance(taus, jax.core.Tracer) and not np.all(np.asarray(taus) > 0):
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


def _require_fit(name: str, weights: jax.Array, x: Teaching) -> None:
    if (x.mossy.shape[0], x.error.shape[0]) != weights.shape[1:]:
        raise ValueError(
            f"{name}: the carry was made for {weights.shape[1]} inputs and {weights.shape[2]} "
            f"outputs, got {x.mossy.shape[0]} and {x.error.shape[0]}; make it with "
            "cell.carry(params, x)"
        )
