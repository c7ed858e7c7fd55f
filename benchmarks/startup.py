"""Fresh processes: import time, time to the first trained network, peak memory."""

import json
import random
import statistics
import subprocess
import sys
from typing import Any

from benchmarks import measure, peers, steady
from benchmarks.results import Table

GIVEN = "hand-written JAX, one scan that is given its weights"


def child(*arguments: str) -> dict[str, Any]:
    """Run `benchmarks.child` and read its last line."""
    command = [sys.executable, "-m", "benchmarks.child", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return {"missing": "not finished after 120 s"}
    if done.returncode != 0:
        return {"missing": "failed: " + (done.stderr.strip().splitlines() or ["?"])[-1][:60]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def rounds_of(jobs: dict[str, tuple[str, ...]], rounds: int) -> dict[str, dict[str, Any]]:
    """Median of every number that a child reports; the children are interleaved at random."""
    order = random.Random(0)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in jobs}
    for _ in range(rounds):
        names = [name for name in jobs if not any("missing" in r for r in found[name])]
        order.shuffle(names)
        for name in names:
            found[name].append(child(*jobs[name]))
    return {
        name: results[-1]
        if "missing" in results[-1]
        else {key: statistics.median(r[key] for r in results) for key in results[0]}
        for name, results in found.items()
    }


def startup_tables(options: measure.Options) -> list[Table]:
    """XOR from import to result, and the peak memory of an epoch of mnist."""
    names = steady.chosen(options)
    jobs: dict[str, tuple[str, ...]] = {name: ("train", name, "xor") for name in names}
    if peers.LIMIT in names:
        jobs[GIVEN] = ("train", peers.LIMIT, "xor", "given")
    xor = rounds_of(jobs, options.fresh_rounds)
    mnist = rounds_of({name: ("train", name, "mnist") for name in names}, 1)
    missing = {name: row["missing"] for name, row in xor.items() if "missing" in row}
    found = {name: row for name, row in xor.items() if name not in missing}
    limit = found.get(peers.LIMIT)
    rows = {}
    for name, row in found.items():
        label = GIVEN if name == GIVEN else peers.label(name)
        rows[label] = figures = {
            "import_s": row["import_processor"],
            "result_s": row["first_processor"],
            "result_wall_s": row["first_wall"],
            "wall_ms": 1e3 * row["first_wall"],
            "refit_ms": 1e3 * row["refit_processor"],
            "peak_mb": row["peak_mb"],
            "mnist_mb": mnist.get(name, {}).get("peak_mb", float("nan")),
            "loss": row["final_loss"],
        }
        if limit is not None:
            figures["result_ratio"] = row["first_processor"] / limit["first_processor"]
            figures["wall_ratio"] = row["first_wall"] / limit["first_wall"]
    title = (
        "fresh processes, import to a trained XOR network (2-8-1, 200 full-batch steps), "
        f"{options.fresh_rounds} rounds"
    )
    return [Table("startup", title, rows, peers.label(peers.LIMIT), steady.absent(missing))]


def import_tables(options: measure.Options) -> list[Table]:
    """Time that `from jaxbrain import fit` adds to `import jax, optax, chex`."""
    jobs = {"jax, optax, chex": "nothing", "and from jaxbrain import fit": "jaxbrain"}
    found = rounds_of({name: ("imports", of) for name, of in jobs.items()}, options.fresh_rounds)
    base = found["jax, optax, chex"]["total_processor"]
    rows = {
        name: {"import_s": row["total_processor"], "ratio": row["total_processor"] / base,
               "wall_ms": 1e3 * row["total_wall"]}
        for name, row in found.items()
    }  # fmt: skip
    title = f"fresh processes, {options.fresh_rounds} rounds"
    return [Table("import", title, rows, "jax, optax, chex")]
