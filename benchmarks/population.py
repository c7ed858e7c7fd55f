"""256 XOR networks at once against the same networks one after another."""

import importlib

import numpy as np

from benchmarks import measure, peers, steady
from benchmarks.results import Table
from benchmarks.workloads import Workload, logits, xor

NETWORKS = 256
WIDTHS, LAST = (2, 4, 8, 16, 32, 64), "hand_last"
EACH = ("ms", "least_ms", "wall_ms", "ratio", "least_ratio", "wall_ratio")
# name: (peer, module, builder, label)
TOGETHER = {
    "hand_scan": ("hand_scan", "hand_jax", "population", "hand-written JAX, vmap of one scan"),
    "hand_last": (
        "hand_scan", "hand_jax", "population_last",
        "hand-written JAX and gradient, networks as the last axis",
    ),
    "run": ("run", "jaxbrain_peer", "population", "jaxbrain, vmap of run"),
    "run_flat": (
        "run", "jaxbrain_peer", "population_flat", "jaxbrain, vmap of run with optax.flatten",
    ),
}  # fmt: skip


def solved(workload: Workload, stacked: list) -> float:
    """Share of the networks that classify all four points; weights lead with [networks]."""
    right = [
        np.all((logits(list(one), workload.x) > 0) == (workload.y > 0.5))
        for one in zip(*[zip(*pair, strict=True) for pair in stacked], strict=True)
    ]
    return float(np.mean(right))


def together(names: list[str], workload: Workload) -> dict[str, peers.Trainer]:
    """Training of the whole population at once."""
    return {
        name: getattr(importlib.import_module(f"benchmarks.peers.{module}"), builder)(
            workload, NETWORKS
        )
        for name, (peer, module, builder, _) in TOGETHER.items()
        if peer in names
    }


def tables(options: measure.Options) -> list[Table]:
    """All networks at once and, of the implementations one after another, one network x 256."""
    workload, names = xor(), steady.chosen(options)
    at_once = together(names, workload)
    jobs = {
        f"together/{name}": measure.Job(TOGETHER[name][-1], trainer.fit, trainer.prepare)
        for name, trainer in at_once.items()
    }
    trainers, missing = steady.ready(names, workload)
    for name, trainer in trainers.items():
        jobs[name] = measure.Job(f"in turn: {peers.label(name)}", trainer.fit, trainer.prepare)
    rows = measure.rows_of(jobs, options, reference=f"together/{peers.LIMIT}")
    for label, row in rows.items():
        if label.startswith("in turn"):
            row.update({name: NETWORKS * row[name] for name in EACH if name in row})
    for name, trainer in at_once.items():
        share = solved(workload, trainer.weights(trainer.fit(trainer.prepare())))
        rows[TOGETHER[name][-1]]["solved"] = share
    rows = dict(sorted(rows.items(), key=lambda item: item[1]["ms"]))
    title = (
        f"{NETWORKS} XOR networks 2-8-1, 200 full-batch steps, {options.rounds} rounds; "
        f"in turn: the time of one network x {NETWORKS}"
    )
    limit = TOGETHER[peers.LIMIT][-1]
    found = [Table("population", title, rows, limit, steady.absent(missing))]
    if len(at_once) == len(TOGETHER):
        found += [of_width(width, names, options) for width in WIDTHS]
    return found


def of_width(width: int, names: list[str], options: measure.Options) -> Table:
    """All networks at once, with another number of hidden units; the last axis is the limit."""
    trainers = together(names, xor()._replace(sizes=(2, width, 1)))
    jobs = {
        name: measure.Job(TOGETHER[name][-1], trainer.fit, trainer.prepare)
        for name, trainer in trainers.items()
    }
    rows = measure.rows_of(jobs, options, reference=LAST)
    title = f"{NETWORKS} networks 2-{width}-1 at once, 200 full-batch steps"
    return Table(f"population of width {width}", title, rows, TOGETHER[LAST][-1])
