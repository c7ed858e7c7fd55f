"""256 networks at once: which learning rates solve XOR, and how often?

`jb.run` is a whole training as one pure function, so `jax.vmap` over keys and over the learning
rate trains a population in one call: 8 learning rates x 32 seeds. Two hidden units are just enough
for XOR, and there is a trap: many networks settle where not all four answers are right. A small
rate does not get there in time, a large one breaks. The time is compared with that of the same
training, compiled too, called for one network after another.

    python examples/population.py            # the picture: pictures/population.png
"""

import argparse
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain import viz
from jaxbrain.viz import style

EPOCHS = 2000
RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
SEEDS = 32
BEST = 4  # of the rates: the one whose learning curves are drawn

XOR = jb.datasets.xor()
NET = jb.serial(jb.dense(2), jb.elementwise(jnp.tanh), jb.dense(1))
RULE = jb.backprop(NET, jb.losses.binary_cross_entropy)


def train(key: jax.Array, rate: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The losses [epochs] of one network, and how many of the four cases it has right, [0..1]."""
    state, history = jb.run(RULE, optax.sgd(rate), XOR, key=key, epochs=EPOCHS, batch_size=None)
    return history.loss, jb.evaluate(NET, state.params, XOR, {"right": jb.accuracy})["right"]


def clock(function) -> np.ndarray:
    """Milliseconds on the wall and of the processor."""
    start = np.array([time.perf_counter(), time.process_time()])
    jax.block_until_ready(function())
    return 1e3 * (np.array([time.perf_counter(), time.process_time()]) - start)


def draw(losses: np.ndarray, solved: np.ndarray, path: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 4.8), layout="constrained")
    column = np.arange(len(RATES))[:, None] + np.linspace(-0.3, 0.3, SEEDS)
    looks = {"solved": ("o", style.POSITIVE, solved), "not": ("s", style.NEGATIVE, ~solved)}
    for name, (marker, colour, which) in looks.items():
        left.scatter(column[which], losses[which][:, -1], s=14, c=colour, marker=marker, label=name)
    left.set(yscale="log", xlabel="learning rate", ylabel="final loss of each network")
    left.set_xticks(range(len(RATES)), [f"{rate:g}" for rate in RATES])
    left.legend(frameon=False)
    groups = {"solved": losses[BEST][solved[BEST]], "not solved": losses[BEST][~solved[BEST]]}
    viz.curves(groups, band="range", log=True, ax=right)
    right.set_title(f"learning rate {RATES[BEST]:g}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"\nPicture: {path}")


def main(out: Path) -> None:
    keys = jnp.tile(jax.random.split(jax.random.key(0), SEEDS), len(RATES))
    rates = jnp.repeat(jnp.array(RATES), SEEDS)
    alone, together = jax.jit(train), jax.jit(jax.vmap(train))
    losses, right = together(keys, rates)
    losses = np.asarray(losses).reshape(len(RATES), SEEDS, EPOCHS)
    solved = np.asarray(right).reshape(len(RATES), SEEDS) == 1

    print(f"{len(keys)} networks 2-2-1 on XOR, {EPOCHS:,} epochs of gradient descent\n")
    print(f"{'learning rate':<16}{'solved':>12}{'median loss':>14}")
    for rate, wins, final in zip(RATES, solved, losses[..., -1], strict=True):
        print(f"{rate:<16g}{wins.sum():6} of {SEEDS}{np.median(final):14.4f}")

    pairs = list(zip(keys, rates, strict=True))
    alone(*pairs[0])  # compiles; `together` has been called already
    at_once = clock(lambda: together(keys, rates))
    in_turn = clock(lambda: [alone(*pair) for pair in pairs])
    print(f"\n{'milliseconds':<20}{'wall':>10}{'processor':>12}")
    print(f"{'one after another':<20}{in_turn[0]:10.1f}{in_turn[1]:12.1f}")
    print(f"{'all at once':<20}{at_once[0]:10.1f}{at_once[1]:12.1f}")
    print(f"{'ratio':<20}{in_turn[0] / at_once[0]:10.1f}{in_turn[1] / at_once[1]:12.1f}")
    draw(losses, solved, out / "population.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
