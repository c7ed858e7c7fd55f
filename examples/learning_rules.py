"""Accuracy, gradient alignment and cost of every supervised learning rule, on handwritten digits.

Each rule trains a small network, 64-64-32-10 with tanh, from the same five initializations, all
seeds at once. The floor is the same training of the last layer only: a rule below it does not train
the hidden layers. On small data nearly all rules reach the same accuracy, so look also at the
angles between the update of each layer and the gradient, in degrees (0 is backprop, 90 is chance),
and at the cost of a step.

    python examples/learning_rules.py            # the picture: pictures/learning_rules.png
"""

import argparse
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import optax

import jaxbrain as jb
from jaxbrain import learning as rules
from jaxbrain import viz
from jaxbrain.analysis import compare_rules, frozen_hidden

SEEDS, EPOCHS, BATCH = 5, 20, 32
TRAIN, PROBE = 42 * BATCH, 128  # 42 whole batches; the angles are measured on the first of them
FLOOR = "floor: last layer only"


ERROR = """feedback_alignment direct_feedback_alignment direct_random_target_projection
    sign_symmetry fixed_random_sign_symmetry batch_random_sign_symmetry weight_mirror"""
TARGETS = """target_propagation difference_target_propagation local_difference_reconstruction
    gait_propagation local_losses"""
ENERGY = """predictive_coding centered_predictive_coding clamped_predictive_coding
    fixed_prediction_coding zero_divergence_inference_learning incremental_predictive_coding
    error_predictive_coding lagrangian_predictive_coding"""
CONTRAST = """equilibrium_propagation random_sign_equilibrium_propagation
    centered_equilibrium_propagation holomorphic_equilibrium_propagation contrastive_hebbian
    asymmetric_equilibrium_propagation dual_propagation"""
FORWARD = """forward_forward self_contrastive_forward_forward pepita forward_gradient
    node_perturbation weight_perturbation"""


def contenders(net: jb.Network, loss, adam: optax.GradientTransformation) -> dict:
    """The rules by name; only Kolen-Pollack needs the optimizer of the weights."""
    names = " ".join((ERROR, TARGETS, ENERGY, CONTRAST, FORWARD)).split()
    return {
        "backprop": jb.backprop(net, loss),
        FLOOR: (jb.backprop(net, loss), frozen_hidden(adam)),
        "kolen_pollack": rules.kolen_pollack(net, loss, optimizer=adam),
        **{name: getattr(rules, name)(net, loss) for name in names},
    }


def main(out: Path) -> None:
    began = time.perf_counter()
    x, y = jb.datasets.digits()
    rest, train = jb.datasets.train_test_split(
        jax.random.key(0), x, y, test_fraction=TRAIN / len(x)
    )
    tanh = jb.elementwise(jnp.tanh)
    net = jb.serial(jb.dense(64), tanh, jb.dense(32), tanh, jb.dense(10))
    adam = optax.adam(2e-3)
    found = compare_rules(
        contenders(net, jb.losses.softmax_cross_entropy, adam),
        adam,
        train,
        key=jax.random.key(1),
        seeds=SEEDS,
        epochs=EPOCHS,
        batch_size=BATCH,
        validation=rest,
        probe=(train[0][:PROBE], train[1][:PROBE]),
        floor=FLOOR,
    )
    print(f"{TRAIN:,} digits to train, {len(rest[0])} to test; {SEEDS} seeds, {EPOCHS} epochs\n")
    print(found)
    print(
        "\naccuracy: on the test digits, mean ± sd of the seeds; loss: that of the rule.\n"
        "angles: degrees to the gradient at the end, layer by layer.\n"
        "cost: time of a step, backprop = 1. beats the floor: by more than two standard errors."
    )
    for name in found.results:
        if found.verdict(name) not in ("yes", ""):
            print(f"{name} does not beat the floor; its docstring gives the reason.")
    figure = viz.rule_table(found, layers=["hidden 1", "hidden 2", "output"])
    figure.suptitle("One network, many learning rules: handwritten digits", fontsize=12)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "learning_rules.png", dpi=150)
    print(f"\nPicture: {out / 'learning_rules.png'} ({time.perf_counter() - began:.0f} s in all)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
