"""`python -m benchmarks.rules`: time and memory of a training step of each learning rule."""

import argparse
import json
import math
import statistics
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import measure

REFERENCE = "backprop"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="RULE", help="these rules; default all")
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds; default 9")
    parser.add_argument("--least", type=float, default=0.05, metavar="SECONDS",
                        help="repeat shorter steps within a round; default 0.05")  # fmt: skip
    parser.add_argument("--core", type=int, help="processor core; default the last one allowed")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write everything here")
    return parser.parse_args(arguments)


def measure_rules(names: list[str], rounds: int, least: float) -> dict[str, dict[str, float]]:
    """For each rule: milliseconds and compile seconds of a training step, memory of its gradient.

    Working memory is what XLA reserves in addition to arguments and results, mostly for activities;
    the peak includes all three: parameters, the state of the rule, gradients.
    """
    import jax
    import jax.numpy as jnp
    import optax

    import jaxbrain as jb
    from benchmarks.predictive import SIZES, data

    x, y = data()
    tanh = jb.elementwise(jnp.tanh)
    hidden = [layer for n in SIZES[1:-1] for layer in (jb.dense(n), tanh)]
    net = jb.serial(*hidden, jb.dense(SIZES[-1]))
    optimizer, labels = optax.adam(1e-3), jnp.argmax(y, axis=1)
    rows, jobs = {}, {}
    for name in names:
        rule = getattr(jb.learning, name)(net, jb.losses.softmax_cross_entropy)
        state = jb.init_state(rule, optimizer, x[0], key=jax.random.key(0))
        step = jax.jit(jb.step(rule, optimizer)).lower(state, (x, labels))
        seconds, _ = measure.timed(lambda: None, lambda _, s=step: s.compile(), 0)
        program = step.compile()
        grads = jax.jit(rule.grads).lower(state.params, state.rule_state, x, labels, key=state.key)
        used = grads.compile().memory_analysis()
        rows[name] = {
            "compile_s": seconds,
            "working_kib": getattr(used, "temp_size_in_bytes", math.nan) / 2**10,
            "peak_kib": getattr(used, "peak_memory_in_bytes", math.nan) / 2**10,
        }

        def once(_, program=program, state=state):
            jax.block_until_ready(program(state, (x, labels)))

        jobs[name] = partial(measure.timed, lambda: None, once, least)
    timings = measure.interleave(jobs, rounds)
    for name, timing in timings.items():
        rows[name]["ms"] = 1e3 * statistics.median(timing.processor)
        rows[name]["ratio"] = measure.paired_ratio(timing.processor, timings[REFERENCE].processor)
        for kind in ("working", "peak"):
            rows[name][f"{kind}_ratio"] = rows[name][f"{kind}_kib"] / rows[REFERENCE][f"{kind}_kib"]
    return rows


def report(rows: dict[str, dict[str, Any]]) -> str:
    """The rows as an aligned table, cheapest first."""
    header = ["rule", "ms a step", "x", "working KiB", "x", "peak KiB", "x", "compile s"]
    return measure.table(
        header,
        [
            [
                name,
                f"{row['ms']:.2f}",
                f"{row['ratio']:.2f}",
                f"{row['working_kib']:,.0f}",
                f"{row['working_ratio']:.2f}",
                f"{row['peak_kib']:,.0f}",
                f"{row['peak_ratio']:.2f}",
                f"{row['compile_s']:.2f}",
            ]
            for name, row in sorted(rows.items(), key=lambda item: item[1]["ms"])
        ],
    )


def main() -> None:
    """Pin the process, then measure and print both tables."""
    options = parse()
    measure.pin(options.core)
    # imported after pinning: NumPy and JAX read the affinity and the thread counts
    from benchmarks import predictive
    from jaxbrain.cli.parser import RULES

    unknown = sorted(set(options.only or ()) - set(RULES))
    if unknown:
        raise SystemExit(f"--only: unknown {', '.join(unknown)}; choose from {', '.join(RULES)}")
    names = [name for name in RULES if name in (options.only or RULES) or name == REFERENCE]
    found = measure.heading()
    print("one core, one BLAS thread; medians of processor time; ratios are paired by round\n")
    found["predictive_coding"] = predictive.measure_step(options.rounds, options.least)
    print(predictive.report(found["predictive_coding"]))
    found["rules"] = measure_rules(names, options.rounds, options.least)
    sizes = "-".join(map(str, predictive.SIZES))
    print(f"\na training step of each rule, {sizes}, tanh, Adam, batch {predictive.BATCH}")
    print(report(found["rules"]))
    print("x: relative to backprop. working: without arguments and results; peak: with both.")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
