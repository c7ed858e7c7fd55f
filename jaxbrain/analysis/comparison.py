"""Learning rules trained side by side: the same starts, the same batches."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxbrain.analysis.gradient_similarity import angles_to
from jaxbrain.analysis.results import Comparison, Result
from jaxbrain.core.composition import example
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.training.loop import (
    History,
    Record,
    TrainState,
    init_state,
    make_monitor,
    require_count,
    run,
)
from jaxbrain.training.metrics import Metric, accuracy, evaluate, require_pairs
from jaxbrain.training.progress import Progress

Contender = LearningRule | tuple[LearningRule, optax.GradientTransformation]
_PATIENCE = 2.0  # seconds before a progress line is worth looking at
_ROWS = 2048  # of the validation data at a time


class _Course(NamedTuple):
    """What all rules have in common."""

    data: tuple[Any, Any]
    validation: tuple[Any, Any]
    metrics: dict[str, Metric]
    probe: tuple[Any, Any] | None
    reference: LearningRule
    epochs: int
    batch_size: int | None


def frozen_hidden(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """The optimiser for the last layer with weights; all layers before it stay as they were drawn.

    What it reaches is the floor: a rule that does no better does not train its hidden layers.

    Args:
      optimizer: any optax transformation.

    Returns:
      An optax transformation for the params of a chain.

    Raises:
      TypeError: at init, if params is no tuple of layers.

    Examples:
      >>> import jax.numpy as jnp, optax
      >>> params = ({"kernel": jnp.ones((2, 2))}, (), {"kernel": jnp.ones((2, 1))}, ())
      >>> optimizer = frozen_hidden(optax.sgd(0.5))
      >>> updates, _ = optimizer.update(params, optimizer.init(params), params)
      >>> [float(layer["kernel"][0, 0]) for layer in updates if layer]
      [0.0, -0.5]
    """

    def labels(params: Params) -> tuple[str, ...]:
        if not isinstance(params, tuple):
            raise TypeError(
                "frozen_hidden needs the params of a serial chain, a tuple of layers, got "
                f"{type(params).__name__}"
            )
        last = max((i for i, layer in enumerate(params) if jax.tree.leaves(layer)), default=-1)
        return tuple("trained" if i == last else "frozen" for i in range(len(params)))

    return optax.multi_transform({"trained": optimizer, "frozen": optax.set_to_zero()}, labels)


def compare_rules(
    rules: Mapping[str, Contender],
    optimizer: optax.GradientTransformation,
    data: tuple[Any, Any],
    *,
    key: jax.Array,
    seeds: int,
    epochs: int,
    validation: tuple[Any, Any],
    batch_size: int | None = 32,
    metrics: Mapping[str, Metric] | None = None,
    probe: tuple[Any, Any] | None = None,
    floor: str | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Train rules from the same starts on the same batches, all seeds of a rule at once.

    For each seed all rules whose networks are initialised alike begin at the same weights and meet
    the examples in the same order; only what they make of them differs. A rule that diverges is
    reported as such and stops no other. Two programs are compiled for a rule: one that trains
    an epoch, one that measures; the time of the first alone is its cost. Choose a batch size
    that divides the examples: a smaller last batch is compiled too.

    Args:
      rules: from a name to a rule, or to ``(rule, optimizer)`` where it needs its own. The first
        is the one to which the others' angles and cost are compared: ``jb.backprop``.
      optimizer: any optax transformation.
      data: ``(x [examples, ...], y [examples, ...])``.
      key: of all seeds.
      seeds: networks for each rule.
      epochs: passes over the data.
      validation: ``(x, y)`` on which metrics are measured after each epoch.
      batch_size: examples a step; None: all in one step.
      metrics: name to ``(prediction, target) -> scalar``, the first is that of the table; None:
        ``{"accuracy": jb.accuracy}``.
      probe: ``(x, y)`` on which the angles to the first rule's gradient are measured after each
        epoch; None: no angles. The floor and rules whose params have another structure have none.
      floor: the name of the rule that the others should beat, such as back-propagation with
        `frozen_hidden`.
      progress: whether to show a progress line on standard error; None: on terminals, after two
        seconds.

    Returns:
      A Comparison; ``print`` it.

    Raises:
      ValueError: if rules is empty, floor is not among them, or a number is not positive.
      TypeError: if an entry is neither a rule nor a pair of rule and optimizer.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.tanh), jb.dense(2))
      >>> x, y = jb.datasets.moons(jax.random.key(0), 64)
      >>> backprop = jb.backprop(net, jb.losses.softmax_cross_entropy)
      >>> floor = (backprop, frozen_hidden(optax.adam(0.1)))
      >>> found = compare_rules(
      ...     {"backprop": backprop, "last layer": floor}, optax.adam(0.1), (x, y),
      ...     key=jax.random.key(1), seeds=2, epochs=2, validation=(x, y), floor="last layer")
      >>> found.results["backprop"].accuracy.shape
      (2,)
    """
    metrics = {"accuracy": accuracy} if metrics is None else dict(metrics)
    pairs = _pairs(rules, optimizer, floor)
    require_count("seeds", seeds)
    require_count("epochs", epochs)
    require_count("batch_size", batch_size, optional=True)
    require_pairs("data", data)
    make_monitor(validation, metrics, None)
    data, validation, probe = jax.tree.map(jnp.asarray, (data, validation, probe))
    reference = next(iter(pairs.values()))[0]
    course = _Course(data, validation, metrics, probe, reference, epochs, batch_size)
    results: dict[str, Result] = {}
    began, total = time.monotonic(), epochs * len(pairs)
    with Progress(total, desc="rules", enabled=progress, min_interval=0) as line:

        def tell(epoch: int, **what: Any) -> None:
            if progress or time.monotonic() - began > _PATIENCE:
                line.update(epochs * len(results) + epoch, **what)

        tell(0, compiling="the first weights")
        starts = _start(pairs, example(data[0]), jax.random.split(key, seeds))
        for name, (rule, own) in pairs.items():
            tell(0, compiling=name)
            here = course._replace(probe=None) if name == floor else course
            try:
                results[name] = _train(rule, own, starts[name], here, partial(tell, rule=name))
            except Exception as error:
                error.add_note(f"in compare_rules, of the rule {name!r}")
                raise
    return Comparison(results, next(iter(metrics)), floor)


