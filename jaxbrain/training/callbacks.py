"""Callbacks of a training, for ``jaxbrain.fit(..., on_chunk=...)``.

Each is a function of a `ChunkInfo` that decides from its history, which a resumed training brings
with it. So they go on after an interruption as if there had been none.
"""

import contextlib
import csv
import math
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.core.functions import require_fitting
from jaxbrain.core.notice import warn
from jaxbrain.core.requirements import require_count, require_positive
from jaxbrain.training import checkpoint
from jaxbrain.training.checkpoint_file import Whole, read_first_whole
from jaxbrain.training.loop import History, TrainState

__all__ = [
    "EarlyStopping",
    "csv_writer",
    "early_stopping",
    "log_learning_rate",
    "tensorboard_writer",
]


def __dir__() -> list[str]:
    return __all__


class ChunkInfo(NamedTuple):
    """State and history of a training between two chunks, the argument of `on_chunk`.

    Attributes:
      state: the TrainState reached.
      history: so far, in NumPy arrays.
      epoch: epochs done.
      epochs: epochs requested.
    """

    state: TrainState
    history: History
    epoch: int
    epochs: int


OnChunk = Callable[[ChunkInfo], Any]
Schedule = Callable[[Any], Any]


def together(on_chunk: OnChunk | Sequence[OnChunk] | None) -> OnChunk | None:
    """Several callbacks as one, which stops if one of them does; all are called."""
    if on_chunk is None:
        return None
    if callable(on_chunk) and not isinstance(on_chunk, tuple):
        require_fitting(OnChunk, "a function of a ChunkInfo", "fit", "on_chunk", on_chunk)
        return on_chunk
    if not isinstance(on_chunk, list | tuple) or not all(map(callable, on_chunk)):
        raise TypeError(
            "fit: on_chunk must be a function of a ChunkInfo, such as "
            f"jb.callbacks.early_stopping(...), or a list of them, got {on_chunk!r}"
        )
    for one in on_chunk:
        together(one)

    def call_all(info: ChunkInfo) -> bool:
        stops = [one(info) for one in on_chunk]
        return any(stops)

    return call_all if on_chunk else None


@contextlib.contextmanager
def _warned(path: str | Path) -> Iterator[None]:
    """A write that must not cost what was learned: where it fails, a warning says so."""
    try:
        yield
    except OSError as error:
        warn(f"{path} was not written, and the training goes on: {error}")


class EarlyStopping:
    """A callback that stops a training which has not become better for some epochs.

    Attributes:
      best: the ChunkInfo after the best epoch so far; ``best.state.params`` are its parameters.
    """

    def __init__(self, metric: str, patience: int, sign: int, min_delta: float, path: Path | None):
        self._metric, self._patience, self._sign = metric, patience, sign
        self._min_delta, self._path = min_delta, path
        self._kept: ChunkInfo | None = None
        self._epoch = 0

    def __call__(self, info: ChunkInfo) -> bool:
        values = self._sign * np.asarray(_series(info.history, self._metric), float)
        self._epoch = _best_epoch(values, self._min_delta)
        about = {"epoch": self._epoch, "value": float(values[self._epoch - 1])}
        if self._epoch == info.epoch:
            self._kept = info
            if self._path is not None:
                with _warned(self._path):
                    checkpoint.save(self._path, info.state, metadata=about)
        elif self._path is not None and not self._is_kept():
            self._kept = self._read(info, about)
        return info.epoch - self._epoch >= self._patience

    @property
    def best(self) -> ChunkInfo:
        if self._kept is None or not self._is_kept():
            raise ValueError(
                f"early_stopping: the state of the best epoch, {self._epoch}, is not kept, because "
                "no epoch was trained yet, or it was before the training was resumed; then give "
                "early_stopping a file, path=..."
            )
        return self._kept

    def _is_kept(self) -> bool:
        return self._kept is not None and self._kept.epoch == self._epoch

    def _read(self, info: ChunkInfo, about: dict[str, Any]) -> ChunkInfo | None:
        """The best epoch of before the training was resumed, if the file holds that one."""
        if self._path is None or not checkpoint.exists(self._path):
            return None

        def use(whole: Whole) -> ChunkInfo | None:
            if whole.metadata != about:
                return None
            history = jax.tree.map(lambda a: a[: self._epoch], info.history)
            state = checkpoint.read(whole, info.state)
            return ChunkInfo(state, history, self._epoch, info.epochs)

        return read_first_whole(checkpoint.real_path(self._path), use)


