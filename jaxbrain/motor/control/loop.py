"""The loop between a controller and a body, as a cell: whatever unrolls or trains a cell does it.

All wires are synchronous. What is on them at the beginning of a step is a `Signals`; a perturbation may
change any of it, once a step; then the controller makes the next command from what it senses, and
the body moves under the command that was made a step before.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.cells.unrolling import require_cells
from jaxbrain.core.composition import split_key
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_positive
from jaxbrain.core.types import Cell, Params
from jaxbrain.motor.body.plant import DECIMETRES, Action, Hand, Plant, require_fields


class TaskInput(NamedTuple):
    """What the world does in one step of a movement; over a trial, ``[time, ...]`` each.

    Attributes:
      cue: what the controller is told ``[n]``.
      start: where the hand is at the first step, in m ``[2]``; not looked at afterwards.
      force: on the hand, in N ``[2]``.
      field: force per velocity of the hand, in N s/m ``[2, 2]``: force + field @ velocity.
    """

    cue: jax.Array
    start: jax.Array
    force: jax.Array
    field: jax.Array


class Signals(NamedTuple):
    """What is on every wire at the beginning of a step, after the perturbation.

    Attributes:
      cue: what the controller is told ``[n]``.
      sensory: feedback of the body from ``delay`` steps ago, and where its hand was, in dm ``[m]``.
      controller: the carry of the controller before this step.
      command: to the body, made in the last step ``[commands]``.
      body: the state of the body.
      hand: where it is and how it moves.
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
      time: how many steps were made ``[]``.
      controller: its carry.
      command: made in the last step ``[commands]``.
      body: the state of the body.
      line: what was sensed in the last steps, the oldest first ``[delay, m]``.
    """

    time: jax.Array
    controller: Any
    command: jax.Array
    body: Any
    line: jax.Array


Perturbation = Callable[[jax.Array, Signals], Signals]


@configured
def closed_loop(
    controller: Cell,
    plant: Plant,
    *,
    delay: int = 5,
    sensory_noise: float | jax.Array = 0.0,
    motor_noise: float | jax.Array = 0.0,
    perturbation: Perturbation | None = None,
) -> Cell:
    """A controller, a body, and the delayed senses between them.

    s_t = (sense(b_{t-d}), 10 position_{t-d}) + sensory_noise xi_t
    (cue_t, s_t, c_t, u_t, b_t, hand_t, f_t) = perturbation(t, (...)),  f_t = force_t + field_t velocity_t
    (c_{t+1}, w_t) = controller(c_t, (cue_t, s_t)),  u_{t+1} = w_t (1 + motor_noise zeta_t)
    b_{t+1} = plant(b_t, (u_t, f_t))

    It begins with the body at rest at ``start`` since long ago: the delay line is full of what is
    sensed there. The first command is zero, as nothing was said yet, and so is not a function of
    the weights. The noise of a command grows with it, as that of muscles does; both noises are
    drawn only where there is a key.

    A perturbation gets the number of the step and returns the Signals that hold instead. What it does to
    a carry or to the body stays there; what it does to the other wires is for this step. The hand
    is an observation: a perturbation that moves the body gets a new hand in the step after.

    Args:
      controller: a cell from ``[n + m]``, cue and senses, to commands ``[plant.commands]``, in the
        range that the body takes.
      plant: the body; one without parameters.
      delay: d, in steps, from the body to the controller; 0 is none.
      sensory_noise: standard deviation of the noise of each sense.
      motor_noise: standard deviation of the noise of a command, as a part of the command.
      perturbation: ``(t [], signals) -> signals`` of the same shapes and dtypes, such as those of
        `jaxbrain.motor.perturbations`.

    Returns:
      A Cell from a `TaskInput` to `Signals` with the params of the controller, whose carry is a `Loop`.

    Raises:
      TypeError: if controller is not a Cell, plant not a Plant or perturbation not a function; at trace
        time, if the input is not a TaskInput.
      ValueError: if delay is no integer or negative, or a noise is negative; at trace time, if the
        delay is not shorter than the trial, the TaskInput has a wrong shape, the controller's output is
        not a command of the body, or the perturbation changes a shape or dtype.

    Source: noise in proportion to the command, Harris and Wolpert 1998, doi 10.1038/29528.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> controller = jb.cells.stack(jb.cells.gru(8), jb.lift(jb.dense(2)))
      >>> net = jb.cells.unroll(closed_loop(controller, jb.motor.point_mass()))
      >>> still = TaskInput(jnp.ones(1), jnp.array([0.0, 0.4]), jnp.zeros(2), jnp.zeros((2, 2)))
      >>> scenes = jax.tree.map(lambda a: jnp.stack([a] * 20), still)
      >>> signals = net.apply(net.init(jax.random.key(0), scenes), scenes)
      >>> signals.hand.position.shape
      (20, 2)
    """
    require_cells("closed_loop", controller)
    _require_arguments(plant, delay, sensory_noise, motor_noise, perturbation)
    name = f"closed_loop({controller}, {plant})"

    def init(key: jax.Array, x: Any) -> Params:
        scene = _require_scene(name, x)
        heard = jax.eval_shape(lambda s: _heard(_floating(s), _rest(plant, s)[1]), scene)
        return controller.init(key, heard)

    def carry(params: Params, x: Any) -> Loop:
        scene = _floating(_require_scene(name, x))
        body, sensory = _rest(plant, scene)
        heard = _heard(scene, sensory)
        inner = controller.carry(params, heard)
        made = jax.eval_shape(controller.step, params, inner, heard)[1]
        _require_command(name, plant, made)
        line = jnp.broadcast_to(sensory[None], (delay, *sensory.shape))
        command = jnp.zeros(made.shape, made.dtype)
        return Loop(jnp.zeros((), jnp.int32), inner, command, body, line)

    def step(params: Params, carry: Loop, x: Any, *, key: jax.Array | None = None) -> Any:
        scene = _floating(_require_scene(name, x))
        of_senses, of_command, of_controller, of_plant = split_key(key, 4)
        hand = plant.hand((), carry.body)
        past = jnp.concatenate([carry.line, _senses(plant, carry.body, hand)[None]])
        sensory = past[0] + _noise(of_senses, sensory_noise, past[0])
        force = (scene.force + scene.field @ hand.velocity.astype(scene.force.dtype)).astype(
            hand.velocity.dtype
        )
        signals = Signals(
            scene.cue, sensory, carry.controller, carry.command, carry.body, hand, force
        )
        if perturbation is not None:
            signals = _require_same(name, perturbation(carry.time, signals), signals)
        heard = _heard(scene._replace(cue=signals.cue), signals.sensory)
        inner, made = controller.step(params, signals.controller, heard, key=of_controller)
        command = made + made * _noise(of_command, motor_noise, made)
        drive = Action(signals.command, signals.force)
        body, _ = plant.step((), signals.body, drive, key=of_plant)
        return Loop(carry.time + 1, inner, command, body, past[1:]), signals

    return Cell(init, carry, step, partial(_require_shorter, name, delay))


def _require_shorter(name: str, delay: int, params: Params, xs: Any) -> Any:
    """The scenes of a trial as they are, if something can be sensed in it."""
    steps = len(xs.start)
    if delay >= steps:
        raise ValueError(
            f"{name}: delay must be shorter than the trial, got {delay} steps of {steps}: nothing "
            "that happens would ever be sensed"
        )
    return xs


def _senses(plant: Plant, body: Any, hand: Hand) -> jax.Array:
    own = plant.sensory_feedback((), body)
    return jnp.concatenate([own, DECIMETRES * hand.position.astype(own.dtype)])


def _rest(plant: Plant, scene: TaskInput) -> tuple[Any, jax.Array]:
    """The body at rest at the start, and what it senses there."""
    body = plant.place((), _floating(scene).start)
    return body, _senses(plant, body, plant.hand((), body))


def _heard(scene: TaskInput, sensory: jax.Array) -> jax.Array:
    return jnp.concatenate([scene.cue.astype(sensory.dtype), sensory])


def _noise(key: jax.Array | None, std: Any, like: jax.Array) -> jax.Array:
    if key is None or (isinstance(std, int | float) and std == 0):
        return jnp.zeros_like(like)
    return as_number(std, like) * jax.random.normal(key, like.shape, like.dtype)


def _floating(scene: TaskInput) -> TaskInput:
    """The scene in one floating type, that of where it starts."""
    start = jnp.asarray(scene.start)
    inexact = jnp.issubdtype(start.dtype, jnp.floating)
    dtype = start.dtype if inexact else jnp.result_type(float)
    return jax.tree.map(lambda a: jnp.asarray(a).astype(dtype), scene)


def _require_arguments(
    plant: Any, delay: Any, sensory_noise: Any, motor_noise: Any, perturbation: Any
) -> None:
    if not isinstance(plant, Plant):
        raise TypeError(
            "closed_loop: plant must be a Plant such as jb.motor.point_mass(), got "
            f"{type(plant).__name__}"
        )
    if not isinstance(delay, int) or isinstance(delay, bool) or delay < 0:
        raise ValueError(
            f"closed_loop: delay must be a number of steps, 0 or more, got {delay!r}; from "
            "seconds: round(seconds / plant.dt)"
        )
    require_positive("closed_loop", "sensory_noise", sensory_noise, zero=True)
    require_positive("closed_loop", "motor_noise", motor_noise, zero=True)
    if perturbation is not None and not callable(perturbation):
        raise TypeError(
            "closed_loop: perturbation must be a function (t, signals) -> signals such as "
            f"jb.motor.perturbations.curl_field(3.0), got {type(perturbation).__name__}"
        )


def _require_scene(name: str, x: Any) -> TaskInput:
    scene = require_fields(name, x, TaskInput, {"start": (2,), "force": (2,), "field": (2, 2)})
    if jnp.ndim(scene.cue) != 1:
        raise ValueError(
            f"{name}: cue of a TaskInput must be a vector [n] a step, got shape {jnp.shape(scene.cue)}"
        )
    return scene


def _require_command(name: str, plant: Plant, made: Any) -> None:
    shapes = [a.shape for a in jax.tree.leaves(made)]
    if not isinstance(made, jax.ShapeDtypeStruct) or made.shape != (plant.commands,):
        raise ValueError(
            f"{name}: the controller must answer with the {plant.commands} commands of {plant}, "
            f"of shape ({plant.commands},), got {shapes}; end it with them: "
            f"jb.cells.stack(cell, jb.lift(jb.dense({plant.commands})))"
        )


def _require_same(name: str, after: Any, before: Signals) -> Signals:
    """What the perturbation made, if it fits the wires."""
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
                f"{name}: perturbation must not change what {field} is: {was} became {got}"
            )
    return after
