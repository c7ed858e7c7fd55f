"""``python -m jaxbrain demo``: learning rules on handwritten digits, in numbers and pictures."""

import argparse
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain.cli.faults import Fault
from jaxbrain.cli.parser import RULES
from jaxbrain.cli.terminal import (
    EXTRAS,
    devices,
    draw,
    make_directory,
    shown,
    table,
    use_compile_cache,
    versions,
)
from jaxbrain.progress import Progress

HIDDEN = (128, 64)
LEARNING_RATE = 2e-3
BATCH_SIZE = 32
FLOOR = "only the last layer"
_CHUNK = 5  # epochs between two looks at the progress line
_PROBES = 256  # examples on which the angle to backprop is measured


class Plan(NamedTuple):
    """One row of the comparison: a rule and the optimiser that uses its gradients."""

    name: str
    rule: jb.LearningRule
    optimizer: optax.GradientTransformation
    record: Callable[[jb.TrainState], Any] | None


class Result(NamedTuple):
    """What came of a plan, seed by seed."""

    before: jb.TrainState
    after: jb.TrainState
    history: jb.History  # every array [seeds, epochs, ...]
    steps_per_second: float

    @property
    def accuracy(self) -> np.ndarray:
        """[seeds], on the test images after the last epoch."""
        return self.history.metrics["accuracy"][:, -1]


def main(options: argparse.Namespace) -> int:
    """Run the demo."""
    began = time.perf_counter()
    directory = make_directory(options.out)
    use_compile_cache(not options.no_cache)
    print(f"{versions()}\ndevice: {devices()}\n")
    train, test = _digits()
    net = jb.serial(*_layers(), jb.dense(10))
    _introduce(net, train, test, options)
    plans = _plans(net, train)
    results = _train(plans, train, test, options)
    _report(results)
    pictures = _draw(directory, results)
    for path, what in zip(pictures, _PICTURES.values(), strict=False):
        print(f"  {shown(path):30} {what}")
    print(_NEXT.format(seconds=time.perf_counter() - began))
    return 0


def _digits() -> tuple[Any, Any]:
    try:
        x, y = jb.datasets.digits()
    except ImportError as error:
        raise Fault(f"the digits come with scikit-learn: {EXTRAS}") from error
    return jb.datasets.train_test_split(x, y, key=jax.random.key(0), test_fraction=0.25)


def _layers() -> list[jb.Network]:
    return [layer for n in HIDDEN for layer in (jb.dense(n), jb.elementwise(jax.numpy.tanh))]


def _plans(net: jb.Network, train: tuple[Any, Any]) -> list[Plan]:
    loss, optimizer = jb.losses.softmax_cross_entropy, optax.adam(LEARNING_RATE)
    backprop = jb.backprop(net, loss)
    probes = jax.tree.map(lambda a: a[:_PROBES], train)

    def trained(params: tuple) -> tuple[str, ...]:
        return ("frozen",) * (len(params) - 1) + ("trained",)

    floor = optax.multi_transform({"trained": optimizer, "frozen": optax.set_to_zero()}, trained)
    rules = [(name, getattr(jb, name)(net, loss)) for name in RULES]
    return [
        *(Plan(n, r, optimizer, jb.analysis.angles_to(r, backprop, probes)) for n, r in rules),
        Plan(FLOOR, backprop, floor, None),
    ]


def _introduce(net: jb.Network, train: Any, test: Any, options: argparse.Namespace) -> None:
    x = jax.ShapeDtypeStruct(train[0].shape[1:], train[0].dtype)
    params = jax.eval_shape(net.init, jax.random.key(0), x)
    print(
        f"data: handwritten digits of 8 x 8 pixels (scikit-learn), {len(train[0]):,} to train and "
        f"{len(test[0]):,} to test\n\n{jb.summary(net, params, x)}\n\n"
        f"Each rule trains {options.seeds} networks at once, from the same {options.seeds} starts: "
        f"{options.epochs} epochs in\nbatches of {BATCH_SIZE}, Adam, learning rate "
        f"{LEARNING_RATE:g}.\n",
        flush=True,
    )


