"""A learning rule of your own in twenty lines, proven, and trained beside back-propagation.

The rule: error neurons that spike. An output unit whose error is e sends a spike, of the sign of
e, with probability |e|; hidden layers hear nothing but these spikes, through fixed random weights.
No weight is transported and no analogue error is sent. In the mean a spike is its error, so the
rule is direct feedback alignment with noise. That is its theory; `jb.testing` holds it to it:

1. `check_rule`: it keeps the contract, so `fit`, `run`, `jit` and `vmap` take it;
2. `check_unbiased`: its mean is the gradient of direct feedback alignment, with the same weights;
3. negative controls: a spike of half the probability is found out; nor is the rule backprop.

    python examples/your_own_rule.py            # the picture: pictures/your_own_rule.png
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax

import jaxbrain as jb
from jaxbrain import viz
from jaxbrain.analysis import angles_to, frozen_hidden
from jaxbrain.learning import chain

EPOCHS, BATCH = 20, 32


def spiking_feedback(net: jb.Network, loss, *, rate: float = 1.0) -> jb.LearningRule:
    """g_l = a_{l-1}^T ((s B_l) * f'(z_l)), s = sign(e) with probability rate |e|, else 0.

    For a loss with |e| <= 1 in each output of an example, as softmax cross-entropy has.
    """
    init = jb.direct_feedback_alignment(net, loss).init  # draws B_l, one a hidden layer

    def grads(params, state, x, y, *, key=None):
        if key is None:
            raise ValueError("spiking_feedback needs a key: pass rule.grads(..., key=key)")
        activities = chain.forward(net, params, x, key=key)  # the input of every layer, the output
        keys = chain.layer_keys(net, x, key)
        value, error = chain.loss_and_error(loss, activities[-1], y)  # error: of the batch's mean
        chance = rate * len(x) * jnp.abs(error)
        spike = jax.random.bernoulli(jax.random.fold_in(key, 1), chance) / len(x)
        signals = [(jnp.sign(error) * spike) @ b for b in state]
        changes = chain.block_gradients(net, params, activities, [*signals, error], keys)
        return value, changes, state

    return jb.LearningRule(init, grads, net, "spiking_feedback")


def prove(net: jb.Network, loss, x: jax.Array, y: jax.Array) -> None:
    """What the rule claims, and that the checks would have noticed."""
    rule, dfa = spiking_feedback(net, loss), jb.direct_feedback_alignment(net, loss)
    params, key = net.init(jax.random.key(1), x[0]), jax.random.key(2)
    jb.testing.check_rule(rule, x, y)
    print("check_rule: passed")

    def unbiased(rule):
        return jb.testing.check_unbiased(rule, params, (x, y), reference=dfa, key=key, samples=1000)

    found = unbiased(rule)
    print(f"check_unbiased: passed; bias {found.bias}, standard error {found.standard_error}")
    controls = {
        "half the spikes": lambda: unbiased(spiking_feedback(net, loss, rate=0.5)),
        "is it backprop?": lambda: jb.testing.check_gradient(rule, params, (x, y), key=key),
    }
    for name, control in controls.items():
        try:
            control()
        except AssertionError as error:
            print(f"\n{name}: found out\n{error}")
        else:
            raise RuntimeError(f"{name}: the check noticed nothing")


def main(out: Path) -> None:
    train, test = jb.datasets.train_test_split(*jb.datasets.digits(), key=jax.random.key(0))
    tanh, loss, adam = jb.elementwise(jnp.tanh), jb.losses.softmax_cross_entropy, optax.adam(2e-3)
    net = jb.serial(jb.dense(64), tanh, jb.dense(32), tanh, jb.dense(10))
    prove(net, loss, train[0][:8], train[1][:8])

    backprop, probe = jb.backprop(net, loss), (train[0][:256], train[1][:256])
    rules = {
        "backprop": (backprop, adam),
        "direct feedback alignment": (jb.direct_feedback_alignment(net, loss), adam),
        "spiking feedback (ours)": (spiking_feedback(net, loss), adam),
        "floor: last layer only": (backprop, frozen_hidden(adam)),
    }
    histories = {}
    print(f"\n{EPOCHS} epochs of {len(train[0]):,} digits\n\nrule{'':27}test accuracy")
    for name, (rule, optimizer) in rules.items():
        _, histories[name] = jb.fit(
            rule,
            optimizer,
            train,
            key=jax.random.key(3),
            epochs=EPOCHS,
            batch_size=BATCH,
            validation=test,
            metrics={"accuracy": jb.accuracy},
            record=angles_to(rule, backprop, probe),
        )
        print(f"{name:<31}{histories[name].metrics['accuracy'][-1]:.3f}")

    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 4.8), layout="constrained")
    viz.curves({n: h.metrics["accuracy"] for n, h in histories.items()}, "accuracy", ax=left)
    left.set(ylabel="test accuracy", ylim=(0.5, 1.0), title="error neurons that spike are enough")
    viz.alignment(
        histories["spiking feedback (ours)"].record,
        layers=["hidden 1", "hidden 2", "output"],
        ax=right,
    )
    right.set_title("spiking feedback: noisy, yet nearer to the gradient than chance")
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "your_own_rule.png", dpi=150)
    print(f"\nPicture: {out / 'your_own_rule.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
