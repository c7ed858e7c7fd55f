"""Back-propagation written out in NumPy, compared with `jax.grad`.

A 2-3-1 network with rectified hidden units learns y = |x1 - x2|. The equations of the delta rule
are written out below; `jb.backprop` takes its gradients from `jax.grad`. First the two gradients
are compared, weight by weight. Then both descend for 1,000 steps from the same initial weights.

    python examples/backprop_by_hand.py      # the picture: pictures/backprop_by_hand.png
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

STEPS = 1000
LEARNING_RATE = 0.01
# Initial weights: small numbers without a pattern. The activation layer has no parameters.
START = (
    {"kernel": jnp.array([[0.5, -0.4, 0.3], [-0.3, 0.6, 0.4]]), "bias": jnp.zeros(3)},
    (),
    {"kernel": jnp.array([[0.4], [0.3], [-0.2]]), "bias": jnp.zeros(1)},
)


def gradients_by_hand(params, x: np.ndarray, y: np.ndarray):
    """The loss 1/(2n) sum |y' - y|^2 and its gradients, for n examples in the rows of x."""
    (w1, b1), (w2, b2) = params
    # Forward: the input (z) and the output (a) of every unit.
    z1 = x @ w1 + b1
    a1 = np.maximum(z1, 0)
    a2 = a1 @ w2 + b2
    # Backward: delta is the derivative of the loss with respect to the input of a unit.
    delta2 = (a2 - y) / len(x)
    delta1 = (delta2 @ w2.T) * (z1 > 0)
    # The delta rule: the input of a weight times the delta of the unit that it leads to.
    gradients = ((x.T @ delta1, delta1.sum(axis=0)), (a1.T @ delta2, delta2.sum(axis=0)))
    return 0.5 * np.sum((a2 - y) ** 2) / len(x), gradients


def descend_by_hand(params, x: np.ndarray, y: np.ndarray):
    losses = np.zeros(STEPS)
    for step in range(STEPS):
        losses[step], gradients = gradients_by_hand(params, x, y)
        params = jax.tree.map(lambda w, g: w - LEARNING_RATE * g, params, gradients)
    return params, losses


def in_numpy(params):
    """((W1, b1), (W2, b2)) of the network's params or gradients, in float64."""
    params = jax.tree.map(lambda w: np.asarray(w, float), params)
    return tuple((layer["kernel"], layer["bias"]) for layer in params if layer)


def main(out: Path) -> None:
    x = np.random.default_rng(0).uniform(-2, 2, (64, 2)).astype("float32")
    y = np.abs(x[:, :1] - x[:, 1:])
    net = jb.serial(jb.dense(3), jb.elementwise(jax.nn.relu), jb.dense(1))
    rule, optimizer = jb.backprop(net, jb.losses.half_mse), optax.sgd(LEARNING_RATE)

    loss, ours = gradients_by_hand(in_numpy(START), x, y)
    jax_loss, theirs, _ = rule.grads(START, (), jnp.asarray(x), jnp.asarray(y))
    print(f"{'gradient of':<14}{'by hand':>12}{'jax.grad':>12}{'difference':>14}")
    print(f"{'(the loss)':<14}{loss:12.6f}{jax_loss:12.6f}{abs(loss - float(jax_loss)):14.1e}")
    leaves = jax.tree.leaves(ours), jax.tree.leaves(in_numpy(theirs))
    for name, hand, auto in zip(("W1", "b1", "W2", "b2"), *leaves, strict=True):
        for index in np.ndindex(hand.shape):
            a, b = hand[index], auto[index]
            print(f"{f'{name}{list(index)}':<14}{a:12.6f}{b:12.6f}{abs(a - b):14.1e}")

    start = jb.init_state(rule, optimizer, x[0], key=jax.random.key(0), params=START)
    settings = {"key": start.key, "epochs": STEPS, "batch_size": None, "state": start}
    state, history = jb.fit(rule, optimizer, (x, y), **settings)
    by_hand, losses = descend_by_hand(in_numpy(START), x, y)
    differences = jax.tree.map(lambda a, b: np.abs(a - b).max(), by_hand, in_numpy(state.params))
    print(f"\n{'step':<14}{'by hand':>12}{'jax.grad':>12}")
    for step in (1, 10, 100, STEPS):
        print(f"{step:<14,}{losses[step - 1]:12.6f}{history.loss[step - 1]:12.6f}")
    print(f"Largest difference of a weight at the end: {max(jax.tree.leaves(differences)):.1e}")

    figure, axes = plt.subplots(1, 2, figsize=(11.5, 4.8), layout="constrained")
    viz.curves({"by hand (NumPy)": losses, "jax.grad": history}, ax=axes[0])
    axes[0].set_xlabel("step")
    viz.network(state.params, labels=(["$x_1$", "$x_2$"], ["$|x_1 - x_2|$"]), ax=axes[1])
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "backprop_by_hand.png", dpi=150)
    print(f"\nPicture: {out / 'backprop_by_hand.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
