"""Training as pure functions: one step, one epoch, a whole run, to jit, vmap and shard."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxbrain.core.arguments import explained
from jaxbrain.core.arrays import require_arrays
from jaxbrain.core.compiled import compiled
from jaxbrain.core.composition import example
from jaxbrain.core.libraries import is_constant
from jaxbrain.core.program import Program
from jaxbrain.core.requirements import is_traced, require_random_key
from jaxbrain.core.types import LearningRule, Params
from jaxbrain.losses import Weighted
from jaxbrain.training.arguments import (
    require_function,
    require_metrics,
    require_rule,
    require_training,
)
from jaxbrain.training.data import as_pair, require_pairs
from jaxbrain.training.metrics import Metric, evaluate
from jaxbrain.training.optimizers import (
    Batch,
    evaluation_params,
    require_optimizer,
    update_params,
)
from jaxbrain.training.shuffling import shuffle
from jaxbrain.training.states import (
    TrainState,
    init_state,
    noise_key,
    require_one_state,
    require_state,
)
from jaxbrain.training.weights import loss_of, weigh

_VALIDATION_ROWS = 2048  # at a time, so that validation takes no more memory than training
_SHUFFLE = 0x5EED  # separates the keys of the order from those of the noise


class History(NamedTuple):
    """Losses, metrics and records of a training, by epoch.

    Attributes:
      loss: ``[epochs]``, the mean over the examples of the epoch.
      step_loss: ``[epochs, steps]``, the mean over each batch.
      metrics: name to ``[epochs, ...]``, on the validation data after the epoch; without
        validation data on the training data, with the parameters of the end of the epoch and
        without noise.
      record: what ``record(state)`` returned after each epoch, stacked.
    """

    loss: jax.Array | np.ndarray
    step_loss: jax.Array | np.ndarray
    metrics: Mapping[str, jax.Array | np.ndarray]
    record: Any


Record = Callable[[TrainState], Any]


class Monitor(NamedTuple):
    """Metrics on validation data, else on the training data, and a record, after each epoch."""

    data: tuple[Any, Any] | None
    metrics: tuple[tuple[str, Metric], ...]
    record: Record | None


_NO_MONITOR = Monitor(None, (), None)


def make_monitor(
    function: str,
    rule: LearningRule,
    validation: tuple[Any, Any] | None,
    metrics: Mapping[str, Metric] | None,
    record: Record | None,
) -> Monitor:
    """Check them together; validation data without metrics measure the loss of the rule."""
    require_metrics(function, metrics)
    require_function(function, "record", record, Record, "(state) -> pytree")
    if validation is not None:
        validation = as_pair(function, "validation", validation)
        loss = loss_of(rule)
        if metrics is None and loss is not None:
            metrics = {"validation_loss": loss}
        if not metrics:
            raise ValueError(
                f"{function}: validation needs metrics, which are measured on it, such as "
                'metrics={"accuracy": jb.accuracy}'
            )
    for name in {"loss", "step_loss"} & set(metrics or {}):
        raise ValueError(
            f"{function}: a metric cannot be called {name!r}, which is the training loss in the "
            'History; call it "validation_loss"'
        )
    return Monitor(validation, tuple((metrics or {}).items()), record)


@explained
def step(
    rule: LearningRule, optimizer: optax.GradientTransformation
) -> Callable[[TrainState, tuple[Any, Any]], tuple[TrainState, jax.Array]]:
    """One update as a pure function, in the order of ``jax.lax.scan``, for any loop.

    grads = rule.grads(params, x, y); params <- params + optimizer(grads)

    The loss, data and labels are not checked, as in `run`: `jaxbrain.check` does it for a loop of
    your own. With ``donate_argnums=0`` the new state takes the memory of the old one, which is
    deleted: keep a copy, ``jax.tree.map(jnp.copy, state)``, if you need it. `init_state` copies
    the params that it is given.

    Args:
      rule: what teaches.
      optimizer: any optax transformation; one that searches along a line (``optax.lbfgs``) needs
        `backprop`.

    Returns:
      ``(state, (x, y)) -> (state, loss)`` for a batch ``[batch, ...]``.

    Raises:
      TypeError: if an argument is of another kind, or the optimizer cannot work with the rule.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> rule, optimizer = jb.backprop(jb.dense(1), jb.losses.mse), optax.sgd(0.1)
      >>> x, y = jax.numpy.ones((8, 3)), jax.numpy.ones((8, 1))
      >>> state = jb.init_state(rule, optimizer, x[0], key=jax.random.key(0))
      >>> update = jax.jit(step(rule, optimizer), donate_argnums=0)
      >>> state, first = update(state, (x, y))
      >>> state, second = update(state, (x, y))
      >>> bool(second < first)
      True
    """
    require_rule("step", rule, optimizer)
    require_optimizer("step", optimizer)

    def update(state: TrainState, data: tuple[Any, Any]) -> tuple[TrainState, jax.Array]:
        require_one_state("step", state)
        x, y = as_pair("step", "data", data)
        key = jax.random.fold_in(noise_key(state), state.step)
        loss, grads, rule_state = rule.grads(state.params, state.rule_state, x, y, key=key)

        def elsewhere(params: Params) -> tuple[jax.Array, Params, Any]:
            return rule.grads(params, state.rule_state, x, y, key=jax.random.clone(key))

        params, opt_state = update_params(
            optimizer, Batch(rule, elsewhere), loss, grads, state.opt_state, state.params
        )
        return TrainState(params, opt_state, rule_state, state.key, state.step + 1), loss

    return update


def epoch(
    rule: LearningRule,
    optimizer: optax.GradientTransformation,
    state: TrainState,
    data: tuple[Any, Any],
    *,
    batch_size: int | None,
    monitor: Monitor = _NO_MONITOR,
) -> tuple[TrainState, History]:
    """One pass over the data in a new random order; the last, smaller batch is used too.

    Args:
      rule: what teaches.
      optimizer: any optax transformation.
      state: where to go on.
      data: ``(x [examples, ...], y [examples, ...])``.
      batch_size: examples a step; None, or more than there are: all in one step.
      monitor: what is measured afterwards.

    Returns:
      The state, and the History of this epoch, without its leading axis.
    """
    n = require_pairs("epoch", "data", data)
    size = min(batch_size or n, n)
    update = step(rule, optimizer)

    def on_rows(state: TrainState, rows: jax.Array) -> tuple[TrainState, jax.Array]:
        return update(state, jax.tree.map(lambda a: a.at[rows].get(mode="promise_in_bounds"), data))

    if size == n:
        state, loss = update(state, data)
        losses = loss[None]
    else:
        key = jax.random.fold_in(jax.random.fold_in(noise_key(state), _SHUFFLE), state.step)
        order, whole = shuffle(key, n), n - n % size
        state, losses = jax.lax.scan(on_rows, state, order[:whole].reshape(-1, size))
        if whole < n:
            state, last = on_rows(state, order[whole:])
            losses = jnp.append(losses, last)
    return state, _look(rule, state, losses, (n, size), data, monitor)


@explained
def run(
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
    state: TrainState | None = None,
) -> tuple[TrainState, History]:
    """A whole training as one pure function: jit, vmap, grad or shard it.

    ``jax.vmap`` over keys, or over a hyperparameter that is an argument, trains a population.
    Called without ``jax.jit`` it compiles once for equal trainings of library functions; with a
    function of yours, which may change, it compiles at every call, and `fit` does not. Nothing is
    checked on the host: see that data and labels are finite and in range, and give the result to
    `jaxbrain.check`, which names the members of a population that are lost.

    Args:
      rule, optimizer, data, key, epochs, batch_size: as for `jaxbrain.fit`.
      validation, metrics, record, state: as for `jaxbrain.fit`.
      sample_weights, class_weights: as for `jaxbrain.fit`.

    Returns:
      The last state and the History.

    Raises:
      TypeError, ValueError: if an argument is of another kind, x and y differ in length or are
        empty, a number is not positive, or the state is of another training.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.tanh), jb.dense(1))
      >>> rule, xor = jb.backprop(net, jb.losses.binary_cross_entropy), jb.datasets.xor()
      >>> def train(key, learning_rate):
      ...     return run(rule, optax.adam(learning_rate), xor, key=key, epochs=200)[1].loss[-1]
      >>> keys = jax.random.split(jax.random.key(0), 3)
      >>> losses = jax.jit(jax.vmap(train))(keys, jax.numpy.array([1e-2, 3e-2, 1e-1]))
      >>> losses.shape, bool(losses[2] < losses[0])
      ((3,), True)
    """
    require_training("run", rule, optimizer, data, epochs=epochs, batch_size=batch_size)
    key = require_random_key("run", key)
    data = jax.tree.map(jnp.asarray, as_pair("run", "data", data))
    monitor = make_monitor("run", rule, validation, metrics, record)
    rule, data = weigh(rule, data, sample_weights, class_weights)
    if state is not None:
        require_state("run", Program((rule, optimizer)), state, data[0])
    parts = rule, optimizer, monitor.metrics, monitor.record
    given = key, data, monitor.data, state
    known = not is_traced(given) and all(map(is_constant, parts))
    train = _run if known else _run.function
    return train(Program(parts), *given, epochs=epochs, batch_size=batch_size)


@compiled(static_argnames=("epochs", "batch_size"))
def _run(
    program: Program,
    key: jax.Array,
    data: tuple[Any, Any],
    held_out: tuple[Any, Any] | None,
    state: TrainState | None,
    *,
    epochs: int,
    batch_size: int | None,
) -> tuple[TrainState, History]:
    rule, optimizer, metrics, record = program.value
    monitor = Monitor(held_out, metrics, record)
    if state is None:
        state = init_state(rule, optimizer, example(data[0]), key=key)

    def body(state: TrainState, _: None) -> tuple[TrainState, History]:
        return epoch(rule, optimizer, state, data, batch_size=batch_size, monitor=monitor)

    return jax.lax.scan(body, state, None, epochs)


def _look(
    rule: LearningRule,
    state: TrainState,
    losses: jax.Array,
    sizes: tuple[int, int],
    data: tuple[Any, Any],
    monitor: Monitor,
) -> History:
    n, size = sizes
    weights = np.append(np.full(len(losses) - 1, size), n - size * (len(losses) - 1)) / n
    exact = losses.dtype if losses.dtype.itemsize >= 4 else jnp.float32
    measured = {}
    if monitor.metrics:
        x, y = data if monitor.data is None else monitor.data
        pairs = x, y.target if isinstance(y, Weighted) else y
        at_once = _VALIDATION_ROWS if len(jax.tree.leaves(x)[0]) > _VALIDATION_ROWS else None
        measured = evaluate(
            rule.network,
            evaluation_params(state.opt_state, state.params),
            pairs,
            dict(monitor.metrics),
            batch_size=at_once,
        )
    record = None if monitor.record is None else monitor.record(state)
    if record is not None:
        require_arrays("record", "its result", record)
    return History(
        jnp.sum(losses.astype(exact) * jnp.asarray(weights, exact)), losses, measured, record
    )
