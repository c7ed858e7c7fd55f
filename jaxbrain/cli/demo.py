"""``python -m jaxbrain demo``: a comparison of learning rules on handwritten digits."""

import argparse
import time
from functools import partial
from typing import Any

import jax
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain.analysis import Result, compare_rules, frozen_hidden
from jaxbrain.analysis.columns import columns
from jaxbrain.cli.cache import use_compile_cache
from jaxbrain.cli.sources import Pair, digits
from jaxbrain.cli.terminal import devices, draw, make_directory, shown, versions

HIDDEN = (128, 64)
LEARNING_RATE = 2e-3
BATCH_SIZE = 32
FLOOR = "only the last layer"
_COLUMNS = 3  # of panels
_PROBES = 256  # examples on which the angle to backprop is measured

Results = dict[str, Result]


def main(options: argparse.Namespace) -> int:
    """Run the demo."""
    began = time.perf_counter()
    train, test = _split_digits()
    directory = make_directory(options.out)
    use_compile_cache(not options.no_cache)
    print(f"{versions()}\ndevice: {devices()}\n")
    net = jb.serial(*_layers(), jb.dense(10))
    _introduce(net, train, test, options)
    results = _train(net, train, test, options)
    _report(results)
    drawn = draw(directory, {name: partial(make, results) for name, (make, _) in _PICTURES.items()})
    for path in drawn:
        print(f"  {shown(path):30} {_PICTURES[path.name][1]}")
    print(_NEXT.format(seconds=time.perf_counter() - began))
    return 0


def _split_digits() -> tuple[Pair, Pair]:
    return jb.datasets.train_test_split(jax.random.key(0), *digits(), test_fraction=0.25)


def _layers() -> list[jb.Network]:
    return [layer for n in HIDDEN for layer in (jb.dense(n), jb.elementwise(jax.numpy.tanh))]


def _rules(net: jb.Network, names: tuple[str, ...]) -> dict[str, Any]:
    """The rules by name, and backprop of the last layer as the floor."""
    loss = jb.losses.softmax_cross_entropy
    rules: dict[str, Any] = {name: getattr(jb.learning, name)(net, loss) for name in names}
    return rules | {FLOOR: (rules["backprop"], frozen_hidden(optax.adam(LEARNING_RATE)))}


def _train(net: jb.Network, train: Pair, test: Pair, options: argparse.Namespace) -> Results:
    """Train networks by each rule."""
    return compare_rules(
        _rules(net, options.rules),
        optax.adam(LEARNING_RATE),
        train,
        key=jax.random.key(0),
        seeds=options.seeds,
        epochs=options.epochs,
        batch_size=BATCH_SIZE,
        validation=test,
        probe=jax.tree.map(lambda a: a[:_PROBES], train),
        floor=FLOOR,
        progress=True,
    ).results


def _introduce(net: jb.Network, train: Pair, test: Pair, options: argparse.Namespace) -> None:
    x = jax.ShapeDtypeStruct(train[0].shape[1:], train[0].dtype)
    params = jax.eval_shape(net.init, jax.random.key(0), x)
    print(
        f"data: handwritten digits of 8 x 8 pixels (scikit-learn), {len(train[0]):,} to train and "
        f"{len(test[0]):,} to test\n\n{jb.summary(net, params, x)}\n\n"
        f"Each rule trains {options.seeds} networks at once; the initial weights are the same for "
        f"all rules.\n{options.epochs} epochs, batches of {BATCH_SIZE}, Adam, learning rate "
        f"{LEARNING_RATE:g}.\n",
        flush=True,
    )


def _report(results: Results) -> None:
    seeds = len(results[FLOOR].accuracy)
    each = f"each of {seeds}" if seeds <= 4 else f"4 of {seeds}"
    rows = [(name, *_cells(result)) for name, result in results.items()]
    print(f"\n{columns(('rule', 'accuracy', each, 'angles', 'steps/s'), rows)}")
    floor = results[FLOOR].accuracy.mean()
    above = [n for n, r in results.items() if n != FLOOR and r.accuracy.mean() > floor]
    rules = len(results) - 1
    count = f"All {rules} rules" if len(above) == rules else f"{len(above)} of {rules} rules"
    print(
        f"\naccuracy: on the test images, mean and each network. {count} beat the floor of "
        f"{floor:.3f},\n  the accuracy when only the last layer is trained.\n"
        "angles: between the update of the rule and that of backprop at the end, in degrees, layer "
        "by layer;\n  0 is the same direction, 90 is chance.\n"
        "steps/s: updates of one network per second, without the time to compile and to measure.\n"
    )


def _cells(result: Result) -> tuple[str, ...]:
    """Mean accuracy, accuracy of up to four networks, final angles and speed."""
    each = " ".join(f"{value:.3f}" for value in result.accuracy[:4])
    angles = "-"
    if result.angles is not None:
        angles = " ".join(f"{angle:3.0f}" for angle in result.angles[:, -1].mean(axis=0))
    return f"{result.accuracy.mean():.3f}", each, angles, f"{1 / result.seconds:,.0f}"