def _pairs(rules: Any, optimizer: Any, floor: str | None) -> dict[str, tuple[LearningRule, Any]]:
    if not isinstance(rules, Mapping) or not rules:
        raise ValueError(
            'rules must map names to rules, {"backprop": jb.backprop(net, loss), ...}, got '
            f"{type(rules).__name__} {'of none' if isinstance(rules, Mapping) else ''}".rstrip()
        )
    pairs = {}
    for name, entry in rules.items():
        rule, own = (entry, optimizer) if isinstance(entry, LearningRule) else _two(name, entry)
        pairs[str(name)] = (rule, own)
    if floor is not None and floor not in pairs:
        raise ValueError(f"floor must be one of the rules, {', '.join(pairs)}; got {floor!r}")
    return pairs


def _two(name: Any, entry: Any) -> tuple[LearningRule, optax.GradientTransformation]:
    if isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], LearningRule):
        return entry
    raise TypeError(
        f"rules[{name!r}] must be a LearningRule or a pair (rule, optimizer), got "
        f"{type(entry).__name__}"
    )


def _start(
    pairs: dict[str, tuple[LearningRule, Any]], x: Any, keys: jax.Array
) -> dict[str, TrainState]:
    """The first states of all rules [seeds], in one program: they share their weights."""

    def start(key: jax.Array) -> dict[str, TrainState]:
        return {n: init_state(rule, own, x, key=key) for n, (rule, own) in pairs.items()}

    return jax.jit(jax.vmap(start))(keys)


def _train(
    rule: LearningRule,
    optimizer: optax.GradientTransformation,
    start: TrainState,
    course: _Course,
    tell: Callable,
) -> Result:
    """All seeds of one rule, epoch by epoch."""
    record = _record(rule, course)
    rows = jax.tree.leaves(course.validation)[0].shape[0]
    size = _ROWS if rows > _ROWS else None

    def train(state: TrainState, data: Any) -> tuple[TrainState, History]:
        return run(
            rule,
            optimizer,
            data,
            key=state.key,
            epochs=1,
            batch_size=course.batch_size,
            state=state,
        )

    def look(state: TrainState, data: Any) -> tuple[dict[str, jax.Array], Any, jax.Array]:
        measured = evaluate(rule.network, state.params, data, course.metrics, batch_size=size)
        leaves = jax.tree.leaves(state.params)
        finite = jnp.all(jnp.array([jnp.all(jnp.isfinite(leaf)) for leaf in leaves]))
        return measured, None if record is None else record(state), finite

    def program(function: Callable, data: Any) -> Callable:
        every = jax.jit(jax.vmap(function, in_axes=(0, None)))
        compiled = every.lower(start, data).compile()
        return lambda state: jax.block_until_ready(compiled(state, data))

    one_epoch, measure = program(train, course.data), program(look, course.validation)
    state, pieces, clock = start, [], []
    for epoch in range(course.epochs):
        began = time.perf_counter()
        state, history = one_epoch(state)
        clock.append(time.perf_counter() - began)
        pieces.append(jax.device_get(_piece(history, *measure(state))))
        tell(epoch + 1, **{name: float(v.mean()) for name, v in pieces[-1].metrics.items()})
    every = jax.tree.map(lambda *parts: np.stack(parts, axis=1), *pieces)
    return Result(start, state, every, min(clock) / pieces[0].step_loss.size)


def _piece(history: History, metrics: dict, record: Any, finite: jax.Array) -> History:
    """One epoch of all seeds; what a network of nan predicts is no accuracy."""
    known = {name: jnp.where(finite, value, jnp.nan) for name, value in metrics.items()}
    return History(history.loss[:, 0], history.step_loss[:, 0], known, record)


def _record(rule: LearningRule, course: _Course) -> Record | None:
    """The angles to the reference, where both rules teach the same params."""

    def shapes(net: Network) -> Any:
        params = jax.eval_shape(net.init, jax.random.key(0), example(course.data[0]))
        return jax.tree.structure(params), [leaf.shape for leaf in jax.tree.leaves(params)]

    if course.probe is None or shapes(rule.network) != shapes(course.reference.network):
        return None
    return angles_to(rule, course.reference, course.probe)
