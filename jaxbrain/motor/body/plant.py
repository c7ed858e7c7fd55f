"""What a body is: a cell from commands and forces to a state, with senses and a hand."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.config import Config, static
from jaxbrain.core.types import Cell, Params

CENTER = (0.0, 0.4)  # m: where hands rest and reaches begin; the shoulder is at (0, 0)
DECIMETRES = 10  # in a metre: a reach is about one of them, and so near 1 for a controller


class Action(NamedTuple):
    """What moves a body during one step.

    Attributes:
      command: to its motors: torques (N m), a force (N) or excitations of muscles ``[commands]``.
      force: on the hand from outside, in N ``[2]``.
    """

    command: jax.Array
    force: jax.Array


class Hand(NamedTuple):
    """Where the hand is and how it moves, in the plane.

    Attributes:
      position: in m ``[2]``.
      velocity: in m/s ``[2]``.
    """

    position: jax.Array
    velocity: jax.Array


@static
class Physics(NamedTuple):
    """The mechanics behind a body, in continuous time: what `jaxbrain.testing.check_plant` checks.

    Attributes:
      flow: ``(state, drive) -> d state / dt``, of the structure of the state, per second.
      advance: ``(state, drive, dt) -> state``: the integrator that a step of the body is.
      energy: ``(state) -> []``: mechanical energy, in J.
      power: ``(state, drive) -> []``: what motors and forces put in, less what friction takes, in
        W: d energy / dt.
      lengths: ``(state) -> [muscles]``: of the muscles with their tendons, in m; None without
        muscles.
      velocities: ``(state) -> [muscles]``: d lengths / dt, in m/s.
      tensions: ``(state) -> [muscles]``: in N.
      config: what it was made from; None for one made by hand.
    """

    flow: Callable[[Any, Action], Any]
    advance: Callable[[Any, Action, Any], Any]
    energy: Callable[[Any], jax.Array]
    power: Callable[[Any, Action], jax.Array]
    lengths: Callable[[Any], jax.Array] | None = None
    velocities: Callable[[Any], jax.Array] | None = None
    tensions: Callable[[Any], jax.Array] | None = None
    config: Config | None = None


@static
class Plant(NamedTuple):
    """A body: a cell whose input is an `Action`, and that can be sensed and has a hand.

    Attributes:
      init: ``(key, drive) -> params``; a body that does not learn has none, ``()``.
      carry: ``(params, drive) -> state`` before the first step, at rest.
      step: ``(params, state, drive, *, key=None) -> (state, hand)`` of one time step.
      sensory_feedback: ``(params, state) -> [signals]``: what its receptors tell, each near 1.
      hand: ``(params, state) -> Hand``.
      place: ``(params, position) -> state``: at rest with the hand at a position ``[2]``.
      commands: how many motors it has.
      dt: the time of a step, in s.
      physics: the mechanics; None where a body is learned or has no equations.
      config: what it was made from; None for one made by hand.
    """

    init: Callable[[jax.Array, Any], Params]
    carry: Callable[[Params, Any], Any]
    step: Callable[..., tuple[Any, Hand]]
    sensory_feedback: Callable[[Params, Any], jax.Array]
    hand: Callable[[Params, Any], Hand]
    place: Callable[[Params, jax.Array], Any]
    commands: int
    dt: Any
    physics: Physics | None = None
    config: Config | None = None

    @property
    def cell(self) -> Cell:
        """The body as a `jaxbrain.Cell` from drives to hands, for `jaxbrain.cells.unroll`."""
        return Cell(self.init, self.carry, self.step)


def require_drive(name: str, drive: Any, commands: int) -> Action:
    """The drive of one step, if it is one of a body with so many motors.

    Args:
      name: of the body, for the message.
      drive: what it was given.
      commands: how many motors it has.

    Raises:
      TypeError: if it is not an Action.
      ValueError: if its command is not ``[commands]`` or its force not ``[2]``: one number would
        otherwise drive every motor.

    Examples:
      >>> require_drive("arm", Action(jnp.zeros(6), jnp.zeros(2)), 6).force.shape
      (2,)
    """
    return require_fields(name, drive, Action, {"command": (commands,), "force": (2,)})


def require_fields(name: str, x: Any, kind: Any, shapes: dict[str, tuple[int, ...]]) -> Any:
    """The input of one step, if it is of a kind of named tuple whose fields have these shapes."""
    if not isinstance(x, kind):
        raise TypeError(
            f"{name}: the input of a step must be a {kind.__name__}({', '.join(kind._fields)}), "
            f"got {type(x).__name__}"
        )
    for field, shape in shapes.items():
        if jnp.shape(getattr(x, field)) != shape:
            raise ValueError(
                f"{name}: {field} of a {kind.__name__} must be of shape {shape} a step, got "
                f"{jnp.shape(getattr(x, field))}; a batch of them takes jax.vmap"
            )
    return x


def runge_kutta(flow: Callable[[Any], Any], state: Any, dt: Any) -> Any:
    """One step of the classical Runge-Kutta method, of order four.

    k_1 = f(s), k_2 = f(s + dt/2 k_1), k_3 = f(s + dt/2 k_2), k_4 = f(s + dt k_3)
    s' = s + dt/6 (k_1 + 2 k_2 + 2 k_3 + k_4)

    Args:
      flow: f, from a state to its derivative, a pytree of the same structure.
      state: s, a pytree of arrays.
      dt: the time of the step.

    Returns:
      The state after the step.

    Source: Kutta 1901, Zeitschrift fuer Mathematik und Physik 46, 435 to 453.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(runge_kutta(lambda s: -s, jnp.array(1.0), 0.1)), float(jnp.exp(-0.1))
      (0.904837..., 0.904837...)
    """

    def ahead(scale: Any, slope: Any) -> Any:
        return jax.tree.map(lambda s, k: s + jnp.asarray(scale).astype(s.dtype) * k, state, slope)

    one = flow(state)
    two = flow(ahead(dt / 2, one))
    three = flow(ahead(dt / 2, two))
    four = flow(ahead(dt, three))
    mean = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, one, two, three, four)
    return ahead(dt, mean)
