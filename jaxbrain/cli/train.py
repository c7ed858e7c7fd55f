"""``python -m jaxbrain train``: a multilayer perceptron on built-in data or on the user's."""

import argparse
import csv
import functools
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain.analysis.columns import columns
from jaxbrain.cli.data import Data, Pair, load
from jaxbrain.cli.faults import Fault
from jaxbrain.cli.parser import LEARNING_RATES
from jaxbrain.cli.terminal import devices, draw, make_directory, shown, use_compile_cache, versions

_STEPS, _EPOCHS = 1000, 10
_CHECKPOINTS = ("training.ckpt", "training.ckpt.previous")
_INTERRUPTED = 130


class Job(NamedTuple):
    """What is to be trained."""

    net: jb.Network
    rule: jb.LearningRule
    optimizer: optax.GradientTransformation
    loss: Callable
    score: Callable  # of the data to measure; gives the metric of one example
    score_name: str


def main(options: argparse.Namespace) -> int:
    """Train, or go on training, and save what came of it."""
    options.learning_rate = options.learning_rate or LEARNING_RATES[options.optimizer]
    use_compile_cache(not options.no_cache)
    data = load(options)
    job, settings = _job(options, data), _settings(options)
    directory = make_directory(options.out)
    epochs = options.epochs or _enough_epochs(len(data.train[0]), options.batch_size)
    before = _epochs_before(directory, settings, options.resume)
    _introduce(job, data, options)
    _tell_of_before(before, epochs)
    if not before:  # so that what is saved from now on can be told from another training
        _write_json(directory / "run.json", _description(settings, data, None))
    began = time.perf_counter()
    state, history = _fit(job, data, options, epochs)
    seconds = time.perf_counter() - began
    done = len(history.loss)
    if not done:
        raise KeyboardInterrupt  # before the first epoch ended: there is nothing to save
    rows = _measure(job, data, state)
    _write_json(directory / "run.json", _description(settings, data, rows))
    _write_history(directory / "history.csv", history)
    jb.checkpoint.save(directory / "params.ckpt", state.params, metadata={"network": repr(job.net)})
    _report(job, rows, f"{done} epochs, {int(state.step):,} steps, {seconds:.1f} s")
    _list_files(directory, draw(directory, _pictures(job, data, state, history)))
    if done < epochs:
        print(f"\ninterrupted after epoch {done} of {epochs}; the same command goes on from there")
        return _INTERRUPTED
    print(_use(directory, options, data))
    return 0


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """What makes one training another one, as JSON can hold it."""
    ignored = {"command", "out", "resume", "no_cache", "epochs"}
    settings = {name: value for name, value in vars(options).items() if name not in ignored}
    for name in ("data", "labels"):  # what a file holds counts, not where it lies
        settings[name] = settings[name] and os.path.basename(settings[name])
    return json.loads(json.dumps(settings))


def _epochs_before(directory: Path, settings: dict[str, Any], resume: bool) -> int:
    """How many epochs the training in the directory has behind it.

    Raises:
      Fault: if it is another training than that of the settings.
    """
    if not resume:
        _forget(directory)
    if not any((directory / name).exists() for name in _CHECKPOINTS):
        return 0
    before = _read_json(directory / "run.json").get("settings", settings)
    changed = [name for name in settings if before.get(name) != settings[name]]
    if changed:
        options = "; ".join(
            f"--{name.replace('_', '-')} was {_word(before.get(name))}, is {_word(settings[name])}"
            for name in changed
        )
        raise Fault(
            f"{directory} holds another training ({options}); give another --out, or replace it "
            "with --no-resume"
        )
    return _epochs_saved(directory)


def _forget(directory: Path) -> None:
    """Remove what a training could go on from."""
    for name in _CHECKPOINTS:
        (directory / name).unlink(missing_ok=True)


