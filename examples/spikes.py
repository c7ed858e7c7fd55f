"""A spiking network that classifies handwritten digits from the times of single spikes.

Each pixel spikes once, the earlier the darker it is; blank pixels do not spike. Integrate-and-fire
neurons, with a fixed or an adaptive threshold, transmit only spikes; ten leaky integrators read
them out. The derivative of a spike is zero, so back-propagation through time uses a surrogate
gradient. The floor is the accuracy with random hidden weights, when only the readout is trained.

    python examples/spikes.py                # the picture: pictures/spikes.png
"""

import argparse
from functools import partial
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
import optax
from jax.nn.initializers import normal

import jaxbrain as jb
from jaxbrain import viz
from jaxbrain.cells import alif, latency_encode, leaky_integrator, lif, rate_readout, unroll

STEPS = 20  # of 1 ms
EPOCHS = 25
BATCH = 32
HIDDEN = 64
INPUT, RECURRENT = normal(0.4), normal(0.1)
CELLS = {
    "no recurrence": lif(HIDDEN, kernel_init=INPUT, recurrent_init=None),
    "recurrent": lif(HIDDEN, kernel_init=INPUT, recurrent_init=RECURRENT),
    "recurrent, adaptive threshold": alif(
        HIDDEN, tau_adaptation=20.0, beta=0.3, kernel_init=INPUT, recurrent_init=RECURRENT
    ),
}
encode = jb.elementwise(partial(latency_encode, steps=STEPS, tau=8.0, threshold=0.2))


def network(cell: jb.Cell) -> jb.Network:
    """Network from pixels to spikes, hidden spikes, membrane potentials and their mean in time."""
    return jb.serial(encode, unroll(cell), unroll(leaky_integrator(10)), rate_readout())


def main(out: Path) -> None:
    train, test = jb.datasets.train_test_split(jax.random.key(0), *jb.datasets.digits())

    def trained(cell: jb.Cell, optimizer: optax.GradientTransformation):
        rule = jb.backprop(network(cell), jb.losses.softmax_cross_entropy)
        return jb.fit(
            rule,
            optimizer,
            train,
            key=jax.random.key(1),
            epochs=EPOCHS,
            batch_size=BATCH,
            validation=test,
            metrics={"accuracy": jb.accuracy},
        )

    def hidden(cell: jb.Cell, params: tuple, x: np.ndarray) -> np.ndarray:
        """Spikes [digits, steps, units] of the hidden layer."""
        return np.asarray(jb.batch(jb.serial(encode, unroll(cell))).apply(params[:2], x))

    print(f"{len(train[0]):,} digits to train, {len(test[0])} to test; {STEPS} steps of 1 ms\n")
    print(f"{HIDDEN} hidden neurons{'':<15}{'test accuracy':>15}{'spikes per neuron':>18}")
    adam = optax.adam(optax.cosine_decay_schedule(5e-3, EPOCHS * -(-len(train[0]) // BATCH)))
    runs = {name: (cell, trained(cell, adam)) for name, cell in CELLS.items()}
    only_readout = optax.multi_transform(
        {"learns": adam, "frozen": optax.set_to_zero()}, ("frozen", "frozen", "learns", "frozen")
    )
    cell = CELLS["no recurrence"]
    runs["floor: hidden weights frozen"] = cell, trained(cell, only_readout)
    for name, (cell, (state, history)) in runs.items():
        spikes = hidden(cell, state.params, test[0]).sum(axis=1).mean()
        print(f"{name:<32}{history.metrics['accuracy'][-1]:15.3f}{spikes:18.2f}")

    name = "recurrent, adaptive threshold"
    cell, (state, _) = runs[name]
    figure, axes = plt.subplots(1, 3, figsize=(13, 6.5), layout="constrained")
    scores = np.asarray(jb.batch(network(cell)).apply(state.params, test[0]))
    for ax, digit in zip(axes, (0, 3, 7), strict=True):
        (row, *_) = np.flatnonzero((test[1] == digit) & (scores.argmax(axis=1) == digit))
        pixels = np.asarray(latency_encode(test[0][row], STEPS, tau=8.0, threshold=0.2))
        spikes = {"pixels": pixels, "hidden": hidden(cell, state.params, test[0][row][None])[0]}
        viz.raster(spikes, dt=1.0, ax=ax)
        ax.set_title(f"a {digit}, classified as {scores[row].argmax()}", loc="left", fontsize=10)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "spikes.png", dpi=150)
    print(f"\nPicture, {name}: {out / 'spikes.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
