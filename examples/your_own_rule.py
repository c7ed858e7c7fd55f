"""A learning rule of your own in twenty lines, proven, and trained beside back-propagation.

The rule: error neurons that spike. An output unit whose error is e sends a spike, of the sign of
e, with probability |e|; hidden layers hear nothing but these spikes, through fixed random weights.
No weight is transported and no analogue error is sent. In the mean a spike is its error, so the
rule is direct feedback alignment with noise. That is its theory; `jb.testing` holds it to it:

1. `check_rule`: it keeps the contract, so `fit`, `run`, `jit` and `vmap` take it;
2. `check_unbiased`: its mean is the gradient of direct feedback alignment, with the same weights;
3. a negative control: a spike of half the probability is found out.

    python examples/your_own_rule.py            # the picture: pictures/your_own_rule.png
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import optax

import jaxbrain as jb
from jaxbrain import viz
from jaxbrain.analysis import compare_rules, frozen_hidden
from jaxbrain.learning import chain

FLOOR = "floor: last layer only"


def spiking_feedback(net: jb.Network, loss, *, rate: float = 1.0) -> jb.LearningRule:
    """g_l = a_{l-1}^T ((s B_l) * f'(z_l)), s = sign(e) with probability rate |e|, else 0.

    For a loss with |e| <= 1 in each output of an example, as softmax cross-entropy has.
    """
    init = jb.direct_feedback_alignment(net, loss).init  # draws B_l, one a hidden layer

    def grads(params, state, x, y, *, key=None):
        if key is None:
            raise ValueError("spiking_feedback needs a key: rule.grads(..., key=key)")
        activities = chain.forward(net, params, x, key=key)  # the input of every layer, the output
        keys = chain.layer_keys(net, x, key)
        value, error = chain.loss_and_error(loss, activities[-1], y)  # error: of the batch's mean
        chance = rate * len(x) * jnp.abs(error)
        spikes = jax.random.bernoulli(jax.random.fold_in(key, 1), chance)
        told = jnp.where(spikes, jnp.sign(error), 0.0) / len(x)
        signals = [told @ b for b in state]
        changes = chain.block_gradients(net, params, activities, [*signals, error], keys)
        return value, changes, state

    return jb.LearningRule(init, grads, net)


def prove(net: jb.Network, loss, x: jax.Array, y: jax.Array) -> None:
    """What the rule claims, and that the checks would have noticed."""
    params, key = net.init(jax.random.key(1), x[0]), jax.random.key(2)
    rule, dfa = spiking_feedback(net, loss), jb.direct_feedback_alignment(net, loss)
    jb.testing.check_rule(rule, x, y)
    print("check_rule: passed")

    def unbiased(rule):
        return jb.testing.check_unbiased(key, rule, params, (x, y), reference=dfa, samples=1000)

    found = unbiased(rule)
    print(f"check_unbiased: passed; bias {found.bias}, standard error {found.standard_error}")
    try:
        unbiased(spiking_feedback(net, loss, rate=0.5))
    except AssertionError as error:
        print(f"\nhalf the spikes: found out\n{error}")
    else:
        raise RuntimeError("the check noticed nothing")


def main(out: Path) -> None:
    train, test = jb.datasets.train_test_split(jax.random.key(0), *jb.datasets.digits())
    tanh, loss, adam = jb.elementwise(jnp.tanh), jb.losses.softmax_cross_entropy, optax.adam(2e-3)
    net = jb.serial(jb.dense(64), tanh, jb.dense(32), tanh, jb.dense(10))
    prove(net, loss, train[0][:8], train[1][:8])

    rules = {
        "backprop": jb.backprop(net, loss),
        "direct feedback alignment": jb.direct_feedback_alignment(net, loss),
        "spiking feedback (ours)": spiking_feedback(net, loss),
        FLOOR: (jb.backprop(net, loss), frozen_hidden(adam)),
    }
    probe = (train[0][:256], train[1][:256])
    settings = {"key": jax.random.key(3), "seeds": 5, "epochs": 20, "batch_size": 32}
    found = compare_rules(rules, adam, train, validation=test, probe=probe, floor=FLOOR, **settings)
    print(f"\n{settings['epochs']} epochs of {len(train[0]):,} digits, {settings['seeds']} seeds\n")
    print(found)
    figure = viz.rule_table(found, layers=["hidden 1", "hidden 2", "output"])
    figure.suptitle("Error neurons that spike are enough: handwritten digits")
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "your_own_rule.png", dpi=150)
    print(f"\nPicture: {out / 'your_own_rule.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
