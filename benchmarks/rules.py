"""Time and memory of a training step of each learning rule."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

import jaxbrain as jb
from benchmarks import measure
from benchmarks.measure import Options
from benchmarks.predictive import BATCH, SIZES, data
from benchmarks.results import Table
from jaxbrain.cli.parser import RULES

REFERENCE = "backprop"


def tables(options: Options) -> list[Table]:
    """Milliseconds of a training step, and memory of its gradient.

    Working memory is what XLA reserves in addition to arguments and results, mostly for activities;
    the peak includes all three: parameters, the state of the rule, gradients.
    """
    unknown = sorted(set(options.only or ()) - set(RULES))
    if unknown:
        raise SystemExit(f"--only: unknown {', '.join(unknown)}; choose from {', '.join(RULES)}")
    names = [name for name in RULES if name in (options.only or RULES) or name == REFERENCE]
    jobs = {name: job(name) for name in names}
    rows = measure.rows_of(jobs, options, reference=REFERENCE)
    sizes = "-".join(map(str, SIZES))
    return [Table("rules", f"a training step, {sizes}, tanh, Adam, batch {BATCH}", rows, REFERENCE)]


def job(name: str) -> measure.Job:
    """A compiled step of a rule."""
    x, y = data()
    tanh = jb.elementwise(jnp.tanh)
    hidden = [layer for n in SIZES[1:-1] for layer in (jb.dense(n), tanh)]
    net = jb.serial(*hidden, jb.dense(SIZES[-1]))
    optimizer, labels = optax.adam(1e-3), jnp.argmax(y, axis=1)
    rule = getattr(jb.learning, name)(net, jb.losses.softmax_cross_entropy)
    state = jb.init_state(rule, optimizer, x[0], key=jax.random.key(0))
    step = jax.jit(jb.step(rule, optimizer))
    used = memory(rule.grads, state.params, state.rule_state, x, labels, key=state.key)
    return measure.job_of(name, step, state, (x, labels), **used)


def memory(grads: Callable, *arguments: Any, key: jax.Array) -> dict[str, float]:
    """What XLA reports of a compiled gradient."""
    used = jax.jit(grads).lower(*arguments, key=key).compile().memory_analysis()
    return {
        "working_kib": getattr(used, "temp_size_in_bytes", math.nan) / 2**10,
        "peak_kib": getattr(used, "peak_memory_in_bytes", math.nan) / 2**10,
    }
