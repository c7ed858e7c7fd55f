"""Online learning rules of recurrent networks, compared with back-propagation through time.

The adding task: two marked numbers of a stream are to be added at its end. Back-propagation
through time (BPTT) waits for the end and keeps all activities. Online rules carry forward a state
of the same size at any length. What they approximate shows as an angle to the gradient.

    python examples/online_learning.py             # the picture: pictures/online_learning.png
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

import jaxbrain as jb
from jaxbrain import learning
from jaxbrain.learning.online.readout_feedback import symmetric_feedback

UNITS, STEPS, BATCH, UPDATES, SEEDS = 16, 10, 16, 300, 1
TASK, READOUT = jb.tasks.adding(steps=STEPS), jb.dense(1)
CELL, ADAM = jb.cells.leaky_rnn(UNITS, dt=0.2, tau=1.0), optax.adam(1e-2)
GRADED = jb.tasks.graded_step(jb.losses.mse)


def over_trial(prediction: jax.Array, target: tuple) -> jax.Array:
    return jax.vmap(GRADED)(prediction, target).mean()


ONLINE = {
    "RTRL": learning.rtrl(CELL, READOUT, GRADED),
    "SnAp-1": learning.snap(CELL, READOUT, GRADED),
    "e-prop": learning.eprop(CELL, READOUT, GRADED, feedback=symmetric_feedback()),
    "RFLO": learning.rflo(CELL, READOUT, GRADED),
    "UORO": learning.uoro(CELL, READOUT, GRADED),
}
RULES = {name: learning.over_time(rule) for name, rule in ONLINE.items()}
RULES = {"BPTT": jb.backprop(RULES["RTRL"].network, over_trial), **RULES}
COLORS = dict(zip(RULES, ["black", *(f"C{i}" for i in range(5))], strict=True))


def curve(rule: jb.LearningRule, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Loss of every update, and the angle to back-propagation through time at the start."""
    draw, update = jb.tasks.batches(TASK, BATCH), jb.step(rule, ADAM)
    start, of_batch, noise, of_updates = jax.random.split(key, 4)
    x, y = jb.tasks.batches(TASK, 64)(of_batch)
    state = jb.init_state(rule, ADAM, x[0], key=start)
    exact = jb.backprop(rule.network, over_trial).grads(state.params, (), x, y)[1]
    found = rule.grads(state.params, (), x, y, key=noise)[1]
    pair = [(ravel_pytree(grads[0])[0],) for grads in (found, exact)]  # weights of the cell

    def one(state: jb.TrainState, i: jax.Array) -> tuple[jb.TrainState, jax.Array]:
        return update(state, draw(jax.random.fold_in(of_updates, i)))

    losses = jax.lax.scan(one, state, jax.numpy.arange(UPDATES))[1]
    return losses, jb.analysis.angles(*pair)[0]


def temporary(program: Any) -> int:
    return program.compile().memory_analysis().temp_size_in_bytes


def memory(name: str, steps: int) -> float:
    """Memory of the compiled gradient of a sequence without its inputs and outputs, in KiB.

    For an online rule: its carry and the memory of one step.
    """
    trial, rule = jb.tasks.adding(steps=steps).sample(jax.random.key(0)), RULES[name]
    x, y = trial.inputs, (trial.targets, trial.mask)
    params = rule.network.init(jax.random.key(0), x)
    if name == "BPTT":
        whole = jax.jit(lambda p: rule.grads(p, (), x[None], jax.tree.map(lambda a: a[None], y))[1])
        return temporary(whole.lower(params)) / 1024
    cell, now = ONLINE[name], jax.tree.map(lambda a: a[0], (x, y))
    params = cell.init(jax.random.key(0), now)
    carry = cell.carry(params, now)
    step = jax.jit(lambda p, c: cell.step(p, c, now, key=jax.random.key(1)))
    kept = sum(leaf.nbytes for leaf in jax.tree.leaves(carry))
    return (temporary(step.lower(params, carry)) + kept) / 1024


def main(out: Path) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.4), layout="constrained")
    keys, lengths, tilt = jax.random.split(jax.random.key(0), SEEDS), (100, 3000), []
    print(f"{'':<10}{'loss at the end':>16}{'angle':>8}{'KiB at 100':>13}{'3000':>8}")
    for name, rule in RULES.items():
        curves = jax.jit(partial(jax.lax.map, partial(curve, rule)))
        losses, angles = curves(jax.random.clone(keys))  # the same start for all rules
        smooth = np.asarray(losses).mean(0).reshape(-1, 50).mean(1)
        kept, angle = [memory(name, n) for n in lengths], float(np.mean(angles))
        print(f"{name:<10}{smooth[-1] * STEPS:16.4f}{angle:7.1f}°{kept[0]:13.0f}{kept[1]:8.0f}")
        style = {"color": COLORS[name], "label": name}
        style |= {"ls": "--", "zorder": 5} if name == "BPTT" else {"alpha": 0.8}
        axes[0].semilogy(np.arange(25, UPDATES, 50), smooth * STEPS, **style)
        axes[2].loglog(lengths, kept, marker="o", ms=4, **style)
        tilt.append(angle)
    axes[0].axhline(1 / 6, color="gray", lw=0.8, ls=":")
    axes[0].text(UPDATES - 20, 1 / 6, "constant answer 1", ha="right", va="bottom", color="gray")
    axes[0].set(title="learning to add", xlabel="update", ylabel="squared error")
    axes[1].barh(list(RULES), tilt, color=list(COLORS.values()))
    axes[1].set(title="angle to the gradient", xlabel="degrees; 90 is chance", xlim=(0, 180))
    axes[1].invert_yaxis()
    axes[2].set(title="memory of one sequence", xlabel="steps", ylabel="KiB")
    axes[2].legend(frameon=False)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "online_learning.png", dpi=130)
    print(f"\nPicture: {out / 'online_learning.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
