"""The best that can be done: the smoothest reach, and the cheapest way to move a linear body."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from jaxbrain.core.requirements import as_number, require_count, require_positive
from jaxbrain.motor.body.plant import Action, Plant


class Movement(NamedTuple):
    """A path of the hand in time.

    Attributes:
      position: in m ``[time, 2]``.
      velocity: in m/s ``[time, 2]``.
      acceleration: in m/s^2 ``[time, 2]``.
    """

    position: jax.Array
    velocity: jax.Array
    acceleration: jax.Array


class Regulator(NamedTuple):
    """The best linear feedback, from the first step to the last.

    Attributes:
      gains: K_t in u_t = -K_t x_t ``[steps, commands, states]``.
      costs: P_t in x_t' P_t x_t, the least cost from step t to the end
        ``[steps + 1, states, states]``.
    """

    gains: jax.Array
    costs: jax.Array


class LinearReach(NamedTuple):
    """A linear reach from rest to rest, in the closed loop with its step of conduction.

    Attributes:
      regulator: of the state z = (body - body at rest at the target, command on the wire).
      first: z at the first step ``[states]``.
      cost: the least there is, first' P_0 first.
    """

    regulator: Regulator
    first: jax.Array
    cost: jax.Array


def minimum_jerk(start: Any, target: Any, *, duration: float, dt: float = 0.01) -> Movement:
    """The straight reach that minimises the mean square of the jerk, the third derivative.

    p(t) = start + (target - start) (10 s^3 - 15 s^4 + 6 s^5),  s = t / duration

    The speed peaks in the middle, at 15/8 distance / duration; the acceleration at 10/sqrt(3)
    distance / duration^2.

    Args:
      start: in m ``[2]``.
      target: in m ``[2]``.
      duration: in s.
      dt: time between samples, in s.

    Returns:
      A Movement at 0, dt, ... up to duration ``[time, 2]``, both ends included.

    Raises:
      ValueError: if a point is not ``[2]``, a time is not positive, or dt is above duration.

    Source: Flash and Hogan 1985, doi 10.1523/JNEUROSCI.05-07-01688.1985.

    Examples:
      >>> import jax.numpy as jnp
      >>> reach = minimum_jerk(jnp.zeros(2), jnp.array([0.1, 0.0]), duration=0.5)
      >>> reach.position.shape, round(float(reach.velocity[25, 0]), 4)
      ((51, 2), 0.375)
    """
    for name, point in (("start", start), ("target", target)):
        if np.shape(point) != (2,):
            raise ValueError(f"minimum_jerk: {name} must be of shape (2,), got {np.shape(point)}")
    require_positive("minimum_jerk", "duration", duration)
    require_positive("minimum_jerk", "dt", dt)
    if dt > duration:
        raise ValueError(f"minimum_jerk: dt must be at most duration, got {dt!r} and {duration!r}")
    first = jnp.asarray(start)
    first = first if jnp.issubdtype(first.dtype, jnp.floating) else first.astype(float)
    way = as_number(target, first) - first
    samples = math.floor(duration / dt + 1e-6) + 1
    s = jnp.arange(samples, dtype=first.dtype) * (dt / duration)
    shapes = (
        s**3 * (10 - 15 * s + 6 * s**2),
        30 * s**2 * (1 - s) ** 2 / duration,
        60 * s * (1 - s) * (1 - 2 * s) / duration**2,
    )
    position, velocity, acceleration = (shape[:, None] * way[None] for shape in shapes)
    return Movement(first[None] + position, velocity, acceleration)


def lqr(A: Any, B: Any, Q: Any, R: Any, *, steps: int, final: Any) -> Regulator:
    """The linear-quadratic regulator with an end, by one pass from the end to the beginning.

    x_{t+1} = A x_t + B u_t,  cost = sum_{t<steps} x_t' Q x_t + u_t' R u_t, + x_steps' final x_steps
    K_t = (R + B' P_{t+1} B)^-1 B' P_{t+1} A,  P_t = Q + A' P_{t+1} (A - B K_t),  u_t = -K_t x_t

    Args:
      A: ``[states, states]``.
      B: ``[states, commands]``.
      Q: cost of a state ``[states, states]``, symmetric.
      R: cost of a command ``[commands, commands]``, symmetric and positive definite.
      steps: how many commands there are.
      final: cost of the last state ``[states, states]``, symmetric.

    Returns:
      A Regulator.

    Raises:
      ValueError: if the shapes do not fit together or steps is not positive.

    Source: Kalman 1960, Boletin de la Sociedad Matematica Mexicana 5, 102 to 119.

    Examples:
      >>> import jax.numpy as jnp
      >>> one = jnp.ones((1, 1))
      >>> found = lqr(one, one, 0 * one, one, steps=1, final=one)
      >>> found.gains.item(), found.costs[0].item()
      (0.5, 0.5)
    """
    A, B, Q, R, final = (jnp.asarray(a) for a in (A, B, Q, R, final))
    _require_shapes(A, B, Q, R, final)
    require_count("lqr", "steps", steps)

    def back(after: jax.Array, _: None) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        gain = jnp.linalg.solve(R + B.T @ after @ B, B.T @ after @ A)
        cost = Q + A.T @ after @ (A - B @ gain)
        cost = (cost + cost.T) / 2  # the errors of rounding would grow without
        return cost, (gain, cost)

    _, (gains, costs) = jax.lax.scan(back, final, None, length=steps, reverse=True)
    return Regulator(gains, jnp.concatenate([costs, final[None]]))


def linear_reach(
    plant: Plant,
    start: Any,
    target: Any,
    *,
    steps: int,
    effort: float | jax.Array = 1e-4,
    final: Any = None,
) -> LinearReach:
    """The least cost of a reach of a linear body in `closed_loop`, and the feedback that pays it.

    cost = effort sum_t |u_t|^2 + (b_T - b*)' final (b_T - b*),  b* at rest at the target,
    T = steps - 1

    The sum is over the commands that are on the wire in the steps of the trial. The first is zero,
    and each later one was made a step before: u_{t+1} = -K_t z_t, z_t = (b_t - b*, u_t).

    Args:
      plant: a body whose step is linear, such as `point_mass`, and that stays at rest anywhere.
      start: where the hand is at rest at first, in m ``[2]``.
      target: where it is to be at rest at the last step, in m ``[2]``.
      steps: of the trial.
      effort: cost of a squared command.
      final: cost of the last state of the body, raveled ``[states, states]``; None: the identity.

    Returns:
      A LinearReach; for an actual trial the cost is `reach_cost`.

    Raises:
      ValueError: if steps is below 2, effort is not positive, or final has the wrong shape.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> body = jb.motor.point_mass()
      >>> near, far = (
      ...     linear_reach(body, jnp.zeros(2), jnp.array([d, 0.0]), steps=50) for d in (0.1, 0.2)
      ... )
      >>> round(float(far.cost / near.cost), 3)
      4.0
    """
    if not isinstance(steps, int) or steps < 2:
        raise ValueError(f"linear_reach: steps must be an integer, 2 or more, got {steps!r}")
    require_positive("linear_reach", "effort", effort)
    goal, unravel = ravel_pytree(plant.place((), jnp.asarray(target)))
    A, B = _linear(plant, goal, unravel)
    n, m = B.shape
    end = jnp.eye(n, dtype=goal.dtype) if final is None else as_number(final, goal)
    if end.shape != (n, n):
        raise ValueError(f"linear_reach: final must be of shape {(n, n)}, got {end.shape}")
    nothing, one = jnp.zeros((m, n), goal.dtype), jnp.eye(m, dtype=goal.dtype)
    conducted = jnp.block([[A, B], [nothing, 0 * one]]), jnp.concatenate([nothing.T, one])
    last = jnp.block([[end, nothing.T], [nothing, 0 * one]])
    regulator = lqr(
        *conducted, 0 * last, as_number(effort, goal) * one, steps=steps - 1, final=last
    )
    begun = ravel_pytree(plant.place((), jnp.asarray(start)))[0] - goal
    first = jnp.concatenate([begun, jnp.zeros((m,), goal.dtype)])
    return LinearReach(regulator, first, first @ regulator.costs[0] @ first)


def reach_cost(
    command: jax.Array,
    body: Any,
    goal: Any,
    *,
    effort: float | jax.Array = 1e-4,
    final: Any = None,
) -> jax.Array:
    """What a trial cost, in the terms of `linear_reach`: the ratio of the two is 1 at best.

    effort sum_t |u_t|^2 + (b_T - b*)' final (b_T - b*)

    Args:
      command: of the Signals of a trial ``[time, commands]``.
      body: of the Signals of a trial, ``[time, ...]`` each.
      goal: b*, the body at rest at the target: ``plant.place((), target)``.
      effort: cost of a squared command.
      final: cost of the last state of the body, raveled ``[states, states]``; None: the identity.

    Returns:
      A scalar.

    Raises:
      ValueError: if final has the wrong shape.

    Examples:
      >>> import jax.numpy as jnp
      >>> still = jnp.zeros((10, 2))
      >>> round(float(reach_cost(still, still, jnp.array([0.3, 0.4]))), 3)
      0.25
    """
    off = ravel_pytree(jax.tree.map(lambda b, g: b[-1] - g, body, goal))[0]
    end = jnp.eye(len(off), dtype=off.dtype) if final is None else as_number(final, off)
    if end.shape != (len(off), len(off)):
        raise ValueError(
            f"reach_cost: final must be of shape {(len(off), len(off))}, got {end.shape}"
        )
    return as_number(effort, command) * jnp.sum(command**2) + off @ end @ off


def _linear(plant: Plant, rest: jax.Array, unravel: Any) -> tuple[jax.Array, jax.Array]:
    """A step of the body as matrices: of its state and of its command."""

    def step(state: jax.Array, command: jax.Array) -> jax.Array:
        drive = Action(command, jnp.zeros((2,), state.dtype))
        return ravel_pytree(plant.step((), unravel(state), drive)[0])[0]

    silent = jnp.zeros((plant.commands,), rest.dtype)
    A, B = jax.jacfwd(step, argnums=(0, 1))(rest, silent)
    return A, B


def _require_shapes(A: Any, B: Any, Q: Any, R: Any, final: Any) -> None:
    if A.ndim != 2 or A.shape[0] != A.shape[1]:
        raise ValueError(f"lqr: A must be square, got {A.shape}")
    if B.ndim != 2 or len(B) != len(A):
        raise ValueError(f"lqr: B must be [{len(A)}, commands] as A is {A.shape}, got {B.shape}")
    commands = B.shape[1]
    for name, a, n in (("Q", Q, len(A)), ("R", R, commands), ("final", final, len(A))):
        if a.shape != (n, n):
            raise ValueError(f"lqr: {name} must be of shape ({n}, {n}), got {a.shape}")
