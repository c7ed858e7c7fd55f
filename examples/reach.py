"""A motor cortex of six layers learns to move an arm, and is then pushed aside by a field.

python examples/reach.py             # pictures/reach.png and reach.gif; a few minutes
python examples/reach.py --quick     # the same, smaller and less trained; a minute
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain import analysis, motor, viz
from jaxbrain.progress import Progress

UPDATES, UNITS, BATCH, CHUNK = 1200, 150, 32, 20
FIELD, LATER = 10.0, 3e-4  # N s/m; rate of learning in the field
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
    new = untrained(updates, units, seed)
    return new._replace(state=new.learn(new.state, updates, 0.0, "reaching")[0])


def untrained(updates: int, units: int, seed: int) -> Trained:
    """A new motor system, and a way to teach it whose rate falls for so many updates."""
    layers = motor.cortical_layers(jax.random.key(seed), units)
    controller = motor.motor_system(layers, 6)
    net, task = moving(controller), motor.tasks.delayed_reach(delay=(10, 50), **PERIODS)
    falling, later = optax.cosine_decay_schedule(4e-3, updates), optax.constant_schedule(LATER)
    rate = optax.join_schedules([falling, later], [updates])
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))
    rule = jb.backprop(net, motor.reach_loss())
    update, draw = jb.step(rule, optimizer), jb.tasks.batches(task, BATCH)
    key = jax.random.key(seed + 1)

    def one(state: jb.TrainState, drawn: tuple) -> tuple:
        key, field = drawn
        before, (scene, graded) = deviations(net, state.params, field), draw(key)
        scene = scene._replace(field=scene.field + motor.edits.curl(field))
        state, loss = update(state, (scene, graded))
        return state, (loss, before)

    several = jax.jit(lambda state, drawn: jax.lax.scan(one, state, drawn))

    def learn(state: jb.TrainState, updates: int, field: float, name: str) -> tuple:
        """The state after updates in a field, and the `deviations` before each of them."""
        keys = jax.random.split(jax.random.fold_in(key, state.step), updates)
        drawn, found = (keys, jnp.full(updates, field)), []
        with Progress(updates, desc=name, enabled=None) as progress:
            for i in range(0, updates, CHUNK):
                some = jax.tree.map(lambda a: a[i : i + CHUNK], drawn)
                state, (loss, before) = several(state, some)
                found.append(before)
                progress.update(i + CHUNK, loss=loss.mean())
        return state, np.concatenate(found)

    state = jb.init_state(rule, optimizer, task.sample(key).inputs, key=key)
    return Trained(layers, controller, net, state, learn)


def deviations(net: jb.Network, params: Any, field: float | jax.Array) -> jax.Array:
    """How far each of 8 reaches bends to the left at most, in m ``[8]``; to the right negative."""
    trials = reaches(8, field)
    hand = jb.batch(net).apply(params, trials.inputs).hand
    seen = (hand.position[:, GO:], hand.velocity[:, GO:])
    ends = (trials.condition["start"], trials.condition["target"])
    return jax.vmap(analysis.reach_kinematics)(*seen, *ends).deviation


def tuned(label: str, angles: Any, rates: Any) -> analysis.Tuning:
    """Cosine tuning; the population vector is of other directions than those it is fitted to."""
    found, half = analysis.tuning(angles, rates), analysis.tuning(angles[::2], rates[::2])
    vector = analysis.population_vector(rates[1::2], half, least_r2=0.7)
    off = np.angle(np.exp(1j * (np.arctan2(*np.asarray(vector).T[::-1]) - angles[1::2])))
    r2 = np.asarray(found.r2)[np.ptp(rates, axis=0) > 0.01]
    print(f"{label:<32}{len(r2):>4} of {len(found.r2)}{np.median(r2):>8.2f}{np.mean(r2 > 0.7):>8.0%}"
          f"{np.degrees(abs(off)).mean():>10.1f} deg")  # fmt: skip
    return found


def turning(label: str, rates: Any) -> analysis.Rotations:
    """JPCA, and whether surrogates turn as much."""
    found = analysis.jpca(rates, dt=0.01, key=jax.random.key(0), soft_normalise=0.1, surrogates=100)
    chance = np.median(found.null.r2_skew), np.median(found.null.ratio)
    numbers = zip((found.fits.r2_skew, found.fits.ratio), chance, (found.p.r2_skew, found.p.ratio))
    cells = "".join(f"{v:>8.2f}{c:>8.2f}{p:>7.2f}" for v, c, p in numbers)
    print(f"{label:<20}{cells}{found.fits.r2_best:>10.2f}{found.frequencies[0]:>8.1f} Hz")
    return found


def main(out: Path, quick: bool) -> None:
    trained = train(400, 100) if quick else train()
    layers, net, params = trained.layers, trained.net, trained.state.params
    trials = reaches()
    angles, ends = np.asarray(trials.condition["angle"]), trials.condition["target"]
    signals = jax.jit(jb.batch(net).apply)(params, trials.inputs)
    position, velocity = signals.hand
    made = jax.vmap(analysis.reach_kinematics)(
        position[:, GO:], velocity[:, GO:], trials.condition["start"], ends
    )
    early = 1e3 * np.linalg.norm(position[:, GO - 1] - position[:, 0], axis=-1)
    print(f"{'16 reaches of 100 mm':<38}{'mean':>8}{'worst':>8}{'minimum jerk':>15}")
    for name, values, worst, ideal in (
        ("drift before the go cue, mm", early, np.max, "0"),
        ("endpoint error, mm", 1e3 * made.endpoint_error, np.max, "0"),
        ("lateral deviation, mm", 1e3 * abs(made.deviation), np.max, "0"),
        ("peak speed x duration / distance", made.peak_ratio, np.max, "1.65"),
        ("correlation with minimum jerk", made.smoothness, np.min, "1"),
    ):
        print(f"{name:<38}{np.mean(values):>8.3f}{worst(values):>8.3f}{ideal:>15}")

    rates = np.asarray(motor.cortex_rates(signals.controller.cortex))
    output = rates[..., layers.slices["L5Be"]]
    print(f"\n{'tuning of layer 5B':<32}  active{'median R2':>11}{'> 0.7':>8}{'vector off':>12}")
    tuned("delay", angles, output[:, GO - 20 : GO].mean(axis=1))
    tuning = tuned("movement", angles, output[:, GO : GO + 40].mean(axis=1))
    five = slice(layers.slices["L5Ae"].start, layers.slices["L5Bi"].stop)
    reach = slice(GO + 5, GO + 40)
    print(f"\n{'jPCA, 350 ms':<20} R2 skew  chance  p   ratio chance p R2 best")
    turns = turning("layer 5", rates[:, reach, five])
    turning("whole cortex", rates[:, reach])

    phases, state, found = {"null": (20, 0.0), "field": (300, FIELD), "washout": (200, 0.0)}, trained.state, {}
    for name, (updates, field) in phases.items():
        state, found[name] = trained.learn(state, updates // (1 + quick), field, name)
        if name == "field": 
            adapted = state.params
    side = {n: 1e3 * np.asarray(d) for n, d in found.items()}
    print(f"\n{'largest deviation, mm, left +':<38}{'mean':>8}{'sd':>8}  of 8 reaches")
    for name, values in (
        ("null", side["null"][-1]),
        ("first exposure to the field", side["field"][0]),
        ("after adaptation", side["field"][-1]),
        ("after-effect: the field is off", side["washout"][0]),
        ("after washout", side["washout"][-1]),
    ):
        print(f"{name:<38}{values.mean():>8.2f}{values.std():>8.2f}")
    picture(...)
