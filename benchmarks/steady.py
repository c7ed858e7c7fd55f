"""Steady state: processor time per epoch of every implementation, compiled and interleaved."""

import statistics
from functools import partial
from typing import Any

from benchmarks import measure, peers
from benchmarks.workloads import WORKLOADS, Workload, final_loss

# in the long fit the cost of starting it is negligible: only implementations near the limit
LONG = ("hand_scan", "run", "fit")


def ready(names: list[str], workload: Workload) -> tuple[dict[str, peers.Trainer], dict[str, str]]:
    """Trainers that can be built, and the reasons for the others."""
    trainers, missing = {}, {}
    for name in names:
        try:
            trainers[name] = peers.load(name)(workload)
        except ImportError as error:
            missing[name] = f"not installed: {error.name or error}"
    return trainers, missing


def measure_workload(
    name: str, names: list[str], rounds: int, least: float, epochs: int | None = None
) -> dict[str, Any]:
    """Rows of one workload: processor and wall milliseconds per epoch, ratio, final loss."""
    workload = WORKLOADS[name]()
    if epochs is not None:
        workload = workload._replace(epochs=epochs)
    if name.endswith("-long"):
        names = [peer for peer in names if peer in LONG]
    trainers, missing = ready(names, workload)
    losses = {
        peer: final_loss(workload, trainer.weights(trainer.fit(trainer.prepare())))
        for peer, trainer in trainers.items()
    }
    jobs = {
        peer: partial(measure.timed, trainer.prepare, trainer.fit, least)
        for peer, trainer in trainers.items()
    }
    timings = measure.interleave(jobs, rounds)
    return {
        "workload": name,
        "sizes": workload.sizes,
        "rows": len(workload.x),
        "batch": workload.batch,
        "epochs": workload.epochs,
        "rounds": rounds,
        "missing": missing,
        "peers": summarise(timings, losses, 1e3 / workload.epochs),
    }


def summarise(
    timings: dict[str, measure.Timing], losses: dict[str, float], scale: float
) -> dict[str, dict[str, float]]:
    """Medians of each peer, with scaled times; `ratio` to the limit is paired by round."""
    limit = timings.get(peers.LIMIT)
    rows = {}
    for peer, timing in timings.items():
        rows[peer] = {
            "processor_ms": statistics.median(timing.processor) * scale,
            "least_ms": min(timing.processor) * scale,
            "wall_ms": statistics.median(timing.wall) * scale,
            "final_loss": losses[peer],
        }
        if limit is not None:
            rows[peer]["ratio"] = measure.paired_ratio(timing.processor, limit.processor)
            rows[peer]["least_ratio"] = min(timing.processor) / min(limit.processor)
    return rows


def report(result: dict[str, Any]) -> str:
    """The result as an aligned table with a title, fastest first."""
    sizes = "-".join(map(str, result["sizes"]))
    title = (
        f"{result['workload']}: {sizes}, {result['rows']} rows, batch {result['batch']}, "
        f"{result['epochs']} epochs a fit; ms an epoch, {result['rounds']} rounds"
    )
    header = ["implementation", "processor", "least", "wall", "x limit", "(of least)", "final loss"]
    rows = []
    for peer, row in sorted(result["peers"].items(), key=lambda item: item[1]["processor_ms"]):
        rows.append(
            [
                peers.label(peer),
                f"{row['processor_ms']:.3f}",
                f"{row['least_ms']:.3f}",
                f"{row['wall_ms']:.3f}",
                f"{row['ratio']:.2f}" if "ratio" in row else "-",
                f"{row['least_ratio']:.2f}" if "least_ratio" in row else "-",
                f"{row['final_loss']:.5f}",
            ]
        )
    return "\n".join([title, measure.table(header, rows), *absent(result["missing"])])


def absent(missing: dict[str, str]) -> list[str]:
    """One line for each peer that could not be measured."""
    return [f"{peers.label(peer)}: {reason}" for peer, reason in missing.items()]
