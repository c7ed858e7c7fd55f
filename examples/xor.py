"""Exclusive or: a single layer cannot learn it, a network with one hidden layer can.

XOR is 1 if exactly one of its two inputs is 1. No straight line separates the two classes, so a
network of a single layer gives 1/2 for all four cases; four hidden units bend the line. Both are
trained by plain gradient descent on half the squared error, with sigmoids.

    python examples/xor.py                   # the picture goes to pictures/xor.png
"""

import argparse
from functools import partial
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import optax

import jaxbrain as jb
from jaxbrain import viz

EPOCHS = 5000
LEARNING_RATE = 1.0


def networks() -> dict[str, jb.Network]:
    sigmoid = jb.elementwise(jax.nn.sigmoid)
    return {
        "one layer": jb.serial(jb.dense(1), sigmoid),
        "one hidden layer": jb.serial(jb.dense(4), sigmoid, jb.dense(1), sigmoid),
    }


def train(net: jb.Network, x: jax.Array, y: jax.Array) -> tuple[jb.TrainState, jb.History]:
    rule = jb.backprop(net, jb.losses.half_mse)
    # All four cases in every step (batch_size=None) make optax.sgd plain gradient descent.
    return jb.fit(
        rule,
        optax.sgd(LEARNING_RATE),
        (x, y),
        key=jax.random.key(0),
        epochs=EPOCHS,
        batch_size=None,
    )


def main(out: Path) -> None:
    x, y = jb.datasets.xor()
    nets = networks()
    trained = {name: train(net, x, y) for name, net in nets.items()}

    print(f"XOR, {EPOCHS:,} epochs of gradient descent, learning rate {LEARNING_RATE:g}\n")
    print(f"{'x1':>4}{'x2':>4}{'target':>9}" + "".join(f"{name:>19}" for name in nets))
    answers = [jb.batch(net).apply(trained[name][0].params, x) for name, net in nets.items()]
    for case in range(4):
        row = "".join(f"{float(answer[case, 0]):19.3f}" for answer in answers)
        print(f"{x[case, 0]:4.0f}{x[case, 1]:4.0f}{y[case, 0]:9.0f}" + row)
    losses = [float(history.loss[-1]) for _, history in trained.values()]
    print(f"{'loss':<17}" + "".join(f"{loss:19.5f}" for loss in losses))

    figure, axes = plt.subplots(1, 3, figsize=(15.5, 4.6), layout="constrained")
    for ax, (name, net) in zip(axes[:2], nets.items(), strict=True):
        predict = partial(jb.batch(net).apply, trained[name][0].params)
        # The outputs of the last sigmoid are probabilities already.
        viz.decision_boundary(predict, x, y, pad=0.4, probabilities=lambda p: p, ax=ax)
        ax.set_title({"one layer": "one layer: 1/2 everywhere"}.get(name, name), pad=26)
    viz.curves({name: history for name, (_, history) in trained.items()}, log=True, ax=axes[2])
    axes[2].legend(loc="lower left", frameon=False, handlelength=3.4)
    axes[2].set_title("half the squared error", pad=26)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "xor.png", dpi=150)
    print(f"\nPicture: {out / 'xor.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
