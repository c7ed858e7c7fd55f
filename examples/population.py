"""A population of 256 networks, trained at once on XOR with eight learning rates.

`jb.run` is a whole training as one pure function, so `jax.vmap` over keys and learning rates trains
a population in one call: 8 learning rates x 32 seeds. Two hidden units are just enough for XOR, and
many networks end in a local minimum in which not all four cases are right. A small learning rate is
too slow, a large one diverges. The time is compared with that of the same training, also compiled,
called for one network after another.

    python examples/population.py            # the picture: pictures/population.png
"""

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain import viz

EPOCHS = 2000
RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
SEEDS = 32
BEST = 4  # index of the learning rate whose curves are drawn

XOR = jb.datasets.xor()
NET = jb.serial(jb.dense(2), jb.elementwise(jnp.tanh), jb.dense(1))
RULE = jb.backprop(NET, jb.losses.binary_cross_entropy)


def train(key: jax.Array, rate: jax.Array) -> tuple[Any, jax.Array]:
    """Losses [epochs] of one network, and its accuracy on the four cases at the end."""
    key = jax.random.clone(key)  # the same training runs several times
    state, history = jb.run(RULE, optax.sgd(rate), XOR, key=key, epochs=EPOCHS, batch_size=None)
    return history.loss, jb.evaluate(NET, state.params, XOR, {"accuracy": jb.accuracy})["accuracy"]


def clock(trainings: list) -> np.ndarray:
    """Milliseconds per call, wall and processor time; a first call compiles."""
    jax.block_until_ready(trainings[0]())
    start = np.array([time.perf_counter(), time.process_time()])
    jax.block_until_ready([one() for one in trainings])
    stop = np.array([time.perf_counter(), time.process_time()])
    return 1e3 * (stop - start) / len(trainings)


def draw(losses: np.ndarray, solved: np.ndarray, path: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 4.8), layout="constrained")
    groups = {"solved": losses[BEST][solved[BEST]], "not solved": losses[BEST][~solved[BEST]]}
    viz.curves(groups, band="range", log=True, ax=right)
    right.set_title(f"learning rate {RATES[BEST]:g}")
    column = np.arange(len(RATES))[:, None] + np.linspace(-0.3, 0.3, SEEDS)
    for line, which in zip(right.lines, (solved, ~solved), strict=True):
        look = {"color": line.get_color(), "marker": line.get_marker(), "label": line.get_label()}
        left.plot(column[which], losses[which][:, -1], linestyle="", markersize=4, **look)
    left.set(yscale="log", xlabel="learning rate", ylabel="final loss of each network")
    left.set_xticks(range(len(RATES)), [f"{rate:g}" for rate in RATES])
    left.legend(frameon=False, loc="lower left")
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

    def fit(key: jax.Array) -> tuple[jb.TrainState, jb.History]:
        sgd, key = optax.sgd(RATES[BEST]), jax.random.clone(key)
        return jb.fit(RULE, sgd, XOR, key=key, epochs=EPOCHS, batch_size=None)

    networks = list(zip(jax.random.clone(keys), rates, strict=True))
    times = {
        "one after another: jb.fit": clock([partial(fit, key) for key, _ in networks[:SEEDS]]),
        "one after another: jax.jit(jb.run)": clock([partial(alone, *one) for one in networks]),
        "all at once: jax.vmap of jb.run": clock([partial(together, keys, rates)]) / len(keys),
    }
    print(f"\n{'milliseconds per network':<36}{'wall':>9}{'processor':>12}{'ratio':>9}")
    for name, (wall, processor) in times.items():
        ratio = processor / list(times.values())[-1][1]
        print(f"{name:<36}{wall:9.3f}{processor:12.3f}{ratio:9.1f}")
    draw(losses, solved, out / "population.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
