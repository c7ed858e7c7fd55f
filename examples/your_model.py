"""Your model, another rule: models of equinox and flax, taught by three learning rules.

`from_equinox`, `from_linen` and `from_nnx` make a chain of layers of a model, which every rule
takes. What is trained goes back: `to_equinox` and `to_nnx` give the library's own model, `to_linen`
its variables. The accuracy printed here is that of the library's own call on the test digits.

A layer of your own, here a gate, is one block: within it the derivative is exact, and only the
signals of the rule cross its border. Equilibrium propagation needs linear layers between its units;
`jb.affine` declares one of your own.

    pip install equinox flax
    python examples/your_model.py            # the picture: pictures/your_model.png
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import nnx

import jaxbrain as jb

EPOCHS = 10
RULES = {
    "backprop": jb.backprop,
    "feedback alignment": jb.feedback_alignment,
    "equilibrium propagation": jb.learning.equilibrium_propagation,
}
Trained = Callable[[Any], Callable[[jax.Array], Any]]  # params -> the library's own call


class Gate(eqx.Module):
    """A layer of your own: y = x * sigmoid(W x + b)."""

    linear: eqx.nn.Linear

    def __call__(self, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        return x * jax.nn.sigmoid(self.linear(x))


def models() -> dict[str, tuple[jb.Network, Trained]]:
    """For each library a network, and a function from its params to the library's own call."""
    keys, rngs = jax.random.split(jax.random.key(0), 4), nnx.Rngs(0)
    mlp = eqx.nn.MLP(64, 10, 64, 1, activation=jnp.tanh, key=keys[0])
    linen = nn.Sequential([nn.Dense(64), jnp.tanh, nn.Dense(10)])
    layers = nnx.Linear(64, 64, rngs=rngs), jnp.tanh, nnx.Linear(64, 10, rngs=rngs)
    first, gate, last = (
        eqx.nn.Linear(64, n, key=k) for n, k in zip((64, 64, 10), keys[1:], strict=True)
    )
    gated = eqx.nn.Sequential([first, eqx.nn.Lambda(jnp.tanh), Gate(gate), last])
    module = nnx.Sequential(*layers)
    return {
        "eqx.nn.MLP": (jb.from_equinox(mlp), lambda p: jb.to_equinox(mlp, p)),
        "linen.Sequential": (
            jb.from_linen(linen),
            lambda p: lambda x: linen.apply(jb.to_linen(linen, p), x),
        ),
        "nnx.Sequential": (jb.from_nnx(module), lambda p: jb.to_nnx(module, p)),
        "with your Gate": (jb.from_equinox(gated), lambda p: jb.to_equinox(gated, p)),
    }


def main(out: Path) -> None:
    train, test = jb.datasets.train_test_split(jax.random.key(0), *jb.datasets.digits())
    x, y = map(jnp.asarray, test)
    print(f"accuracy on {len(x)} digits after {EPOCHS} epochs, by the call of the library\n")
    print(f"{'':<18}" + "".join(f"{name:>25}" for name in RULES))
    reached = np.full((len(models()), len(RULES)), np.nan)
    for i, (name, (net, trained)) in enumerate(models().items()):
        cells = ""
        for j, make in enumerate(RULES.values()):
            try:
                rule = make(net, jb.losses.softmax_cross_entropy)
            except ValueError:  # a gate is not linear: the message says so
                cells += f"{'refused':>25}"
                continue
            state, _ = jb.fit(
                rule, optax.adam(3e-3), train, key=jax.random.key(1), epochs=EPOCHS, batch_size=64
            )
            own = trained(state.params)
            reached[i, j] = (jax.vmap(own)(x).argmax(1) == y).mean()
            cells += f"{reached[i, j]:25.3f}"
        print(f"{name:<18}{cells}")

    figure, ax = plt.subplots(figsize=(9, 4.5), layout="constrained")
    for i, name in enumerate(models()):
        places = np.arange(len(RULES)) + 0.15 * (i - 1.5)
        ax.plot(places, reached[i], "o", label=name, color=f"C{i}")
    ax.set_xticks(range(len(RULES)), list(RULES))
    ax.set_ylabel("test accuracy")
    ax.set_title("one model of each library, three learning rules", loc="left")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "your_model.png", dpi=150)
    print(f"\nPicture: {out / 'your_model.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
