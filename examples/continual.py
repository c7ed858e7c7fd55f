"""Continual learning: five tasks one after another, and three ways not to forget.

Each task is the same digits with another permutation of the pixels; the network is not told which
task it sees. Elastic weights protect the weights that mattered for the old tasks (exact Fisher
information), synaptic intelligence those that lowered their loss. Replay keeps 200 digits of each
task and adds them to the batches.

    python examples/continual.py             # the picture: pictures/continual.png
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
from jaxbrain import memory, viz

TASKS, EPOCHS, SEEDS, KEPT = 5, 10, 5, 200
METHODS = ["no protection", "elastic weights", "synaptic intelligence", "replay", "joint training"]
LOSS, TANH, ADAM = jb.losses.softmax_cross_entropy, jb.elementwise(jnp.tanh), optax.adam(2e-3)
NET = jb.serial(jb.dense(128), TANH, jb.dense(64), TANH, jb.dense(10))
RULE, INTELLIGENT = jb.backprop(NET, LOSS), memory.synaptic_intelligence(ADAM, strength=0.05)


def protected(name: str, remembered) -> jb.LearningRule:
    if name == "elastic weights":
        return memory.with_penalty(RULE, memory.elastic_penalty(remembered, strength=50.0))
    return memory.with_replay(RULE, remembered, n=32) if name == "replay" else RULE


def end_task(name: str, state: jb.TrainState, remembered, data, key: jax.Array):
    if name == "elastic weights":
        importance = memory.fisher(NET, LOSS, state.params, data[0])
        return state, memory.consolidate(remembered, state.params, importance)
    if name == "synaptic intelligence":
        return state._replace(opt_state=memory.end_task(state.opt_state, state.params)), remembered
    if name == "replay":
        of_rows, of_places = jax.random.split(key)
        rows = jax.random.choice(of_rows, len(data[1]), (KEPT,), replace=False)
        return state, memory.replay.add(of_places, remembered, (data[0][rows], data[1][rows]))
    return state, remembered


def life(name: str, train, test, key: jax.Array) -> jax.Array:
    """Accuracy of every task after every epoch, ``[epochs, tasks]``."""
    of_orders, of_start, key = jax.random.split(key, 3)
    orders = jax.vmap(lambda k: jax.random.permutation(k, 64))(jax.random.split(of_orders, TASKS))
    x, y = jnp.moveaxis(train[0][:, orders], 1, 0), jnp.stack([train[1]] * TASKS)
    if name == "joint training":
        x, y = x.reshape(1, -1, 64), y.reshape(1, -1)

    def accuracy(params, order: jax.Array) -> jax.Array:
        data, metrics = (test[0][:, order], test[1]), {"accuracy": jb.accuracy}
        return jb.evaluate(NET, params, data, metrics)["accuracy"]

    def task(carry, data):
        state, remembered = carry
        rule, now = protected(name, remembered), jax.random.fold_in(key, state.step)
        look = lambda s: jax.vmap(partial(accuracy, s.params))(orders)  # noqa: E731
        options = {"key": state.key, "epochs": EPOCHS, "record": look, "state": state}
        state, history = jb.run(rule, adam, data, **options)
        return end_task(name, state, remembered, data, now), history.record

    adam = INTELLIGENT if name == "synaptic intelligence" else ADAM
    state = jb.init_state(RULE, adam, x[0, 0], key=of_start)
    store = memory.replay_buffer(KEPT * TASKS, (x[0, 0], y[0, 0]))
    remembered = {"elastic weights": memory.empty_anchor(state.params), "replay": store}.get(
        name, ()
    )
    return jax.lax.scan(task, (state, remembered), (x, y))[1].reshape(-1, TASKS)


def main(out: Path) -> None:
    split = jb.datasets.train_test_split(jax.random.key(0), *jb.datasets.digits())
    train, test = jax.tree.map(jnp.asarray, split)
    keys, overall = jax.random.split(jax.random.key(1), SEEDS), {}
    figure, axes = plt.subplots(2, 3, figsize=(14, 7.6), layout="constrained", sharey=True)
    print(f"{'accuracy at the end, task':<25}{1:>7}{2:>7}{3:>7}{4:>7}{5:>7}{'mean':>9}")
    for name, ax in zip(METHODS, axes.flat, strict=False):
        lives = jax.jit(jax.vmap(partial(life, name, train, test)))
        found = np.asarray(lives(jax.random.clone(keys)))  # the same tasks for every method
        mean, each = found[:, -1].mean(1), "".join(f"{a:7.2f}" for a in found[:, -1].mean(0))
        print(f"{name:<25}{each}{mean.mean():9.3f} ± {mean.std(ddof=1):.3f}", flush=True)
        found = np.repeat(found, TASKS * EPOCHS // len(found[0]), axis=1)
        overall[name] = found.mean(2)
        for i, color in enumerate(plt.get_cmap("viridis")(np.linspace(0, 0.9, TASKS))):
            at = np.arange(0 if name == "joint training" else i * EPOCHS, TASKS * EPOCHS)
            ax.plot(at + 1, found[:, at, i].mean(0), color=color, label=f"task {i + 1}")
        ax.set(title=name, xlabel="epoch", ylabel="" if ax in axes[:, 1:] else "accuracy")
    axes[0, 0].legend(frameon=False, loc="lower left")
    viz.curves(overall, ax=axes[1, 2]).set(title="mean of the tasks", ylabel="", ylim=(0, 1))
    axes[1, 2].legend(frameon=False, loc="lower right", fontsize=9)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "continual.png", dpi=130)
    print(f"\nPicture: {out / 'continual.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
