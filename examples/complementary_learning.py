"""Complementary learning systems: a hippocampus that learns in one shot teaches a slow cortex.

A network, the cortex, has learned the digits 0 to 4 and then learns 5 to 9. Trained on these
alone, it forgets the old digits. A hippocampus, an associative memory, has stored 100 episodes of
the old digits, each an image with its label. It dreams: from cues of pure noise it recalls whole
episodes. The cortex learns these together with the new digits and keeps most of the old ones.

    python examples/complementary_learning.py  # pictures/complementary_learning.png
"""

import argparse
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain import memory, viz

EPISODES, SEEDS, EPOCHS = 100, 5, 30
MIXTURES = ("5 to 9 alone", "5 to 9 and dreams", "5 to 9 and all the old")
NET = jb.serial(jb.dense(64), jb.elementwise(jnp.tanh), jb.dense(10))
RULE, ADAM = jb.backprop(NET, jb.losses.softmax_cross_entropy), optax.adam(2e-3)
HIPPOCAMPUS = memory.modern_hopfield(beta=40.0, max_steps=5)


def recall(stored, cues: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Images ``[n, 64]`` and labels ``[n]`` of the episodes recalled from cues ``[n, 74]``."""
    found, _ = jax.vmap(HIPPOCAMPUS.recall, in_axes=(None, 0))(stored, cues)
    return found[:, :64], jnp.argmax(found[:, 64:], axis=1).astype("int32")


def life(old, new, tests, key: jax.Array):
    """Accuracies ``[mixtures, epochs, 2]`` on old and new digits, of the memory ``[2]``; dreams."""

    def look(state: jb.TrainState) -> jax.Array:
        score = {"right": jb.accuracy}
        return jnp.stack([jb.evaluate(NET, state.params, t, score)["right"] for t in tests])

    def learn(data, state):
        return jb.run(RULE, ADAM, data, key=state.key, epochs=EPOCHS, record=look, state=state)

    start, of_episodes, of_cues = jax.random.split(key, 3)
    state, first = learn(old, jb.init_state(RULE, ADAM, old[0][0], key=start))
    once = jax.random.permutation(of_episodes, len(old[0]))[:EPISODES]
    stored = HIPPOCAMPUS.store(jnp.hstack([old[0][once], jax.nn.one_hot(old[1][once], 10)]))
    cues = jax.random.normal(of_cues, (len(new[0]), 74))
    dreams, curves = recall(stored, cues), []
    for extra in ((new[0][:0], new[1][:0]), dreams, old):
        data = jax.tree.map(lambda *a: jnp.concatenate(a), new, extra)
        curves.append(jnp.concatenate([first.record, learn(data, state)[1].record]))
    blank = [(jnp.pad(x, ((0, 0), (0, 10))), y) for x, y in tests]  # without the label
    alone = jnp.stack([jnp.mean(recall(stored, x)[1] == y) for x, y in blank])
    return jnp.stack(curves), alone, (cues[:10, :64], dreams[0][:10], dreams[1][:10])


def main(out: Path) -> None:
    x, y = jb.datasets.digits()
    x = x / np.linalg.norm(x, axis=1, keepdims=True)  # of one length: no episode is preferred
    split = jb.datasets.train_test_split(jax.random.key(0), x, y)
    halves = [[(x[rows], y[rows]) for rows in (y < 5, y > 4)] for x, y in split]
    (old, new), tests = jax.tree.map(jnp.asarray, halves)
    keys = jax.random.split(jax.random.key(1), SEEDS)
    found = jax.jit(jax.vmap(partial(life, old, new, tests)))(keys)
    curves, alone, dreams = jax.tree.map(np.asarray, found)

    print(f"{'accuracy on':<36}{'0 to 4':>11}{'5 to 9':>16}")
    rows = {"hippocampus, 100 episodes": alone, "cortex, after 0 to 4": curves[:, 0, EPOCHS - 1]}
    rows |= {f"  then {diet}": curves[:, i, -1] for i, diet in enumerate(MIXTURES)}
    for name, each in rows.items():
        pairs = zip(each.mean(0), each.std(0, ddof=1), strict=True)
        print(f"{name:<34}" + "   ".join(f"{mean:.3f} ± {sd:.3f}" for mean, sd in pairs))

    figure = plt.figure(figsize=(13, 6.8), layout="constrained")
    grid = figure.add_gridspec(6, 20)
    for half, title in enumerate(("old digits, 0 to 4", "new digits, 5 to 9, from epoch 31 on")):
        ax = figure.add_subplot(grid[:4, 10 * half : 10 * half + 10], ylim=(-0.03, 1.03))
        viz.curves({d: curves[:, i, :, half] for i, d in enumerate(MIXTURES)}, log=False, ax=ax)
        ax.set(title=title, ylabel="accuracy")
    for row, column in np.ndindex(2, 10):
        place = grid[4 + row, 2 * column : 2 * column + 2]
        ax = figure.add_subplot(place, xticks=[], yticks=[])
        ax.imshow(dreams[row][0, column].reshape(8, 8), cmap="gray_r")
        ax.set_xlabel(f'"{dreams[2][0, column]}"' if row else "noise")
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "complementary_learning.png", dpi=130)
    print(f"\nPicture: {out / 'complementary_learning.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