def _epochs_saved(directory: Path) -> int:
    try:
        return int(jb.checkpoint.metadata(directory / _CHECKPOINTS[0])["epoch"])
    except (OSError, ValueError, KeyError):
        return 0  # fit says what is wrong with it


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    return "not given" if value is None else str(value)


def _job(options: argparse.Namespace, data: Data) -> Job:
    activation = jb.elementwise(getattr(jax.nn, options.activation))
    hidden = [layer for n in options.hidden for layer in (jb.dense(n), activation)]
    net = jb.serial(*hidden, jb.dense(len(data.classes) or 1))
    if data.classes:
        loss, score, name = jb.losses.softmax_cross_entropy, _accuracy, "accuracy"
    else:
        loss, score, name = jb.losses.half_mse, _r_squared, "r2"
    rate, momentum = options.learning_rate, options.optimizer == "momentum"
    optimizer = (
        optax.sgd(rate, momentum=0.9) if momentum else getattr(optax, options.optimizer)(rate)
    )
    try:
        rule = getattr(jb.learning, options.rule)(net, loss)
    except ValueError as error:  # a rule that cannot teach this network says why
        raise Fault(error) from error
    return Job(rule.network, rule, optimizer, loss, score, name)


def _accuracy(data: Pair) -> Callable:
    return jb.accuracy


def _r_squared(data: Pair) -> Callable:
    """Its mean over the data is 1 - sum (target - prediction)^2 / sum (target - mean)^2."""
    variance = float(np.var(data[1])) or 1.0

    def metric(prediction: jax.Array, target: jax.Array) -> jax.Array:
        return 1 - jnp.sum(jnp.square(target - prediction)) / variance

    return metric


def _enough_epochs(examples: int, batch_size: int | None) -> int:
    steps = math.ceil(examples / min(batch_size or examples, examples))
    return max(_EPOCHS, math.ceil(_STEPS / steps))


def _introduce(job: Job, data: Data, options: argparse.Namespace) -> None:
    x = data.train[0]
    example = jax.ShapeDtypeStruct(x.shape[1:], x.dtype)
    params = jax.eval_shape(job.net.init, jax.random.key(0), example)
    kind = f"{len(data.classes)} classes" if data.classes else "values"
    tested = f"{len(data.test[0]):,} to test" if data.test else "none to test"
    size = min(options.batch_size or len(x), len(x))
    print(
        f"{versions()}\ndevice: {devices()}\n\n"
        f"data: {data.name}, {kind}, {len(x):,} to train and {tested}\n\n"
        f"{jb.summary(job.net, params, example)}\n\n"
        f"{options.rule}, {options.optimizer}, learning rate {options.learning_rate:g}, "
        f"batches of {size}\n",
        flush=True,
    )


def _tell_of_before(before: int, epochs: int) -> None:
    if before >= epochs:
        print(
            f"trained for {before} epochs before: nothing to do; a larger --epochs trains on, "
            "--no-resume starts anew\n"
        )
    elif before:
        print(f"going on after epoch {before} of {epochs}\n", flush=True)


def _fit(
    job: Job, data: Data, options: argparse.Namespace, epochs: int
) -> tuple[jb.TrainState, jb.History]:
    prefix, held_out = ("test_", data.test) if data.test else ("", data.train)
    try:
        return jb.fit(
            job.rule,
            job.optimizer,
            data.train,
            key=jax.random.key(options.seed),
            epochs=epochs,
            batch_size=options.batch_size,
            validation=held_out,
            metrics={f"{prefix}{job.score_name}": job.score(held_out)},
            checkpoint=options.out,
            progress=True,
        )
    except jb.NonFiniteError as error:
        raise Fault(f"{error}", code=1) from error
    except jb.checkpoint.CheckpointError as error:
        raise Fault(f"{error}; --no-resume starts anew", code=1) from error
    except OSError as error:
        raise Fault(f"--out {options.out}: {error}", code=1) from error
    except ValueError as error:
        if "checkpoint" in str(error):
            raise Fault(f"{error} (--no-resume)") from error
        if not _epochs_saved(Path(options.out)):  # nothing learned is nothing to go on from
            _forget(Path(options.out))
        raise Fault(error) from error


