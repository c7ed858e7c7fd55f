"""Types of bodies: a plant is a cell from actions to hands, with sensory feedback."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from jaxbrain.core.annotations import Key, Pytree
from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import as_array, on_device
from jaxbrain.core.config import Config, static
from jaxbrain.core.requirements import as_number
from jaxbrain.core.types import Carry, Cell, Init, Numbers, Params
from jaxbrain.networks.parts import as_real

CENTER = (0.0, 0.4)  # m: where hands rest and reaches begin; the shoulder is at (0, 0)
DECIMETERS = 10  # in a meter: a reach is about one of them, of order 1 for a controller


class Action(NamedTuple):
    """The input of a body in one step.

    Attributes:
      command: to its motors: torques (N m), a force (N) or excitations of muscles ``[commands]``.
      force: on the hand from outside, in N ``[2]``.
    """

    command: jax.Array
    force: jax.Array


class Hand(NamedTuple):
    """Position and velocity of the hand in the plane.

    Attributes:
      position: in m ``[2]``.
      velocity: in m/s ``[2]``.
    """

    position: jax.Array
    velocity: jax.Array


class Move(Protocol):
    """``(params, state, action, *, key=None) -> (state, hand)`` of one time step."""

    def __call__(
        self, params: Params, state: Any, action: Action, /, *, key: Key | None = None
    ) -> tuple[Any, Hand]: ...


class SensoryFeedback(Protocol):
    """``(params, state) -> [signals]``: sensory feedback, scaled to order 1."""

    def __call__(self, params: Params, state: Any, /) -> jax.Array: ...


class HandOf(Protocol):
    """``(params, state) -> Hand``."""

    def __call__(self, params: Params, state: Any, /) -> Hand: ...


class Place(Protocol):
    """``(params, position [2]) -> state`` at rest with the hand at a position, in m."""

    def __call__(self, params: Params, position: jax.Array, /) -> Any: ...


class Flow(Protocol):
    """``(state, action) -> d state / dt``, of the structure of the state, per second."""

    def __call__(self, state: Any, action: Action, /) -> Any: ...


class Advance(Protocol):
    """``(state, action, dt) -> state``: the integrator of a step."""

    def __call__(self, state: Any, action: Action, dt: Any, /) -> Any: ...


class Power(Protocol):
    """``(state, action) -> []``: work of motors and forces less friction, in W."""

    def __call__(self, state: Any, action: Action, /) -> jax.Array: ...


class OfState(Protocol):
    """``(state) -> array``: a quantity of mechanics."""

    def __call__(self, state: Any, /) -> jax.Array: ...


@static
class Physics(NamedTuple):
    """Mechanics of a body in continuous time; `jaxbrain.testing.check_plant` proves them.

    Attributes:
      flow: ``(state, action) -> d state / dt``, of the structure of the state, per second.
      advance: ``(state, action, dt) -> state``: the integrator of a step.
      energy: ``(state) -> []``: mechanical energy, in J.
      power: ``(state, action) -> []``: d energy / dt, the work of motors and forces less friction,
        in W.
      lengths: ``(state) -> [muscles]``: of the muscles with their tendons, in m; None without
        muscles.
      velocities: ``(state) -> [muscles]``: d lengths / dt, in m/s.
      tensions: ``(state) -> [muscles]``: in N.
      config: what it was made from; None for one made by hand.
    """

    flow: Flow
    advance: Advance
    energy: OfState
    power: Power
    lengths: OfState | None = None
    velocities: OfState | None = None
    tensions: OfState | None = None
    config: Config | None = None


@static
class Plant(NamedTuple):
    """A body: a cell from actions to hands, with sensory feedback.

    Attributes:
      init: ``(key, action) -> params``; a body that does not learn has none, ``()``.
      carry: ``(params, action) -> state`` before the first step, at rest.
      step: ``(params, state, action, *, key=None) -> (state, hand)`` of one time step.
      sensory_feedback: ``(params, state) -> [signals]``, scaled to order 1.
      hand: ``(params, state) -> Hand``.
      place: ``(params, position) -> state``: at rest with the hand at a position ``[2]``.
      commands: the number of motors.
      dt: the time of a step, in s.
      physics: the mechanics; None where a body is learned or has no equations.
      config: what it was made from; None for one made by hand.
    """

    init: Init
    carry: Carry
    step: Move
    sensory_feedback: SensoryFeedback
    hand: HandOf
    place: Place
    commands: int
    dt: Any
    physics: Physics | None = None
    config: Config | None = None

    @property
    def cell(self) -> Cell:
        """The body as a `jaxbrain.Cell` from actions to hands, for `jaxbrain.cells.unroll`."""
        return Cell(self.init, self.carry, self.step)


def require_action(name: str, action: Any, commands: int) -> Action:
    """The action of one step; refuse one for another number of motors.

    A command of one number would otherwise be broadcast to every motor.

    Examples:
      >>> require_action("arm", Action(jnp.zeros(6), jnp.zeros(2)), 6).force.shape
      (2,)
    """
    action = require_fields(name, action, Action, {"command": (commands,), "force": (2,)})
    return Action(*(as_real(f"{name}: Action", jnp.asarray(a), float) for a in action))


def center_like(name: str, action: Any, commands: int) -> jax.Array:
    """The `CENTER` in the dtype of a step with an action, of which the shapes will do."""
    action = require_fields(name, action, Action, {"command": (commands,), "force": (2,)})
    with jax.numpy_dtype_promotion("standard"):
        one = jnp.ones((), jnp.result_type(*action))
    return jnp.asarray(CENTER).astype(as_real(f"{name}: Action", one, float).dtype)


def require_position(name: str, position: Any) -> jax.Array:
    """The position of a hand, in m ``[2]``; refuse another shape and complex numbers."""
    position = on_device(f"{name}.place", "position", position)
    if position.shape != (2,):
        raise ValueError(
            f"{name}.place: position must be of shape (2,), in m, got {position.shape}; a batch "
            "of them takes jax.vmap"
        )
    return as_real(f"{name}.place", position, float)


def require_fields(name: str, x: Any, kind: Any, shapes: dict[str, tuple[int, ...]]) -> Any:
    """The input of one step; refuse another type than kind and fields of other shapes.

    Fields are shapes, or numbers of any library, which become arrays.
    """
    if not isinstance(x, kind):
        raise TypeError(
            f"{name}: the input of a step must be {kind.__name__}({', '.join(kind._fields)}), "
            f"got {type(x).__name__}"
        )
    found = {}
    for field, shape in shapes.items():
        value, argument = getattr(x, field), f"{kind.__name__}.{field}"
        if not isinstance(value, jax.ShapeDtypeStruct):
            value = as_array(name, argument, value)
        if value.shape != shape:
            raise ValueError(
                f"{name}: {argument} must be of shape {shape} a step, got {value.shape}; a batch "
                "of them takes jax.vmap"
            )
        found[field] = value
    return x._replace(**found)


@checked
def runge_kutta(flow: Callable[[Any], Any], state: Pytree, dt: Numbers) -> Any:
    """One step of the classical Runge-Kutta method, of order four.

    k_1 = f(s), k_2 = f(s + dt/2 k_1), k_3 = f(s + dt/2 k_2), k_4 = f(s + dt k_3)
    s' = s + dt/6 (k_1 + 2 k_2 + 2 k_3 + k_4)

    Args:
      flow: f, from a state to its derivative, a pytree of the same structure.
      state: s, a pytree of arrays.
      dt: the time of the step.

    Source: Kutta 1901, Zeitschrift fuer Mathematik und Physik 46, 435 to 453.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(runge_kutta(lambda s: -s, jnp.array(1.0), 0.1)), float(jnp.exp(-0.1))
      (0.904837..., 0.904837...)
    """
    one = flow(state)
    two = flow(_moved(state, dt / 2, one))
    three = flow(_moved(state, dt / 2, two))
    four = flow(_moved(state, dt, three))
    mean = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, one, two, three, four)
    return _moved(state, dt, mean)


def scanned_runge_kutta(flow: Callable[[Any], Any], state: Any, dt: Any, steps: int = 1) -> Any:
    """Steps of `runge_kutta` over a time dt, as a loop over the four stages of a step.

    A second form, for a long flow: compiled once instead of four times a step, the gradient of a
    reach compiles in a third of the time and runs as fast. The backward pass recomputes the flow
    from the state of each stage; to keep its values takes a quarter longer.
    """
    flow = jax.checkpoint(flow)
    step = jnp.asarray(dt) / steps
    ahead = step * jnp.asarray([0.5, 0.5, 1.0, 0.0])  # from the start of a step to the next stage
    weight = step / 6 * jnp.asarray([1.0, 2.0, 2.0, 1.0])

    def one(start: Any, _: None) -> tuple[Any, None]:
        def stage(carry: tuple, now: tuple) -> tuple:
            (end, here), (ahead, weight) = carry, now
            slope = flow(here)
            return (_moved(end, weight, slope), _moved(start, ahead, slope)), None

        return jax.lax.scan(stage, (start, start), (ahead, weight))[0][0], None

    return one(state, None)[0] if steps == 1 else jax.lax.scan(one, state, length=steps)[0]


def _moved(state: Any, scale: Any, slope: Any) -> Any:
    """The state moved along a slope."""
    return jax.tree.map(lambda s, k: s + as_number(scale, s) * k, state, slope)
