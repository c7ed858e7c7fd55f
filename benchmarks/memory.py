"""`python -m benchmarks.memory`: recall, capacity and retrieval, against hand-written code."""

import argparse
import json
import statistics
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import measure

FLIPPED = (0.1, 0.2)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds; default 9")
    parser.add_argument("--least", type=float, default=0.05, metavar="SECONDS",
                        help="repeat shorter calls within a round; default 0.05")  # fmt: skip
    parser.add_argument("--core", type=int, help="processor core; default the last one allowed")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write everything here")
    return parser.parse_args(arguments)


def measure_jobs(jobs: dict[str, Any], rounds: int, least: float) -> dict[str, dict[str, Any]]:
    """Milliseconds per call, the ratio to the first job, and the largest difference of results."""
    import jax
    import numpy as np

    reference, *_ = jobs
    firsts, results = {}, {}
    for name, job in jobs.items():
        firsts[name], _ = measure.timed(lambda: None, lambda _, job=job: job.run(), 0)
        results[name] = np.asarray(jax.tree.leaves(job.run())[0], np.float64)
    timings = measure.interleave(
        {
            name: partial(measure.timed, lambda: None, lambda _, job=job: job.run(), least)
            for name, job in jobs.items()
        },
        rounds,
    )
    return {
        name: {
            "label": jobs[name].label,
            "ms": 1e3 * statistics.median(timing.processor),
            "ratio": measure.paired_ratio(timing.processor, timings[reference].processor),
            "first_ms": 1e3 * firsts[name],
            "off": float(np.abs(results[name] - results[reference]).max()),
        }
        for name, timing in timings.items()
    }


def report(title: str, rows: dict[str, dict[str, Any]]) -> str:
    """The rows as an aligned table with a title."""
    header = ["implementation", "ms", "x first row", "first call ms", "largest difference"]
    lines = [
        [
            row["label"],
            f"{row['ms']:,.2f}",
            f"{row['ratio']:.2f}",
            f"{row['first_ms']:,.0f}",
            f"{row['off']:.2g}",
        ]
        for row in rows.values()
    ]
    return f"\n{title}\n{measure.table(header, lines)}"


def main() -> None:
    """Pin the process, then measure and print every table."""
    options = parse()
    measure.pin(options.core)
    # imported after pinning: NumPy and JAX read the affinity and the thread counts
    from benchmarks import memories

    found = measure.heading()
    print("one core, one BLAS thread; medians of processor time; ratios are paired by round")
    timed = partial(measure_jobs, rounds=options.rounds, least=options.least)
    size = f"{memories.PROBES} probes, {memories.UNITS:,} units, {memories.PATTERNS} patterns"
    for update in ("asynchronous", "synchronous"):
        for flipped in FLIPPED:
            title = f"{update} recall: {size}, {flipped:.0%} of the bits flipped"
            found[title] = timed(memories.recall_jobs(update, flipped))
            print(report(title, found[title]))
    title = (
        f"capacity curve: {memories.CURVE_UNITS} units, {len(memories.LOADS)} loads, "
        f"{memories.TRIALS} trials of up to {memories.CURVE_PROBES} probes"
    )
    found[title] = timed(memories.curve_jobs())
    print(report(title, found[title]))
    title = (
        f"modern Hopfield, one step: {memories.QUERIES} queries of {memories.STORED:,} patterns "
        f"of {memories.FEATURES} features"
    )
    found[title] = timed(memories.retrieval_jobs())
    print(report(title, found[title]))
    if "hamux" not in found[title]:
        print("hamux: not installed")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