@checked
def early_stopping(
    metric: str = "validation_loss",
    *,
    patience: int,
    best: Callable[..., Any] | None = None,
    min_delta: float = 0.0,
    path: str | Path | None = None,
) -> EarlyStopping:
    """Early stopping: the training ends if a metric has not become better for some epochs.

    After it ``stopping.best.state.params`` are the parameters of the best epoch; those that
    `jaxbrain.fit` returns are of the last one. Whether to stop follows from the history alone, so
    that a resumed training stops where it would have without the interruption. The best state is
    kept in memory; with path also in a file, from which a training that is resumed has it back.

    Args:
      metric: a name in ``history.metrics``, or "loss", that of training.
      patience: epochs without a better value before it stops.
      best: ``min`` or ``max``; None: ``min`` for names that end in "loss" or "error".
      min_delta: a value counts as better if it is so by more than this.
      path: of a file for the best state, or None.

    Returns:
      A callback with the attribute ``best``.

    Raises:
      ValueError: if best is not given for another name, or a number is not positive; in training,
        if there is no such metric.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> rule, data = jb.backprop(jb.dense(1), jb.losses.mse), jb.datasets.xor()
      >>> stopping = early_stopping(patience=2)
      >>> state, history = jb.fit(
      ...     rule, optax.sgd(1.1), data, key=jax.random.key(0), epochs=50, validation=data,
      ...     on_chunk=[stopping])
      >>> len(history.loss) == stopping.best.epoch + 2
      True
    """
    require_count("early_stopping", "patience", patience)
    require_positive("early_stopping", "min_delta", min_delta, zero=True)
    if best is None and metric.endswith(("loss", "error")):
        best = min
    if best not in (min, max):
        raise ValueError(
            f"early_stopping: give best=max if a larger {metric!r} is better, or best=min, got "
            f"{best!r}"
        )
    file = None if path is None else Path(path)
    return EarlyStopping(metric, patience, 1 if best is min else -1, min_delta, file)


@checked
def log_learning_rate(
    schedule: Schedule | None = None, *, write: Callable[[str], Any] = print
) -> OnChunk:
    """The learning rate of the last step of each epoch, as a line of text.

    Args:
      schedule: ``(step) -> rate``, that of the optimizer; None: the rate is read from the state of
        ``optax.inject_hyperparams``.
      write: takes the line; a logger's ``info``, say.

    Returns:
      A callback.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> rule, data = jb.backprop(jb.dense(1), jb.losses.mse), jb.datasets.xor()
      >>> schedule = optax.linear_schedule(1.0, 0.0, 4)
      >>> _ = jb.fit(rule, optax.sgd(schedule), data, key=jax.random.key(0), epochs=2,
      ...            on_chunk=log_learning_rate(schedule))
      epoch 1: learning rate 1
      epoch 2: learning rate 0.75
    """

    def log(info: ChunkInfo) -> None:
        if schedule is None:
            rate = _injected_rate(info.state.opt_state)
        else:
            rate = float(schedule(int(info.state.step) - 1))
        write(f"epoch {info.epoch}: learning rate {rate:g}")

    return log


@checked
def csv_writer(path: str | Path, *, schedule: Schedule | None = None) -> OnChunk:
    """A CSV file of the history: a row of the epoch, the loss and all scalar metrics.

    The file holds the history of the last training, from its first epoch on: a resumed one writes
    the rows of before again. Metrics with axes, such as a confusion matrix, are left out.

    Args:
      path: of the file, which is written over.
      schedule: ``(step) -> rate`` of the optimizer, for a column "learning_rate"; None: no column.

    Returns:
      A callback.

    Examples:
      >>> import jax, jaxbrain as jb, optax, pathlib, tempfile
      >>> rule, data = jb.backprop(jb.dense(1), jb.losses.mse), jb.datasets.xor()
      >>> file = pathlib.Path(tempfile.mkdtemp()) / "history.csv"
      >>> _ = jb.fit(rule, optax.sgd(0.1), data, key=jax.random.key(0), epochs=2,
      ...            on_chunk=csv_writer(file))
      >>> [line.split(",")[0] for line in file.read_text().splitlines()]
      ['epoch', '1', '2']
    """
    written = 0

    def write(info: ChunkInfo) -> None:
        nonlocal written
        start = written if written < info.epoch else 0
        rows = _rows(info, start, schedule)
        written = 0  # a file that could not be written is begun again
        with _warned(path):
            with open(path, "a" if start else "w", newline="", encoding="utf-8") as file:
                table = csv.DictWriter(file, ["epoch", *next(iter(rows.values()))])
                if not start:
                    table.writeheader()
                table.writerows({"epoch": epoch, **row} for epoch, row in rows.items())
            written = info.epoch

    return write


