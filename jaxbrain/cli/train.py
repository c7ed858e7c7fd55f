"""``python -m jaxbrain train``: a multilayer perceptron on built-in data or the user's files."""

import argparse
import contextlib
import functools
import itertools
import math
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
from jaxbrain.cli import results, resume
from jaxbrain.cli.cache import use_compile_cache
from jaxbrain.cli.data import Data, load
from jaxbrain.cli.errors import CommandError, in_options
from jaxbrain.cli.parser import ACTIVATIONS, LEARNING_RATES
from jaxbrain.cli.sources import Pair
from jaxbrain.cli.terminal import devices, draw, make_directory, outlive_terminal, versions
from jaxbrain.core.free_memory import require_memory
from jaxbrain.training.signals import Terminated

_STEPS, _EPOCHS = 1000, 10
_INTERRUPTED = 130
_COPIES = 4  # of the parameters while they are trained: gradients and two moments too


class Job(NamedTuple):
    """A network and how to train and score it.

    Attributes:
      net: a multilayer perceptron.
      rule: its learning rule.
      optimizer: of its parameters.
      loss: (prediction, target) -> scalar.
      score: from the data to measure to a metric of one example.
      score_name: of the metric.
    """

    net: jb.Network
    rule: jb.LearningRule
    optimizer: optax.GradientTransformation
    loss: Callable
    score: Callable
    score_name: str


def main(options: argparse.Namespace) -> int:
    """Train, or resume a training, and save the results."""
    options.learning_rate = options.learning_rate or LEARNING_RATES[options.optimizer]
    use_compile_cache(not options.no_cache)
    data = load(options)
    _require_memory(options, data)
    job, settings = make_job(options, data), resume.settings_of(options, data)
    directory = make_directory(options.out)
    epochs = options.epochs or _enough_epochs(len(data.train[0]), options.batch_size)
    with resume.alone(directory):
        before = _epochs_before(directory, settings, options, epochs)
        _introduce(job, data, options)
        if not before:  # later runs compare their settings with these
            results.write_run(directory, settings, data, None)
    began = time.perf_counter()
    state, history, code = _fit(job, data, options, epochs)
    seconds = time.perf_counter() - began
    done = len(history.loss)
    if not done:
        return code  # before the end of the first epoch: there is nothing to save
    if before == epochs:
        print(
            f"already trained for {before} epochs; a larger --epochs continues, --no-resume "
            "starts again"
        )
    _save_params(options, job, state)
    scores = _scores(job, data, state)
    results.write_run(directory, settings, data, scores)
    results.write_history(directory / "history.csv", history)
    _report(job, scores, f"{done} epochs, {int(state.step):,} steps, {seconds:.1f} s")
    drawn = draw(directory, results.pictures(job.net, data, state, history))
    results.list_files(directory, drawn)
    if code:
        print(f"\ninterrupted after epoch {done} of {epochs}; the same command resumes from there")
        return code
    print(results.in_python(directory, options, data, job.rule))
    return 0


def _require_memory(options: argparse.Namespace, data: Data) -> None:
    """Refuse a network whose parameters, gradients and moments do not fit the memory."""
    sizes = (data.train[0].shape[1], *options.hidden, len(data.classes) or 1)
    parameters = sum((a + 1) * b for a, b in itertools.pairwise(sizes))
    hidden = ",".join(map(str, options.hidden))
    try:
        require_memory(
            4 * _COPIES * parameters, f"a network of {parameters:,} parameters (--hidden {hidden})"
        )
    except ValueError as error:
        raise CommandError(f"{error}; give smaller sizes") from error


def make_job(options: argparse.Namespace, data: Data) -> Job:
    """The network, learning rule, optimizer and score of the options.

    Raises:
      CommandError: if the rule cannot train the network.
    """
    if data.classes:
        loss, score, name = jb.losses.softmax_cross_entropy, _accuracy, "accuracy"
    else:
        loss, score, name = jb.losses.half_mse, _r_squared, "r2"
    build = functools.partial(_rule, options, len(data.classes) or 1, loss)
    try:
        rule = build(options.activation)
    except ValueError as error:
        raise CommandError(in_options(error, _fix(options, build))) from error
    rate, momentum = options.learning_rate, options.optimizer == "momentum"
    optimizer = (
        optax.sgd(rate, momentum=0.9) if momentum else getattr(optax, options.optimizer)(rate)
    )
    return Job(rule.network, rule, optimizer, loss, score, name)


def _rule(
    options: argparse.Namespace, outputs: int, loss: Callable, activation: str
) -> jb.LearningRule:
    activate = jb.elementwise(getattr(jax.nn, activation))
    hidden = [layer for units in options.hidden for layer in (jb.dense(units), activate)]
    return getattr(jb.learning, options.rule)(jb.serial(*hidden, jb.dense(outputs)), loss)


