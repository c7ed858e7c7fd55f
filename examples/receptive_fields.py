"""Receptive fields learned from pieces of handwriting by Oja's, Sanger's and the BCM rule.

No unit gets a label; a unit has only its inputs and its own output. Oja's rule finds the direction
of the largest variance, the same for every unit. Sanger's finds all principal components in order.
The BCM rule finds rare features: on whitened inputs, each unit becomes selective for one stroke.
The pieces are of MNIST if its test images lie in ../shared/data, else of scikit-learn's digits.

    python examples/receptive_fields.py      # the picture: pictures/receptive_fields.png
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain import viz
from jaxbrain.learning.plasticity import hebbian, plastic

MNIST = Path(__file__).resolve().parents[2] / "shared" / "data" / "t10k-images-idx3-ubyte.gz"


def pieces(n: int) -> tuple[np.ndarray, int]:
    """Square pieces with ink, one per row, and the length of their side."""
    if MNIST.exists():
        images, side = jb.datasets.idx(MNIST) / np.float32(255), 10
    else:
        images, side = jb.datasets.digits()[0].reshape(-1, 8, 8), 6
    windows = np.lib.stride_tricks.sliding_window_view(images, (side, side), axis=(1, 2))
    draw = np.random.default_rng(0)
    where = tuple(draw.integers(0, size, 3 * n) for size in windows.shape[:3])
    rows = windows[where].reshape(3 * n, -1)
    return rows[rows.std(axis=1) > 0.5 * rows.std()][:n], side


def learn(plasticity: jb.Cell, units: int, x, rate: float, *, epochs: int, activation=jnp.asarray):
    """Weights [pixels, units], with one step for every fifty pieces."""
    net = jb.serial(jb.dense(units, bias_init=None), jb.elementwise(activation))
    optimizer = optax.sgd(optax.linear_schedule(rate, 0.0, epochs * -(-len(x) // 50)))
    rule, settings = plastic(net, plasticity), {"key": jax.random.key(0), "epochs": epochs}
    state, _ = jb.fit(rule, optimizer, (x, x), batch_size=50, **settings)
    return np.asarray(state.params[0]["kernel"])


def kurtosis(y: np.ndarray) -> np.ndarray:
    """Excess kurtosis of each unit: 0 for a Gaussian, large for a unit that is rarely active."""
    return np.mean((y - y.mean(0)) ** 4, axis=0) / np.var(y, axis=0) ** 2 - 3


def main(out: Path) -> None:
    rows, side = pieces(20000)
    x = ((rows - rows.mean(0)) / rows.std()).astype("float32")
    variance, components = np.linalg.eigh(x.T @ x / len(x))
    variance, components = variance[::-1], components[:, ::-1]
    kept, spread = components[:, : 4 * side], np.sqrt(variance[: 4 * side])
    whitening = kept / spread @ kept.T
    whitened = (x @ whitening).astype("float32")
    rate = 2.0 / side**2  # the squared length of a piece is about its number of pixels
    oja = learn(hebbian.oja(), 4, x, rate, epochs=10)
    sanger = learn(hebbian.sanger(), 16, x, rate, epochs=40)
    bcm = learn(hebbian.bcm(tau=200.0), 16, whitened, 4e-3, epochs=40, activation=jax.nn.relu)

    lengths, longer = np.linalg.norm(oja, axis=0), np.linalg.norm(sanger, axis=0)
    first = np.abs(components[:, 0] @ oja) / lengths
    each = np.abs(np.sum(components[:, :16] * sanger, axis=0)) / longer
    outputs = np.maximum(whitened @ bcm, 0)
    print(f"{len(x):,} pieces of {side} x {side} pixels")
    print(f"Oja, length of the weights            {lengths.mean():8.4f}")
    print(f"Oja, least |cos| to component 1       {first.min():8.4f}")
    print(f"Sanger, least |cos| to components 1-16{each.min():8.4f}")
    print(f"Sanger, median kurtosis of the units  {np.median(kurtosis(x @ sanger)):8.2f}")
    print(f"BCM, median kurtosis of the units     {np.median(kurtosis(outputs)):8.2f}")

    figure, axes = plt.subplots(2, 3, figsize=(16, 10.2), layout="constrained")
    for ax, title, fields in (
        (axes[0, 0], "inputs: 16 of the pieces", rows[:16].T),
        (axes[0, 1], "Oja: every unit finds component 1 (or its negative)", oja),
        (axes[1, 0], "for comparison: principal components 1 to 16", components[:, :16]),
        (axes[1, 1], "Sanger: unit n finds component n (or its negative)", sanger),
        (axes[0, 2], "BCM: weights on the pixels, with the whitening", whitening @ bcm),
        (axes[1, 2], "BCM: mean piece, weighted by the output of the unit", x.T @ outputs),
    ):
        viz.receptive_fields(fields, (side, side), ax=ax).set_title(title, fontsize=12)
        bar = ax.images[0].colorbar
        bar.set_label("value / largest |value| in its field") if ax in axes[:, 2] else bar.remove()
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "receptive_fields.png", dpi=120)
    print(f"\nPicture: {out / 'receptive_fields.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
