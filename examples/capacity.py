"""How much associative memories hold, measured beside what theory says.

Random patterns are stored in memories of 200 units, a few more at every load, and recalled from
cues with 5 % of their bits turned over. Hebb's rule breaks down at 0.138 patterns a unit, Storkey's
and the pseudo-inverse hold more in the same weights, and a dense memory of degree 3 holds more
patterns than it has units. Below: one step of Hebb's and the dense memory from the pattern itself,
where theory gives the share of wrong bits.

    python examples/capacity.py              # the picture: pictures/capacity.png
"""

import argparse
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

from jaxbrain import viz
from jaxbrain.memory import (
    all_at_once,
    capacity_curve,
    dense_associative_memory,
    dense_bit_error,
    hopfield,
    hopfield_bit_error,
    hopfield_overlap,
    modern_hopfield,
    pseudo_inverse,
    storkey,
    synchronous,
)

UNITS, SMALL, FLIPS, KEY = 200, 100, 0.05, jax.random.key(0)
CLASSICAL = {"Hebb": hopfield(), "Storkey": hopfield(storage=storkey)}
CLASSICAL["pseudo-inverse"] = hopfield(storage=pseudo_inverse)
DENSE = {
    "dense, degree 3": dense_associative_memory(update=all_at_once),
    "modern": modern_hopfield(beta=1.0),
}
LOADS = (0.05, 0.1, 0.2, 0.4, 0.7)
HIGH = (0.5, 2.0, 4.0, 8.0)


def table(title: str, curves: dict) -> None:
    """The overlap of every memory, a column for each load."""
    print(
        f"\n{title}\n  {'load':<18}" + "".join(f"{x:>7g}" for x in next(iter(curves.values()))[0])
    )
    for name, curve in curves.items():
        print(f"  {name:<18}" + "".join(f"{m:>7.3f}" for m in curve.overlap.mean(axis=1)))


def main(out: Path) -> None:
    options = {"flips": FLIPS, "trials": 3, "probes": 20}
    low = {n: capacity_curve(m, UNITS, LOADS, KEY, **options) for n, m in CLASSICAL.items()}
    options |= {"trials": 3, "probes": 20}
    high = {n: capacity_curve(m, SMALL, HIGH, KEY, **options) for n, m in DENSE.items()}
    table(f"Overlap of what is recalled with the pattern, {UNITS} units", low)
    table(f"The same, memories of {SMALL} units that hold more patterns than units", high)

    loads = np.array([0.138, 0.25, 0.5, 0.8])
    step = hopfield(update=synchronous, max_steps=1)
    one = {"Hebb": capacity_curve(step, 1000, loads, KEY, trials=3, probes=100)}
    theory = {"Hebb": (loads, np.asarray(hopfield_bit_error(loads, n=1000)))}
    cubic = dense_associative_memory(update=all_at_once, max_steps=1)
    many = np.array([6.0, 15.0])
    one["dense, degree 3"] = capacity_curve(cubic, SMALL, many, KEY, trials=2, probes=200)
    theory["dense, degree 3"] = (many, np.asarray(dense_bit_error(SMALL, 3, many * SMALL)))
    print("\nShare of wrong bits after one step   load  measured   theory")
    for name, curve in one.items():
        for x, errors, expected in zip(curve.loads, curve.bit_error, theory[name][1], strict=True):
            print(f"  {name:<34}{x:>6.2f}{errors.mean():>10.4f}{expected:>9.4f}")

    figure, axes = plt.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
    fine = np.linspace(0.01, 0.8, 400)
    lines = {"Hebb": (fine, np.asarray(hopfield_overlap(fine)))}
    viz.capacity(low, metric="overlap", theory=lines, ax=axes[0])
    axes[0].set_title(f"{UNITS} units", loc="left")
    viz.capacity(high, metric="overlap", ax=axes[1])
    axes[1].set_title(f"{SMALL} units", loc="left")
    viz.capacity(one, theory=theory, log=True, ax=axes[2])
    axes[2].set_title("after one step", loc="left")
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "capacity.png", dpi=130)
    print(f"\nPicture: {out / 'capacity.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
