"""Four learning rules for one network, on handwritten digits.

Back-propagation carries the error back through the transposed forward weights, which no synapse
knows. Feedback alignment uses fixed random weights instead. Direct feedback alignment projects the
output error straight to every layer. Predictive coding relaxes the activities first and then learns
locally. All four train the same 64-64-32-10 network, three seeds each. The floor is the accuracy of
back-propagation when only the last layer is trained: a rule above it trains the hidden layers.

    python examples/digits.py                # the picture: pictures/digits.png
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
from jaxbrain.analysis import angles_to

EPOCHS = 30
SEEDS = 3
LEARNING_RATE = 3e-3
RULES = {
    "backprop": jb.backprop,
    "feedback alignment": jb.feedback_alignment,
    "direct feedback alignment": jb.direct_feedback_alignment,
    "predictive coding": jb.predictive_coding,
}


def only_last(layers: int) -> optax.GradientTransformation:
    """Adam for the last layer of a chain; the others keep their initial weights."""
    labels = ("frozen",) * (layers - 1) + ("learning",)
    learning = optax.adam(LEARNING_RATE)
    return optax.multi_transform({"learning": learning, "frozen": optax.set_to_zero()}, labels)


def main(out: Path) -> None:
    train, test = jb.datasets.train_test_split(jax.random.key(0), *jb.datasets.digits())
    tanh = jb.elementwise(jnp.tanh)
    net = jb.serial(jb.dense(64), tanh, jb.dense(32), tanh, jb.dense(10))
    backprop = jb.backprop(net, jb.losses.softmax_cross_entropy)
    probe = train[0][:256], train[1][:256]  # the angles are measured on these

    def histories(rule: jb.LearningRule, optimizer: optax.GradientTransformation, record=None):
        return [
            jb.fit(
                rule,
                optimizer,
                train,
                key=jax.random.key(seed),
                epochs=EPOCHS,
                batch_size=64,
                validation=test,
                metrics={"accuracy": jb.accuracy},
                record=record,
            )[1]
            for seed in range(SEEDS)
        ]

    def row(name: str, group: list[jb.History]) -> float:
        """Print a line of the table; return the mean accuracy at the end."""
        last = np.array([history.metrics["accuracy"][-1] for history in group])
        angles = [history.record[-1] for history in group if history.record is not None]
        shown = "".join(f"{angle:11.1f}°" for angle in np.mean(angles, axis=0)) if angles else ""
        print(f"{name:<27}{last.mean():9.3f} ± {last.std(ddof=1):.3f}{shown}")
        return float(last.mean())

    print(f"{len(train[0]):,} digits to train, {len(test[0])} to test; {EPOCHS} epochs\n")
    print(f"{f'mean of {SEEDS} seeds':<27}{'':>17}{'angle to backprop':>30}")
    print(f"{'':<27}{'test accuracy':>17}{'layer 1':>12}{'layer 2':>12}{'layer 3':>12}")
    runs = {}
    for name, make in RULES.items():
        rule = make(net, jb.losses.softmax_cross_entropy)
        runs[name] = histories(rule, optax.adam(LEARNING_RATE), angles_to(rule, backprop, probe))
        row(name, runs[name])
    floor = row("floor: hidden layers frozen", histories(backprop, only_last(len(net.layers))))

    figure, (left, right) = plt.subplots(1, 2, figsize=(15, 4.6), layout="constrained")
    viz.rule_scores(runs, floor=floor, ax=left)
    first = {name: np.stack([h.record[:, 0] for h in group]) for name, group in runs.items()}
    viz.alignment(first, ax=right)
    right.set_title("weights of the first layer", loc="left", fontsize=10)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "digits.png", dpi=150)
    print(f"\nPicture: {out / 'digits.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
