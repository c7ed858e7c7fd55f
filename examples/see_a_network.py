"""Views of a 20-32-1 network before and after training.

Each of twenty sensors receives a mixture of two sources and some noise. The class is 1 if the
sources have the same sign: an exclusive or, which no single sensor tells. The network needs only
the plane of the two sources, so its first weights should turn into this plane. The same network
with the two sources as inputs can be drawn in the plane.

    python examples/see_a_network.py         # the picture: pictures/see_a_network.png
"""

import argparse
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain import viz

EPOCHS = 60
METRICS = {"accuracy": jb.accuracy}


def sources_and_sensors(key: jax.Array, mixing: jax.Array, n: int):
    """Sources [n, 2], sensors [n, 20] and classes [n, 1]."""
    source_key, noise_key = jax.random.split(key)
    sources = jax.random.normal(source_key, (n, 2))
    noise = jax.random.normal(noise_key, (n, mixing.shape[1]))
    same_sign = sources[:, :1] * sources[:, 1:] > 0
    return sources, sources @ mixing + 0.3 * noise, same_sign.astype(jnp.float32)


def share_in_plane(kernel: jax.Array, mixing: jax.Array) -> jax.Array:
    """Share of the squared weights [20, units] in the plane of the sources."""
    plane, _ = jnp.linalg.qr(mixing.T)
    return jnp.sum((plane.T @ kernel) ** 2) / jnp.sum(kernel**2)


def main(out: Path) -> None:
    mixing = jax.random.normal(jax.random.key(0), (2, 20))
    sources, sensors, y = sources_and_sensors(jax.random.key(1), mixing, 1000)
    new_sources, new_sensors, new_y = sources_and_sensors(jax.random.key(2), mixing, 500)

    net = jb.serial(jb.dense(32), jb.elementwise(jnp.tanh), jb.dense(1))
    rule, optimizer = jb.backprop(net, jb.losses.binary_cross_entropy), optax.adam(3e-3)
    fit = partial(jb.fit, rule, optimizer, epochs=EPOCHS, metrics=METRICS)
    before = jb.init_state(rule, optimizer, sensors[0], key=jax.random.key(3)).params
    state, history = fit((sensors, y), key=jax.random.key(3), validation=(new_sensors, new_y))
    plane, plane_history = fit((sources, y), key=jax.random.key(3), validation=(new_sources, new_y))
    print(jb.summary(net, state.params, sensors[0]))

    accuracies = [
        jb.evaluate(net, params, (new_sensors, new_y), METRICS)["accuracy"]
        for params in (before, state.params)
    ]
    shares = [share_in_plane(params[0]["kernel"], mixing) for params in (before, state.params)]
    print(f"\n{'':<44}{'before':>8}{'after':>8}")
    for name, values in (
        ("accuracy on 500 new examples", accuracies),
        ("share of the weights in the sources' plane", shares),
    ):
        print(f"{name:<44}" + "".join(f"{value:8.3f}" for value in values))
    accuracy = plane_history.metrics["accuracy"][-1]
    print(f"{'accuracy of the 2-32-1 network':<52}{accuracy:8.3f}")

    apart = {"wspace": 0.07, "hspace": 0.07}
    figure, axes = plt.subplots(2, 3, figsize=(18, 10), layout="constrained", gridspec_kw=apart)
    (first, second, third), (fourth, fifth, sixth) = axes
    scale = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves((before, state.params)))
    for ax, name, params in ((first, "before", before), (second, "after", state.params)):
        drawn = viz.network(params, max_units=12, vmax=scale, ax=ax).get_title()
        ax.set_title(f"{name} training: {drawn}", fontsize=11)
    losses = {"20 sensors": history, "2 sources": plane_history}
    viz.curves(losses, ax=third).set_title("training loss")
    viz.weights(state.params[0]["kernel"], ax=fourth).set_title("first weights, after")
    fourth.set(xlabel="to hidden unit", ylabel="from sensor")
    hidden = jb.batch(jb.serial(*net.layers[:2])).apply(state.params[:2], new_sensors)
    signs = np.where(new_sources > 0, "+", "\N{MINUS SIGN}")
    quadrants = np.array([f"({first}, {second})" for first, second in signs])
    viz.activations(hidden, labels=quadrants, ax=fifth).set_title("activity of the hidden units")
    fifth.set(xlabel="new examples, by the signs of the two sources", ylabel="hidden unit")
    predict = partial(jb.batch(net).apply, plane.params)
    viz.decision_boundary(predict, new_sources, new_y, pad=0.05, ax=sixth)
    sixth.set(xlabel="source 1", ylabel="source 2")
    sixth.set_title("predictions from the two sources", pad=26)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "see_a_network.png", dpi=130)
    print(f"\nPicture: {out / 'see_a_network.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
