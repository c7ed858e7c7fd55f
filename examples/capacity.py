"""Capacity of associative memories, measured and as theory predicts it.

Random patterns are recalled from cues with 5 % of their bits flipped. Hebb's rule fails at 0.138
patterns per unit. Storkey's rule and the pseudo-inverse store more in the same weights; dense and
modern memories store more patterns than they have units. Then memories of pairs, and single steps.

    python examples/capacity.py              # the picture: pictures/capacity.png
"""

import argparse
import warnings
from functools import partial
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

from jaxbrain import memory as m
from jaxbrain import viz

SPARSE = (256, 8)  # units and active units of Willshaw's patterns
CLASSICAL = {"Hebb": m.hopfield(), "Storkey": m.hopfield(storage=m.storkey)}
CLASSICAL["pseudo-inverse"] = m.hopfield(storage=m.pseudo_inverse)
CLASSICAL["Kanerva"] = m.sparse_distributed(jax.random.key(0), locations=1000, radius=86)
DENSE = {"dense, degree 3": m.dense_associative_memory(update=m.dense_synchronous)}
DENSE["modern"] = m.modern_hopfield(beta=1.0)
SYMBOLS = m.holographic_reduced(1024)


def signs(key, count):
    return jax.random.rademacher(key, (2, count, 200), "float32")


def few_active(key, count):
    units = np.arange(SPARSE[0]) < SPARSE[1]
    one = jax.vmap(lambda k: jax.random.permutation(k, units))
    return one(jax.random.split(key, 2 * count)).reshape(2, count, -1).astype("float32")


def symbols(key, count):
    return SYMBOLS.draw(key, 2 * count).reshape(2, count, -1)


FEW, MANY, ACTIVE = (10, 20, 40, 80), (100, 300, 600, 900), SPARSE[1] / SPARSE[0]
PAIRS = {  # the memory, a function that draws pairs, their numbers, and the capacity in theory
    "bidirectional": (m.bidirectional_associative_memory(), signs, FEW, 100 / np.log(200)),
    "Willshaw": (m.willshaw(), few_active, MANY, m.willshaw_capacity(ACTIVE, ACTIVE)),
    "holographic": (m.holographic(SYMBOLS), symbols, FEW, m.holographic_capacity(1024)),
}  # fmt: skip


def share_of_pairs(memory, draw, counts, trials=5) -> np.ndarray:
    """Share of the first ten pairs whose value is recalled without a wrong bit."""

    def trial(key, count):
        keys, values = draw(key, count)
        found = jax.vmap(lambda cue: memory.recall(memory.store((keys, values)), cue)[0])(keys[:10])
        found = found[1] if isinstance(found, tuple) else found
        return (found == values[:10]).all(axis=1).mean()

    run = jax.jit(jax.vmap(trial, in_axes=(0, None)), static_argnums=1)
    return np.stack([run(jax.random.split(jax.random.key(1), trials), n) for n in counts])


def table(title: str, loads, rows: dict) -> None:
    print(f"\n{title}\n  {'':<25}" + "".join(f"{load:>8g}" for load in loads))
    for name, values in rows.items():
        print(f"  {name:<25}" + "".join(f"{value:>8.3f}" for value in np.mean(values, axis=1)))


def main(out: Path) -> None:
    options = {"flips": 0.05, "trials": 3, "probes": 20}
    loads, high, steps = (0.05, 0.1, 0.12, 0.15, 0.2, 0.4, 0.7), (0.5, 2, 4, 8), (0.14, 0.25, 0.5)
    curve, new_key = m.capacity_curve, partial(jax.random.key, 2)
    low = {n: curve(new_key(), x, 200, loads, **options) for n, x in CLASSICAL.items()}
    many = {n: curve(new_key(), x, 100, high, **options) for n, x in DENSE.items()}
    pairs = {n: (np.array(c), share_of_pairs(x, d, c)) for n, (x, d, c, _) in PAIRS.items()}
    step = m.hopfield(update=m.synchronous, max_steps=1)
    cubic = m.dense_associative_memory(update=m.dense_synchronous, max_steps=1)
    one = {"Hebb": curve(new_key(), step, 1000, steps, probes=100)}
    one["dense, degree 3"] = curve(new_key(), cubic, 100, (6, 15), probes=200)
    expected = {"Hebb": np.asarray(m.hopfield_bit_error(one["Hebb"].loads, n=1000))}
    expected["dense, degree 3"] = np.asarray(m.dense_bit_error(100, 3, np.array([600, 1500])))
    overlaps = "Overlap with the pattern, by patterns per unit; {} units"
    table(overlaps.format(200), loads, {n: c.overlap for n, c in low.items()})
    table(overlaps.format(100), high, {n: c.overlap for n, c in many.items()})
    for name, (counts, share) in pairs.items():
        table("Share of pairs without a wrong bit, by pairs stored", counts, {name: share})
    for name, found in one.items():
        rows = {name: found.bit_error, "theory": expected[name][:, None]}
        table("Share of wrong bits after one step, by patterns per unit", found.loads, rows)

    figure, axes = plt.subplots(2, 2, figsize=(16, 8.5), layout="constrained")
    fine = np.linspace(0.01, 0.7, 400)
    theory: dict = {"Hebb": (fine, np.asarray(m.hopfield_overlap(fine))), "pseudo-inverse": 1.0}
    theory["Storkey"] = 1 / np.sqrt(2 * np.log(200))
    theory["Kanerva"] = m.sparse_distributed_capacity(200, 1000, 86) / 200
    viz.capacity(low, metric="overlap", theory=theory, ax=axes[0, 0])
    dense = {"dense, degree 3": m.dense_capacity(100, 3) / 100}
    viz.capacity(many, metric="overlap", theory=dense, ax=axes[0, 1])
    options = {"theory": {n: limit for n, (*_, limit) in PAIRS.items()}, "ax": axes[1, 0]}
    viz.capacity(pairs, metric="share of pairs without a wrong bit", **options)
    axes[1, 0].set(xscale="log", xlabel="pairs stored")
    lines = {n: (one[n].loads, e) for n, e in expected.items()}
    viz.capacity(one, theory=lines, log=True, ax=axes[1, 1])
    for ax, title in zip(axes.flat, ("200 units", "100 units", "pairs", "one step"), strict=True):
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
        ax.set_title(title, loc="left")
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "capacity.png", dpi=130)
    print(f"\nPicture: {out / 'capacity.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    warnings.simplefilter("ignore", UserWarning)  # too many patterns are stored on purpose
    main(parser.parse_args().out)
