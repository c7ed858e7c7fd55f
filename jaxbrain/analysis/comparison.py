"""Comparison of learning rules that start from the same weights and see the same batches."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxbrain.analysis.columns import columns
from jaxbrain.analysis.gradient_similarity import angles_to
from jaxbrain.core.arguments import checked, explained
from jaxbrain.core.composition import example
from jaxbrain.core.requirements import require_count, require_random_key
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.training.arguments import require_flag, require_metrics, require_training
from jaxbrain.training.data import check_data, check_range
from jaxbrain.training.loop import History, Record, TrainState, init_state, make_monitor, run
from jaxbrain.training.metrics import Metric, accuracy, evaluate
from jaxbrain.training.optimizers import evaluation_params
from jaxbrain.training.progress import Progress

Contender = LearningRule | tuple[LearningRule, optax.GradientTransformation]
_PATIENCE = 2.0  # seconds before a progress line appears
_ROWS = 2048  # of the validation data at a time


class Result(NamedTuple):
    """Training of one rule; every array has a leading axis ``[seeds]``.

    Attributes:
      start: the states before training.
      state: the states after training.
      history: of `jaxbrain.run`: loss ``[seeds, epochs]``, step_loss ``[seeds, epochs, steps]``,
        each metric ``[seeds, epochs]``, and as record the angles. A metric is nan from the epoch
        in which a weight of that seed is no longer finite.
      seconds: for a step of one network, in the fastest epoch, without compiling and measuring.
    """

    start: TrainState
    state: TrainState
    history: History
    seconds: float

    @property
    def accuracy(self) -> np.ndarray:
        """``[seeds]``, after the last epoch."""
        return self.final("accuracy")

    @property
    def angles(self) -> np.ndarray | None:
        """``[seeds, epochs, layers]`` in degrees to the reference, where they were measured."""
        return self.history.record

    @property
    def diverged(self) -> np.ndarray:
        """``[seeds]``: True where the weights, the loss or a metric are not finite at the end."""
        series = [self.history.loss, *self.history.metrics.values()]
        return np.any([~np.isfinite(values[:, -1]) for values in series], axis=0)

    @property
    def mean_angles(self) -> np.ndarray | None:
        """``[epochs, layers]``, over the seeds that did not diverge."""
        kept = ~self.diverged
        if self.angles is None or not kept.any():
            return None
        return np.asarray(self.angles)[kept].mean(axis=0)

    def final(self, metric: str) -> np.ndarray:
        """``[seeds]``: a metric after the last epoch."""
        return np.asarray(self.history.metrics[metric])[:, -1]


class Comparison(NamedTuple):
    """Results of several rules; ``print`` shows the table.

    Attributes:
      results: from the name of each rule to its `Result`, in the order given.
      metric: the metric of the table.
      floor: the name of the rule that the others should beat, or None.
    """

    results: dict[str, Result]
    metric: str
    floor: str | None

    def __str__(self) -> str:
        return self.table()

    def cost(self, name: str) -> float:
        """The time of a step relative to that of the first rule."""
        return self.results[name].seconds / next(iter(self.results.values())).seconds

    def verdict(self, name: str) -> str:
        """The metric of a rule against that of the floor: "yes" if it is better.

        Seeds are compared in pairs, as they start alike: "yes" or "no" where the mean difference
        is more than two standard errors from 0, else "unclear"; "diverged" if a seed did.
        """
        if self.floor is None or name == self.floor:
            return ""
        gain = self.results[name].final(self.metric) - self.results[self.floor].final(self.metric)
        if not np.isfinite(gain).all():
            return "diverged"
        error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else 0.0
        if abs(gain.mean()) <= 2 * error:
            return "unclear"
        return "yes" if gain.mean() > 0 else "no"

    def table(self) -> str:
        """The rules line by line: metric, loss, angles after the last epoch, cost of a step."""
        headings = ["rule", self.metric.replace("_", " "), "loss", "angles", "cost"]
        rows = []
        for name, result in self.results.items():
            measured = _mean_and_deviation(result.final(self.metric))
            rows.append([name, measured, _loss(result), _angles(result), f"{self.cost(name):.2f}"])
        if self.floor is not None:
            headings.append("beats the floor")
            rows = [[*row, self.verdict(row[0]) or "(floor)"] for row in rows]
        return columns(headings, rows)


def _mean_and_deviation(values: np.ndarray) -> str:
    """Over the seeds that did not diverge, and the number of those that did."""
    good = values[np.isfinite(values)]
    if not len(good):
        return "diverged"
    lost = len(values) - len(good)
    deviation = f" ± {good.std(ddof=1):.3f}" if len(good) > 1 else ""
    note = f" ({lost} of {len(values)} diverged)" if lost else ""
    return f"{good.mean():.3f}{deviation}{note}"


def _angles(result: Result) -> str:
    every = result.mean_angles
    return "-" if every is None else " ".join(f"{angle:3.0f}" for angle in every[-1])


def _loss(result: Result) -> str:
    kept = result.history.loss[~result.diverged, -1]
    return f"{kept.mean():.3g}" if len(kept) else "-"


@checked
def frozen_hidden(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """Optimizer for the last layer with weights; all layers before it stay as initialized.

    Its accuracy is a floor: a rule that is no better does not train its hidden layers.

    Args:
      optimizer: any optax transformation, for the params of a chain.

    Raises:
      TypeError: at init, if params is not a tuple of layers.

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


