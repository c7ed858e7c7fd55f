"""Stochastic real-time recurrent learning: unbiased estimates of the influence by two factors.

Random signs s make one outer product of a sum of outer products: (sum_i s_i a_i)(sum_i s_i b_i) has
the mean sum_i a_i b_i, because the cross terms cancel. The estimate saves memory and adds variance.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from jaxbrain.cells.stages import TwoStageStep
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_key
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.online.first_carry import pull_first_carry
from jaxbrain.learning.online.linearization import LinearizedStep, real_state
from jaxbrain.learning.online.rule import Influence, online_rule

_WHY = "its influence is random"
_START = 0x57  # separates the signs of the first carry from those of the first step
_ONE_SUM = {"kernel", "recurrent", "bias"}


@configured
def uoro(cell: Cell, readout: Network, loss: Loss) -> Cell:
    """Unbiased online recurrent optimization: the influence in rank one, at the cost of the step.

    S_t = s_t q_t^T in the mean,  s_t = a D s_{t-1} + b v,  q_t = q_{t-1} / a + v I / b

    v are random signs; a = sqrt(|q| / |D s|) and b = sqrt(|v I| / |v|) keep the variance small.
    A learned first carry enters at the first step by s_0 = b v, q_0 = v ds_0/dp / b, with signs of
    its own and the x of that step. It keeps n_state + n_params numbers. The variance grows with the
    state and with time.

    Returns:
      A Cell from ``(x, y)`` to ``(loss, grads)``, whose step needs a key.

    Raises:
      TypeError: at trace time, if the carry is complex.
      ValueError: at trace time, without a key.

    Source: Tallec and Ollivier 2017, arXiv 1702.05043.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = uoro(jb.cells.gru(3), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> _, (s, q) = rule.carry(rule.init(jax.random.key(0), now), now)
      >>> s.shape, q.shape
      ((3,), (57,))
    """

    def init(params: Params, carry: Any, x: Any) -> tuple[jax.Array, ...]:
        flat, state = ravel_pytree(params)[0], real_state(carry)
        nothing = jnp.zeros_like(state), jnp.zeros_like(flat)
        if pull_first_carry(cell, params, x) is None:
            return nothing
        return *nothing, jnp.array(True)  # no step was made: the start is drawn with its key

    def started(traces: Any, step: LinearizedStep) -> tuple[jax.Array, jax.Array]:
        s, q, *fresh = traces
        pull = pull_first_carry(cell, step.cell_params, step.x) if fresh else None
        if pull is None:
            return s, q
        key = jax.random.fold_in(require_key("uoro", step.key, _WHY), _START)
        signs = jax.random.rademacher(key, s.shape, s.dtype)
        entering = ravel_pytree(pull(signs))[0]
        b = _balance(entering, signs)
        return jnp.where(fresh[0], b * signs, s), jnp.where(fresh[0], entering / b, q)

    def gradient(traces: Any, step: LinearizedStep) -> jax.Array:
        s, q = started(traces, step)
        return (step.credit @ s) * q

    def update(traces: Any, step: LinearizedStep) -> tuple[jax.Array, ...]:
        s, q = started(traces, step)
        key = require_key("uoro", step.key, _WHY)
        v = jax.random.rademacher(key, s.shape, s.dtype)
        _, carried = jax.jvp(lambda state: step.move(step.params, state), (step.state,), (s,))
        entering, _ = step.back(v)
        a, b = _balance(q, carried), _balance(entering, v)
        after = a * carried + b * v, q / a + entering / b
        return after if len(traces) == 2 else (*after, jnp.array(False))

    return online_rule("uoro", cell, readout, loss, Influence(init, gradient, update))


@configured
def kf_rtrl(cell: Cell, readout: Network, loss: Loss) -> Cell:
    """Kronecker-factored RTRL: the influence as an outer product of an input and a matrix.

    S_t = h_t (x) A_t in the mean,  h_t = v a h_{t-1} + w b i_t,  A_t = v/a D A_{t-1} + w/b J_t

    i = (x, recurrent input z, 1) is multiplied by the weights, J = ds_t/du at their sum u, so that
    I = i (x) J exactly. v, w are random signs, a = sqrt(|D A| / |h|), b = sqrt(|J| / |i|). For n
    units it keeps about n^2 numbers and takes n^3 operations, with much less variance than `uoro`.

    Args:
      cell: one whose drive is one sum u = x @ kernel + z @ recurrent + bias, such as `elman`.

    Returns:
      A Cell from ``(x, y)`` to ``(loss, grads)``, whose step needs a key.

    Raises:
      TypeError: if the step of cell is not a `jaxbrain.cells.TwoStageStep`.
      ValueError: at trace time, without a key, if the params are others than in that sum, or if the
        first carry depends on them: its influence is no such product.

    Source: Mujika, Meier and Steger 2018, arXiv 1805.10842.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = kf_rtrl(jb.cells.elman(3), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> _, (h, a) = rule.carry(rule.init(jax.random.key(0), now), now)
      >>> h.shape, a.shape
      ((6,), (3, 3))
    """
    stages = cell.step
    if not isinstance(stages, TwoStageStep):
        raise TypeError(
            f"kf_rtrl needs a cell whose drive is one sum of its inputs, and the step of {cell} is "
            "not a jb.cells.TwoStageStep(drive, respond); use jb.learning.uoro"
        )

    def init(params: Params, carry: Any, x: Any) -> tuple[jax.Array, jax.Array]:
        if not isinstance(params, dict) or set(params) != _ONE_SUM:
            has = sorted(params) if isinstance(params, dict) else type(params).__name__
            raise ValueError(
                "kf_rtrl needs a cell with params kernel, recurrent and bias, one sum of its "
                f"inputs, and those of {cell} are {has}; use jb.learning.uoro"
            )
        if pull_first_carry(cell, params, x) is not None:
            raise ValueError(
                "kf_rtrl needs a cell whose first carry does not depend on its params, and that of "
                f"{cell} does; use jb.learning.uoro"
            )
        state, sums = real_state(carry), params["bias"].size
        rows = len(params["kernel"]) + len(params["recurrent"]) + 1
        return jnp.zeros(rows, state.dtype), jnp.zeros((state.size, sums), state.dtype)

    def gradient(traces: Any, step: LinearizedStep) -> jax.Array:
        h, a = traces
        whole, inputs = jnp.outer(h, step.credit @ a), step.x.shape[0]
        kernel, recurrent = whole[:inputs], whole[inputs:-1]
        return ravel_pytree({"kernel": kernel, "recurrent": recurrent, "bias": whole[-1]})[0]

    def update(traces: Any, step: LinearizedStep) -> tuple[jax.Array, jax.Array]:
        h, a = traces
        key = require_key("kf_rtrl", step.key, _WHY)
        v, w = jax.random.rademacher(key, (2,), h.dtype)
        inputs = _weighted_inputs(stages, step)
        immediate, carried = _jacobians(step)
        carried = carried @ a
        old, new = _balance(carried, h), _balance(immediate, inputs)
        return v * old * h + w * new * inputs, v * carried / old + w * immediate / new

    return online_rule("kf_rtrl", cell, readout, loss, Influence(init, gradient, update))


def _balance(to: jax.Array, of: jax.Array) -> jax.Array:
    """sqrt(|to| / |of|), the factor that makes two norms equal; 1 where one of them is zero."""
    over, under = jnp.linalg.norm(to), jnp.linalg.norm(of)
    known = (over > 0) & (under > 0)
    return jnp.where(known, jnp.sqrt(jnp.where(known, over, 1) / jnp.where(known, under, 1)), 1)


def _weighted_inputs(stages: TwoStageStep, step: LinearizedStep) -> jax.Array:
    """The numbers (x, z, 1) that the weights of a unit multiply: the gradient of its drive."""

    def drive_of_the_first(params: Params) -> jax.Array:
        return stages.drive(params, step.carry, step.x)[0]

    grads = jax.grad(drive_of_the_first)(step.cell_params)
    return jnp.concatenate([grads["kernel"][:, 0], grads["recurrent"][:, 0], grads["bias"][:1]])


def _jacobians(step: LinearizedStep) -> tuple[jax.Array, jax.Array]:
    """J = ds/du ``[n_state, sums]``, which is ds/dbias, and D ``[n_state, n_state]``."""

    def row(v: jax.Array) -> tuple[jax.Array, jax.Array]:
        entering, carried = step.back_to_leaves(v)
        return entering["bias"], carried

    return jax.vmap(row)(jnp.eye(step.state.size, dtype=step.state.dtype))
