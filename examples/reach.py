"""A motor cortex of six layers learns to move an arm, also in a force field.

Cortex, basal ganglia, thalamus and an arm of six muscles form one loop, which learns to reach after
a delay. Then: paths, tuning, rotations compared with surrogates, and adaptation to a curl field.

    python examples/reach.py [--quick]     # pictures/reach.png and reach.gif; --quick: smaller
"""

import argparse
from collections import namedtuple
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain import analysis, motor, viz
from jaxbrain.training.progress import scan

FIELD, LATER = 5.0, optax.constant_schedule(3e-4)  # N s/m; rate of learning when it can reach
GO, PERIODS = 40, dict[str, Any](hold_steps=10, movement_steps=60, rest_steps=40)  # of 10 ms
Trained = namedtuple("Trained", "layers controller state learn")  # state is a jb.TrainState


def moving(controller: jb.Cell, perturbation: Any = None) -> jb.Network:
    """The controller and its arm, unrolled over the steps of a trial."""
    options = {"sensory_noise": 0.01, "motor_noise": 0.1, "perturbation": perturbation}
    return jb.cells.unroll(motor.closed_loop(controller, motor.arm26(), **options))


def reaches(count: int = 16) -> jb.tasks.Trial:
    """One reach in each direction, all after the same delay."""
    task = partial(motor.tasks.delayed_reach, delay_steps=(GO - 10, GO - 10), **PERIODS)
    angles = 2 * jnp.pi * jnp.arange(count)[:, None] / count
    return jax.vmap(lambda angle: task(angles=angle).sample(jax.random.key(0)))(angles)


def watch(controller: jb.Cell, params: Any, count: int = 16, field: Any = 0.0) -> tuple:
    """Reaches without noise in a curl field: trials, Signals and Kinematics."""
    trials, net = reaches(count), moving(controller, motor.perturbations.curl_field(field))
    signals = jb.batch(net).apply(params, trials.inputs)
    ends = (trials.condition[name] for name in ("start", "target"))
    return trials, signals, jax.vmap(analysis.reach_kinematics)(*signals.hand, *ends)


def train(updates: int = 1200, units: int = 150, *, seed: int = 0) -> Trained:
    """Train delayed reaches by back-propagation through the arm and time."""
    layers, key = motor.cortical_layers(jax.random.key(seed), units), jax.random.key(seed + 1)
    controller = motor.motor_system(layers, 6)
    task = motor.tasks.delayed_reach(delay_steps=(10, 50), **PERIODS)
    batch = jb.tasks.batches(task, 32)
    rate = optax.join_schedules([optax.cosine_decay_schedule(4e-3, updates), LATER], [updates])
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))

    def one(state: jb.TrainState, drawn: tuple) -> tuple[jb.TrainState, jax.Array]:
        key, field = drawn
        before = watch(controller, state.params, 8, field)[2].deviation
        net = moving(controller, motor.perturbations.curl_field(field))
        rule = jb.backprop(net, motor.reach_loss())
        return jb.step(rule, optimizer)(state, batch(key))[0], before

    def learn(state: jb.TrainState, updates: int, field: float, name: str) -> tuple:
        keys = jax.random.split(jax.random.fold_in(key, state.step), updates)
        return scan(one, state, (keys, jnp.full(updates, field)), desc=name)

    still = jb.backprop(moving(controller), motor.reach_loss())
    state = jb.init_state(still, optimizer, task.sample(jax.random.clone(key)).inputs, key=key)
    return Trained(layers, controller, learn(state, updates, 0.0, "reaching")[0], learn)


def main(out: Path, quick: bool) -> None:
    layers, controller, state, learn = train(400, 100) if quick else train()
    look = jax.jit(partial(watch, controller))
    trials, signals, made = look(state.params, field=0.0)
    angles, rates = trials.condition["angle"], motor.cortex_rates(signals.controller.cortex)
    away = jnp.linalg.norm(signals.hand.position[:, GO] - trials.condition["start"], axis=-1)
    print(f"{made}\nmoved before the go cue, mm {1e3 * away.mean():.2f}\n")
    for name, when in {"delay": slice(GO - 20, GO), "movement": slice(GO, GO + 40)}.items():
        mean = rates[:, when, layers.slices["L5Be"]].mean(axis=1)
        off = np.degrees(abs(analysis.held_out_error(angles, mean)).mean())
        print(f"layer 5B, {name}: {analysis.tuning(angles, mean)}")
        print(f"  population vector of 8 directions, fitted to 8 others: {off:.1f} degrees off")
    five = slice(layers.slices["L5Ae"].start, layers.slices["L5Bi"].stop)
    for name, part in {"the whole cortex": slice(None), "layer 5": five}.items():
        moved = rates[:, GO + 5 : GO + 40, part]
        turns = analysis.jpca(jax.random.key(0), moved, dt=0.01, soft_normalize=0.1)
        print(f"\njPCA of {name}\n{turns}".rsplit("\n\n", 1)[0])
        r2, ratio = ("more" if p < 0.05 else "no more" for p in (turns.p.r2_skew, turns.p.ratio))
        print(f"A rotation explains {r2} than in surrogates, and {ratio} of what any map explains")
    phases, sides, paths = {"null": 20, "field": (n := 80 if quick else 120), "washout": n}, {}, {}
    for name, updates in phases.items():
        field = FIELD * (name == "field")
        paths[name] = look(state.params, field=field)[1].hand.position[:, GO:]
        state, sides[name] = learn(state, updates, field, name)
    print(f"\nCurl field of {FIELD} N s/m\n{analysis.adaptation(**sides)}")
    wired = jb.cells.signed_weights(state.params["cortex"]["recurrent"], layers.mask, layers.signs)
    ends, seen = trials.condition["target"], (rates, layers, wired, turns)
    figure = viz.motor_dashboard(signals.hand, ends, *seen, go=GO, spare=3)
    more = figure.axes[-3:]
    every = 1e3 * np.concatenate(list(sides.values())).mean(axis=1)
    viz.adaptation_curve(every, phases=phases, unit="mm", smooth=1, ax=more[0]).set_xlabel("update")
    viz.hand_paths(paths["field"], targets=ends, ax=more[1]).set_title("first exposure", size=10)
    viz.hand_paths(paths["washout"], targets=ends, ax=more[2]).set_title("after-effect", size=10)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "reach.png", dpi=100)
    film = signals.body.arm.angles[::2, GO : GO + 70]
    viz.arm_animation(film, out / "reach.gif", targets=ends[::2], speed=0.8)
    print(f"\nPictures: {out / 'reach.png'}, {out / 'reach.gif'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller, with less training")
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder of the pictures")
    main(**vars(parser.parse_args()))