class _Setup(NamedTuple):
    """Data and settings that all rules share."""

    data: tuple[Any, Any]
    validation: tuple[Any, Any]
    metrics: dict[str, Metric]
    probe: tuple[Any, Any] | None
    reference: LearningRule
    epochs: int
    batch_size: int | None


@explained
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
    """Comparison of rules that start from the same weights and see the same batches.

    Networks that are initialized alike have the same first weights for each seed. All seeds of a
    rule train at once. A rule that diverges is reported and does not stop the others. Two programs
    are compiled for each rule: one trains an epoch, and its time is the cost; one measures.
    Choose a batch size that divides the examples: a smaller last batch is compiled too.

    Args:
      rules: from a name to a rule, or to ``(rule, optimizer)`` where it needs its own. Angles and
        cost are relative to the first rule, usually ``jb.backprop``.
      optimizer: any optax transformation.
      data: ``(x [examples, ...], y [examples, ...])``.
      key: of all seeds.
      seeds: networks for each rule.
      epochs: passes over the data.
      validation: ``(x, y)`` on which metrics are measured after each epoch.
      batch_size: examples in a step; None: all.
      metrics: name to ``(prediction, target) -> scalar``, the first is that of the table; None:
        ``{"accuracy": jb.accuracy}``.
      probe: ``(x, y)`` on which the angles to the gradient of the first rule are measured after
        each epoch; None: no angles. The floor, and rules with other params, have none.
      floor: the name of the rule that the others should beat, such as back-propagation with
        `frozen_hidden`.
      progress: True shows a progress line on standard error; None: on terminals, after two
        seconds.

    Raises:
      ValueError: if rules is empty, floor is not among them, or a number is not positive.
      TypeError: if an entry is neither a rule nor a pair of rule and optimizer.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.tanh), jb.dense(2))
      >>> x, y = jb.datasets.moons(jax.random.key(0), 64)
      >>> y = y[:, 0].astype(int)  # labels
      >>> backprop = jb.backprop(net, jb.losses.softmax_cross_entropy)
      >>> floor = (backprop, frozen_hidden(optax.adam(0.1)))
      >>> found = compare_rules(
      ...     {"backprop": backprop, "last layer": floor}, optax.adam(0.1), (x, y),
      ...     key=jax.random.key(1), seeds=2, epochs=2, validation=(x, y), floor="last layer")
      >>> found.results["backprop"].accuracy.shape
      (2,)
    """
    require_metrics("compare_rules", metrics)
    metrics = {"accuracy": accuracy} if metrics is None else dict(metrics)
    pairs = _pairs(rules, optimizer, floor)
    require_count("compare_rules", "seeds", seeds)
    for rule, own in pairs.values():
        require_training("compare_rules", rule, own, data, epochs=epochs, batch_size=batch_size)
    require_flag("compare_rules", "progress", progress)
    key = require_random_key("compare_rules", key)
    reference = next(iter(pairs.values()))[0]
    named = {"data": data, "validation": validation, "probe": probe}
    data, validation, probe = (_checked(name, a, reference) for name, a in named.items())
    make_monitor("compare_rules", next(iter(pairs.values()))[0], validation, metrics, None)
    setup = _Setup(data, validation, metrics, probe, reference, epochs, batch_size)
    results: dict[str, Result] = {}
    began, total = time.monotonic(), epochs * len(pairs)
    with Progress(total, desc="rules", enabled=progress, min_interval=0) as line:

        def tell(epoch: int, **facts: Any) -> None:
            if progress or time.monotonic() - began > _PATIENCE:
                line.update(epochs * len(results) + epoch, **facts)

        tell(0, compiling="the first weights")
        starts = _start(pairs, example(data[0]), jax.random.split(key, seeds))
        for name, (rule, own) in pairs.items():
            tell(0, compiling=name)
            here = setup._replace(probe=None) if name == floor else setup
            try:
                results[name] = _train(rule, own, starts[name], here, partial(tell, rule=name))
            except Exception as error:
                error.add_note(f"in compare_rules, of the rule {name!r}")
                raise
    return Comparison(results, next(iter(metrics)), floor)


