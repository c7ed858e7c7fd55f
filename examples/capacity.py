"""How much associative memories hold, measured beside what theory says.

Random patterns, recalled from cues with 5 % of the bits turned over. Hebb's rule breaks down at
0.138 patterns a unit, Storkey's and the pseudo-inverse hold more in the same weights, dense and
modern memory more patterns than they have units. Then memories of pairs; last, one step from the
pattern itself.

    python examples/capacity.py              # the picture: pictures/capacity.png
"""

import argparse
import warnings
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

from jaxbrain import memory as m
from jaxbrain import viz

KEY, SPARSE = jax.random.key(0), (256, 8)  # units and active units of Willshaw's patterns
CLASSICAL = {"Hebb": m.hopfield(), "Storkey": m.hopfield(storage=m.storkey)}
CLASSICAL["pseudo-inverse"] = m.hopfield(storage=m.pseudo_inverse)
CLASSICAL["Kanerva"] = m.sparse_distributed(KEY, locations=1000, radius=86)
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
PAIRS = {  # the memory, its pairs, how many there are, and the number that theory gives
    "bidirectional": (m.bidirectional_associative_memory(), signs, FEW, 100 / np.log(200)),
    "Willshaw": (m.willshaw(), few_active, MANY, m.willshaw_capacity(ACTIVE, ACTIVE)),
    "holographic": (m.holographic(SYMBOLS), symbols, FEW, m.holographic_capacity(1024)),
}  # fmt: skip


def share_of_pairs(memory, draw, counts, trials=5) -> np.ndarray:
    """How many of the first ten values come back for their keys to the last bit."""

    def trial(key, count):
        keys, values = draw(key, count)
        found = jax.vmap(lambda cue: memory.recall(memory.store((keys, values)), cue)[0])(keys[:10])
        found = found[1] if isinstance(found, tuple) else found
        return (found == values[:10]).all(axis=1).mean()

    run = jax.jit(jax.vmap(trial, in_axes=(0, None)), static_argnums=1)
    return np.stack([run(jax.random.split(KEY, trials), count) for count in counts])


def table(title: str, loads, rows: dict) -> None:
    print(f"\n{title}\n  {'':<25}" + "".join(f"{load:>8g}" for load in loads))
    for name, values in rows.items():
        print(f"  {name:<25}" + "".join(f"{value:>8.3f}" for value in np.mean(values, axis=1)))


def main(out: Path) -> None:
    options = {"flips": 0.05, "trials": 3, "probes": 20}
    loads, high, steps = (0.05, 0.1, 0.12, 0.15, 0.2, 0.4, 0.7), (0.5, 2, 4, 8), (0.14, 0.25, 0.5)
    low = {n: m.capacity_curve(KEY, x, 200, loads, **options) for n, x in CLASSICAL.items()}
    many = {n: m.capacity_curve(KEY, x, 100, high, **options) for n, x in DENSE.items()}
    pairs = {n: (np.array(c), share_of_pairs(x, d, c)) for n, (x, d, c, _) in PAIRS.items()}
    step = m.hopfield(update=m.synchronous, max_steps=1)
    cubic = m.dense_associative_memory(update=m.dense_synchronous, max_steps=1)
    one = {"Hebb": m.capacity_curve(KEY, step, 1000, steps, probes=100)}
    one["dense, degree 3"] = m.capacity_curve(KEY, cubic, 100, (6, 15), probes=200)
    expected = {"Hebb": np.asarray(m.hopfield_bit_error(one["Hebb"].loads, n=1000))}
    expected["dense, degree 3"] = np.asarray(m.dense_bit_error(100, 3, np.array([600, 1500])))

    overlaps = "Overlap with the pattern, by patterns a unit; {} units"
    table(overlaps.format(200), loads, {n: c.overlap for n, c in low.items()})
    table(overlaps.format(100), high, {n: c.overlap for n, c in many.items()})
    for name, (counts, share) in pairs.items():
        table("Share of pairs without a wrong bit, by pairs", counts, {name: share})
    for name, curve in one.items():
        rows = {name: curve.bit_error, "theory": expected[name][:, None]}
        table("Share of wrong bits after one step, by patterns a unit", curve.loads, rows)

    figure, axes = plt.subplots(2, 2, figsize=(16, 8.5), layout="constrained")
    fine = np.linspace(0.01, 0.7, 400)
    theory: dict = {"Hebb": (fine, np.asarray(m.hopfield_overlap(fine))), "pseudo-inverse": 1.0}
    theory["Storkey"] = 1 / np.sqrt(2 * np.log(200))
    theory["Kanerva"] = m.sparse_distributed_capacity(200, 1000, 86) / 200
    viz.capacity(low, metric="overlap", theory=theory, ax=axes[0, 0])
    errorless = m.dense_capacity(100, 3) / 100
    viz.capacity(many, metric="overlap", theory={"dense, degree 3": errorless}, ax=axes[0, 1])
    limits = {n: limit for n, (*_, limit) in PAIRS.items()}
    viz.capacity(pairs, theory=limits, metric="pairs without a wrong bit", ax=axes[1, 0])
    axes[1, 0].set(xscale="log", xlabel="pairs stored")
    lines = {n: (one[n].loads, e) for n, e in expected.items()}
    viz.capacity(one, theory=lines, log=True, ax=axes[1, 1])
    for ax, title in zip(axes.flat, ("200 units", "100 units", "pairs", "one step"), strict=True):
        ax.legend(*ax.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(1, 1))
        ax.set_title(title, loc="left")
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "capacity.png", dpi=130)
    print(f"\nPicture: {out / 'capacity.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    warnings.simplefilter("ignore", UserWarning)  # that there are too many is what is looked for
    main(parser.parse_args().out)
