"""One cell of the table: a rule trains a network on a data set, by the protocol of all rules.

Every seed gives all rules the same first weights and the same batches. The rate of a rule is that
of the best mean accuracy on the validation examples; other seeds then train at this rate, and
their accuracy on the test examples is the result.
"""

import functools
import inspect
import math
import time
from collections.abc import Callable
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


def measured(name: str, problem: Problem, most: float = math.inf) -> Cell | None:
    """The figures of a cell, ready for JSON; of a rule that is refused, the sentence.

    None, before it is trained, for a rule with more than `most` multiplications an update.
    """
    began = time.process_time()
    train, pairs = trainer(name, problem), tuning_pairs(problem.protocol)
    try:
        gradient = None if name == FLOOR else compiled_gradient(name, problem)
        jax.eval_shape(train, *pairs, problem.splits)
    except (ValueError, TypeError) as refusal:
        return {"refused": str(refusal), **_since(began)}
    cell: Cell = {}
    if gradient is not None:
        cell["multiplications"] = multiplications(gradient.as_text())
        if cell["multiplications"] > most:
            return None
    means = tuning_scores(train(*pairs, problem.splits).validation, problem.protocol)
    cell["validation"] = [_number(mean) for mean in means]
    best = best_rate(means)
    if best is None:
        return {**cell, "rate": None, "accuracy": [], **_since(began)}
    seeds, rate = problem.protocol.seeds, problem.protocol.rates[best]
    found = train(jnp.full(seeds, rate), jnp.arange(seeds), problem.splits)
    cell |= {"rate": rate, "accuracy": [_number(a) for a in np.asarray(found.test)]}
    if gradient is not None:
        cell["angles"] = mean_angles(gradient, found, problem)
    return {**cell, **_since(began)}


def _since(began: float) -> dict[str, float]:
    return {"processor_seconds": round(time.process_time() - began, 1)}


def key_of(seed: jax.Array) -> jax.Array:
    """The key of weights, batches and noise, the same for all rules."""
    return jax.random.fold_in(jax.random.key(_KEY), seed)


def tuning_pairs(protocol: Protocol) -> tuple[jax.Array, jax.Array]:
    """Rates and seeds ``[rates x tuning seeds]``; the seeds are none of those of the result."""
    seeds = protocol.seeds + jnp.arange(protocol.tuning_seeds)
    rates = jnp.repeat(jnp.array(protocol.rates), protocol.tuning_seeds)
    return rates, jnp.tile(seeds, len(protocol.rates))


def tuning_scores(accuracies: jax.Array, protocol: Protocol) -> np.ndarray:
    """The mean of each rate over its seeds, from the accuracies of `tuning_pairs`."""
    return np.asarray(accuracies).reshape(len(protocol.rates), protocol.tuning_seeds).mean(axis=1)


def best_rate(means: np.ndarray) -> int | None:
    """The index of the best mean, the first of equal ones; None if all rates diverged."""
    return None if np.isnan(means).all() else int(np.nanargmax(means))


def trainer(name: str, problem: Problem) -> Callable[..., Trained]:
    """``(rates [n], seeds [n], splits) -> Trained``: n trainings as one compiled program."""
    protocol = problem.protocol

    def train(rate: jax.Array, seed: jax.Array, splits: Splits) -> Trained:
        rule, optimizer = contender(name, problem.net, rate)
        state, _ = jb.run(
            rule,
            optimizer,
            splits.train,
            key=key_of(seed),
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


def mean_angles(gradient: Any, found: Trained, problem: Problem) -> list[float | None] | None:
    """Degrees to backprop after training at the first, middle and last block, over the seeds.

    None if the rule has parameters of its own.
    """
    reference = _reference(problem.net)
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


@functools.cache
def _reference(net: jb.Network) -> Callable:
    """Backprop, compiled once for all rules."""
    return jax.jit(_gradient(jb.backprop(net, LOSS)))


def _gradient(rule: jb.LearningRule) -> Callable:
    return lambda params, state, x, y, key: rule.grads(params, state, x, y, key=key)


def _probe(problem: Problem) -> tuple[jax.Array, jax.Array]:
    """A batch that no rule is trained on."""
    size = problem.protocol.batch_size
    x, y = problem.splits.validation
    return jax.device_put((x[:size], y[:size]), jax.devices("cpu")[0])


def _shapes(params: Any) -> Any:
    return jax.tree.structure(params), [leaf.shape for leaf in jax.tree.leaves(params)]


def _number(value: Any) -> float | None:
    """Six digits; None for nan, which JSON does not have."""
    return float(f"{float(value):.6g}") if np.isfinite(value) else None
