"""Classification of the two moons by a 2-10-10-1 network, with three optimizers.

Rectified hidden units, one logit, binary cross-entropy. Full-batch gradient descent, stochastic
gradient descent and Adam are `sgd` and `adam` of optax with different batch sizes; each sees the
800 training examples ten times. The sigmoid of the logit is the probability of class 1. The test
points are other random points, used once, at the end.

    python examples/binary_classifier.py     # the picture: pictures/binary_classifier.png
"""

import argparse
from functools import partial
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import optax

import jaxbrain as jb
from jaxbrain import viz

EPOCHS = 10
METRICS = {"validation_loss": jb.losses.binary_cross_entropy, "accuracy": jb.accuracy}
# The optimizer and its batch size; None is all examples in one step.
OPTIMIZERS = {
    "GD": (optax.sgd(0.3), None),
    "SGD": (optax.sgd(0.3), 32),
    "Adam": (optax.adam(0.01), 32),
}


def main(out: Path) -> None:
    train, validation = jb.datasets.train_test_split(
        jax.random.key(1),
        *jb.datasets.moons(jax.random.key(0), 1000, noise=0.15),
        test_fraction=0.2,
    )
    test = jb.datasets.moons(jax.random.key(2), 1000, noise=0.15)
    relu = jb.elementwise(jax.nn.relu)
    net = jb.serial(jb.dense(10), relu, jb.dense(10), relu, jb.dense(1))
    rule = jb.backprop(net, jb.losses.binary_cross_entropy)
    print(jb.summary(net, net.init(jax.random.key(0), train[0][0]), train[0][0]), "\n")

    histories, states = {}, {}
    heads = ("steps", "train loss", "validation acc.", "test loss", "test acc.")
    print(f"{f'{EPOCHS} epochs':<10}" + "".join(f"{head:>17}" for head in heads))
    for name, (optimizer, batch_size) in OPTIMIZERS.items():
        states[name], histories[name] = state, history = jb.fit(
            rule,
            optimizer,
            train,
            key=jax.random.key(3),
            epochs=EPOCHS,
            batch_size=batch_size,
            validation=validation,
            metrics=METRICS,
        )
        final = jb.evaluate(net, state.params, test, METRICS)
        print(
            f"{name:<10}{int(state.step):17}{history.loss[-1]:17.4f}"
            f"{history.metrics['accuracy'][-1]:17.3f}{final['validation_loss']:17.4f}{final['accuracy']:17.3f}"
        )

    classify = partial(jb.batch(net).apply, states["Adam"].params)
    x, y = test[0][:5], test[1][:5, 0]
    print("\nFive test points\n      x1      x2   class   probability of class 1")
    for point, label, p in zip(x, y, jax.nn.sigmoid(classify(x))[:, 0], strict=True):
        print(f"{point[0]:8.2f}{point[1]:8.2f}{label:8.0f}{p:25.3f}")

    figure, axes = plt.subplots(1, 3, figsize=(15.5, 4.6), layout="constrained")
    viz.curves(histories, ax=axes[0]).set_title("training: binary cross-entropy", pad=26)
    viz.curves(histories, "accuracy", ax=axes[1]).set_title("validation: accuracy", pad=26)
    axes[1].get_legend().remove()  # it would hide the lowest curve, and the first panel has it
    viz.decision_boundary(classify, *test, ax=axes[2]).set_title("test points, Adam", pad=26)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "binary_classifier.png", dpi=150)
    print(f"\nPicture: {out / 'binary_classifier.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
