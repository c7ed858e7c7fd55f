"""Trained reaches: what a controller learns is what people and monkeys do, and what it adapts to."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain import analysis, motor

KEY = jax.random.key(0)
BODIES = ("arm26", "point mass")
FIELD = {"arm26": 8.0, "point mass": 3.0}  # N s/m: an arm is heavier than a mass of 1 kg
slow = pytest.mark.slow


class Trained(NamedTuple):
    """A network that reaches, the same untrained, and its life in a field and after."""

    net: jb.Network
    params: Any
    naive: Any
    adapted: Any
    washed: Any


def loop(controller, plant):
    return motor.closed_loop(controller, plant, delay=5, sensory_noise=0.01, motor_noise=0.1)


def learning(net, task, optimizer, batch, loss):
    """``(state, keys, field) -> state`` after an update each, compiled, and the first state."""
    rule = jb.backprop(net, loss)
    draw, update = jb.tasks.batches(task, batch), jb.step(rule, optimizer)
    start = jb.init_state(rule, optimizer, task.sample(KEY).inputs, key=jax.random.key(1))

    def one(state, key, field):
        scene, graded = draw(key)
        return update(state, (scene._replace(field=scene.field + field[None, None]), graded))

    # unlike what runs once, this is worth what optimising it costs
    @functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 3})
    def learn(state, keys, field):
        return jax.lax.scan(lambda s, k: one(s, k, field), state, keys)[0]

    return learn, start


def fan(count, delay, **periods):
    """A reach in each direction, all with one delay; the step of the go cue."""
    angles = jnp.linspace(0, 2 * jnp.pi, count, endpoint=False)

    def one(angle):
        task = motor.tasks.delayed_reach(angles=angle[None], delay=(delay, delay), **periods)
        return task.sample(KEY)

    trials = jax.vmap(one)(angles)
    return trials, int(trials.condition["go"][0])


def reach(net, params, trials, field=0.0):
    scene = trials.inputs
    scene = scene._replace(field=scene.field + motor.edits.curl(field)[None, None])
    return jax.jit(jb.batch(net).apply)(params, scene)


def measures(signals, trials, go):
    ends = trials.condition["start"], trials.condition["target"]
    hand = signals.hand.position[:, go:], signals.hand.velocity[:, go:]
    return jax.vmap(analysis.reach_kinematics)(*hand, *ends)


# ---- the short form


@functools.cache
def quick():
    """Seconds of training: a mass, 40 units, and too few updates for a smooth reach."""
    controller = jb.cells.stack(jb.cells.leaky_rnn(40, dt=0.01, tau=0.05), jb.lift(jb.dense(2)))
    net = jb.cells.unroll(loop(controller, motor.point_mass()))
    task = motor.tasks.delayed_reach(hold=5, delay=(5, 20), movement=40, rest=15)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(5e-3))
    with jax.numpy_dtype_promotion("standard"):  # optax adds integers to floats
        learn, start = learning(net, task, optimizer, 16, motor.reach_loss(change=1e-6))
        state = learn(start, jax.random.split(KEY, 250), jnp.zeros((2, 2)))
    return net, state.params, start.params


def test_a_network_learns_to_reach():
    net, params, naive = quick()
    trials, go = fan(8, 15, hold=5, movement=40, rest=20)
    found = measures(reach(net, params, trials), trials, go)
    print(jax.tree.map(lambda a: np.round(np.array(a), 4), found))
    assert np.mean(found.endpoint_error) < 0.01
    before = measures(reach(net, naive, trials), trials, go)
    print(before.endpoint_error)
    assert np.mean(before.endpoint_error) > 0.05


def test_it_waits_for_the_go_cue():
    net, params, _ = quick()
    trials, go = fan(8, 15, hold=5, movement=40, rest=20)
    never = trials.inputs._replace(cue=trials.inputs.cue.at[..., 2].set(1.0))
    waited, went = reach(net, params, trials._replace(inputs=never)), reach(net, params, trials)
    far = [np.linalg.norm(s.hand.position[:, -1] - s.hand.position[:, 0], axis=1) for s in (waited, went)]
    print(far)
    assert far[0].mean() < 0.03 < 0.07 < far[1].mean()


# ---- the whole


@functools.cache
def trained(body):
    periods = {"hold": 10, "movement": 60, "rest": 40}
    if body == "arm26":
        layers = motor.cortical_layers(KEY, 150)
        controller, plant = motor.motor_system(layers, 6), motor.arm26()
        updates, rate, loss = 1200, 4e-3, motor.reach_loss()
    else:
        cell = jb.cells.leaky_rnn(100, dt=0.01, tau=0.05)
        controller, plant = jb.cells.stack(cell, jb.lift(jb.dense(2))), motor.point_mass()
        updates, rate, loss = 1500, 2e-3, motor.reach_loss(effort=0.001, change=2e-6)
    net = jb.cells.unroll(loop(controller, plant))
    task = motor.tasks.delayed_reach(delay=(10, 50), **periods)
    schedule = optax.join_schedules(
        [optax.cosine_decay_schedule(rate, updates), lambda step: 3e-4], [updates]
    )
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
    keys = jax.random.split(jax.random.key(2), 3 * updates)
    null, field = jnp.zeros((2, 2)), motor.edits.curl(FIELD[body])
    with jax.numpy_dtype_promotion("standard"):
        learn, naive = learning(net, task, optimizer, 32, loss)
        n = updates // 2  # a call each of so many: one program
        state = learn(learn(naive, keys[:n], null), keys[n : 2 * n], null)
        adapted = learn(state, keys[2 * n : 3 * n], field)
        washed = learn(adapted, keys[3 * n : 4 * n], null)
    return Trained(net, state.params, naive.params, adapted.params, washed.params)
