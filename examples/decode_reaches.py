"""Decoding of reaches from the motor cortex of a monkey, with linear and recurrent decoders.

The last fifth is held out as one block; penalty and epochs are chosen on the rest. A recording is
an npz file of rates [time, units] (spikes/s in bins of 0.2 s), velocity [time, 2] (cm/s) and target
[time] (its number); the default is ../shared/data/m1_reaching.npz, the demonstration data of Dyer
et al. 2017, doi 10.1038/s41551-017-0169-7. Also shown: cosine tuning and jPCA.

    python examples/decode_reaches.py [recording]    # the picture: pictures/decode_reaches.png
"""

import argparse
from itertools import pairwise
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
import optax
from matplotlib.axes import Axes

import jaxbrain as jb
from jaxbrain import analysis, motor

FILE = Path(__file__).resolve().parents[2] / "shared/data/m1_reaching.npz"
BIN, MOVING, SHOWN = 0.2, 6, 80  # seconds; bins of a reach for jPCA; bins that are drawn
COLORS = {"hand": "0.6", "ridge": "#0072B2", "GRU": "#D55E00", "laminar": "#009E73"}


def repeated(cell: jb.Cell, times: int) -> jb.Cell:
    """A cell that takes several steps in each bin, so that its input reaches all layers."""

    def step(params, carry, x, *, key=None):
        for _ in range(times):
            carry, y = cell.step(params, carry, x)
        return carry, y

    return jb.Cell(cell.init, cell.carry, step)


def decoders() -> dict[str, tuple[analysis.Decoder, int]]:
    """Decoders and numbers of seeds; sizes were chosen on blocks of the first four fifths."""
    cortex = motor.laminar_cortex(motor.cortical_layers(jax.random.key(0), 100), dt=0.07, tau=0.1)
    adam = optax.adamw(optax.cosine_decay_schedule(5e-3, 40 * 19), weight_decay=0.3)
    laminar = analysis.recurrent_decoder(repeated(cortex, 3), bins=3, epochs=40, optimizer=adam)
    gru = analysis.recurrent_decoder(jb.cells.gru(32), epochs=80)
    return {"ridge": (analysis.ridge_decoder(), 0), "GRU": (gru, 5), "laminar": (laminar, 3)}


def tuned(ax: Axes, rates: np.ndarray, velocity: np.ndarray, bins: list[np.ndarray]) -> None:
    """Cosine tuning to the direction of reaches, compared with shuffled directions."""
    heading, rate = (np.array([a[b].mean(axis=0) for b in bins]) for a in (velocity, rates))
    angle, known, rng = np.arctan2(*heading.T[::-1]), len(bins) * 4 // 5, np.random.default_rng(0)
    found = analysis.tuning(angle[:known], rate[:known])
    chance = [analysis.tuning(rng.permutation(angle[:known]), rate[:known]).r2 for _ in range(50)]
    share, middle = np.mean(found.r2 > np.quantile(chance, 0.95, axis=0)), np.median(found.r2)
    vector = np.asarray(analysis.population_vector(rate[known:], found, least_r2=0.1))
    off = np.abs(np.angle(np.exp(1j * (np.arctan2(*vector.T[::-1]) - angle[known:]))))
    print(f"\ntuned: {share:.0%} of units (chance 5%), but weakly: median R2 {middle:.2f};")
    print(f"population vector of the last reaches: {np.degrees(np.median(off)):.0f} degrees off\n")
    ax.hist([np.ravel(chance), found.r2], 20, range=(0, 1), density=True, color=["0.7", "C0"])
    ax.set(xlabel="R2 of cosine tuning: units (blue), shuffled", yscale="log", yticks=[])


def rotating(ax: Axes, rates: np.ndarray, target: np.ndarray, bins: list[np.ndarray]) -> None:
    """The jPCA of the mean reaches between each pair of targets, compared with surrogates."""
    active, groups = rates[:, rates.mean(axis=0) > 1], {}
    for before, now in [(a, b) for a, b in pairwise(bins) if len(b) >= MOVING]:
        groups.setdefault((target[before[0]], target[now[0]]), []).append(active[now[:MOVING]])
    mean = np.array([np.mean(trials, axis=0) for trials in groups.values()])
    found = analysis.jpca(jax.random.key(0), mean, dt=BIN, surrogates=100)
    print(f"jPCA of {len(mean)} mean reaches\n{str(found).split(chr(10) * 2)[0]}")
    print(f"{found.p.ratio:.0%} of surrogates reach this ratio; above 5% is no sign of rotation")
    ax.hist(np.asarray(found.null.ratio), bins=15, color="0.7")
    ax.axvline(float(found.fits.ratio), color="C0", linewidth=2)
    ax.set(xlabel=f"jPCA: ratio, in surrogates (p = {found.p.ratio:.2f})", yticks=[])


def main(out: Path, recording: Path) -> None:
    if not recording.exists():
        raise SystemExit(f"{recording} does not exist.\n\n{__doc__}")
    rates, velocity, target = (np.load(recording)[n] for n in ("rates", "velocity", "target"))
    found = {"hand": (truth := velocity[(border := len(rates) - round(0.2 * len(rates))) :])}
    print(f"{len(rates)} bins of {rates.shape[1]} units; the last {len(truth)} are held out\n")
    print(f"{'R2 of the velocity':<26}{'x':<18}{'y':<14}seeds better than ridge")
    for name, (decoder, seeds) in decoders().items():
        key = jax.random.split(jax.random.key(1), seeds) if seeds else None
        result = analysis.decode(decoder, rates, velocity, key=key)
        found[name] = np.asarray(result.predicted).reshape(-1, *truth.shape).mean(axis=0)
        linear, (x, y) = (analysis.r_squared(truth, found[n]) for n in ("ridge", name))
        if seeds:
            rows, wins = result.r_squared.T, (result.r_squared > linear[None]).all(axis=1).sum()
            both = "".join(f"{f'{r.mean():.3f} +- {r.std(ddof=1):.3f}':<18}" for r in rows)
            print(f"{name:<24}{both}{wins} of {seeds}")
        print(f"{f'  ensemble of these {seeds}' if seeds else name:<24}{x:.3f}{y:18.3f}")

    figure, axes = plt.subplot_mosaic("xxxt;yyyj;abcd", figsize=(13, 9), layout="constrained")
    ends = np.flatnonzero(np.diff(target)) + 1
    for i, (name, estimate) in enumerate(found.items()):
        for k, axis in enumerate("xy"):
            width, times = 1.3 if i else 3, BIN * np.arange(len(estimate[:SHOWN]))
            axes[axis].plot(times, estimate[:SHOWN, k], color=COLORS[name], lw=width, label=name)
            axes[axis].set(xlabel="time in the block (s)", ylabel=f"{axis} velocity (cm/s)")
        for reach in np.split(estimate, ends[ends > border] - border)[1:-1]:
            path = BIN * np.insert(reach.cumsum(axis=0), 0, 0, axis=0)
            axes["abcd"[i]].plot(*path.T, color=COLORS[name], linewidth=1)
        axes["abcd"[i]].set(title=f"{name}, cm", aspect="equal", xlim=(-24, 16), ylim=(-26, 14))
    tuned(axes["t"], rates, velocity, bins := np.split(np.arange(len(target)), ends)[:-1])
    rotating(axes["j"], rates, target, bins)
    axes["x"].legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "decode_reaches.png", dpi=150)
    print(f"\nPicture: {out / 'decode_reaches.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recording", nargs="?", type=Path, default=FILE)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(**vars(parser.parse_args()))
