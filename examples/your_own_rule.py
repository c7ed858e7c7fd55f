"""A learning rule of your own in twenty lines: tested, and compared with back-propagation.

The rule: error neurons that spike. An output unit with error e sends a spike of the sign of e with
probability |e|; hidden layers receive only these spikes, through fixed random weights. The mean of
a spike is the error, so the rule is direct feedback alignment with noise. `main` checks the rule:

1. `check_rule`: it keeps the contract, so `fit`, `run`, `jit` and `vmap` accept it;
2. `check_unbiased`: its mean is the gradient of direct feedback alignment with the same weights;
3. a negative control: spikes of half the probability are detected;
4. `@jb.configured`: built again from the same arguments it is equal, and compiles once.

    python examples/your_own_rule.py            # the picture: pictures/your_own_rule.png
"""

import argparse
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import optax

import jaxbrain as jb
from jaxbrain import viz
from jaxbrain.analysis import compare_rules, frozen_hidden
from jaxbrain.learning import chain

FLOOR = "floor: last layer only"


@jb.configured
def spiking_feedback(net: jb.Network, loss, *, rate: float = 1.0) -> jb.LearningRule:
    """Direct feedback alignment with spikes s instead of the output error e.

    g_l = a_{l-1}^T ((s B_l) * f'(z_l)), s = sign(e) with probability rate |e|, else 0. For a loss
    with |e| <= 1 at each output of an example, such as softmax cross-entropy.
    """
    init = jb.direct_feedback_alignment(net, loss).init  # draws B_l, one per hidden layer

    def grads(params, state, x, y, *, key=None):
        if key is None:
            raise ValueError("spiking_feedback needs a key: rule.grads(..., key=key)")
        activities = chain.forward(net, params, x, key=key)  # the input of every layer, the output
        keys = chain.layer_keys(net, x, key)
        value, error = chain.loss_and_error(loss, activities[-1], y)  # error: of the batch's mean
        chance = rate * len(x) * jnp.abs(error)
        spikes = jax.random.bernoulli(jax.random.fold_in(key, 1), chance)
        sent = jnp.where(spikes, jnp.sign(error), 0.0) / len(x)
        signals = [sent @ b for b in state]
        changes = chain.block_gradients(net, params, activities, [*signals, error], keys)
        return value, changes, state

    return jb.LearningRule(init, grads, net)


def check(net: jb.Network, loss, x: jax.Array, y: jax.Array) -> None:
    """Check the claims of the rule, and that the checks detect a wrong rule."""
    params = net.init(jax.random.key(1), x[0])
    rule, dfa = spiking_feedback(net, loss), jb.direct_feedback_alignment(net, loss)
    jb.testing.check_rule(rule, x, y)
    print("check_rule: passed")

    unbiased = partial(jb.testing.check_unbiased, reference=dfa, samples=1000)
    found = unbiased(jax.random.key(2), rule, params, (x, y))
    print(f"check_unbiased: passed; bias {found.bias}, standard error {found.standard_error}")
    try:
        unbiased(jax.random.key(2), spiking_feedback(net, loss, rate=0.5), params, (x, y))
    except AssertionError as error:
        print(f"\nhalf the spikes: detected\n{error}")
    else:
        raise RuntimeError("half the spikes: not detected")


def rebuild(net: jb.Network, loss, x: jax.Array, y: jax.Array) -> None:
    """Use the rule twice, each time built again: `jax.jit` traces one program."""
    params, traced = net.init(jax.random.key(3), x[0]), []

    @jax.jit
    def gradients(rule, key):
        traced.append(rule)
        for_state, for_spikes = jax.random.split(key)
        return rule.grads(params, rule.init(for_state, params, x[0]), x, y, key=for_spikes)

    for seed in range(2):
        gradients(spiking_feedback(net, loss), jax.random.key(seed))
    print(
        f"\nbuilt twice: traced {len(traced)} x; equal: {spiking_feedback(net, loss) == traced[0]}"
    )


def main(out: Path) -> None:
    train, test = jb.datasets.train_test_split(jax.random.key(0), *jb.datasets.digits())
    tanh, loss, adam = jb.elementwise(jnp.tanh), jb.losses.softmax_cross_entropy, optax.adam(2e-3)
    net = jb.serial(jb.dense(64), tanh, jb.dense(32), tanh, jb.dense(10))
    few = (train[0][:8], train[1][:8])
    check(net, loss, *few)
    rebuild(net, loss, *few)
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
    figure.suptitle("Feedback of spikes, compared with feedback of errors: handwritten digits")
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "your_own_rule.png", dpi=150)
    print(f"\nPicture: {out / 'your_own_rule.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
