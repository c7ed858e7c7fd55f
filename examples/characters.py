"""A recurrent network that predicts the next character of a text and writes text of its own.

A GRU reads the text as 32 streams, in windows of 64 characters: back-propagation stops at the edge
of a window, the state of the network does not. Its bits per character on the last tenth of the
text, which is not used for training, are compared with those of counted characters (unigrams) and
pairs (bigrams). The default text is ../shared/data/tinyshakespeare.txt, else the README.

    python examples/characters.py [text]     # the picture: pictures/characters.png
"""

import argparse
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxbrain as jb

UNITS, STREAMS, WINDOW, EVERY, TEMPERATURE = 192, 32, 64, 50, 0.7
ROOT = Path(__file__).resolve().parents[1]
TEXTS = ROOT.parent / "shared/data/tinyshakespeare.txt", ROOT / "README.md"


def by_counting(train: np.ndarray, test: np.ndarray, size: int) -> dict[str, float]:
    """Bits per character of unigrams and bigrams; every count starts at 1."""
    two = 1 + np.bincount(train[:-1] * size + train[1:], minlength=size**2).reshape(size, size)
    one, two = two.sum(0) / two.sum(), two / two.sum(1, keepdims=True)
    bits = -np.log2([one[test[1:]], two[test[:-1], test[1:]]]).mean(1)
    return dict(zip(("unigrams", "bigrams"), bits, strict=True))


def main(out: Path, text: Path, updates: int) -> None:
    letters, codes = np.unique(list(text.read_text(encoding="utf-8")), return_inverse=True)
    size, parts = len(letters), np.split(codes.astype(np.int32), [len(codes) * 9 // 10])
    bars = by_counting(parts[0], parts[1], size)
    train, test = (c[: len(c) // STREAMS * STREAMS].reshape(STREAMS, -1) for c in parts)
    cell, readout, blank = jb.cells.gru(UNITS), jb.dense(size), jnp.zeros(size)
    params = cell.init(jax.random.key(0), blank), readout.init(jax.random.key(1), jnp.zeros(UNITS))
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(4e-3))

    def loss(params, carry, codes):  # carry [streams, units], codes [streams, time]
        def read(carry, codes):
            carry, ys = jb.cells.scan(cell, params[0], carry, jax.nn.one_hot(codes[:-1], size))
            logits = readout.apply(params[1], ys)
            return jb.losses.softmax_cross_entropy(logits, codes[1:]) / np.log(2.0), carry

        bits, carry = jax.vmap(read)(carry, codes)
        return bits.mean(), jax.lax.stop_gradient(carry)

    def update(state, codes):
        params, opt_state, carry = state
        (bits, carry), grads = jax.value_and_grad(loss, has_aux=True)(params, carry, codes)
        change, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, change), opt_state, carry), bits

    def write(carry, key):
        h, y = cell.step(params[0], carry[0], jax.nn.one_hot(carry[1], size))
        code = jax.random.categorical(key, readout.apply(params[1], y) / TEMPERATURE)
        return (h, code), code

    learn, unseen = jax.jit(lambda *args: jax.lax.scan(update, *args)), jax.jit(loss)
    fresh, curve, start = jnp.zeros((STREAMS, UNITS)), [], time.time()
    state = params, optimizer.init(params), fresh
    for done in range(EVERY, updates + 1, EVERY):
        at = np.arange(done - EVERY, done)[:, None] * WINDOW + np.arange(WINDOW + 1)
        state, bits = learn(state, train.T[at % train.shape[1]].swapaxes(1, 2))
        curve.append((done, float(bits.mean()), float(unseen(state[0], fresh, test)[0])))
        print(f"{done} of {updates}, {time.time() - start:.0f} s", end="\r", file=sys.stderr)

    params, bars["GRU"], keys = state[0], curve[-1][2], jax.random.split(jax.random.key(2), 500)
    written = np.asarray(jax.lax.scan(write, (fresh[0], train[0, 0]), keys)[1])
    print(f"\n{''.join(letters[written])}\n\nbits per character, {test.size:,} of {text.name}")
    print(*(f"  {name:<10}{bits:.3f}" for name, bits in bars.items()), sep="\n")

    figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
    ax.plot(*np.transpose(curve)[[0, 1]], color="C0", alpha=0.4, label="GRU, training text")
    ax.plot(*np.transpose(curve)[[0, 2]], color="C0", label="GRU, held-out text")
    for name in ("unigrams", "bigrams"):
        ax.axhline(bars[name], linestyle="--", color="0.4")
        ax.text(updates, bars[name] - 0.03, name, ha="right", va="top")
    ax.set(xlabel="updates", ylabel="bits per character", title=text.name)
    ax.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 0.8))
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "characters.png", dpi=150)
    print(f"\nPicture: {out / 'characters.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    text = next(filter(Path.exists, TEXTS))
    parser.add_argument("text", nargs="?", type=Path, default=text, help="a text file")
    parser.add_argument("--updates", type=int, default=800, help="windows of each stream to read")
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(**vars(parser.parse_args()))
