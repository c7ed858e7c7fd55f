"""256 XOR networks at once against the same networks one after another."""

import importlib
from functools import partial
from typing import Any

import numpy as np

from benchmarks import measure, peers, steady
from benchmarks.workloads import Workload, logits, xor

NETWORKS = 256
TOGETHER = {
    "hand_scan": ("hand_jax", "hand-written JAX, vmap of one scan"),
    "run": ("jaxbrain_peer", "jaxbrain, vmap of run"),
}


def solved(workload: Workload, stacked: list) -> float:
    """Share of the networks that classify all four points; weights lead with [networks]."""
    right = [
        np.all((logits(list(one), workload.x) > 0) == (workload.y > 0.5))
        for one in zip(*[zip(*pair, strict=True) for pair in stacked], strict=True)
    ]
    return float(np.mean(right))


def together(names: list[str], workload: Workload) -> tuple[dict, dict]:
    """Trainers of the whole population, and the share that each solves."""
    trainers, shares = {}, {}
    for name in names:
        if name not in TOGETHER:
            continue
        try:
            module = importlib.import_module(f"benchmarks.peers.{TOGETHER[name][0]}")
        except ImportError:
            continue
        trainer = module.population(workload, NETWORKS)
        trainers[name] = trainer
        shares[name] = solved(workload, trainer.weights(trainer.fit(trainer.prepare())))
    return trainers, shares


def measure_population(names: list[str], rounds: int, least: float) -> dict[str, Any]:
    """Processor milliseconds for all networks; one after another is one network's time x 256."""
    workload = xor()
    many, shares = together(names, workload)
    single, missing = steady.ready(names, workload)
    for trainer in single.values():
        trainer.fit(trainer.prepare())
    jobs = {
        (kind, name): partial(measure.timed, trainer.prepare, trainer.fit, least)
        for kind, trainers in (("together", many), ("in turn", single))
        for name, trainer in trainers.items()
    }
    timings = measure.interleave({f"{k}/{n}": job for (k, n), job in jobs.items()}, rounds)
    limit = timings.get(f"together/{peers.LIMIT}")
    own = timings.get("together/run")
    rows = []
    for kind, name in jobs:
        seconds = timings[f"{kind}/{name}"].processor
        count = 1 if kind == "together" else NETWORKS
        row: dict[str, Any] = {"kind": kind, "peer": name, "solved": shares.get(name)}
        row["processor_ms"] = float(np.median(seconds)) * count * 1e3
        for key, reference in (("ratio", limit), ("to_run", own)):
            if reference is not None:
                row[key] = measure.paired_ratio(seconds, reference.processor) * count
        rows.append(row)
    return {"networks": NETWORKS, "rounds": rounds, "missing": missing, "rows": rows}


def report(result: dict[str, Any]) -> str:
    """The population table, fastest first."""
    header = ["implementation", "processor ms", "x hand vmap", "x vmap of run", "solved"]
    rows = []
    for row in sorted(result["rows"], key=lambda row: row["processor_ms"]):
        name = row["peer"]
        at_once = row["kind"] == "together"
        rows.append(
            [
                TOGETHER[name][1] if at_once else f"one after another: {peers.label(name)}",
                f"{row['processor_ms']:.1f}",
                f"{row['ratio']:.1f}" if "ratio" in row else "-",
                f"{row['to_run']:.1f}" if "to_run" in row else "-",
                f"{row['solved']:.3f}" if at_once else "-",
            ]
        )
    title = (
        f"population: {result['networks']} XOR networks 2-8-1, 200 full-batch steps, "
        f"{result['rounds']} rounds; one after another is one network's time x {result['networks']}"
    )
    table = measure.table(header, rows)
    return "\n".join([title, table, *steady.absent(result["missing"])])
