"""The cost of a reach: distance from the wanted position, speed there, and effort."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_positive
from jaxbrain.motor.body.plant import DECIMETERS
from jaxbrain.motor.control.loop import Signals

_NEAR = 1e-4  # dm^2: within a centimeter the distance becomes smooth, and its slope goes to zero


@configured
def reach_loss(
    *,
    speed_weight: float | jax.Array = 0.5,
    effort_weight: float | jax.Array = 0.02,
    change_weight: float | jax.Array = 5e-5,
    hold_weight: float | jax.Array = 3.0,
    dt: float | jax.Array = 0.01,
) -> Callable[[Signals, tuple[Any, Any]], jax.Array]:
    """The loss of a reaching trial: be at the target and at rest, with little and smooth activity.

    sum_t w_t (|x_t - x*_t| + speed_weight |v_t|) / sum_t w_t
      + effort_weight mean u_t^2 + change_weight mean ((u_t - u_{t-1}) / dt)^2

    x in dm, v in m/s, u the command, |a| = sqrt(a.a + 1e-4). w is the mask of the trial, multiplied
    by ``hold_weight`` in the hold period, before the first ungraded step. Without an ungraded step
    there is no hold period; without a graded one only the last two terms count. The path is not
    prescribed: straight paths and bell-shaped speeds follow from the two terms on commands.

    Args:
      speed_weight: of the speed in graded steps.
      effort_weight: of activity.
      change_weight: of changes of activity, in s^2.
      hold_weight: of the hold period relative to the target period.
      dt: the time of a step, in s.

    Returns:
      ``(signals [time, ...], (wanted [time, 2], mask [time])) -> scalar``: a loss for networks made
      of `closed_loop` and data from ``jb.tasks.batches``.

    Source: the change of the command, after Uno, Kawato and Suzuki 1989, doi 10.1007/BF00204593,
      who penalize that of the torque.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> controller = jb.cells.stack(jb.cells.gru(8), jb.lift(jb.dense(2)))
      >>> net = jb.cells.unroll(jb.motor.closed_loop(controller, jb.motor.point_mass()))
      >>> x, y = jb.tasks.batches(jb.motor.tasks.center_out(), 4)(jax.random.key(0))
      >>> params = net.init(jax.random.key(1), jax.tree.map(lambda a: a[0], x))
      >>> rule = jb.backprop(net, reach_loss(hold_weight=5.0))
      >>> bool(jax.jit(rule.grads)(params, (), x, y)[0] > 0)
      True
    """
    weights = {"speed": speed_weight, "effort": effort_weight}
    weights |= {"change": change_weight, "hold": hold_weight}
    for name, weight in weights.items():
        require_positive("reach_loss", f"{name}_weight", weight, zero=True)
    require_positive("reach_loss", "dt", dt)

    def loss(signals: Signals, target: tuple[Any, Any]) -> jax.Array:
        wanted, mask = _pair(signals, target)
        position, velocity = signals.hand
        mask = mask.astype(position.dtype)
        weight = _with_hold(mask, as_number(hold_weight, mask))
        away = _norm(DECIMETERS * (position - wanted.astype(position.dtype)))
        graded = jnp.sum(weight * (away + as_number(speed_weight, mask) * _norm(velocity)))
        total = jnp.sum(weight)
        graded = graded / jnp.where(total > 0, total, 1)
        rate = jnp.diff(signals.command, axis=0) / as_number(dt, mask)
        effort = as_number(effort_weight, mask) * jnp.mean(signals.command**2)
        return graded + effort + as_number(change_weight, mask) * jnp.mean(rate**2)

    return loss


def _with_hold(mask: jax.Array, hold_weight: jax.Array) -> jax.Array:
    """The mask, weighted before the first step that is not graded."""
    first = jnp.argmax(mask == 0)  # 0 also where every step is graded
    return mask * jnp.where(jnp.arange(len(mask)) < first, hold_weight, 1)


def _pair(signals: Any, target: Any) -> tuple[Any, Any]:
    """The wanted positions and the mask; refuse those of another trial."""
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
    (wanted, mask), shape = target, signals.hand.position.shape
    if shape != wanted.shape or mask.shape != wanted.shape[:1]:
        raise ValueError(
            "reach_loss: wanted must be [time, 2] and mask [time] of the steps of the signals, "
            f"got {wanted.shape} and {mask.shape} for positions {shape}"
        )
    return wanted, mask


def _norm(vectors: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.sum(vectors**2, axis=-1) + _NEAR)
