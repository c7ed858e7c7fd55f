"""The closed loop of a controller and a body, as a cell with delayed sensory feedback.

All signals are synchronous: the `Signals` of a step are read at its beginning, and a perturbation
may change any of them. Then the controller makes the next command from its sensory feedback, while
the body moves under the command that was made one step before.
"""

from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from jaxbrain.core.composition import split_key
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_integer, require_positive
from jaxbrain.core.types import Cell, Params
from jaxbrain.motor.body.plant import DECIMETERS, Action, Hand, Plant, require_fields


class TaskInput(NamedTuple):
    """The task at one step of a movement; over a trial, ``[time, ...]`` each.

    Attributes:
      cue: input of the controller ``[n]``.
      start: position of the hand at the first step, in m ``[2]``; ignored afterwards.
      force: on the hand, in N ``[2]``.
      field: force per velocity of the hand, in N s/m ``[2, 2]``: force + field @ velocity.
    """

    cue: jax.Array
    start: jax.Array
    force: jax.Array
    field: jax.Array


class Signals(NamedTuple):
    """All signals of the loop at the beginning of a step, after the perturbation.

    Attributes:
      cue: input of the controller ``[n]``.
      sensory: feedback of the body and position of its hand in dm, ``delay_steps`` ago ``[m]``.
      controller: the carry of the controller before this step.
      command: to the body, made in the last step ``[commands]``.
      body: the state of the body.
      hand: its position and velocity.
      force: on the hand, in N ``[2]``.
    """

    cue: jax.Array
    sensory: jax.Array
    controller: Any
    command: jax.Array
    body: Any
    hand: Hand
    force: jax.Array


class Loop(NamedTuple):
    """The carry of a closed loop.

    Attributes:
      time: the number of this step ``[]``.
      controller: its carry.
      command: made in the last step ``[commands]``.
      body: the state of the body.
      line: the delay line, sensory feedback of the last steps, oldest first ``[delay, m]``.
    """

    time: jax.Array
    controller: Any
    command: jax.Array
    body: Any
    line: jax.Array


class Perturbation(Protocol):
    """``(t, signals) -> signals`` of the same shapes and dtypes; t is the number of the step."""

    def __call__(self, t: jax.Array, signals: Signals, /) -> Signals: ...


@configured
def closed_loop(
    controller: Cell,
    plant: Plant,
    *,
    delay_steps: int = 5,
    sensory_noise: float | jax.Array = 0.0,
    motor_noise: float | jax.Array = 0.0,
    perturbation: Perturbation | None = None,
) -> Cell:
    """A controller and a body in a loop with delayed sensory feedback.

    s_t = (feedback(b_{t-d}), 10 position_{t-d}) + sensory_noise xi_t
    (cue_t, s_t, c_t, u_t, b_t, hand_t, f_t) = perturbation(t, (...)),  f_t = force_t + field_t v_t
    (c_{t+1}, w_t) = controller(c_t, (cue_t, s_t)),  u_{t+1} = w_t (1 + motor_noise zeta_t)
    b_{t+1} = plant(b_t, (u_t, f_t))

    The body is at rest at ``start`` and the delay line is full of its feedback there. The first
    command is zero, because no command has been issued, and does not depend on the weights. Both
    noises are drawn only where there is a key, from keys of their own.

    A perturbation changes the controller and the body for good, and the other signals for one
    step. The hand is an observation: it follows a changed body one step later.

    Args:
      controller: a cell from ``[n + m]``, cue and feedback, to commands ``[plant.commands]``, in
        the range that the body takes.
      plant: the body; one without parameters.
      delay_steps: d, from the body to the controller; 0 is no delay.
      sensory_noise: standard deviation of the noise of each sensory signal.
      motor_noise: standard deviation of the noise of a command, relative to the command.
      perturbation: ``(t, signals) -> signals``, such as those of `jaxbrain.motor.perturbations`.

    Returns:
      A Cell from a `TaskInput` to `Signals` with the params of the controller, whose carry is a
      `Loop`.

    Raises:
      ValueError: at trace time, if the trial is not longer than the delay, or the perturbation
        changes a shape or dtype.

    Source: signal-dependent noise, Harris and Wolpert 1998, doi 10.1038/29528.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> controller = jb.cells.stack(jb.cells.gru(8), jb.lift(jb.dense(2)))
      >>> net = jb.cells.unroll(closed_loop(controller, jb.motor.point_mass()))
      >>> still = TaskInput(jnp.ones(1), jnp.array([0.0, 0.4]), jnp.zeros(2), jnp.zeros((2, 2)))
      >>> inputs = jax.tree.map(lambda a: jnp.stack([a] * 20), still)
      >>> signals = net.apply(net.init(jax.random.key(0), inputs), inputs)
      >>> signals.hand.position.shape
      (20, 2)
    """
    require_integer("closed_loop", "delay_steps", delay_steps, at_least=0)
    require_positive("closed_loop", "sensory_noise", sensory_noise, zero=True)
    require_positive("closed_loop", "motor_noise", motor_noise, zero=True)
    name = f"closed_loop({controller}, {plant})"

    def init(key: jax.Array, x: Any) -> Params:
        _require_input(name, x)
        entering = jax.eval_shape(lambda x: _entering(_floating(x), _rest(plant, x)[1]), x)
        return controller.init(key, entering)

    def carry(params: Params, x: Any) -> Loop:
        x = _floating(_require_input(name, x))
        body, sensory = _rest(plant, x)
        entering = _entering(x, sensory)
        inner = controller.carry(params, entering)
        made = jax.eval_shape(controller.step, params, inner, entering)[1]
        _require_command(name, plant, made)
        line = jnp.broadcast_to(sensory[None], (delay_steps, *sensory.shape))
        command = jnp.zeros(made.shape, made.dtype)
        return Loop(jnp.zeros((), jnp.int32), inner, command, body, line)

    def step(params: Params, carry: Loop, x: Any, *, key: jax.Array | None = None) -> Any:
        x = _floating(_require_input(name, x))
        of_senses, of_command, of_controller, of_plant = split_key(key, 4)
        hand, sensory = jax.checkpoint(partial(_sensed, plant))(carry.body)
        line = jnp.concatenate([carry.line, sensory[None]])
        signals = Signals(
            x.cue,
            line[0] + _noise(of_senses, sensory_noise, line[0]),
            carry.controller,
            carry.command,
            carry.body,
            hand,
            _force(x, hand),
        )
        if perturbation is not None:
            signals = _require_same(name, perturbation(carry.time, signals), signals)
        entering = _entering(x._replace(cue=signals.cue), signals.sensory)
        inner, made = controller.step(params, signals.controller, entering, key=of_controller)
        command = made + made * _noise(of_command, motor_noise, made)
        action = Action(signals.command, signals.force)
        body, _ = plant.step((), signals.body, action, key=of_plant)
        return Loop(carry.time + 1, inner, command, body, line[1:]), signals

    return Cell(init, carry, step, partial(_require_longer, name, delay_steps))


