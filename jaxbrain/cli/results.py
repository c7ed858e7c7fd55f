"""Results of ``train``: settings and scores, history, pictures, and Python lines to go on with."""

import argparse
import csv
import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import jaxbrain as jb
from jaxbrain.cli.data import Data
from jaxbrain.cli.terminal import shown, versions
from jaxbrain.core.composition import constructor

_FILES = {
    "params.ckpt": "the trained network",
    "training.ckpt": "the state of the training, to resume it",
    "history.csv": "loss and score of every epoch",
    "run.json": "all settings and results",
    "curves.png": "learning curves",
    "boundary.png": "the predicted class at each point of the plane",
}


def write_run(directory: Path, settings: dict[str, Any], data: Data, scores: Any) -> None:
    """Write ``run.json``: the settings, the scaling of the data and the scores (None: not yet)."""
    run = {
        "jaxbrain": versions(),
        "settings": settings,
        "data": data.name,
        "classes": data.classes,
        "preparation": data.preparation,
        "results": scores,
    }
    partial = directory / "run.json.partial"
    partial.write_text(json.dumps(run, indent=2) + "\n")
    os.replace(partial, directory / "run.json")


def write_history(path: Path, history: jb.History) -> None:
    """Write a CSV file with a row for each epoch, counted from 1."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "loss", *history.metrics])
        for i, values in enumerate(zip(history.loss, *history.metrics.values(), strict=True)):
            writer.writerow([i + 1, *(repr(float(value)) for value in values)])


def list_files(directory: Path, pictures: list[Path]) -> None:
    """Print the path and the contents of each file."""
    written = [directory / name for name in _FILES if not name.endswith(".png")]
    for path in (*written, *pictures):
        print(f"  {shown(path):32} {_FILES[path.name]}")


def pictures(
    net: jb.Network, data: Data, state: jb.TrainState, history: jb.History
) -> dict[str, Callable]:
    """Functions that draw the learning curves and, for classes of points, the decision boundary."""
    (name,) = history.metrics

    def curves(plt: Any) -> Any:
        from jaxbrain import viz

        figure, panels = plt.subplots(1, 2, figsize=(11.0, 4.2), layout="constrained")
        viz.curves(history, ax=panels[0]).set_ylabel("training loss")
        label = name.replace("_", " ").replace("r2", "R squared")
        viz.curves(history, name, ax=panels[1]).set_ylabel(label)
        return figure

    def boundary(plt: Any) -> Any:
        from jaxbrain import viz

        x, y = data.test or data.train
        predict = functools.partial(jb.batch(net).apply, state.params)
        return viz.decision_boundary(predict, x, y).figure

    in_plane = data.train[0].shape[1] == 2 and len(data.classes) > 1
    return {"curves.png": curves, **({"boundary.png": boundary} if in_plane else {})}


def in_python(
    directory: Path, options: argparse.Namespace, data: Data, rule: jb.LearningRule
) -> str:
    """Lines of Python that load the network of a rule and apply it."""
    hidden = "".join(
        f"jb.dense({n}), jb.elementwise(jax.nn.{options.activation}), " for n in options.hidden
    )
    features, outputs = data.train[0].shape[1], len(data.classes) or 1
    loss = "softmax_cross_entropy" if data.classes else "half_mse"
    own = constructor(rule.network) is not jb.serial
    of_rule = f"  net = jb.learning.{options.rule}(net, jb.losses.{loss}).network\n" if own else ""
    return (
        "\nIn Python:\n"
        "  import jax, jaxbrain as jb\n"
        f"  net = jb.serial({hidden}jb.dense({outputs}))\n"
        f"{of_rule}"
        f'  like = net.init(jax.random.key(0), jax.ShapeDtypeStruct(({features},), "float32"))\n'
        f'  params = jb.checkpoint.restore("{shown(directory / "params.ckpt")}", like)\n'
        "  outputs = jb.batch(net).apply(params, x)"
        f"   # x [examples, {features}]{_scaling(data)}"
    )


def _scaling(data: Data) -> str:
    shift, scale = (np.asarray(data.preparation[name]) for name in ("x_shift", "x_scale"))
    return ", scaled as in run.json" if np.any(shift != 0) or np.any(scale != 1) else ""