def _fix(options: argparse.Namespace, build: Callable[[str], jb.LearningRule]) -> str:
    """Options with which the rule could train the network."""
    if not options.hidden:
        return "give sizes with --hidden, or another --rule"
    possible = []
    for activation in ACTIVATIONS:
        with contextlib.suppress(ValueError):
            build(activation)
            possible.append(activation)
    other = f"--activation {' or '.join(possible)}, or " if possible else ""
    return f"give {other}another --rule"


def _accuracy(data: Pair) -> Callable:
    return jb.accuracy


def _r_squared(data: Pair) -> Callable:
    """A metric whose mean is 1 - sum (target - prediction)^2 / sum (target - mean)^2."""
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
    details = "".join(f"  {line}\n" for line in data.details)
    size = min(options.batch_size or len(x), len(x))
    print(
        f"{versions()}\ndevice: {devices()}\n\n"
        f"data: {data.name}, {kind}, {len(x):,} to train and {tested}\n{details}\n"
        f"{jb.summary(job.net, params, example)}\n\n"
        f"{options.rule}, {options.optimizer}, learning rate {options.learning_rate:g}, "
        f"batches of {size}\n",
        flush=True,
    )


def _epochs_before(
    directory: Path, settings: dict[str, Any], options: argparse.Namespace, epochs: int
) -> int:
    """The epochs of the training to resume, or 0; more than are requested are refused."""
    before = resume.epochs_before(directory, settings, options.resume)
    if before > epochs:
        raise CommandError(
            f"{directory} is trained for {before} epochs already; give a larger --epochs than "
            f"{epochs}, another --out, or start again with --no-resume"
        )
    return before


def _fit(
    job: Job, data: Data, options: argparse.Namespace, epochs: int
) -> tuple[jb.TrainState, jb.History, int]:
    """The last state, the history and the exit code, which is not 0 if the training was stopped."""
    prefix, held_out = ("test_", data.test) if data.test else ("", data.train)
    try:
        state, history = jb.fit(
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
        return state, history, 0 if len(history.loss) == epochs else _INTERRUPTED
    except Terminated as end:
        outlive_terminal()
        return end.state, end.history, end.exit_code
    except jb.SaveError as error:
        raise CommandError(_rescue(options, job, error), code=1) from error
    except BlockingIOError as error:
        raise resume.in_use(Path(options.out), error) from error
    except jb.NonFiniteError as error:
        raise CommandError(
            f"the training diverged: at step {error.step} the loss or a weight is not finite; try "
            f"a smaller --learning-rate than {options.learning_rate:g}, or look for extreme "
            "values in the data",
            code=1,
        ) from error
    except jb.checkpoint.CheckpointError as error:
        raise CommandError(f"{error}; --no-resume starts again", code=1) from error
    except OSError as error:
        raise CommandError(f"--out {options.out}: {error}", code=1) from error
    except ValueError as error:
        if "checkpoint" in str(error):
            fix = "give another --out, or replace the training with --no-resume"
            raise CommandError(in_options(error, fix)) from error
        if not resume.epochs_saved(Path(options.out)):
            resume.forget(Path(options.out))  # it holds no epoch that could be resumed
        raise CommandError(in_options(error, "give other --data or another --rule")) from error


def _save_params(options: argparse.Namespace, job: Job, state: jb.TrainState) -> Path:
    """Write the parameters; the directory is made again where it was deleted meanwhile."""
    path = make_directory(options.out) / "params.ckpt"
    jb.checkpoint.save(path, state.params, metadata={"network": repr(job.net)})
    return path


def _rescue(options: argparse.Namespace, job: Job, error: jb.SaveError) -> str:
    """Save at least the parameters; the message about a training that could not be saved."""
    cause, done = error.__cause__, len(error.history.loss)
    why = getattr(cause, "strerror", None) or cause
    try:
        kept = f"its parameters are in {_save_params(options, job, error.state)}"
    except (OSError, CommandError) as second:
        kept = f"its parameters could not be saved either: {getattr(second, 'strerror', second)}"
    return f"--out {options.out}: epoch {done} cannot be resumed ({why}); {kept}"


def _scores(job: Job, data: Data, state: jb.TrainState) -> dict[str, dict[str, float]]:
    """Number of rows, loss and score of the training and the test data."""
    rows = {}
    for name, pair in (("train", data.train), ("test", data.test)):
        if pair is not None:
            metrics = {"loss": job.loss, job.score_name: job.score(pair)}
            found = jb.evaluate(job.net, state.params, pair, metrics)
            rows[name] = {"rows": len(pair[0]), **{k: float(v) for k, v in found.items()}}
    return rows


def _report(job: Job, scores: dict[str, dict[str, float]], cost: str) -> None:
    name = job.score_name
    cells = [
        (part, f"{row['rows']:,}", f"{row['loss']:.4f}", f"{row[name]:.4f}")
        for part, row in scores.items()
    ]
    heading = {"accuracy": "accuracy", "r2": "R squared"}[name]
    print(f"\n{columns(('', 'rows', 'loss', heading), cells)}\n\n{cost}\n")
