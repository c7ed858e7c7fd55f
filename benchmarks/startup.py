"""Fresh processes: import time, time to the first trained network, peak memory."""

import json
import random
import statistics
import subprocess
import sys
from typing import Any

from benchmarks import measure, peers, steady

COLUMNS = (
    "import_processor",
    "import_wall",
    "first_processor",
    "first_wall",
    "refit_processor",
    "peak_mb",
)


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


def measure_startup(names: list[str], rounds: int) -> dict[str, Any]:
    """XOR from import to result, `rounds` times, and the peak memory of an epoch of mnist."""
    xor = rounds_of({name: ("train", name, "xor") for name in names}, rounds)
    mnist = rounds_of({name: ("train", name, "mnist") for name in names}, 1)
    for name, row in xor.items():
        row["mnist_peak_mb"] = mnist[name].get("peak_mb", float("nan"))
    return {"rounds": rounds, "peers": xor}


def measure_import(rounds: int) -> dict[str, Any]:
    """Time that `from jaxbrain import fit` adds to `import jax, optax, chex`."""
    jobs = {"base": ("imports", "nothing"), "jaxbrain": ("imports", "jaxbrain")}
    return {"rounds": rounds, "packages": rounds_of(jobs, rounds)}


def report_startup(result: dict[str, Any]) -> str:
    """The startup table, ratios of processor time to the limit."""
    limit = result["peers"].get(peers.LIMIT, {}).get("first_processor")
    header = [
        "implementation", "import cpu s", "wall", "first result cpu s", "wall", "x limit",
        "refit cpu ms", "peak MB", "peak MB mnist", "final loss",
    ]  # fmt: skip
    rows = []
    for name, row in result["peers"].items():
        if "missing" in row:
            continue
        values = [row[column] for column in COLUMNS]
        rows.append(
            [
                peers.label(name),
                *[f"{value:.2f}" for value in values[:4]],
                f"{row['first_processor'] / limit:.2f}" if limit else "-",
                f"{values[4] * 1e3:.2f}",
                f"{values[5]:.0f}",
                f"{row['mnist_peak_mb']:.0f}",
                f"{row['final_loss']:.5f}",
            ]
        )
    title = (
        f"startup: fresh processes, import to a trained XOR network (2-8-1, 200 full-batch steps), "
        f"{result['rounds']} rounds"
    )
    missing = {n: r["missing"] for n, r in result["peers"].items() if "missing" in r}
    return "\n".join([title, measure.table(header, rows), *steady.absent(missing)])


def report_import(result: dict[str, Any]) -> str:
    """The time that the import adds, in one line."""
    row = result["packages"]["jaxbrain"]
    if "missing" in row:
        return f"import: {row['missing']}"
    base = result["packages"]["base"]["base_processor"]
    return (
        f"import, {result['rounds']} rounds: jax, optax, chex {base:.3f} s of processor time; "
        f"jaxbrain adds {row['added_processor']:.3f} s (wall {row['added_wall']:.3f} s)"
    )