def _measure(job: Job, data: Data, state: jb.TrainState) -> dict[str, dict[str, float]]:
    """Loss, score and number of the rows to train and to test with."""
    rows = {}
    for name, pair in (("train", data.train), ("test", data.test)):
        if pair is not None:
            metrics = {"loss": job.loss, job.score_name: job.score(pair)}
            found = jb.evaluate(job.net, state.params, pair, metrics)
            rows[name] = {"rows": len(pair[0]), **{k: float(v) for k, v in found.items()}}
    return rows


def _report(job: Job, rows: dict[str, dict[str, float]], how_long: str) -> None:
    name = job.score_name
    cells = [
        (part, f"{row['rows']:,}", f"{row['loss']:.4f}", f"{row[name]:.4f}")
        for part, row in rows.items()
    ]
    heading = {"accuracy": "accuracy", "r2": "R squared"}[name]
    print(f"\n{columns(('', 'rows', 'loss', heading), cells)}\n\n{how_long}\n")


def _list_files(directory: Path, pictures: list[Path]) -> None:
    what = {
        "params.ckpt": "the trained network",
        "training.ckpt": "the state of the training, to go on from",
        "history.csv": "loss and score of every epoch",
        "run.json": "all settings and results",
        "curves.png": "the same as a picture",
        "boundary.png": "what it answers where",
    }
    for path in (*(directory / name for name in list(what)[:4]), *pictures):
        print(f"  {shown(path):32} {what[path.name]}")


def _pictures(
    job: Job, data: Data, state: jb.TrainState, history: jb.History
) -> dict[str, Callable]:
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
        predict = functools.partial(jb.batch(job.net).apply, state.params)
        return viz.decision_boundary(predict, x, y).figure

    plane = data.train[0].shape[1] == 2 and len(data.classes) > 1
    return {"curves.png": curves, **({"boundary.png": boundary} if plane else {})}


def _write_history(path: Path, history: jb.History) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "loss", *history.metrics])
        for i, values in enumerate(zip(history.loss, *history.metrics.values(), strict=True)):
            writer.writerow([i + 1, *(repr(float(value)) for value in values)])


def _description(settings: dict[str, Any], data: Data, results: Any) -> dict[str, Any]:
    return {
        "jaxbrain": versions(),
        "settings": settings,
        "data": data.name,
        "classes": data.classes,
        "preparation": data.preparation,
        "results": results,
    }


def _write_json(path: Path, value: Any) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(value, indent=2) + "\n")
    os.replace(partial, path)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _use(directory: Path, options: argparse.Namespace, data: Data) -> str:
    """Lines that load the network in Python."""
    hidden = "".join(
        f"jb.dense({n}), jb.elementwise(jax.nn.{options.activation}), " for n in options.hidden
    )
    features, outputs = data.train[0].shape[1], len(data.classes) or 1
    return (
        "\nIn Python:\n"
        "  import jax, jaxbrain as jb\n"
        f"  net = jb.serial({hidden}jb.dense({outputs}))\n"
        f'  like = net.init(jax.random.key(0), jax.ShapeDtypeStruct(({features},), "float32"))\n'
        f'  params = jb.checkpoint.restore("{shown(directory / "params.ckpt")}", like)\n'
        "  outputs = jb.batch(net).apply(params, x)"
        f"   # x [examples, {features}]{_prepared(data)}"
    )


def _prepared(data: Data) -> str:
    shift, scale = np.asarray(data.preparation["x_shift"]), np.asarray(data.preparation["x_scale"])
    changed = np.any(shift != 0) or np.any(scale != 1)
    return ", prepared as run.json says" if changed else ""
