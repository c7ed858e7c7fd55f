"""A restricted Boltzmann machine that learns handwritten digits and generates new ones.

A machine of 100 hidden units learns 1,500 digits without their labels by persistent contrastive
divergence, which raises the probability of the data and lowers that of the machine's own samples.
Shown are its filters, its reconstructions of unseen digits, and its dreams: Gibbs chains that start
from noise. A classifier trained with the labels names the digits that the dreams look like.

    python examples/dreaming.py              # the picture: pictures/dreaming.png
"""

import argparse
from functools import partial
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain import viz
from jaxbrain.learning.generative import boltzmann

EPOCHS, BATCH, DREAMS, STAGES = 150, 50, 500, (0, 1, 10, 100, 1000)


def to_nearest(images: jax.Array, x: jax.Array) -> float:
    """Error per pixel to the nearest of x, averaged over images."""
    squares = jax.vmap(lambda v: jnp.min(jnp.mean(jnp.square(v[None] - x), axis=1)))(images)
    return float(jnp.mean(jnp.sqrt(squares)))


def mosaic(ax, rows: list, title: str, names: list[str]) -> None:
    """An image of rows of digits [columns, 64], each row with its name."""
    tiles = [np.pad(np.reshape(row, (-1, 8, 8)), ((0, 0), (1, 1), (1, 1))) for row in rows]
    canvas = np.concatenate([np.hstack(list(row)) for row in tiles])
    ax.imshow(canvas, cmap="gray_r", vmin=0, vmax=1)
    ax.set_yticks(10 * np.arange(len(rows)) + 4.5, names)
    ax.tick_params(length=0)
    ax.set(xticks=[], title=title)


def main(out: Path) -> None:
    x, y = map(jnp.asarray, jb.datasets.digits())
    order = np.random.default_rng(0).permutation(len(x))
    (x, unseen), (y, answers) = jnp.split(x[order], [1500]), jnp.split(y[order], [1500])
    rule = jb.learning.persistent_contrastive_divergence(boltzmann.rbm(100), chains=100)
    rate = optax.linear_schedule(0.1, 0.0, EPOCHS * len(x) // BATCH)
    optimizer, keys = optax.sgd(rate, momentum=0.5), jax.random.split(jax.random.key(0), 3)
    params, mean = rule.network.init(keys[0], x[0]), jnp.clip(x.mean(0), 0.01, 0.99)
    params["visible_bias"] = jnp.log(mean / (1 - mean))  # the weights learn the differences
    state = jb.init_state(rule, optimizer, x[0], key=keys[1], params=params)
    options = {"epochs": EPOCHS, "batch_size": BATCH, "state": state}
    state, history = jb.fit(rule, optimizer, (x, x), key=keys[2], **options)

    reconstruct = jax.vmap(partial(boltzmann.reconstruct, state.params))
    v = jax.random.bernoulli(jax.random.key(1), 0.5, (DREAMS, 64)).astype(jnp.float32)
    seen = [v]  # the chains hold bits; shown are the probabilities of the pixels
    for start, stop in pairwise(STAGES):
        dream = partial(boltzmann.gibbs, steps=stop - start)
        keys = jax.random.split(jax.random.key(stop), DREAMS)
        v = jax.vmap(dream, (0, None, 0))(keys, state.params, v)
        seen.append(reconstruct(v))

    print(f"Error per pixel (0 is white, 1 black) of {len(unseen)} unseen digits")
    guesses = {"reconstruction": reconstruct(unseen), "the mean digit": mean[None]}
    for name, guess in guesses.items():
        print(f"  {name:<28}{np.sqrt(np.mean((guess - unseen) ** 2)):.3f}")
    print(f"\nError per pixel to the nearest of the {len(x):,} training digits")
    stages = [f"{n} step{'s' * (n != 1)}" for n in STAGES]
    for name, images in (("unseen digits", unseen), *zip(stages, seen, strict=True)):
        print(f"  {name if images is unseen else f'dreams, {name}':<28}{to_nearest(images, x):.3f}")

    net = jb.serial(jb.dense(100), jb.elementwise(jax.nn.relu), jb.dense(10))
    backprop = jb.backprop(net, jb.losses.softmax_cross_entropy)
    classifier, _ = jb.fit(backprop, optax.adam(2e-3), (x, y), key=jax.random.key(2), epochs=30)
    score = jb.evaluate(net, classifier.params, (unseen, answers), {"accuracy": jb.accuracy})
    verdicts = np.bincount(jb.batch(net).apply(classifier.params, seen[-1]).argmax(1))
    print(f"\nDreams by digit, named by a classifier with {score['accuracy']:.0%} accuracy")
    print("  " + ", ".join(f"{i}: {count}" for i, count in enumerate(verdicts)))

    figure, axes = plt.subplots(2, 2, figsize=(13, 9.4), layout="constrained", height_ratios=(5, 3))
    viz.receptive_fields(state.params["kernel"], limit=100, ax=axes[0, 0])
    axes[0, 0].set_title("filters of the 100 hidden units")
    viz.curves(history, ax=axes[0, 1]).set_title("error of the reconstruction, in nats per digit")
    rows = [f(unseen[i : i + 10]) for i in (0, 10) for f in (np.asarray, reconstruct)]
    mosaic(axes[1, 0], rows, "unseen digits and their reconstructions", ["digits", "rebuilt"] * 2)
    mosaic(axes[1, 1], [images[:10] for images in seen], "ten dreams, started from noise", stages)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "dreaming.png", dpi=130)
    print(f"\nPicture: {out / 'dreaming.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
