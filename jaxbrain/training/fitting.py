"""Training in compiled chunks, with progress, checks, checkpoints and stopping on the host."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxbrain.core.arguments import explained
from jaxbrain.core.compiled import compiled
from jaxbrain.core.config import label
from jaxbrain.core.program import Program
from jaxbrain.core.requirements import require_random_key
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.losses import Weighted
from jaxbrain.training.arguments import require_flag, require_training
from jaxbrain.training.callbacks import ChunkInfo, OnChunk, together
from jaxbrain.training.data import check_data, check_range
from jaxbrain.training.loop import (
    History,
    Monitor,
    Record,
    epoch,
    make_monitor,
)
from jaxbrain.training.metric_checks import check_metrics
from jaxbrain.training.metrics import Metric
from jaxbrain.training.notices import warn_of_notices
from jaxbrain.training.progress import Progress
from jaxbrain.training.resuming import Saver, settings_of
from jaxbrain.training.signals import Requests, Terminated
from jaxbrain.training.states import TrainState, draw_params, first_state, require_state
from jaxbrain.training.training_file import model_of
from jaxbrain.training.validation import (
    NonFiniteError,
    Signs,
    check_finite,
    signs_of,
    warn_of_metrics,
)
from jaxbrain.training.weights import weigh

_CHUNK_SECONDS = 0.2
_CHUNK_BYTES = 2**17
_SMALL_BYTES = 2**16  # an array that is given to a program as it is, at each call
_FIRST_CHUNK = 2**24  # multiplications in the forward passes of a first chunk, at most
_EMPTY = History(np.zeros(0), np.zeros((0, 0)), {}, None)

__all__ = ["ChunkInfo", "NonFiniteError", "fit"]


@explained
def fit(
    rule: LearningRule,
    optimizer: optax.GradientTransformation,
    data: tuple[Any, Any],
    *,
    key: jax.Array,
    epochs: int,
    batch_size: int | None = 32,
    validation: tuple[Any, Any] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    sample_weights: Any = None,
    class_weights: Any = None,
    record: Record | None = None,
    on_chunk: OnChunk | Sequence[OnChunk] | None = None,
    checkpoint: str | Path | None = None,
    progress: bool | None = None,
    state: TrainState | None = None,
) -> tuple[TrainState, History]:
    """Training of a network: the computation of `jaxbrain.run`, in chunks of whole epochs.

    Equal trainings share a compiled program, for any learning rate. A new lambda makes a new one,
    because Python cannot tell that two lambdas are equal. Those of the last 64 different trainings
    are kept, 9 to 15 MB each for a small network; ``jax.clear_caches()`` frees them all.

    Between chunks the host shows progress, keeps the history, saves, and can stop: by on_chunk, by
    Ctrl-C (what was learned is returned; ``len(history.loss)`` tells how far it came), or by an
    error when the loss is not finite. It warns once of each failure that the rule's state reports,
    such as blocks that learn nothing. Any error that ends the training, such as one of on_chunk,
    has what was learned as its attribute ``reached``, a ChunkInfo. With checkpoint, SIGTERM and
    SIGHUP save and then end the program, by SystemExit with the usual code, unless it has handlers
    of its own for them.

    Args:
      rule: the learning rule, such as ``jb.backprop(net, loss)``.
      optimizer: any optax transformation; ``optax.sgd`` with ``batch_size=None`` is plain
        gradient descent, with a smaller batch SGD. Of a schedule-free one metrics are those of
        the averaged parameters, ``schedule_free_eval_params(state.opt_state, state.params)``.
      data: ``(x [examples, ...], y [examples, ...])``.
      key: of params, order and noise; the same key gives the same result. A given state has its
        own key, which is used further.
      epochs: passes over the data; with checkpoint in all, those before an interruption included.
      batch_size: examples a step, the last batch may be smaller; None, or more than there are:
        all in one step.
      validation: ``(x, y)`` on which metrics are measured after each epoch; without metrics the
        loss of the rule is, under the name "validation_loss".
      metrics: name to ``(prediction, target) -> scalar`` of one example, or to a metric of all
        examples, as for `jaxbrain.evaluate`; without validation they are measured on data.
      sample_weights: ``[examples]``, by which the loss of each example of data is multiplied; the
        loss of a batch stays the mean over its examples. Metrics are not weighted.
      class_weights: ``[classes]``, the same by the class of each example. Rules that do not learn
        from the loss alone refuse both.
      record: ``(state) -> pytree``, kept after each epoch: weights, angles, anything.
      on_chunk: called with a ChunkInfo after each epoch, and once where a run is resumed or
        was finished before; returning True stops. Several functions, such as those of
        `jaxbrain.callbacks`, are all called, in their order.
      checkpoint: a directory to save to and, if it holds an interrupted run of this training, to
        resume from; the result is bit-identical to that of an uninterrupted run. `load_training`
        and `load_model` read it from elsewhere.
      progress: a line on stderr; None: only on a terminal.
      state: a TrainState to continue from; None starts from key.

    Returns:
      The last TrainState and the History, in NumPy arrays.

    Raises:
      TypeError: if an argument is of another kind, with the fix.
      ValueError: if the data do not fit the network or are not finite, labels or tokens are out of
        range, a number is not positive, or the state is of another training.
      NonFiniteError: if the loss or the parameters become infinite or nan; it names the step and
        keeps the state of before.
      SaveError: if the last save fails, on a full disk say; it keeps state and history.
      BlockingIOError: if another training saves to the same directory now; names its process.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(1))
      >>> rule = jb.backprop(net, jb.losses.binary_cross_entropy)
      >>> x, y = jb.datasets.xor()
      >>> state, history = fit(rule, optax.adam(0.1), (x, y), key=jax.random.key(0), epochs=100)
      >>> (jb.batch(net).apply(state.params, x) > 0).astype(int).ravel().tolist()
      [0, 1, 1, 0]
    """
    require_training("fit", rule, optimizer, data, epochs=epochs, batch_size=batch_size)
    require_flag("fit", "progress", progress)
    key = require_random_key("fit", key)
    data = check_data("fit", "data", data)
    held_out = None if validation is None else check_data("fit", "validation", validation)
    monitor = make_monitor("fit", rule, held_out, metrics, record)
    on_chunk = together(on_chunk)
    rule, data = weigh(rule, data, sample_weights, class_weights)
    program = Program((rule, optimizer, monitor.metrics, monitor.record))
    data, held_out = jax.tree.map(_placed, (data, held_out))
    training = Training(program, data, held_out, batch_size)
    if state is not None:
        require_state("fit", program, state, training.data[0])
    start = training.start(key) if state is None else state
    training.check_range(rule.network, start.params)
    training.check_metrics(rule.network, start.params, monitor)
    first = ChunkInfo(start, _EMPTY, 0, epochs)
    count = training.first_count(start, monitor) if on_chunk is None else 1
    line = Progress(epochs, desc=label(rule), enabled=progress)
    drive = partial(_drive, training.chunk, count=count, line=line, on_chunk=on_chunk)
    if checkpoint is None:
        reached = drive(first)
        return reached.state, reached.history
    parts = (rule, optimizer, monitor.metrics, monitor.record)
    settings = settings_of(parts, training.data, training.held_out, batch_size, key, state)
    saver = Saver(checkpoint, settings, model_of(rule.network, start.params))
    with Requests() as requests, saver:
        reached = saver.resume(first, lambda: training.history_shapes(start))
        reached = drive(reached, saver=saver, requests=requests)
    if requests.received is not None:
        raise Terminated(requests.received, reached.state, reached.history)
    return reached.state, reached.history


class Training(NamedTuple):
    """One training: its programs and its data on the device.

    Attributes:
      program: of the rule, the optimizer, the metrics and the record.
      data: ``(x, y)``.
      held_out: validation data, or None.
      batch_size: examples a step, or None.
    """

    program: Program
    data: tuple[Any, Any]
    held_out: tuple[Any, Any] | None
    batch_size: int | None

    def start(self, key: jax.Array) -> TrainState:
        """The state of `init_state`; the parameters are drawn by a program that rules share."""
        rule, *_ = self.program.value
        params, *keys = draw_params(Program(rule.network), self.data[0], key)
        return first_state(self.program, params, self.data[0], *keys)

    def check_range(self, net: Network, params: Params) -> None:
        """Refuse labels that are not classes of the network, and tokens that it does not know."""
        check_range("fit", "data", net, params, self.plain)
        if self.held_out is not None:
            check_range("fit", "validation", net, params, self.held_out)

    def check_metrics(self, net: Network, params: Params, monitor: Monitor) -> None:
        """Refuse targets and outputs that a metric cannot measure."""
        name, pairs = (
            ("data", self.plain) if self.held_out is None else ("validation", self.held_out)
        )
        check_metrics(name, net, params, pairs, dict(monitor.metrics))

    @property
    def plain(self) -> tuple[Any, Any]:
        """The data without weights."""
        x, y = self.data
        return x, y.target if isinstance(y, Weighted) else y

    def chunk(self, state: TrainState, count: int) -> tuple[TrainState, History, Signs]:
        """Train count epochs."""
        return _chunk(*self._inputs(state, count), batch_size=self.batch_size)

    def history_shapes(self, state: TrainState) -> History:
        """The shapes of the History of a chunk."""
        return _chunk.shapes(*self._inputs(state, 1), batch_size=self.batch_size)[1]

    def _inputs(self, state: TrainState, count: int) -> tuple[Any, ...]:
        return self.program, self.data, self.held_out, state, count

    def first_count(self, state: TrainState, monitor: Monitor) -> int:
        """Epochs that are quick on any machine: more than one only for small networks and data."""
        if monitor.metrics or monitor.record is not None:
            return 1
        x = jax.tree.leaves(self.data[0])[0]
        steps = -(-len(x) // (self.batch_size or len(x)))
        work = x.size * sum(leaf.size for leaf in jax.tree.leaves(state.params))
        return max(1, min(_FIRST_CHUNK // max(work, 1), _room(4 * (steps + 1)), 4096 // steps))


def _drive(
    chunk: Callable[..., tuple[TrainState, History, Signs]],
    reached: ChunkInfo,
    *,
    count: int,
    line: Progress,
    on_chunk: OnChunk | None,
    saver: Saver | None = None,
    requests: Requests | None = None,
) -> ChunkInfo:
    """Run the chunks, with progress, saving and stopping between them; return the last one."""
    growing, kept = on_chunk is None, "what was learned is kept"
    chunks = _chunks(chunk, reached, count, growing=growing, requests=requests)
    with line:
        if 0 < reached.epoch < reached.epochs:
            line.note(f"resuming after epoch {reached.epoch} of {reached.epochs}", always=False)
        try:
            stopped = reached.epoch and on_chunk is not None and on_chunk(reached)
            for reached in () if stopped else chunks:
                if line.enabled:
                    line.update(reached.epoch, **_latest(reached.history))
                if saver is not None:
                    saver.save_when_due(reached)
                if on_chunk is not None and on_chunk(reached):
                    break
        except KeyboardInterrupt:
            if not reached.epoch:
                raise
            line.note(f"interrupted after epoch {reached.epoch} of {reached.epochs}; {kept}")
        except BaseException as error:
            _keep(error, reached)
            raise
        finally:
            if saver is not None:
                saver.save(reached)
        if requests is not None and requests.received is not None:
            name = requests.received.name
            line.note(f"ended by {name} after epoch {reached.epoch} of {reached.epochs}; {kept}")
    return reached


def _keep(error: BaseException, reached: ChunkInfo) -> None:
    """Attach what was learned to the error that ends the training."""
    if not reached.epoch:
        return
    with contextlib.suppress(AttributeError, TypeError):  # an error that is frozen
        cast(Any, error).reached = reached
        error.add_note(
            f"The training ended after epoch {reached.epoch} of {reached.epochs}; this error's "
            "`reached.state` and `reached.history` are what was learned."
        )


def _chunks(
    chunk: Callable[..., tuple[TrainState, History, Signs]],
    info: ChunkInfo,
    count: int,
    *,
    growing: bool,
    requests: Requests | None,
) -> Iterator[ChunkInfo]:
    """Run chunks of count epochs each; growing chunks end up at about a fifth of a second."""
    kept, told = None, set[str]()
    while info.epoch < info.epochs and (requests is None or requests.received is None):
        count = min(count, info.epochs - info.epoch)
        began = time.perf_counter()
        state, buffers, signs = chunk(info.state, count)
        buffers, quiet = jax.tree.map(np.asarray, (buffers, signs.quiet))
        seconds = time.perf_counter() - began
        piece = _first(count, buffers)
        check_finite(info, state, piece, bool(quiet) or bool(signs.finite))
        warn_of_metrics(info, piece)
        if not quiet:
            where = f"after epoch {info.epoch + count}"
            told = warn_of_notices(jax.device_get(signs.notices), where, told)
        kept = _with_room(info.history, piece, info.epochs) if kept is None else kept
        done = info.epoch + count
        jax.tree.map(partial(_fill, info.epoch, done), kept, piece)
        info = ChunkInfo(state, _first(done, kept), done, info.epochs)
        yield info
        if growing:
            count = max(1, min(int(_CHUNK_SECONDS * count / seconds), len(buffers.loss)))


def _placed(array: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
    """An array on the device; a small one stays, as it goes there faster with each call."""
    return array if array.nbytes <= _SMALL_BYTES else jnp.asarray(array)


def _room(epoch_bytes: int) -> int:
    """The number of epochs that the history of one chunk holds."""
    return max(1, _CHUNK_BYTES // epoch_bytes)


@compiled(static_argnames="batch_size")
def _chunk(
    program: Program,
    data: tuple[Any, Any],
    held_out: tuple[Any, Any] | None,
    state: TrainState,
    count: int | jax.Array,
    *,
    batch_size: int | None,
) -> tuple[TrainState, History, Signs]:
    """A loop of count epochs; count is an argument, so that every length is one compilation.

    Returns the state, a History with room for more epochs than count, and signs of a fault.
    """
    rule, optimizer, metrics, record = program.value
    monitor = Monitor(held_out, metrics, record)

    @jax.jit  # traced once, for the shapes and for the loop
    def one(state: TrainState) -> tuple[TrainState, History]:
        return epoch(rule, optimizer, state, data, batch_size=batch_size, monitor=monitor)

    def body(i: jax.Array, carry: tuple[TrainState, History]) -> tuple[TrainState, History]:
        state, new = one(carry[0])
        return state, jax.tree.map(lambda a, b: a.at[i].set(b), carry[1], new)

    shapes = jax.eval_shape(one, state)[1]
    size = sum(a.size * a.dtype.itemsize for a in jax.tree.leaves(shapes))
    history = jax.tree.map(lambda a: jnp.zeros((_room(size), *a.shape), a.dtype), shapes)
    state, history = jax.lax.fori_loop(0, count, body, (state, history))
    return state, history, signs_of(state)


def _with_room(history: History, piece: History, epochs: int) -> History:
    """Arrays for all epochs, like those of piece, beginning with the history so far."""
    try:
        kept = jax.tree.map(lambda a: np.empty((epochs, *a.shape[1:]), a.dtype), piece)
    except MemoryError as error:
        raise MemoryError(
            f"fit: the history of {epochs} epochs does not fit into memory ({error}); train fewer "
            "at a time, each from the state of the last: state=state"
        ) from None
    done = len(history.loss)
    if done:
        jax.tree.map(partial(_fill, 0, done), kept, history)
    return kept


def _first(count: int, history: History) -> History:
    return jax.tree.map(lambda a: a[:count], history)


def _fill(start: int, stop: int, into: np.ndarray, values: np.ndarray) -> None:
    into[start:stop] = values


def _latest(history: History) -> dict[str, float]:
    """The last loss and the last value of every scalar metric."""
    metrics = {name: values for name, values in history.metrics.items() if values.ndim == 1}
    return {name: float(values[-1]) for name, values in {"loss": history.loss, **metrics}.items()}
