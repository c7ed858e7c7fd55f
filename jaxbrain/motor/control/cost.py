"""What a reach costs: how far the hand is from where it should be, and what it takes."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_positive
from jaxbrain.motor.body.plant import DECIMETRES
from jaxbrain.motor.control.loop import Signals

_NEAR = 1e-4  # dm^2: within a centimetre the distance becomes smooth, and its slope goes to zero


@configured
def reach_loss(
    *,
    speed: float | jax.Array = 0.5,
    effort: float | jax.Array = 0.02,
    change: float | jax.Array = 5e-5,
    hold: float | jax.Array = 3.0,
    dt: float | jax.Array = 0.01,
) -> Callable[[Signals, tuple[Any, Any]], jax.Array]:
    """The loss of a trial: be there, and at rest, with little and smooth activity.

    sum_t w_t (|x_t - x*_t| + speed |v_t|) / sum_t w_t
      + effort mean u_t^2 + change mean ((u_t - u_{t-1}) / dt)^2,  |a| = sqrt(a.a + 1e-4)

    x in dm, v in m/s; w is the mask of the trial, ``hold`` times as much in the graded steps before
    the movement, which begins with the first step that is not graded; where every step is, hold
    changes nothing. Of a trial that is not graded only the last two terms count. Nothing is said of
    the way: that paths are straight and speeds bell-shaped comes from these two.

    Args:
      speed: how much it costs to move where one should be.
      effort: of activity.
      change: of fast changes of activity, in s^2.
      hold: how much more it counts to wait than to arrive.
      dt: the time of a step, in s.

    Returns:
      ``(signals [time, ...], (wanted [time, 2], mask [time])) -> scalar``: a loss for networks made
      of `closed_loop` and data from ``jb.tasks.batches``.

    Raises:
      TypeError: at trace time, if the loss is not given Signals and a pair.
      ValueError: if a weight is negative, or dt not positive; at trace time, if signals, wanted and
        mask differ in their number of steps.

    Source: the change of the command, Uno, Kawato and Suzuki 1989, doi 10.1007/BF00204593, who
      take that of the torque.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> controller = jb.cells.stack(jb.cells.gru(8), jb.lift(jb.dense(2)))
      >>> net = jb.cells.unroll(jb.motor.closed_loop(controller, jb.motor.point_mass()))
      >>> x, y = jb.tasks.batches(jb.motor.tasks.center_out(), 4)(jax.random.key(0))
      >>> params = net.init(jax.random.key(1), jax.tree.map(lambda a: a[0], x))
      >>> rule = jb.backprop(net, reach_loss())
      >>> bool(jax.jit(rule.grads)(params, (), x, y)[0] > 0)
      True
    """
    weights = {"speed": speed, "effort": effort, "change": change, "hold": hold}
    for name, weight in weights.items():
        require_positive("reach_loss", name, weight, zero=True)
    require_positive("reach_loss", "dt", dt)

    def loss(signals: Signals, target: tuple[Any, Any]) -> jax.Array:
        wanted, mask = _pair(signals, target)
        position, velocity = signals.hand
        if position.shape != wanted.shape or mask.shape != wanted.shape[:1]:
            raise ValueError(
                "reach_loss: wanted must be [time, 2] and mask [time] of the steps of the signals, "
                f"got {wanted.shape} and {mask.shape} for positions {position.shape}"
            )
        mask = mask.astype(position.dtype)
        waiting = jnp.cumsum(mask == 0) == 0
        moves = jnp.any(~waiting)
        weight = mask * jnp.where(waiting & moves, as_number(hold, mask), 1)
        away = _norm(DECIMETRES * (position - wanted.astype(position.dtype)))
        total = jnp.sum(weight)
        graded = jnp.sum(weight * (away + as_number(speed, mask) * _norm(velocity)))
        graded = graded / jnp.where(total > 0, total, 1)
        rate = jnp.diff(signals.command, axis=0) / as_number(dt, mask)
        smooth = as_number(effort, mask) * jnp.mean(signals.command**2)
        return graded + smooth + as_number(change, mask) * jnp.mean(rate**2)

    return loss


def _pair(signals: Any, target: Any) -> tuple[Any, Any]:
    if not isinstance(signals, Signals):
        raise TypeError(
            f"reach_loss: the network must answer with Signals, got {type(signals).__name__}; make "
            "it of a loop: jb.cells.unroll(jb.motor.closed_loop(controller, plant))"
        )
    if not isinstance(target, tuple | list) or len(target) != 2:
        raise TypeError(
            "reach_loss: the target must be a pair (wanted, mask), as jb.tasks.batches draws it, "
            f"got {type(target).__name__}"
        )
    return target[0], target[1]


def _norm(vectors: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.sum(vectors**2, axis=-1) + _NEAR)
