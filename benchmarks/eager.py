"""`python -m benchmarks.eager`: the first and later calls outside of `jax.jit`."""

import argparse
import json
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import measure

COMPILED = "/jax/core/compile/backend_compile_duration"


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


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.eager", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds; default 9")
    parser.add_argument("--core", type=int, help="processor core; default the last one allowed")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write everything here")
    return parser.parse_args(arguments)


def memory_job(make: Callable[[], Any]) -> Job:
    """Recall of one cue of 500 units from 40 patterns."""
    import jax

    patterns = jax.random.rademacher(jax.random.key(0), (40, 500), dtype="float32")
    cue = patterns[0].at[:100].set(0.0)
    return Job(make, lambda m, params, cue: m.recall(params, cue), (make().store(patterns), cue))


def rule_job(make: Callable[[Any, Any], Any]) -> Job:
    """The gradient of a chain 64-128-128-10 for a batch of 32."""
    import jax
    import jax.numpy as jnp

    import jaxbrain as jb

    tanh = jb.elementwise(jnp.tanh)
    net = jb.serial(jb.dense(128), tanh, jb.dense(128), tanh, jb.dense(10))
    x, y = jax.random.normal(jax.random.key(0), (32, 64)), jnp.arange(32) % 10
    params = net.init(jax.random.key(1), x[0])
    rule = partial(make, net, jb.losses.softmax_cross_entropy)
    state = rule().init(jax.random.key(2), params, x[0])
    return Job(rule, lambda r, *arguments: r.grads(*arguments), (params, state, x, y))


def jobs() -> dict[str, Job]:
    """The rows of the table."""
    import jax
    import jax.numpy as jnp

    import jaxbrain as jb

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


def measure_jobs(rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds and compilations of the first and of the second call, and of the jitted call."""
    import jax

    compilations = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, duration_secs, **_: compilations.append(event) if event == COMPILED else None
    )
    rows, calls = {}, {}
    for name, job in jobs().items():

        def eager(_: Any = None, job: Job = job) -> None:
            jax.block_until_ready(job.call(job.make(), *job.arguments))

        rows[name] = row = {}
        for place in ("first", "second"):
            compilations.clear()
            seconds, _ = measure.timed(lambda: None, eager, 0)
            row |= {f"{place}_ms": 1e3 * seconds, f"{place}_programs": len(compilations)}
        program = jax.jit(partial(job.call, job.make())).lower(*job.arguments).compile()

        def jitted(_: Any = None, program: Any = program, job: Job = job) -> None:
            jax.block_until_ready(program(*job.arguments))

        for kind, call in (("eager", eager), ("jitted", jitted)):
            calls[f"{name}, {kind}"] = partial(measure.timed, lambda: None, call, 0.05)
    timings = measure.interleave(calls, rounds)
    for name, row in rows.items():
        own, least = (timings[f"{name}, {kind}"].processor for kind in ("eager", "jitted"))
        row["ms"], row["jitted_ms"] = (1e3 * statistics.median(t) for t in (own, least))
        row["ratio"] = measure.paired_ratio(own, least)
    return rows


def report(rows: dict[str, dict[str, float]]) -> str:
    """The rows as an aligned table."""
    header = ["call", "first ms", "programs", "second ms", "programs", "later ms", "jitted ms", "x"]
    lines = [
        [
            name,
            f"{row['first_ms']:,.0f}",
            f"{row['first_programs']}",
            f"{row['second_ms']:,.2f}",
            f"{row['second_programs']}",
            f"{row['ms']:.2f}",
            f"{row['jitted_ms']:.2f}",
            f"{row['ratio']:.2f}",
        ]
        for name, row in rows.items()
    ]
    return measure.table(header, lines)


def main() -> None:
    """Pin the process, then measure and print the table."""
    options = parse()
    measure.pin(options.core)
    found = measure.heading()
    print(
        "one core, one BLAS thread; processor time, medians but of the first two calls; each call"
    )
    print("builds its value again; ratios to the compiled program are paired by round\n")
    found["eager"] = measure_jobs(options.rounds)
    print(report(found["eager"]))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