def _train(
    plans: list[Plan], train: Any, test: Any, options: argparse.Namespace
) -> dict[str, Result]:
    """Train the networks of every plan."""
    x, keys = train[0][0], jax.random.split(jax.random.key(0), options.seeds)
    chunk, results = math.gcd(options.epochs, _CHUNK), {}
    # no interval between two drawings: the line must say what is being compiled
    with Progress(options.epochs * len(plans), desc="demo", min_interval=0) as line:

        def tell(epochs: int, **what: Any) -> None:
            line.update(options.epochs * len(results) + epochs, **what)

        tell(0, compiling="the first weights")
        states = _start(plans, x, keys)
        for plan, state in zip(plans, states, strict=True):
            tell(0, compiling=plan.name)
            train_more = _compile(plan, train, test, keys, state, chunk)
            results[plan.name] = _repeat(
                train_more, keys, state, options.epochs // chunk, partial(tell, rule=plan.name)
            )
    return results


def _start(plans: list[Plan], x: Any, keys: jax.Array) -> list[jb.TrainState]:
    """The first states of all plans [seeds], in one program: they share their weights."""

    def start(key: jax.Array) -> list[jb.TrainState]:
        return [jb.init_state(plan.rule, plan.optimizer, x, key=key) for plan in plans]

    return jax.jit(jax.vmap(start))(keys)


def _compile(
    plan: Plan, train: Any, test: Any, keys: jax.Array, state: jb.TrainState, epochs: int
) -> Callable:
    """A program that trains all seeds for some more epochs."""
    more = partial(
        jb.run,
        plan.rule,
        plan.optimizer,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        metrics={"accuracy": jb.accuracy},
        record=plan.record,
    )

    def one(data: Any, held_out: Any, key: jax.Array, state: jb.TrainState) -> Any:
        return more(data, key=key, validation=held_out, state=state)

    every = jax.vmap(one, in_axes=(None, None, 0, 0))
    return partial(jax.jit(every).lower(train, test, keys, state).compile(), train, test)


def _repeat(
    train_more: Callable, keys: jax.Array, state: jb.TrainState, times: int, tell: Callable
) -> Result:
    before, pieces, began = state, [], time.perf_counter()
    for _ in range(times):
        state, piece = train_more(keys, state)
        pieces.append(jax.tree.map(np.asarray, piece))
        accuracy = pieces[-1].metrics["accuracy"][:, -1].mean()
        tell(sum(piece.loss.shape[1] for piece in pieces), accuracy=accuracy)
    seconds = time.perf_counter() - began
    history = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *pieces)
    return Result(before, state, history, history.step_loss.size / seconds)


def _report(results: dict[str, Result]) -> None:
    seeds = len(results[FLOOR].accuracy)
    rows = []
    for name, result in results.items():
        record = result.history.record
        angles = (
            "-" if record is None else " ".join(f"{a:3.0f}" for a in record[:, -1].mean(axis=0))
        )
        each = " ".join(f"{value:.3f}" for value in result.accuracy[:4])
        mean = f"{result.accuracy.mean():.3f}"
        rows.append((name, mean, each, angles, f"{result.steps_per_second:,.0f}"))
    each = f"each of {seeds}" if seeds <= 4 else f"4 of {seeds}"
    print()
    print(table(("rule", "accuracy", each, "angles", "steps/s"), rows))
    floor = results[FLOOR].accuracy.mean()
    above = [n for n, r in results.items() if n != FLOOR and r.accuracy.mean() > floor]
    count = "All four rules" if len(above) == len(RULES) else f"{len(above)} of {len(RULES)} rules"
    print(
        f"\naccuracy: of the test images, mean and each network. {count} beat the floor of "
        f"{floor:.3f},\n  reached by the same training of the last layer alone.\n"
        "angles: degrees between the rule's change and that of backprop, in each layer, at the "
        "end;\n  0 is the same direction, 90 no better than chance.\n"
        "steps/s: updates of single networks a second, compiling not counted.\n"
    )


