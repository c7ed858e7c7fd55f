"""Credit in a network of 64 blocks: the direction and the size of each block's update.

One residual network, one batch of MNIST-1D, float32. Predictive coding relaxes activities, so that
an error moves down one block a step: with its 20 steps it cannot reach the first block and is
refused, with more steps the rest of the error is rounded off on the way. The other three rules
carry the error in variables of their own.

    python examples/deep.py            # the picture: pictures/deep.png
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jax.nn.initializers import variance_scaling

import jaxbrain as jb
from jaxbrain import learning as rules

BLOCKS, WIDTH, BATCH = 64, 32, 64
LOSS = jb.losses.softmax_cross_entropy
COLORS, MARKERS = ("#D55E00", "#0072B2", "#009E73", "#000000"), "osD^"
STEPS, STEP_SIZE = 400, 0.2  # of the activities of predictive coding


def network() -> jb.Network:
    """Residual blocks whose sum does not grow with their number."""
    init = variance_scaling(2 / BLOCKS, "fan_in", "normal")
    block = jb.serial(jb.dense(WIDTH, kernel_init=init), jb.elementwise(jax.nn.relu))
    return jb.serial(jb.dense(WIDTH), *[jb.residual(block)] * (BLOCKS - 2), jb.dense(10))


def updates(rule: jb.LearningRule, params, x, y):
    """The update of one batch."""
    state = rule.init(jax.random.key(2), params, x[0])
    return jax.jit(rule.grads)(params, state, x, y)[1]


def main(out: Path) -> None:
    x, y = jb.datasets.mnist1d(jax.random.key(0), BATCH)
    net = network()
    params = net.init(jax.random.key(1), x[0])
    gradient = updates(jb.backprop(net, LOSS), params, x, y)
    try:
        rules.predictive_coding(net, LOSS)
    except ValueError as refusal:
        print(f"Refused: {refusal}\n")
    contenders = {
        f"predictive coding, {STEPS} steps": rules.predictive_coding(
            net, LOSS, steps=STEPS, step_size=STEP_SIZE
        ),
        "error predictive coding": rules.error_predictive_coding(net, LOSS),
        "Lagrangian predictive coding": rules.lagrangian_predictive_coding(net, LOSS),
        "asymmetric equilibrium propagation": rules.asymmetric_equilibrium_propagation(net, LOSS),
    }
    found = {name: updates(rule, params, x, y) for name, rule in contenders.items()}
    cosines = {n: jnp.cos(jnp.deg2rad(jb.analysis.angles(u, gradient))) for n, u in found.items()}
    sizes = {name: jb.analysis.norm_ratios(u, gradient) for name, u in found.items()}
    print(f"{'':36}cosine to back-propagation     size / its size\n{'block':36}", end="")
    places = (0, BLOCKS // 2, BLOCKS - 1)
    print("".join(f"{i + 1:>9}" for i in places) * 2)
    for name in found:
        numbers = [values[name][i] for values in (cosines, sizes) for i in places]
        print(f"{name:36}" + "".join(f"{float(value):>9.3g}" for value in numbers))
    out.mkdir(parents=True, exist_ok=True)
    draw(cosines, sizes).savefig(out / "deep.png", dpi=150)
    print(f"\nPicture: {out / 'deep.png'}")


def draw(cosines: dict, sizes: dict):
    """The curves of all rules over the blocks."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    blocks = np.arange(1, BLOCKS + 1)
    for i, name in enumerate(cosines):
        look = {"color": COLORS[i], "marker": MARKERS[i], "markevery": (4 * i, 16), "ms": 6}
        left.plot(blocks, cosines[name], **look)
        size = np.where(sizes[name] > 0, sizes[name], np.nan)  # a block that learns nothing
        right.plot(blocks, size, label=name, **look)
    left.set(ylabel="cosine to back-propagation", ylim=(-0.1, 1.05))
    right.set(ylabel="size / size of back-propagation", yscale="log")
    for ax in (left, right):
        ax.set(xlabel="block, from the input", xlim=(0, BLOCKS + 1))
        ax.spines[["top", "right"]].set_visible(False)
    right.legend(frameon=False, loc="lower right")
    figure.suptitle(f"Updates of one batch in a residual network of {BLOCKS} blocks")
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