def _require_longer(name: str, delay_steps: int, params: Params, xs: Any) -> Any:
    """The inputs of a trial as they are; refuse a trial that ends within the delay."""
    steps = len(xs.start)
    if delay_steps >= steps:
        raise ValueError(
            f"{name}: delay_steps must be less than the steps of the trial, got {delay_steps} of "
            f"{steps}: no movement would ever be sensed"
        )
    return xs


def _sensed(plant: Plant, body: Any) -> tuple[Hand, jax.Array]:
    """The hand, and the sensory feedback of the loop."""
    hand, own = plant.hand((), body), plant.sensory_feedback((), body)
    return hand, jnp.concatenate([own, DECIMETERS * hand.position.astype(own.dtype)])


def _rest(plant: Plant, x: TaskInput) -> tuple[Any, jax.Array]:
    """The body at rest at the start, and its sensory feedback."""
    body = plant.place((), _floating(x).start)
    return body, _sensed(plant, body)[1]


def _entering(x: TaskInput, sensory: jax.Array) -> jax.Array:
    """The input of the controller: cue and sensory feedback."""
    return jnp.concatenate([x.cue.astype(sensory.dtype), sensory])


def _force(x: TaskInput, hand: Hand) -> jax.Array:
    """The force of the task on the hand."""
    force = x.force + x.field @ hand.velocity.astype(x.force.dtype)
    return force.astype(hand.velocity.dtype)


def _noise(key: jax.Array | None, std: Any, like: jax.Array) -> jax.Array:
    if key is None or (isinstance(std, int | float) and std == 0):
        return jnp.zeros_like(like)
    return as_number(std, like) * jax.random.normal(key, like.shape, like.dtype)


def _floating(x: TaskInput) -> TaskInput:
    """The input in one floating dtype, that of its start."""
    start = jnp.asarray(x.start)
    inexact = jnp.issubdtype(start.dtype, jnp.floating)
    dtype = start.dtype if inexact else jnp.result_type(float)
    return jax.tree.map(lambda a: jnp.asarray(a).astype(dtype), x)


def _require_input(name: str, x: Any) -> TaskInput:
    x = require_fields(name, x, TaskInput, {"start": (2,), "force": (2,), "field": (2, 2)})
    if jnp.ndim(x.cue) != 1:
        raise ValueError(
            f"{name}: TaskInput.cue must be a vector [n] a step, got shape {jnp.shape(x.cue)}"
        )
    return x


def _require_command(name: str, plant: Plant, made: Any) -> None:
    shapes = [a.shape for a in jax.tree.leaves(made)]
    if not isinstance(made, jax.ShapeDtypeStruct) or made.shape != (plant.commands,):
        raise ValueError(
            f"{name}: the controller must answer with the {plant.commands} commands of {plant}, "
            f"of shape ({plant.commands},), got {shapes}; end it with them: "
            f"jb.cells.stack(cell, jb.lift(jb.dense({plant.commands})))"
        )


def _require_same(name: str, after: Any, before: Signals) -> Signals:
    """The signals after a perturbation; refuse other shapes and dtypes than before."""
    if not isinstance(after, Signals):
        raise TypeError(f"{name}: perturbation must return Signals, got {type(after).__name__}")
    for field, old, new in zip(Signals._fields, before, after, strict=True):
        kinds = [
            (jax.tree.structure(tree), [(a.shape, a.dtype) for a in map(jnp.asarray, leaves)])
            for tree, leaves in ((old, jax.tree.leaves(old)), (new, jax.tree.leaves(new)))
        ]
        if kinds[0] != kinds[1]:
            was, got = (", ".join(f"{d}{list(s)}" for s, d in kind[1]) for kind in kinds)
            raise ValueError(
                f"{name}: perturbation must not change the shape of {field}: {was} became {got}"
            )
    return after
