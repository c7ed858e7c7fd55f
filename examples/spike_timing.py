"""Spike-timing-dependent plasticity: the window and the effect of the frequency of pairs.

Left: sixty pairs of spikes, one per second; the weight change depends on their lag. Right: sixty
pairs 10 ms apart, and the data of Sjöström et al. 2001, doi 10.1016/S0896-6273(01)00542-6, with
standard errors. Pair rules do not fit them even with the best amplitudes; triplet rules do (Pfister
and Gerstner 2006, doi 10.1523/JNEUROSCI.1425-06.2006). E is the mean of ((change - data)/error)^2.

    python examples/spike_timing.py          # the picture: pictures/spike_timing.png
"""

import argparse
from pathlib import Path

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jaxbrain as jb
from jaxbrain.learning.plasticity import spike_timing as st
from jaxbrain.learning.plasticity import total_change

HERTZ = np.array([0.1, 10, 20, 40, 50])
LAGS = np.array([10, -10])  # ms, post after pre; the rows of the data
DATA = np.array([[-4, 14, 29, 53, 56], [-29, -41, -34, 56, 75]])  # percent
ERRORS = np.array([[5, 10, 14, 11, 26], [8, 11, 10, 32, 19]])
PERIODS = np.r_[10000, 1000, 500, 250, 160, 125, 100, 80, 66, 57, 50, 44, 40, 36, 33:19:-1]
DATED = np.isin(PERIODS, np.round(1000 / HERTZ))
CULTURE = st.HIPPOCAMPUS_MINIMAL
WINDOWS = {  # A+, A-, tau+ and tau- (ms) in theory, and the rule
    "pairs (Song et al. 2000)": (0.005, 0.00525, 20.0, 20.0, st.pair_stdp()),
    "triplets (hippocampus)": (5.3e-3, 3.5e-3, 16.8, 33.7, st.triplet_stdp(constants=CULTURE)),
}
COLORS = ("#0072B2", "#D55E00")


def pairing(rule: jb.Cell, periods: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Weight change in percent [lags, periods] by sixty pairs, one per period (ms)."""
    rows, columns, steps = len(periods), len(lags), 60 * max(periods) + 200
    pre, post = np.zeros((steps, rows), "float32"), np.zeros((steps, rows, columns), "float32")
    for row, period in enumerate(periods):
        times = 100 + period * np.arange(60)
        pre[times, row] = 1
        post[times[:, None] + lags, row, np.arange(columns)] = 1
    w, post, each = jnp.zeros((rows, rows * columns)), post.reshape(steps, -1), np.arange(rows)
    _, change = total_change(rule, w, jnp.array(pre), jnp.array(post))
    return 100 * np.asarray(change).reshape(rows, rows, columns)[each, each].T


def curve(rule: jb.Cell) -> np.ndarray:
    """Weight change in percent [LAGS, PERIODS]; the longest period separately, to save steps."""
    return np.hstack([pairing(rule, periods, LAGS) for periods in (PERIODS[:1], PERIODS[1:])])


def best_pairs() -> np.ndarray:
    """The curve of pair STDP with the amplitudes of the least-squares fit to the data."""
    parts = [curve(st.pair_stdp(a_plus=up, a_minus=1 - up)) for up in (1.0, 0.0)]
    columns = np.stack([(part[:, DATED] / ERRORS).ravel() for part in parts], axis=1)
    amplitudes = np.linalg.lstsq(columns, (DATA / ERRORS).ravel())[0]
    return amplitudes[0] * parts[0] + amplitudes[1] * parts[1]


def main(out: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5.8), layout="constrained")
    lags, fine = np.setdiff1d(np.arange(-95, 96, 5), 0), np.arange(-100, 101)
    for (label, (up, down, rise, fall, rule)), color in zip(WINDOWS.items(), COLORS, strict=True):
        theory = 6000 * np.where(fine > 0, up * np.exp(-fine / rise), -down * np.exp(fine / fall))
        measured = pairing(rule, PERIODS[1:2], lags)[:, 0]
        print(f"window of {label}: {np.abs(measured - theory[lags + 100]).max():.4f} % from theory")
        left.plot(fine, np.where(fine == 0, np.nan, theory), color=color, lw=1.2)
        left.plot(lags, measured, "o" if color == COLORS[0] else "s", color=color, label=label)
    left.set(title="window (points: simulation, lines: theory)", xlabel="post after pre (ms)")
    fits = {"triplets, full": st.VISUAL_CORTEX, "triplets, minimal": st.VISUAL_CORTEX_MINIMAL}
    models = {name: curve(st.triplet_stdp(constants=c)) for name, c in fits.items()}
    models["pairs, best fit"] = best_pairs()
    print(f"\n{'visual cortex':<18}{'E':>6}   change (%) at {HERTZ} Hz, post 10 ms before pre")
    for label, change in models.items():
        error = np.mean(((change[:, DATED] - DATA) / ERRORS) ** 2)
        print(f"{label:<18}{error:6.2f}   {change[1, DATED].round(1)}")
    for row, color in enumerate(COLORS):
        when = f": post 10 ms {('after', 'before')[row]} pre"
        for name, dash in (("triplets, minimal", "-"), ("pairs, best fit", ":")):
            y, label = models[name][row], name + when
            right.plot(1000 / PERIODS, y, dash, color=color, label=label)
        data = {"y": DATA[row], "yerr": ERRORS[row], "fmt": "os"[row], "label": "data" + when}
        right.errorbar(HERTZ + (row - 0.5) * 0.5, **data, color=color, capsize=3)
    right.set(title="frequency (data: Sjöström et al. 2001)", xlabel="frequency of pairs (Hz)")
    for ax in (left, right):
        ax.axhline(0, color="#999999", lw=0.8, zorder=0)
        ax.set_ylabel("weight change by 60 pairs (%)")
        ax.legend(frameon=False, loc="upper left")
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "spike_timing.png", dpi=130)
    print(f"\nPicture: {out / 'spike_timing.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