_NEXT = """
Next:
  python -m jaxbrain train --data spirals --hidden 64,64   # draws the boundary
  python -m jaxbrain demo --rules all --epochs 10          # every rule, some minutes
  python -m jaxbrain train --rule predictive_coding        # any rule, optimizer and sizes
  python -m jaxbrain train --data YOURS.csv --target NAME  # your own table; or IDX images
  python -m jaxbrain train --help

({seconds:.0f} s in all)"""


def _network_picture(results: Results, plt: Any) -> Any:
    from jaxbrain import viz

    result = results["backprop"]
    first = [
        jax.tree.map(lambda a: np.asarray(a[0]), s.params) for s in (result.start, result.state)
    ]
    vmax = max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(first))
    figure, panels = plt.subplots(1, 2, figsize=(12.5, 5.6), layout="constrained")
    for ax, params, when in zip(panels, first, ("before training", "after training"), strict=True):
        viz.network(params, max_units=10, vmax=vmax, ax=ax)
        ax.set_title(f"{when}\n{ax.get_title()}", fontsize=11)
    return figure


def _curves_picture(results: Results, plt: Any) -> Any:
    from jaxbrain import viz

    histories = {_title(name): result.history for name, result in results.items()}
    figure, panels = plt.subplots(1, 2, figsize=(12.5, 4.6), layout="constrained")
    viz.curves({n: h.loss for n, h in histories.items()}, log=True, ax=panels[0])
    panels[0].set_ylabel(f"training {panels[0].get_ylabel()}")
    viz.curves({n: h.metrics["accuracy"] for n, h in histories.items()}, "accuracy", ax=panels[1])
    panels[1].set_ylabel(f"test {panels[1].get_ylabel()}")
    panels[0].get_legend().remove()
    # the low accuracies of the first epochs would hide the differences at the end
    panels[1].set_ylim(max(float(results[FLOOR].accuracy.mean()) - 0.12, 0.0), 1.0)
    return figure


def _alignment_picture(results: Results, plt: Any) -> Any:
    from jaxbrain import viz

    names = [name for name in results if name not in ("backprop", FLOOR)] or ["backprop"]
    wide = min(len(names), _COLUMNS)
    rows = -(-len(names) // wide)
    figure, grid = plt.subplots(
        rows, wide, figsize=(12.5, 4.2 * rows), layout="constrained", sharey=True, squeeze=False
    )
    layers = [f"hidden layer {i + 1}" for i in range(len(HIDDEN))] + ["output layer"]
    for i, (ax, name) in enumerate(zip(grid.flat, names, strict=False)):
        viz.alignment(results[name].history.record, layers=layers, ax=ax)
        ax.set_title("", loc="right")
        ax.set_title(_title(name), fontsize=11)
        if i != len(names) - 1:
            ax.get_legend().remove()
        if i % wide:
            ax.set_ylabel("")
    for ax in grid.flat[len(names) :]:
        ax.set_axis_off()
    seeds = len(results[FLOOR].accuracy)
    grid[-1, 0].set_xlabel(f"epoch (mean ± sd of {seeds} seeds)" if seeds > 1 else "epoch")
    return figure


def _title(name: str) -> str:
    return name.replace("_", " ")


def _rules_picture(results: Results, plt: Any) -> Any:
    """Accuracies above the floor and, of two seeds and more, the paired differences to backprop."""
    from jaxbrain import viz

    finite = {n: ~result.diverged for n, result in results.items() if not result.diverged.all()}
    runs = {_title(name): results[name].accuracy[kept] for name, kept in finite.items()}
    paired = np.logical_and.reduce(list(finite.values()))
    pairs = {_title(n): results[n].accuracy[paired] for n in finite if n != FLOOR}
    compared = "backprop" in pairs and len(pairs) > 1 and paired.sum() > 1
    height = 1.9 + 0.44 * len(runs)
    figure, panels = plt.subplots(
        1, 1 + compared, figsize=(8.5 + 6.5 * compared, height), layout="constrained", squeeze=False
    )
    floor = float(results[FLOOR].accuracy.mean())
    viz.rule_scores(runs, "test accuracy", floor=floor, ax=panels[0, 0])
    if compared:
        viz.rule_differences(pairs, "test accuracy", ax=panels[0, 1])
    return figure


_PICTURES = {
    "network.png": (_network_picture, "a network before and after backprop"),
    "curves.png": (_curves_picture, "loss and test accuracy of every epoch"),
    "alignment.png": (_alignment_picture, "angle between each rule's update and the gradient"),
    "rules.png": (_rules_picture, "test accuracy of every seed, and the differences to backprop"),
}
