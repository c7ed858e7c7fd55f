"""Memory of letter-digit pairs in a recurrent network and in networks with fast weights.

Pairs of a letter and a digit are shown, then one letter is given and its digit is asked for. Pairs
are random in each episode, so the network must learn to remember. The recurrent network (Collins et
al. 2017, arXiv 1611.09913) remembers in its activity, the others in fast weights: a Hebbian write
adds; a delta write corrects, which is needed when a letter comes again with another digit.

    python examples/remembering_network.py   # the picture: pictures/remembering_network.png
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain.viz.style import LINE_COLORS

LETTERS, DIGITS, PAIRS, SEEDS = 16, 10, (1, 2, 4, 8, 12, 16), 3
SCORE = {"accuracy": jb.accuracy}


def episodes(seed: int, pairs: np.ndarray, again: bool) -> tuple[np.ndarray, np.ndarray]:
    """Letters and digits [episodes, steps, 2], -1 before the first; digit 10 asks. Answers."""
    rng, place = np.random.default_rng(seed), np.tile(np.arange(LETTERS), (len(pairs), 1))
    letters = rng.integers(LETTERS, size=place.shape) if again else rng.permuted(place, axis=1)
    seen = np.stack([letters, rng.integers(DIGITS, size=place.shape)], -1)
    every, asked = np.arange(len(pairs)), rng.integers(LETTERS - pairs, LETTERS)
    last = np.max(np.where(letters == letters[every, asked, None], place, 0), axis=1)
    question = np.stack([letters[every, asked], np.full(len(pairs), DIGITS)], -1)
    answers, seen[place < LETTERS - pairs[:, None]] = seen[every, last, 1], -1
    return np.concatenate([seen, question[:, None]], 1), answers


def encode(x: jax.Array) -> jax.Array:
    """One-hot code [steps, 27] of an episode [steps, 2]: letters, digits and the question."""
    return jnp.hstack([jax.nn.one_hot(x[:, 0], LETTERS), jax.nn.one_hot(x[:, 1], DIGITS + 1)])


def gated(units: int) -> jb.Cell:
    slow, start = jb.dense(2 * units), jnp.zeros(units)

    def step(params, h, x, *, key=None):
        z, c = jnp.split(slow.apply(params, jnp.concatenate([x, h])), 2)
        return (jax.nn.sigmoid(z) * h + jax.nn.sigmoid(-z) * jnp.tanh(c),) * 2

    return jb.Cell(lambda key, x: slow.init(key, jnp.zeros(x.size + units)), lambda *_: start, step)


def last(cell: jb.Cell) -> jb.Network:
    """The output of a cell at the last step."""

    def apply(params, xs, *, key=None):
        start, made = cell.carry(params, xs[0]), cell.project(params, xs) if cell.project else xs
        return jax.lax.scan(lambda carry, x: cell.step(params, carry, x), start, made)[1][-1]

    return jb.Network(lambda key, xs: cell.init(key, jnp.zeros(xs.shape[1])), apply)


CELLS = {
    "recurrent network": gated(25),
    "Hebbian fast weights": jb.memory.hebbian_fast_weights(32, 16),
    "delta fast weights": jb.memory.delta_fast_weights(32, 16),
}


def main(out: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(13, 5), layout="constrained", sharey=True)
    print(f"Accuracy by the number of pairs, mean of {SEEDS} seeds; chance is {1 / DIGITS}")
    for ax, task in zip(axes, ("all letters different", "letters may come again"), strict=True):
        pairs, again = np.random.default_rng(0).integers(1, 17, 10000), "again" in task
        data = episodes(0, pairs, again)
        tests = [episodes(1, np.full(1000, n), again) for n in PAIRS]
        print(f"\n{task:<23}parameters" + "".join(f"{n:8d}" for n in PAIRS))
        for i, (name, cell) in enumerate(CELLS.items()):
            net = jb.serial(jb.elementwise(encode), last(cell), jb.dense(DIGITS))
            rule, right = jb.backprop(net, jb.losses.softmax_cross_entropy), []
            for seed in range(SEEDS):
                settings = {"key": jax.random.key(seed), "epochs": 5, "batch_size": 100}
                p = jb.fit(rule, optax.adam(1e-2), data, **settings)[0].params
                right += [jb.evaluate(net, p, test, SCORE)["accuracy"] for test in tests]
            size = sum(leaf.size for leaf in jax.tree.leaves(p))
            means = np.mean(np.reshape(right, (SEEDS, -1)), axis=0)
            print(f"{name:<23}{size:10,}" + "".join(f"{mean:8.3f}" for mean in means))
            ax.plot(PAIRS, means, "os^"[i] + "-", color=LINE_COLORS[i], ms=11 - 3 * i, label=name)
        ax.axhline(1 / DIGITS, color="#777777", lw=1, ls=":", label="chance")
        ax.set(title=f"accuracy, {task}", xlabel="pairs", xticks=PAIRS, ylim=(0, 1.05))
    axes[0].legend(frameon=False, loc="center right")
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "remembering_network.png", dpi=130)
    print(f"\nPicture: {out / 'remembering_network.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
