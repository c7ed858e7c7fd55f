"""A motor cortex of six layers learns to move an arm, and is then pushed aside by a field.

    python examples/reach.py             # pictures/reach.png and reach.gif; a few minutes
    python examples/reach.py --quick     # the same, smaller and less trained; a minute
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

import jaxbrain as jb
from jaxbrain import analysis, motor
from jaxbrain.progress import Progress

UPDATES, UNITS, BATCH, CHUNK = 1200, 150, 32, 20
PERIODS = {"hold": 10, "movement": 60, "rest": 40}  # steps of 10 ms
GO = 40  # step of the go cue of the reaches that are looked at


class Trained(NamedTuple):
    """A motor system that has learnt to reach, and how to go on teaching it."""

    layers: motor.Layers
    controller: jb.Cell
    net: jb.Network  # [time, ...] of a Scene -> [time, ...] of Signals
    state: jb.TrainState  # with its params
    learn: Callable[..., tuple[jb.TrainState, Any]]


def moving(controller: jb.Cell, edit: motor.control.Edit | None = None) -> jb.Network:
    """The controller in its loop with an arm of six muscles, over a trial."""
    noise = {"sensory_noise": 0.01, "motor_noise": 0.1}
    return jb.cells.unroll(motor.closed_loop(controller, motor.arm26(), **noise, edit=edit))


def reaches(count: int = 16, field: float | jax.Array = 0.0) -> jb.tasks.Trial:
    """One reach in each direction, all with the same delay, in a field of that strength."""
    angles = jnp.arange(count) * (2 * jnp.pi / count)

    def one(angle: jax.Array) -> jb.tasks.Trial:
        task = motor.tasks.delayed_reach(angles=angle[None], delay=(GO - 10, GO - 10), **PERIODS)
        return task.sample(jax.random.key(0))

    trials = jax.vmap(one)(angles)
    scene = trials.inputs
    return trials._replace(inputs=scene._replace(field=scene.field + motor.edits.curl(field)))


def train(updates: int = UPDATES, units: int = UNITS, *, seed: int = 0) -> Trained:
    """Cortex, basal ganglia and thalamus learn delayed reaches, by backpropagation through time."""
    layers = motor.cortical_layers(jax.random.key(seed), units)
    controller = motor.motor_system(layers, 6)
    net, task = moving(controller), motor.tasks.delayed_reach(delay=(10, 50), **PERIODS)
    rate = optax.join_schedules([optax.cosine_decay_schedule(4e-3, updates), lambda _: 3e-4],
                                [updates])  # fmt: skip
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))
    rule = jb.backprop(net, motor.reach_loss())
    update, draw = jb.step(rule, optimizer), jb.tasks.batches(task, BATCH)
    key = jax.random.key(seed + 1)
    state = jb.init_state(rule, optimizer, task.sample(key).inputs, key=key)

    @jax.jit
    def several(state: jb.TrainState, keys: jax.Array, field: jax.Array) -> tuple:
        def one(state: jb.TrainState, key: jax.Array) -> tuple:
            before, (scene, graded) = deviations(net, state.params, field), draw(key)
            scene = scene._replace(field=scene.field + motor.edits.curl(field))
            state, loss = update(state, (scene, graded))
            return state, (loss, before)

        return jax.lax.scan(one, state, keys)

    def learn(state: jb.TrainState, updates: int, field: float, name: str) -> tuple:
        """The state after so many updates in the field, and the deviation before each."""
        found, keys = [], jax.random.split(jax.random.fold_in(key, state.step), updates)
        with Progress(updates, desc=name, enabled=None) as progress:
            for done in range(0, updates, CHUNK):
                state, (loss, side) = several(state, keys[done : done + CHUNK], jnp.float32(field))
                found.append(side)
                progress.update(done + CHUNK, loss=loss.mean())
        return state, jnp.concatenate(found)

    state, _ = learn(state, updates, 0.0, "reaching")
    return Trained(layers, controller, net, state, learn)


def deviations(net: jb.Network, params: Any, field: float | jax.Array) -> jax.Array:
    """How far each of 8 reaches bends to the left at most, in m ``[8]``; to the right negative."""
    trials = reaches(8, field)
    hand = jb.batch(net).apply(params, trials.inputs).hand
    seen = (hand.position[:, GO:], hand.velocity[:, GO:])
    ends = (trials.condition["start"], trials.condition["target"])
    return jax.vmap(analysis.reach_kinematics)(*seen, *ends).deviation
