"""Check of the mechanics of a body: energy, virtual work, velocities, order of integration."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from jaxbrain.analysis.columns import columns
from jaxbrain.core.annotations import AsArray, Key, Pytree
from jaxbrain.core.arguments import checked
from jaxbrain.core.config import label
from jaxbrain.core.types import Params
from jaxbrain.motor.body.plant import CENTER, Action, Physics, Plant

REACH = 0.1  # m: half the side of the workspace of the tasks, around CENTER
STEPS = (1, 2, 4, 8, 16, 32, 64)  # numbers of steps over the same time, for the order

# from each law to its two sides, which must be equal
LAWS = {
    "energy": ("d energy/dt", "power"),
    "force": ("d power/d force", "velocity of the hand"),
    "muscles": ("power of a change of tension", "-change . dL/dt"),
    "hand": ("velocity of the hand", "d position/dt"),
    "lengths": ("velocities of muscles", "d lengths/dt"),
    "step": ("step", "advance by dt"),
    "place": ("hand after place", "position"),
}


class Mechanics(NamedTuple):
    """Relative errors of the laws of mechanics, the largest over states, and the order of steps.

    Attributes:
      energy: d energy/dt along the flow against the power.
      force: derivative of the power by a force on the hand against the velocity of the hand.
      muscles: change of the power with a change of tension against that change times -dL/dt, which
        is d(torque) . dq/dt; 0 without muscles.
      hand: reported velocity of the hand against d position/dt.
      lengths: reported velocities of the muscles against dL/dt; 0 without muscles.
      step: a step of the plant against its integrator.
      place: the hand after `place` against the position asked for, at rest.
      halving: ratio of the errors of integration at a step and at half of it, the median over
        states: 2 to the power of the order; infinite where steps are exact to rounding.
    """

    energy: float
    force: float
    muscles: float
    hand: float
    lengths: float
    step: float
    place: float
    halving: float


@checked
def check_plant(
    plant: Plant,
    *,
    states: Pytree | None = None,
    positions: AsArray | None = None,
    key: Key | None = None,
    rtol: float = 1e-9,
) -> Mechanics:
    """Check of the laws of mechanics in a body, at random states under random actions, in float64.

    d energy/dt = power, d power/d force = dp/dt, d power/d tension = -dL/dt, hand velocity =
    dp/dt, muscle velocities = dL/dt, all along the flow, by automatic differentiation; steps are
    of order four: half the step has 1/16 of the error; `place` puts the hand where it is told

    The two derivatives of the power do not rely on the power and friction that the body reports: a
    load or a muscle torque that acts twice, or with a wrong moment arm, is found there. Tensions
    are changed through those parts of the state that nothing else depends on, such as activations.

    Args:
      plant: the body, with its ``physics``.
      states: to check at, ``[states, ...]`` each; None: those after a tenth of a second under
        random actions from ``positions``.
      positions: of the hand ``[positions, 2]``; None: 16 within 0.1 m of (0, 0.4) m.
      key: of all random numbers, such as commands from 0 to 1; None: a fixed one.
      rtol: the largest relative error allowed.

    Raises:
      AssertionError: if a law does not hold, with a table of all broken laws.
      ValueError: if the plant has no physics, or only some of lengths, velocities and tensions.

    Examples:
      >>> import jaxbrain as jb
      >>> found = check_plant(jb.motor.point_mass(friction=2.0))
      >>> round(found.halving), found.energy < 1e-9
      (16, True)
    """
    _physics(plant)
    with jax.enable_x64(True):
        key = jax.random.key(0) if key is None else key
        where, *keys = jax.random.split(key, 6)
        if positions is None:
            offsets = jax.random.uniform(where, (16, 2), minval=-REACH, maxval=REACH)
            positions = jnp.asarray([CENTER]) + offsets
        positions = jnp.asarray(positions, float)
        params = plant.init(keys[0], _actions(plant, positions[0], keys[1]))
        place = jax.jit(jax.vmap(lambda position: plant.place(params, position)))
        placed, run = place(positions), _runner(plant)
        if states is None:
            states = run(placed, _actions(plant, positions, keys[2]), 0.1, 10)
        states = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), states)
        actions = _actions(plant, jax.tree.leaves(states)[0], keys[3])
        pairs = _laws(plant, params, states, actions, keys[4])
        end = run(states, actions, 1.0 * plant.dt, 1)
        pairs["step"] = _step(plant, params, states, actions, end)
        hands = jax.vmap(lambda state: plant.hand(params, state))(placed)
        rest = jnp.concatenate([positions, jnp.zeros_like(positions)], axis=-1)
        pairs["place"] = (jnp.concatenate(hands, axis=-1), rest)
        halving = _halving(run, states, actions, plant.dt)
    return _judge(plant, pairs, halving, rtol)


def _actions(plant: Plant, like: jax.Array, key: jax.Array) -> Action:
    """Random commands from 0 to 1 and forces of some N, one for each entry of an array."""
    one, two = jax.random.split(key)
    lead = like.shape[:-1] if like.ndim > 1 else ()
    command = jax.random.uniform(one, (*lead, plant.commands), like.dtype)
    return Action(command, 3 * jax.random.normal(two, (*lead, 2), like.dtype))


def _runner(plant: Plant) -> Callable[..., Any]:
    """States after a time, in steps of equal length, as one program for any number of them."""
    advance = _physics(plant).advance

    @jax.jit
    def run(states: Any, actions: Action, time: Any, steps: Any) -> Any:
        def one(state: Any, action: Action) -> Any:
            dt = time / steps
            return jax.lax.fori_loop(0, steps, lambda _, s: advance(s, action, dt), state)

        return jax.vmap(one)(states, actions)

    return run


def _laws(plant: Plant, params: Params, states: Any, actions: Action, key: jax.Array) -> dict:
    """Both sides of every law, each ``[states, ...]``."""
    physics = _physics(plant)

    def gains(state: Any, action: Action) -> jax.Array:
        return jax.jvp(physics.energy, (state,), (physics.flow(state, action),))[1]

    def where(state: Any) -> tuple[jax.Array, jax.Array]:
        muscles = jnp.zeros(0) if physics.lengths is None else physics.lengths(state)
        return plant.hand(params, state).position, muscles

    def one(state: Any, action: Action, change: Any) -> dict:
        _, (moves, shortens) = jax.jvp(where, (state,), (physics.flow(state, action),))
        none = jax.tree.map(jnp.zeros_like, state)
        # one program for a force in x, one in y and a change of tensions
        ways = jax.tree.map(lambda *parts: jnp.stack(parts), none, none, change)
        forces = jnp.concatenate([jnp.eye(2, dtype=moves.dtype), jnp.zeros((1, 2), moves.dtype)])

        def along(way: Any, force: jax.Array) -> tuple[jax.Array, jax.Array]:
            tangent = way, Action(jnp.zeros_like(action.command), force)
            return jax.jvp(gains, (state, action), tangent)

        rate, slopes = jax.vmap(along)(ways, forces)
        found = {
            "energy": (rate[0], physics.power(state, action)),
            "force": (slopes[:2], moves),
            "hand": (plant.hand(params, state).velocity, moves),
        }
        if physics.tensions is not None:
            tension = jax.jvp(physics.tensions, (state,), (change,))[1]
            found["muscles"] = (slopes[2], -jnp.sum(tension * shortens))
        if physics.velocities is not None:
            found["lengths"] = (physics.velocities(state), shortens)
        return found

    @jax.jit
    def run(states: Any, actions: Action) -> dict:
        return jax.vmap(one)(states, actions, _changes(plant, params, states, key))

    return run(states, actions)


def _changes(plant: Plant, params: Params, states: Any, key: jax.Array) -> Any:
    """Random changes of those parts of a state that neither move nor store energy."""
    physics = _physics(plant)
    geometry = [f for f in (physics.lengths, physics.velocities, physics.energy) if f is not None]

    def body(state: Any) -> jax.Array:
        parts = [jnp.ravel(f(state)) for f in geometry] + list(plant.hand(params, state))
        every = jnp.concatenate(parts)
        return jnp.sum(every * jnp.cos(jnp.arange(len(every), dtype=every.dtype)))

    moved = jax.vmap(jax.grad(body))(states)
    keys = iter(jax.random.split(key, len(jax.tree.leaves(states))))

    def change(leaf: jax.Array, slope: jax.Array) -> jax.Array:
        return jnp.where(jnp.any(slope != 0), 0, jax.random.normal(next(keys), leaf.shape))

    return jax.tree.map(change, states, moved)


def _step(plant: Plant, params: Params, states: Any, actions: Action, end: Any) -> tuple:
    """States and hands after a step, and those after the integrator."""

    @jax.jit
    @jax.vmap
    def both(state: Any, action: Action, end: Any) -> tuple[jax.Array, jax.Array]:
        found, wanted = plant.step(params, state, action), (end, plant.hand(params, end))
        return ravel_pytree(found)[0], ravel_pytree(wanted)[0]

    return both(states, actions, end)


def _halving(run: Callable[..., Any], states: Any, actions: Action, dt: Any) -> float:
    """The median ratio of errors at the shortest steps whose errors are above rounding."""
    count = len(jax.tree.leaves(states)[0])

    def flat(states: Any) -> np.ndarray:
        leaves = [np.asarray(leaf).reshape(count, -1) for leaf in jax.tree.leaves(states)]
        return np.concatenate(leaves, axis=1)

    ends = [flat(run(states, actions, 4.0 * dt, steps)) for steps in STEPS]
    gaps = np.array([np.linalg.norm(a - b, axis=1) for a, b in pairwise(ends)])
    rounding = 1e3 * np.finfo(float).eps * np.linalg.norm(ends[-1], axis=1)
    for coarse, fine in zip(gaps[-2::-1], gaps[:0:-1], strict=True):
        exact = fine <= rounding  # False for nan
        if np.mean(~exact) >= 0.5:
            return float(np.median(coarse[~exact] / fine[~exact]))
    return float("inf")


def _judge(plant: Plant, pairs: dict, halving: float, rtol: float) -> Mechanics:
    errors = dict.fromkeys(LAWS, 0.0)
    rows = []
    for law, names in LAWS.items():
        if law not in pairs:
            continue
        found, wanted = (np.asarray(part) for part in pairs[law])
        apart, scale = np.abs(found - wanted), np.abs(wanted).max()
        apart = np.where(np.isnan(apart), np.inf, apart)
        errors[law] = float(apart.max() / (scale if scale > 0 else 1.0))
        if not errors[law] <= rtol:
            worst = np.unravel_index(np.argmax(apart), apart.shape)
            values = f"{found[worst]:.4g}", f"{wanted[worst]:.4g}"
            rows.append((names[0], values[0], names[1], values[1], f"{errors[law]:.1e}"))
    lines = []
    if rows:
        heading = f"check_plant: {label(plant)} breaks a law by more than rtol={rtol:g}"
        headings = ("found", "", "must equal", "", "relative error")
        lines += [heading, columns(headings, rows)]
    if not (12 <= halving <= 20 or halving == float("inf")):
        lines.append(
            f"check_plant: halving the step of {label(plant)} divides its error by {halving:.3g}, "
            f"order {np.log2(halving):.2f}; order 4 divides it by 12 to 20"
        )
    if lines:
        raise AssertionError("\n".join(lines))
    return Mechanics(**errors, halving=halving)


def _physics(plant: Plant) -> Physics:
    physics = plant.physics
    if physics is None:
        raise ValueError(f"check_plant: {label(plant)} has no physics; give it a jb.motor.Physics")
    muscles = (physics.lengths, physics.velocities, physics.tensions)
    if None in muscles and any(muscles):
        raise ValueError(
            f"check_plant: the physics of {label(plant)} must have all of lengths, velocities and "
            "tensions, or none"
        )
    return physics
