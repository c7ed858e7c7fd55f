"""Five memories that store handwritten digits and recall them from corrupted cues.

The cues have a fifth of the pixels flipped, or the lower half masked. Three rules make the
weights of a Hopfield network; the dense and the modern memory keep the patterns themselves.

    python examples/recall_digits.py                          # pictures/recall_digits.png
    python examples/recall_digits.py --mnist some/folder      # of t10k-images-idx3-ubyte.gz
"""

import argparse
import gzip
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jaxbrain as jb
from jaxbrain import memory, viz

LOADS, DRAWS, SHOWN, ROWS = (2, 4, 8, 16, 32), 8, 8, 3
CUES, CONTROL = ("a fifth flipped", "lower half masked"), "Hebb, random patterns"


def pictures(mnist: Path | None) -> np.ndarray:
    """Distinct binary digits [pictures, pixels]: +1 is ink."""
    gray = np.asarray(jb.datasets.digits()[0])
    if mnist is not None:
        file = gzip.decompress((mnist / "t10k-images-idx3-ubyte.gz").read_bytes())
        gray = np.frombuffer(file, np.uint8, offset=16).reshape(-1, 784) / 255
    return np.unique(np.where(gray > 0.45, np.float32(1), np.float32(-1)), axis=0)


def memories(pixels: int) -> dict[str, jb.Memory]:
    return {
        "Hebb": memory.hopfield(storage=memory.outer_product),
        "Storkey": memory.hopfield(storage=memory.storkey),
        "pseudo-inverse": memory.hopfield(storage=memory.pseudo_inverse),
        "dense, degree 3": memory.dense_associative_memory(),
        # beta is large enough to separate digits that differ in a few percent of the pixels
        "modern": memory.modern_hopfield(beta=64 / pixels, max_steps=20),
        CONTROL: memory.hopfield(storage=memory.outer_product),
    }


def corrupted(patterns: jax.Array) -> jax.Array:
    """Cues [2, patterns, pixels]: noisy, and half masked, where 0 is an unknown pixel."""
    keys = jax.random.split(jax.random.key(1), len(patterns))
    half = jax.vmap(lambda pattern: memory.mask(pattern, 0.5, value=0.0))(patterns)
    return jnp.stack([jax.vmap(memory.corrupt, (0, 0, None))(keys, patterns, 0.2), half])


def ask(kind: jb.Memory, patterns: jax.Array) -> jax.Array:
    """Recalled patterns [2, patterns, pixels] of the stored patterns [patterns, pixels]."""
    cues = corrupted(patterns).reshape(-1, patterns.shape[1])
    states, _ = jax.vmap(kind.recall, (None, 0))(kind.store(patterns), cues)
    return states.reshape(2, *patterns.shape)


def main(out: Path, mnist: Path | None) -> None:
    every, draw = pictures(mnist), np.random.default_rng(0)
    pixels, wrong, drawn = every.shape[1], {}, {}
    digits = {n: np.stack([draw.permutation(every)[:n] for _ in range(DRAWS)]) for n in LOADS}
    noise = {n: np.sign(draw.standard_normal(x.shape, np.float32)) for n, x in digits.items()}
    for name, kind in memories(pixels).items():
        sets = noise if name == CONTROL else digits
        found = {n: np.sign(jax.jit(jax.vmap(ask, (None, 0)))(kind, x)) for n, x in sets.items()}
        wrong[name] = np.array([np.mean(found[n] != x[:, None], (2, 3)).T for n, x in sets.items()])
        drawn[name] = found[SHOWN][0, :, :ROWS].reshape(-1, pixels)
    del drawn[CONTROL]
    print(f"{len(every):,} digits of {pixels} pixels; mean of {DRAWS} draws of those stored")
    for cue, title in enumerate(CUES):
        print(f"\n{title}: wrong pixels in %\n{'stored':<24}" + "".join(f"{n:>7}" for n in LOADS))
        for name, values in wrong.items():
            print(f"{name:<24}" + "".join(f"{100 * v:7.1f}" for v in values[:, cue].mean(axis=1)))
    alike = np.mean([np.corrcoef(x)[np.triu_indices(len(x), 1)] for x in digits[LOADS[-1]]])
    print(f"\nTwo digits correlate by {alike:.2f}: what they share hides what distinguishes them.")
    print("So Hebb's rule fails early, Storkey's too; the pseudo-inverse removes what is shared.")
    figure = plt.figure(figsize=(16, 7.6), layout="constrained")
    left, right = list(figure.subfigures(1, 2, width_ratios=(1.3, 1)))  # pyright: ignore
    x, ax = digits[SHOWN][0], left.subplots(subplot_kw={"title": f"{SHOWN} digits stored"})
    viz.recall(np.tile(x[:ROWS], (2, 1)), corrupted(x)[:, :ROWS].reshape(-1, pixels), drawn, ax=ax)
    for cue, ax in enumerate(right.subplots(2, 1)):
        curves = {name: (LOADS, values[:, cue]) for name, values in wrong.items()}
        viz.capacity(curves, metric="share of wrong pixels", ax=ax).set_xscale("log", base=2)
        ax.set(title=CUES[cue], xlabel="digits stored", xticks=LOADS, xticklabels=LOADS)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "recall_digits.png", dpi=130)
    print(f"\nPicture: {out / 'recall_digits.png'}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*more than")  # memories are overloaded on purpose
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    parser.add_argument("--mnist", type=Path, help="folder of MNIST's files")
    main(**vars(parser.parse_args()))