@checked
def tensorboard_writer(directory: str | Path, *, schedule: Schedule | None = None) -> OnChunk:
    """TensorBoard scalars of the history: the loss and all scalar metrics of each epoch.

    A resumed training writes the epochs of before again, and TensorBoard forgets the old ones. It
    needs tensorboardX: ``pip install "jaxbrain[tensorboard]"``.

    Args:
      directory: of the event files, one for each training.
      schedule: ``(step) -> rate`` of the optimizer, for a scalar "learning_rate"; None: none.

    Returns:
      A callback.

    Raises:
      ModuleNotFoundError: if tensorboardX is not installed.

    Examples:
      >>> callback = tensorboard_writer("runs/first")  # doctest: +SKIP
    """
    try:
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto import event_pb2, summary_pb2
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'tensorboard_writer needs tensorboardX: pip install "jaxbrain[tensorboard]"',
            name=error.name,
        ) from error
    events, summaries = cast(Any, event_pb2), cast(Any, summary_pb2)  # made at run time: no types
    folder, writer, written = Path(directory), None, 0
    folder.mkdir(parents=True, exist_ok=True)

    def write(info: ChunkInfo) -> None:
        nonlocal writer, written
        start = written if written < info.epoch else 0
        if writer is None or not start:
            writer = EventsWriter(str(folder / "events"), f".{time.time_ns()}")
            again = events.SessionLog(
                status=events.SessionLog.START
            )  # what an earlier file has is forgotten
            writer.write_event(events.Event(wall_time=time.time(), step=1, session_log=again))
            weakref.finalize(write, writer.close)  # with this callback, or at the end of Python
        for epoch, row in _rows(info, start, schedule).items():
            kind, wall_time = summaries.Summary, time.time()
            values = [kind.Value(tag=name, simple_value=value) for name, value in row.items()]
            summary = kind(value=values)
            writer.write_event(events.Event(wall_time=wall_time, step=epoch, summary=summary))
        writer.flush()
        written = info.epoch

    return write


def _rows(info: ChunkInfo, start: int, schedule: Schedule | None) -> Mapping[int, dict[str, float]]:
    """The scalars of each epoch after start."""
    history, steps = info.history, info.history.step_loss.shape[1]
    series = {"loss": history.loss, **history.metrics}
    series = {name: values for name, values in series.items() if np.ndim(values) == 1}
    rows = {}
    for i in range(start, info.epoch):
        rows[i + 1] = {name: float(values[i]) for name, values in series.items()}
        if schedule is not None:
            step = int(info.state.step) - (info.epoch - i - 1) * steps - 1
            rows[i + 1]["learning_rate"] = float(schedule(step))
    return rows


def _series(history: History, metric: str) -> Any:
    values = history.loss if metric == "loss" else history.metrics.get(metric)
    if values is None or np.ndim(values) != 1:
        known = [name for name, found in history.metrics.items() if np.ndim(found) == 1]
        raise ValueError(
            f"early_stopping: there is no number {metric!r} in the history, only "
            f"{['loss', *known]}; give fit validation=(x, y) or metrics={{{metric!r}: ...}}"
        )
    return values


def _best_epoch(values: np.ndarray, min_delta: float) -> int:
    """The last epoch, from 1 on, that was better than all before by more than min_delta."""
    found, best = 1, math.inf
    values = np.where(np.isnan(values), math.inf, values)
    lowest = np.minimum.accumulate(values)
    for i in np.flatnonzero(values < np.append(math.inf, lowest[:-1])):
        if values[i] < best - min_delta:
            found, best = int(i) + 1, values[i]
    return found


def _injected_rate(opt_state: Any) -> float:
    states = jax.tree.leaves(opt_state, is_leaf=lambda state: hasattr(state, "hyperparams"))
    for state in states:
        if "learning_rate" in getattr(state, "hyperparams", {}):
            return float(state.hyperparams["learning_rate"])
    raise ValueError(
        "log_learning_rate: the optimizer does not keep its learning rate; give the schedule, "
        "log_learning_rate(schedule), or make it by optax.inject_hyperparams(optax.adam)(...)"
    )
