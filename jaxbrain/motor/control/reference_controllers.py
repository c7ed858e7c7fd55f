"""Reference controllers: minimum-jerk reaches and linear-quadratic regulators, as lower bounds."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from jaxbrain.core.annotations import AsArray, Pytree
from jaxbrain.core.arguments import checked
from jaxbrain.core.eager import compiled_once
from jaxbrain.core.requirements import as_number, require_count, require_integer, require_positive
from jaxbrain.motor.body.plant import Action, Plant


class Movement(NamedTuple):
    """Position, velocity and acceleration of the hand over time.

    Attributes:
      position: in m ``[time, 2]``.
      velocity: in m/s ``[time, 2]``.
      acceleration: in m/s^2 ``[time, 2]``.
    """

    position: jax.Array
    velocity: jax.Array
    acceleration: jax.Array


class Regulator(NamedTuple):
    """Optimal linear feedback over a finite horizon.

    Attributes:
      gains: K_t in u_t = -K_t x_t ``[steps, commands, states]``.
      costs: P_t in x_t' P_t x_t, the least cost from step t on
        ``[steps + 1, states, states]``.
    """

    gains: jax.Array
    costs: jax.Array


class LinearReach(NamedTuple):
    """The optimal reach of a linear body in the closed loop.

    Attributes:
      regulator: of the state z = (body - body at rest at the target, last command).
      first: z at the first step ``[states]``.
      cost: the least cost, first' P_0 first.
    """

    regulator: Regulator
    first: jax.Array
    cost: jax.Array


@checked
def minimum_jerk(
    start: AsArray, target: AsArray, *, movement_time: float, dt: float = 0.01
) -> Movement:
    """The reach of least mean square jerk, the third derivative of position: straight and smooth.

    p(t) = start + (target - start) (10 s^3 - 15 s^4 + 6 s^5),  s = t / movement_time

    The speed peaks in the middle, at 15/8 distance / movement_time; the acceleration at 10/sqrt(3)
    distance / movement_time^2.

    Args:
      start: in m ``[2]``.
      target: in m ``[2]``.
      movement_time: in s.
      dt: time between samples, in s.

    Returns:
      A Movement at 0, dt, ... up to movement_time ``[time, 2]``, both ends included.

    Source: Flash and Hogan 1985, doi 10.1523/JNEUROSCI.05-07-01688.1985.

    Examples:
      >>> import jax.numpy as jnp
      >>> reach = minimum_jerk(jnp.zeros(2), jnp.array([0.1, 0.0]), movement_time=0.5)
      >>> reach.position.shape, round(float(reach.velocity[25, 0]), 4)
      ((51, 2), 0.375)
    """
    for name, point in (("start", start), ("target", target)):
        if np.shape(point) != (2,):
            raise ValueError(f"minimum_jerk: {name} must be of shape (2,), got {np.shape(point)}")
    require_positive("minimum_jerk", "movement_time", movement_time)
    require_positive("minimum_jerk", "dt", dt)
    if dt > movement_time:
        raise ValueError(
            f"minimum_jerk: dt must be at most movement_time, got {dt!r} and {movement_time!r}"
        )
    first = jnp.asarray(start)
    first = first if jnp.issubdtype(first.dtype, jnp.floating) else first.astype(float)
    way = as_number(target, first) - first
    samples = math.floor(movement_time / dt + 1e-6) + 1
    s = jnp.arange(samples, dtype=first.dtype) * (dt / movement_time)
    shapes = (
        s**3 * (10 - 15 * s + 6 * s**2),
        30 * s**2 * (1 - s) ** 2 / movement_time,
        60 * s * (1 - s) * (1 - 2 * s) / movement_time**2,
    )
    position, velocity, acceleration = (shape[:, None] * way[None] for shape in shapes)
    return Movement(first[None] + position, velocity, acceleration)


@checked
@compiled_once("steps")
def lqr(A: AsArray, B: AsArray, Q: AsArray, R: AsArray, *, steps: int, final: AsArray) -> Regulator:
    """The linear-quadratic regulator over a finite horizon, by the Riccati recursion.

    x_{t+1} = A x_t + B u_t,  cost = sum_{t<steps} x_t' Q x_t + u_t' R u_t, + x_steps' final x_steps
    K_t = (R + B' P_{t+1} B)^-1 B' P_{t+1} A,  P_t = Q + A' P_{t+1} (A - B K_t),  u_t = -K_t x_t

    Args:
      A: ``[states, states]``.
      B: ``[states, commands]``.
      Q: cost of a state ``[states, states]``, symmetric.
      R: cost of a command ``[commands, commands]``, symmetric and positive definite.
      steps: the number of commands.
      final: cost of the last state ``[states, states]``, symmetric.

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
        cost = (cost + cost.T) / 2  # symmetric, so that rounding errors do not grow
        return cost, (gain, cost)

    _, (gains, costs) = jax.lax.scan(back, final, None, length=steps, reverse=True)
    return Regulator(gains, jnp.concatenate([costs, final[None]]))


@checked
def linear_reach(
    plant: Plant,
    start: AsArray,
    target: AsArray,
    *,
    steps: int,
    effort_weight: float | jax.Array = 1e-4,
    final: AsArray | None = None,
) -> LinearReach:
    """The optimal reach of a linear body in `closed_loop`: its least cost and its feedback.

    cost = effort_weight sum_t |u_t|^2 + (b_T - b*)' final (b_T - b*),  b* at rest at the target,
    T = steps - 1

    The sum is over the commands that reach the body. The first is zero, and each later one was made
    a step before: u_{t+1} = -K_t z_t, z_t = (b_t - b*, u_t).

    Args:
      plant: a body whose step is linear, such as `point_mass`, and that stays at rest anywhere.
      start: the hand at rest at first, in m ``[2]``.
      target: the hand at rest at the last step, in m ``[2]``.
      steps: of the trial, 2 or more.
      effort_weight: cost of a squared command.
      final: cost of the last state of the body, raveled ``[states, states]``; None: the identity.

    Returns:
      A LinearReach; `reach_cost` is the same cost of an actual trial.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> body = jb.motor.point_mass()
      >>> near, far = (
      ...     linear_reach(body, jnp.zeros(2), jnp.array([d, 0.0]), steps=50) for d in (0.1, 0.2)
      ... )
      >>> round(float(far.cost / near.cost), 3)
      4.0
    """
    steps = require_integer("linear_reach", "steps", steps, at_least=2)
    require_positive("linear_reach", "effort_weight", effort_weight)
    goal, unravel = ravel_pytree(plant.place((), jnp.asarray(target)))
    A, B = _linear(plant, goal, unravel)
    n, m = B.shape
    end = _final("linear_reach", final, goal)
    none, one = jnp.zeros((m, n), goal.dtype), jnp.eye(m, dtype=goal.dtype)
    delayed = jnp.block([[A, B], [none, 0 * one]]), jnp.concatenate([none.T, one])
    last = jnp.block([[end, none.T], [none, 0 * one]])
    effort = as_number(effort_weight, goal) * one
    regulator = lqr(*delayed, 0 * last, effort, steps=steps - 1, final=last)
    begun = ravel_pytree(plant.place((), jnp.asarray(start)))[0] - goal
    first = jnp.concatenate([begun, jnp.zeros((m,), goal.dtype)])
    return LinearReach(regulator, first, first @ regulator.costs[0] @ first)


@checked
def reach_cost(
    command: jax.Array,
    body: Pytree,
    goal: Pytree,
    *,
    effort_weight: float | jax.Array = 1e-4,
    final: AsArray | None = None,
) -> jax.Array:
    """The cost of a trial in the terms of `linear_reach`; the ratio of the two is at least 1.

    effort_weight sum_t |u_t|^2 + (b_T - b*)' final (b_T - b*)

    Args:
      command: of the Signals of a trial ``[time, commands]``.
      body: of the Signals of a trial, ``[time, ...]`` each.
      goal: b*, the body at rest at the target: ``plant.place((), target)``.
      effort_weight: cost of a squared command.
      final: cost of the last state of the body, raveled ``[states, states]``; None: the identity.

    Examples:
      >>> import jax.numpy as jnp
      >>> still = jnp.zeros((10, 2))
      >>> round(float(reach_cost(still, still, jnp.array([0.3, 0.4]))), 3)
      0.25
    """
    off = ravel_pytree(jax.tree.map(lambda b, g: b[-1] - g, body, goal))[0]
    end = _final("reach_cost", final, off)
    return as_number(effort_weight, command) * jnp.sum(command**2) + off @ end @ off


def _final(name: str, final: Any, state: jax.Array) -> jax.Array:
    """The cost of the last state ``[states, states]``."""
    n = len(state)
    end = jnp.eye(n, dtype=state.dtype) if final is None else as_number(final, state)
    if end.shape != (n, n):
        raise ValueError(f"{name}: final must be of shape {(n, n)}, got {end.shape}")
    return end


def _linear(plant: Plant, rest: jax.Array, unravel: Any) -> tuple[jax.Array, jax.Array]:
    """The matrices of a step of the body: of its state and of its command."""

    def step(state: jax.Array, command: jax.Array) -> jax.Array:
        action = Action(command, jnp.zeros((2,), state.dtype))
        return ravel_pytree(plant.step((), unravel(state), action)[0])[0]

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
