"""A network that looks at handwritten digits and then dreams of some.

A restricted Boltzmann machine of 100 hidden units learns 1,500 digits without their labels, by
persistent contrastive divergence: it raises the probability of what it sees and lowers that of what
it dreams. Then it shows its filters, what it makes of digits that it never saw, and its dreams,
Gibbs chains that began as noise. A judge that was taught the labels says what they are of.

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
    """The error of a pixel against the nearest of x, averaged over images."""
    squares = jax.vmap(lambda v: jnp.min(jnp.mean(jnp.square(v[None] - x), axis=1)))(images)
    return float(jnp.mean(jnp.sqrt(squares)))


def mosaic(ax, rows: list, title: str, names: list[str]) -> None:
    """Rows of digits [columns, 64], each row with its name."""
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
    optimizer, key = optax.sgd(rate, momentum=0.5), jax.random.key(0)
    params, mean = rule.network.init(key, x[0]), jnp.clip(x.mean(0), 0.01, 0.99)
    params["visible_bias"] = jnp.log(mean / (1 - mean))  # leaves to the weights what differs
    state = jb.init_state(rule, optimizer, x[0], key=key, params=params)
    options = {"epochs": EPOCHS, "batch_size": BATCH, "state": state}
    state, history = jb.fit(rule, optimizer, (x, x), key=key, **options)

    reconstruct = jax.vmap(partial(boltzmann.reconstruct, state.params))
    v = jax.random.bernoulli(jax.random.key(1), 0.5, (DREAMS, 64)).astype(jnp.float32)
    seen = [v]  # the chains hold bits; drawn are the probabilities of the pixels
    for start, stop in pairwise(STAGES):
        dream = partial(boltzmann.gibbs, steps=stop - start)
        keys = jax.random.split(jax.random.key(stop), DREAMS)
        v = jax.vmap(dream, (0, None, 0))(keys, state.params, v)
        seen.append(reconstruct(v))

    print(f"Error of a pixel (0 is white, 1 black) in {len(unseen)} digits never seen")
    guesses = {"through the machine": reconstruct(unseen), "the mean digit": mean[None]}
    for name, guess in guesses.items():
        print(f"  {name:<28}{np.sqrt(np.mean((guess - unseen) ** 2)):.3f}")
    print(f"\nError of a pixel against the nearest of the {len(x):,} digits")
    stages = [f"{n} step{'s' * (n != 1)}" for n in STAGES]
    for name, images in (("digits never seen", unseen), *zip(stages, seen, strict=True)):
        print(f"  {name if images is unseen else f'dreams, {name}':<28}{to_nearest(images, x):.3f}")

    net = jb.serial(jb.dense(100), jb.elementwise(jax.nn.relu), jb.dense(10))
    teach = jb.backprop(net, jb.losses.softmax_cross_entropy)
    judge, _ = jb.fit(teach, optax.adam(2e-3), (x, y), key=jax.random.key(2), epochs=30)
    right = jb.evaluate(net, judge.params, (unseen, answers), {"is": jb.accuracy})["is"]
    verdicts = np.bincount(jb.batch(net).apply(judge.params, seen[-1]).argmax(1))
    print(f"\nDreams by digit, says a judge who names {right:.0%} of the digits never seen rightly")
    print("  " + ", ".join(f"{i}: {count}" for i, count in enumerate(verdicts)))

    figure, axes = plt.subplots(2, 2, figsize=(13, 9.4), layout="constrained", height_ratios=(5, 3))
    viz.receptive_fields(state.params["kernel"], limit=100, ax=axes[0, 0])
    axes[0, 0].set_title("filters of the 100 hidden units")
    viz.curves(history, ax=axes[0, 1]).set_title("error of the reconstruction, in nats a digit")
    rows = [f(unseen[i : i + 10]) for i in (0, 10) for f in (np.asarray, reconstruct)]
    mosaic(axes[1, 0], rows, "digits that it never saw", ["seen", "made of it"] * 2)
    mosaic(axes[1, 1], [images[:10] for images in seen], "ten dreams, begun as noise", stages)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "dreaming.png", dpi=130)
    print(f"\nPicture: {out / 'dreaming.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
