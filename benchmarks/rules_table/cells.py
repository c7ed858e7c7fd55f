"""One cell of the table: a rule trains a network on a data set, by the protocol of all rules.

Every seed gives all rules the same first weights and the same batches. The rate of a rule is that
of the best mean accuracy on the validation examples; other seeds then train at this rate, and
their accuracy on the test examples is the result.
"""

import inspect
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb
from benchmarks.rules_table.columns import Protocol, Splits
from benchmarks.rules_table.products import multiplications
from jaxbrain.analysis import angles, frozen_hidden
from jaxbrain.cli.parser import RULES

FLOOR = "last layer only"
NAMES = (*RULES, FLOOR)
LOSS = jb.losses.softmax_cross_entropy
_KEY = 2026

Cell = dict[str, Any]


class Trained(NamedTuple):
    """Trainings by their pair of rate and seed; accuracies are nan where a weight is not finite."""

    validation: jax.Array
    test: jax.Array
    params: Any
    rule_state: Any


class Problem(NamedTuple):
    """What the rules of a column share."""

    net: jb.Network
    splits: Splits
    protocol: Protocol


def contender(
    name: str, net: jb.Network, rate: float | jax.Array
) -> tuple[jb.LearningRule, optax.GradientTransformation]:
    """A rule with its default options, and Adam; the floor is backprop of the last layer."""
    optimizer = optax.adam(rate)
    if name == FLOOR:
        return jb.backprop(net, LOSS), frozen_hidden(optimizer)
    make = getattr(jb.learning, name)
    own = {"optimizer": optimizer} if "optimizer" in inspect.signature(make).parameters else {}
    return make(net, LOSS, **own), optimizer


def measured(name: str, problem: Problem) -> Cell:
    """The figures of a cell, ready for JSON; of a rule that is refused, the sentence."""
    began = time.process_time()
    try:
        cell = _measured(name, problem)
    except (ValueError, TypeError) as refusal:
        cell = {"refused": str(refusal)}
    return {**cell, "processor_seconds": round(time.process_time() - began, 1)}


def _measured(name: str, problem: Problem) -> Cell:
    protocol = problem.protocol
    gradient = None if name == FLOOR else compiled_gradient(name, problem)
    train = trainer(name, problem)
    rates, tuning = tuning_pairs(protocol)
    scores = np.asarray(train(rates, tuning, problem.splits).validation)
    means = scores.reshape(len(protocol.rates), protocol.tuning_seeds).mean(axis=1)
    cell: Cell = {"validation": [_number(mean) for mean in means]}
    if gradient is not None:
        cell["multiplications"] = multiplications(gradient.as_text())
    best = best_rate(means)
    if best is None:
        return {**cell, "rate": None, "accuracy": []}
    rate = protocol.rates[best]
    found = train(jnp.full(protocol.seeds, rate), _keys(range(protocol.seeds)), problem.splits)
    cell |= {"rate": rate, "accuracy": [_number(a) for a in np.asarray(found.test)]}
    if gradient is not None:
        cell["angles"] = mean_angles(name, gradient, found, problem)
    return cell


def tuning_pairs(protocol: Protocol) -> tuple[jax.Array, jax.Array]:
    """Rates and keys ``[rates x tuning seeds]``; the seeds are none of those of the result."""
    first = protocol.seeds
    keys = _keys(range(first, first + protocol.tuning_seeds))
    rates = jnp.repeat(jnp.array(protocol.rates), protocol.tuning_seeds)
    return rates, jnp.tile(keys, len(protocol.rates))


def best_rate(means: np.ndarray) -> int | None:
    """The index of the best mean, the first of equal ones; None if all rates diverged."""
    return None if np.isnan(means).all() else int(np.nanargmax(means))


def trainer(name: str, problem: Problem) -> Callable[..., Trained]:
    """``(rates [n], keys [n], splits) -> Trained``: n trainings as one compiled program."""
    protocol = problem.protocol

    def train(rate: jax.Array, key: jax.Array, splits: Splits) -> Trained:
        rule, optimizer = contender(name, problem.net, rate)
        state, _ = jb.run(
            rule,
            optimizer,
            splits.train,
            key=key,
            epochs=protocol.epochs,
            batch_size=protocol.batch_size,
        )
        finite = jnp.all(
            jnp.array([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(state.params)])
        )

        def accuracy(pair: tuple[jax.Array, jax.Array]) -> jax.Array:
            metrics = {"accuracy": jb.accuracy}
            found = jb.evaluate(rule.network, state.params, pair, metrics, batch_size=2000)
            return jnp.where(finite, found["accuracy"], jnp.nan)

        scores = accuracy(splits.validation), accuracy(splits.test)
        return Trained(*scores, state.params, state.rule_state)

    return jax.jit(jax.vmap(train, in_axes=(0, 0, None)))


def compiled_gradient(name: str, problem: Problem) -> Any:
    """The update of one batch, compiled for a CPU: its products are counted, its angles taken."""
    rule, _ = contender(name, problem.net, problem.protocol.rates[0])
    with jax.default_device(jax.devices("cpu")[0]):
        x, y = _probe(problem)
        params = rule.network.init(jax.random.key(0), x[0])
        state = rule.init(jax.random.key(1), params, x[0])
        return jax.jit(_gradient(rule)).lower(params, state, x, y, jax.random.key(2)).compile()


def mean_angles(
    name: str, gradient: Any, found: Trained, problem: Problem
) -> list[float | None] | None:
    """Degrees to backprop after training at the first, middle and last block, over the seeds.

    None if the rule has parameters of its own.
    """
    reference = jax.jit(_gradient(jb.backprop(problem.net, LOSS)))
    with jax.default_device(jax.devices("cpu")[0]):
        x, y = _probe(problem)
        params, states = jax.device_get((found.params, found.rule_state))
        if _shapes(jax.tree.map(lambda a: a[0], params)) != _shapes(
            jax.eval_shape(problem.net.init, jax.random.key(0), x[0])
        ):
            return None
        rows = []
        for seed in np.flatnonzero(np.isfinite(found.test)):
            here, state = jax.tree.map(lambda a, i=seed: a[i], (params, states))
            _, ours, _ = gradient(here, state, x, y, jax.random.key(seed))
            _, theirs, _ = reference(here, (), x, y, jax.random.key(seed))
            every = np.asarray(angles(ours, theirs))
            rows.append(every[[0, len(every) // 2, -1]])
    return [_number(mean) for mean in np.mean(rows, axis=0)] if rows else None


def _gradient(rule: jb.LearningRule) -> Callable:
    return lambda params, state, x, y, key: rule.grads(params, state, x, y, key=key)


def _probe(problem: Problem) -> tuple[jax.Array, jax.Array]:
    """A batch that no rule is trained on."""
    size = problem.protocol.batch_size
    x, y = problem.splits.validation
    return jax.device_put((x[:size], y[:size]), jax.devices("cpu")[0])


def _keys(seeds: Sequence[int]) -> jax.Array:
    return jax.vmap(lambda seed: jax.random.fold_in(jax.random.key(_KEY), seed))(jnp.array(seeds))


def _shapes(params: Any) -> Any:
    return jax.tree.structure(params), [leaf.shape for leaf in jax.tree.leaves(params)]


def _number(value: Any) -> float | None:
    """Six digits; None for nan, which JSON does not have."""
    return float(f"{float(value):.6g}") if np.isfinite(value) else None
