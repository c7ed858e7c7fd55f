"""Real-time recurrent learning in a product of two small factors, right in the mean.

Random signs make one outer product out of a sum of outer products: (sum_i s_i a_i)(sum_i s_i b_i)
has the mean sum_i a_i b_i, the cross terms cancel. What is saved in memory is paid in variance.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_key
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.online.rule import Influence, Now, flat_state, online_rule

_WHY = "its influence is random"


@configured
def uoro(cell: Cell, readout: Network, loss: Loss) -> Cell:
    """Unbiased online recurrent optimisation: the influence in rank one, at the cost of the step.

    S_t = s_t q_t^T in the mean,  s_t = a D s_{t-1} + b v,  q_t = q_{t-1} / a + v I / b

    v are random signs; a = sqrt(|q| / |D s|) and b = sqrt(|v I| / |v|) keep the variance small.
    It keeps n_state + n_params numbers. The noise grows with the state and with time.

    Args:
      cell: any cell with a real carry.
      readout: from the output of the cell to the prediction.
      loss: ``(prediction, target) -> scalar`` of one step.

    Returns:
      A Cell from ``(x, y)`` to ``(loss, grads)`` with params ``(cell, readout)``, whose step needs
      a key.

    Raises:
      TypeError: if cell is not a Cell or readout not a Network.
      ValueError: at trace time, without a key.

    Source: Tallec and Ollivier 2017, arXiv 1702.05043.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = uoro(jb.cells.gru(3), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> params = rule.init(jax.random.key(0), now)
      >>> carry, (s, q) = rule.carry(params, now)
      >>> s.shape, q.shape
      ((3,), (57,))
    """

    def start(params: Params, carry: Any, x: Any) -> tuple[jax.Array, jax.Array]:
        flat, state = ravel_pytree(params)[0], flat_state(carry)[0]
        return jnp.zeros_like(state), jnp.zeros_like(flat)

    def pull(traces: Any, now: Now) -> jax.Array:
        s, q = traces
        return (now.credit @ s) * q

    def push(traces: Any, now: Now) -> tuple[jax.Array, jax.Array]:
        s, q = traces
        key = require_key("uoro", now.key, _WHY)
        v = jax.random.rademacher(key, s.shape, s.dtype)
        _, carried = jax.jvp(lambda a: now.move(now.params, a), (now.state,), (s,))
        entering, _ = now.back(v)
        a, b = _balance(q, carried), _balance(entering, v)
        return a * carried + b * v, q / a + entering / b

    return online_rule("uoro", cell, readout, loss, Influence(start, pull, push))


@configured
def kf_rtrl(cell: Cell, readout: Network, loss: Loss) -> Cell:
    """Kronecker-factored RTRL: the influence as an outer product of what enters and a matrix.

    S_t = z_t (x) A_t in the mean,  z_t = v a z_{t-1} + w b h_t,  A_t = v/a D A_{t-1} + w/b J_t

    h = (recurrent input, x, 1) is what the weights multiply, J = ds_t/du at their sum u, so that
    I = h (x) J exactly; v, w are random signs, a = sqrt(|D A| / |z|), b = sqrt(|J| / |h|). For n
    units it keeps about n^2 numbers and takes n^3 operations, with much less noise than `uoro`.

    Args:
      cell: a cell with params ``{"kernel", "recurrent", "bias"}`` in one sum
        u = x @ kernel + z @ recurrent + bias, such as `elman`.
      readout: from the output of the cell to the prediction.
      loss: ``(prediction, target) -> scalar`` of one step.

    Returns:
      A Cell from ``(x, y)`` to ``(loss, grads)`` with params ``(cell, readout)``, whose step needs
      a key.

    Raises:
      TypeError: if cell is not a Cell or readout not a Network; at trace time, if recurrent is
        used in another way than ``z @ recurrent``.
      ValueError: at trace time, without a key, or if the params are others.

    Source: Mujika, Meier and Steger 2018, arXiv 1805.10842.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> rule = kf_rtrl(jb.cells.elman(3), jb.dense(1), jb.losses.mse)
      >>> now = (jax.numpy.ones(2), jax.numpy.ones(1))
      >>> params = rule.init(jax.random.key(0), now)
      >>> carry, (z, a) = rule.carry(params, now)
      >>> z.shape, a.shape
      ((6,), (3, 3))
    """

    def start(params: Params, carry: Any, x: Any) -> tuple[jax.Array, jax.Array]:
        if not isinstance(params, dict) or set(params) != {"kernel", "recurrent", "bias"}:
            has = sorted(params) if isinstance(params, dict) else type(params).__name__
            raise ValueError(
                f"kf_rtrl needs a cell with params kernel, recurrent and bias, one sum of all that "
                f"enters, and those of {cell} are {has}; use jb.learning.uoro"
            )
        state = flat_state(carry)[0]
        rows = params["kernel"].shape[0] + params["recurrent"].shape[0] + 1
        sums = params["bias"].size
        return jnp.zeros((rows,), state.dtype), jnp.zeros((state.size, sums), state.dtype)

    def pull(traces: Any, now: Now) -> jax.Array:
        z, a = traces
        whole, inputs = jnp.outer(z, now.credit @ a), now.x.shape[0]
        kernel, recurrent = whole[:inputs], whole[inputs:-1]
        return ravel_pytree({"kernel": kernel, "recurrent": recurrent, "bias": whole[-1]})[0]

    def push(traces: Any, now: Now) -> tuple[jax.Array, jax.Array]:
        z, a = traces
        key = require_key("kf_rtrl", now.key, _WHY)
        v, w = jax.random.rademacher(key, (2,), z.dtype)
        entering, immediate, carried = _factors(cell, now, a)
        one, two = _balance(carried, z), _balance(immediate, entering)
        return v * one * z + w * two * entering, v * carried / one + w * immediate / two

    return online_rule("kf_rtrl", cell, readout, loss, Influence(start, pull, push))


def _balance(to: jax.Array, of: jax.Array) -> jax.Array:
    """sqrt(|to| / |of|), the factor that makes two norms equal; 1 where one of them is zero."""
    over, under = jnp.linalg.norm(to), jnp.linalg.norm(of)
    known = (over > 0) & (under > 0)
    return jnp.where(known, jnp.sqrt(jnp.where(known, over, 1) / jnp.where(known, under, 1)), 1)


class _Listening:
    """Recurrent weights that note what they are multiplied with."""

    def __init__(self, weights: jax.Array):
        self.weights, self.heard = weights, []

    def __rmatmul__(self, z: jax.Array) -> jax.Array:
        self.heard.append(z)
        return z @ self.weights


def _factors(cell: Cell, now: Now, a: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """What enters ``[rows]``, ds/du ``[n_state, sums]`` and D A."""
    listening = _Listening(now.cell_params["recurrent"])
    cell.step({**now.cell_params, "recurrent": listening}, now.carry, now.x)
    (z,) = listening.heard
    unravel = ravel_pytree(now.cell_params)[1]

    def row(v: jax.Array) -> tuple[jax.Array, jax.Array]:
        entering, carried = now.back(v)
        return unravel(entering)["bias"], carried

    immediate, carried = jax.vmap(row)(jnp.eye(now.state.size, dtype=a.dtype))
    entering = jnp.concatenate([now.x.astype(z.dtype), z, jnp.ones((1,), z.dtype)])
    return entering, immediate, carried @ a
