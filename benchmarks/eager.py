"""The first and later calls outside of `jax.jit`."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import jaxbrain as jb
from benchmarks import measure
from benchmarks.measure import Options
from benchmarks.results import Figures, Table


class Job(NamedTuple):
    """A function of a value.

    Attributes:
      make: the value; each call builds it again.
      call: ``(value, *arguments) -> result``.
      arguments: arrays.
    """

    make: Callable[[], Any]
    call: Callable[..., Any]
    arguments: tuple[Any, ...]


def memory_job(make: Callable[[], Any]) -> Job:
    """Recall of one cue of 500 units from 40 patterns."""
    patterns = jax.random.rademacher(jax.random.key(0), (40, 500), dtype="float32")
    cue = patterns[0].at[:100].set(0.0)
    return Job(make, lambda m, params, cue: m.recall(params, cue), (make().store(patterns), cue))


def rule_job(make: Callable[[Any, Any], Any]) -> Job:
    """The gradient of a chain 64-128-128-10 for a batch of 32."""
    tanh = jb.elementwise(jnp.tanh)
    net = jb.serial(jb.dense(128), tanh, jb.dense(128), tanh, jb.dense(10))
    x, y = jax.random.normal(jax.random.key(0), (32, 64)), jnp.arange(32) % 10
    params = net.init(jax.random.key(1), x[0])
    rule = partial(make, net, jb.losses.softmax_cross_entropy)
    state = rule().init(jax.random.key(2), params, x[0])
    return Job(rule, lambda r, *arguments: r.grads(*arguments), (params, state, x, y))


def jobs() -> dict[str, Job]:
    """The rows of the table."""
    xs = jax.random.normal(jax.random.key(0), (200, 16))
    gru = jb.cells.unroll(jb.cells.gru(64)).init(jax.random.key(1), xs)
    ys = jnp.zeros((4, 50, 1))

    def online() -> Any:
        rule = jb.learning.rtrl(jb.cells.gru(8), jb.dense(1), jb.losses.mse)
        return jb.learning.over_time(rule)

    trained = online().network.init(jax.random.key(2), ys[0])
    return {
        "hopfield recall": memory_job(jb.memory.hopfield),
        "modern_hopfield recall": memory_job(
            lambda: jb.memory.modern_hopfield(beta=0.1, max_steps=20)
        ),
        "backprop grads": rule_job(jb.backprop),
        "predictive_coding grads": rule_job(jb.learning.predictive_coding),
        "equilibrium_propagation grads": rule_job(jb.learning.equilibrium_propagation),
        "rtrl over_time grads": Job(
            online, lambda rule, params, ys: rule.grads(params, (), ys, ys), (trained, ys)
        ),
        "unroll of gru apply": Job(
            lambda: jb.cells.unroll(jb.cells.gru(64)), lambda n, p, xs: n.apply(p, xs), (gru, xs)
        ),
        "batches of reaches": Job(
            lambda: jb.tasks.batches(jb.motor.tasks.center_out(), 8),
            lambda draw, key: draw(key),
            (jax.random.key(3),),
        ),
    }


def tables(options: Options) -> list[Table]:
    """Seconds and compilations of the first two calls, milliseconds of later ones and jitted."""
    rows: dict[str, Figures] = {}
    for name, job in jobs().items():

        def eager(_: Any, job: Job = job) -> None:
            jax.block_until_ready(job.call(job.make(), *job.arguments))

        counts = []
        for _ in range(2):
            with measure.xla_programs() as programs:
                seconds, _ = measure.timed(lambda: None, eager, 0)
            counts.append((seconds, len(programs)))
        program = jax.jit(partial(job.call, job.make()))
        both = {
            "eager": measure.Job("eager", eager),
            "jitted": measure.job_of("jitted", program, *job.arguments),
        }
        row = rows[name] = measure.rows_of(both, options, reference="jitted")["eager"]
        (row["first_s"], row["programs"]), (_, row["second_programs"]) = counts
        row["later_ratio"] = row.pop("ratio")
        for figure in ("xla_s", "least_ratio"):
            del row[figure]
    return [Table("eager", "calls outside of jit, of a value built again at each", rows)]