_PICTURES = {
    "network.png": "a network before and after backprop",
    "curves.png": "loss and test accuracy while they learn",
    "alignment.png": "how near each rule comes to backprop",
    "rules.png": "the rules side by side, every seed, with the floor",
}

_NEXT = """
Next:
  python -m jaxbrain train --data spirals --hidden 64,64   # a boundary to look at
  python -m jaxbrain train --rule predictive_coding        # any rule, optimiser and sizes
  python -m jaxbrain train --data YOURS.csv --target NAME  # your own table; or IDX images
  python -m jaxbrain train --help

({seconds:.0f} s in all)"""


def _draw(directory: Any, results: dict[str, Result]) -> list[Any]:
    def make(which: Callable) -> Callable:
        return lambda plt: which(plt, results)

    makers = (_network_picture, _curves_picture, _alignment_picture, _rules_picture)
    return draw(directory, dict(zip(_PICTURES, map(make, makers), strict=True)))


def _network_picture(plt: Any, results: dict[str, Result]) -> Any:
    from jaxbrain import viz

    result = results["backprop"]
    first = [
        jax.tree.map(lambda a: np.asarray(a[0]), s.params) for s in (result.before, result.after)
    ]
    vmax = max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(first))
    figure, panels = plt.subplots(1, 2, figsize=(12.5, 5.6), layout="constrained")
    for ax, params, when in zip(panels, first, ("before training", "after training"), strict=True):
        viz.network(params, max_units=10, vmax=vmax, ax=ax)
        ax.set_title(f"{when}\n{ax.get_title()}", fontsize=11)
    return figure


def _curves_picture(plt: Any, results: dict[str, Result]) -> Any:
    from jaxbrain import viz

    histories = {_title(name): result.history for name, result in results.items()}
    figure, panels = plt.subplots(1, 2, figsize=(12.5, 4.6), layout="constrained")
    viz.curves({n: h.loss for n, h in histories.items()}, log=True, ax=panels[0])
    panels[0].set_ylabel(f"training {panels[0].get_ylabel()}")
    viz.curves({n: h.metrics["accuracy"] for n, h in histories.items()}, "accuracy", ax=panels[1])
    panels[1].set_ylabel(f"test {panels[1].get_ylabel()}")
    panels[0].get_legend().remove()
    # the first epochs would squeeze the rest, where the rules part from the floor
    panels[1].set_ylim(max(float(results[FLOOR].accuracy.mean()) - 0.12, 0.0), 1.0)
    return figure


def _alignment_picture(plt: Any, results: dict[str, Result]) -> Any:
    from jaxbrain import viz

    names = [name for name in RULES if name != "backprop"]
    figure, panels = plt.subplots(
        1, len(names), figsize=(12.5, 4.2), layout="constrained", sharey=True
    )
    layers = [f"hidden layer {i + 1}" for i in range(len(HIDDEN))] + ["output layer"]
    for ax, name in zip(panels, names, strict=True):
        viz.alignment(results[name].history.record, layers=layers, ax=ax)
        ax.set_title("", loc="right")
        ax.set_title(_title(name), fontsize=11)
        if ax is not panels[-1]:
            ax.get_legend().remove()
        if ax is not panels[0]:
            ax.set_ylabel("")
    seeds = len(results[FLOOR].accuracy)
    panels[0].set_xlabel(f"epoch (mean ± sd of {seeds} seeds)" if seeds > 1 else "epoch")
    return figure


def _title(name: str) -> str:
    return name.replace("_", " ")


def _rules_picture(plt: Any, results: dict[str, Result]) -> Any:
    from jaxbrain import viz

    rules = {_title(name): result.accuracy for name, result in results.items()}
    figure, ax = plt.subplots(figsize=(8.5, 3.8), layout="constrained")
    floor = float(results[FLOOR].accuracy.mean())
    viz.compare(rules, "test accuracy on digits", floor=floor, ax=ax)
    return figure