def _checked(name: str, data: Any, reference: LearningRule) -> Any:
    """Finite data with labels in range, on the device; None for no probe."""
    if data is None:
        return None
    data = check_data("compare_rules", name, data)
    net = reference.network
    params = jax.eval_shape(net.init, jax.random.key(0), example(data[0]))
    check_range("compare_rules", name, net, params, data)
    return jax.tree.map(jnp.asarray, data)


def _pairs(rules: Any, optimizer: Any, floor: str | None) -> dict[str, tuple[LearningRule, Any]]:
    if not isinstance(rules, Mapping) or not rules:
        got = "an empty mapping" if isinstance(rules, Mapping) else type(rules).__name__
        raise ValueError(
            'rules must map names to rules, {"backprop": jb.backprop(net, loss), ...}, got ' + got
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
    """The first states of all rules, each [seeds]; a seed is the same key for every rule."""

    def start(key: jax.Array) -> dict[str, TrainState]:
        return {n: init_state(*pair, x, key=jax.random.clone(key)) for n, pair in pairs.items()}

    return jax.jit(jax.vmap(start))(keys)


def _train(
    rule: LearningRule,
    optimizer: optax.GradientTransformation,
    start: TrainState,
    setup: _Setup,
    tell: Callable,
) -> Result:
    """All seeds of one rule, epoch by epoch."""
    one_epoch = _compiled(_epoch(rule, optimizer, setup.batch_size), start, setup.data)
    measure = _compiled(_measurement(rule, setup), start, setup.validation)
    state, pieces, clock = start, [], []
    for epoch in range(setup.epochs):
        began = time.perf_counter()
        state, history = one_epoch(state)
        clock.append(time.perf_counter() - began)
        here = History(history.loss[:, 0], history.step_loss[:, 0], *measure(state))
        pieces.append(jax.device_get(here))
        tell(epoch + 1, **{name: float(v.mean()) for name, v in pieces[-1].metrics.items()})
    every = jax.tree.map(lambda *parts: np.stack(parts, axis=1), *pieces)
    return Result(start, state, every, min(clock) / pieces[0].step_loss.size)


def _compiled(function: Callable, start: TrainState, data: Any) -> Callable:
    """A function of (state, data) for all seeds, compiled before its first call is timed."""
    program = jax.jit(jax.vmap(function, in_axes=(0, None))).lower(start, data).compile()
    return lambda state: jax.block_until_ready(program(state, data))


def _epoch(rule: LearningRule, optimizer: Any, batch_size: int | None) -> Callable:
    def train(state: TrainState, data: Any) -> tuple[TrainState, History]:
        options = {"key": state.key, "epochs": 1, "batch_size": batch_size, "state": state}
        return run(rule, optimizer, data, **options)

    return train


def _measurement(rule: LearningRule, setup: _Setup) -> Callable:
    """``(state, validation) -> (metrics, angles)``; nan metrics if a weight is not finite."""
    record = _record(rule, setup)
    rows = jax.tree.leaves(setup.validation)[0].shape[0]
    size = _ROWS if rows > _ROWS else None

    def measure(state: TrainState, data: Any) -> tuple[dict[str, jax.Array], Any]:
        params = evaluation_params(state.opt_state, state.params)
        found = evaluate(rule.network, params, data, setup.metrics, batch_size=size)
        leaves = jax.tree.leaves(state.params)
        finite = jnp.all(jnp.array([jnp.all(jnp.isfinite(leaf)) for leaf in leaves]))
        # Predictions of nan have an accuracy too, that of the first class.
        known = {name: jnp.where(finite, value, jnp.nan) for name, value in found.items()}
        return known, None if record is None else record(state)

    return measure


def _record(rule: LearningRule, setup: _Setup) -> Record | None:
    """The angles to the reference, where both rules train the same params."""

    def shapes(net: Network) -> Any:
        params = jax.eval_shape(net.init, jax.random.key(0), example(setup.data[0]))
        return jax.tree.structure(params), [leaf.shape for leaf in jax.tree.leaves(params)]

    if setup.probe is None or shapes(rule.network) != shapes(setup.reference.network):
        return None
    return angles_to(rule, setup.reference, setup.probe)
