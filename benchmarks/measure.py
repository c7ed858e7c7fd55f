"""Interleaved timing: one core, one BLAS thread, processor time, random order in every round."""

import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any, NamedTuple

PACKAGES = (
    "jax",
    "jaxlib",
    "optax",
    "chex",
    "numpy",
    "keras",
    "torch",
    "equinox",
    "flax",
    "pcx",
    "hamux",
)
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Timing(NamedTuple):
    """Seconds per fit of one implementation in each round."""

    processor: list[float]
    wall: list[float]


def pin(core: int | None = None) -> None:
    """Restrict this process and its children to one core and one BLAS thread.

    Call it before NumPy is imported.
    """
    for variable in THREAD_VARIABLES:
        os.environ[variable] = "1"
    os.environ["KERAS_BACKEND"] = "jax"
    # with a persistent cache, compiling would be reading a file
    os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)
    if sys.platform == "linux":
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(cores) if core is None else core})


def timed(prepare: Callable, fit: Callable, least: float) -> tuple[float, float]:
    """Mean processor and wall seconds of `fit(prepare())`, repeated for `least` processor seconds.

    `prepare` (fresh parameters) is not timed.
    """
    processor, wall, count = 0.0, 0.0, 0
    while count == 0 or processor < least:
        fresh = prepare()
        wall_start, start = time.perf_counter(), time.process_time()
        fit(fresh)
        processor += time.process_time() - start
        wall += time.perf_counter() - wall_start
        count += 1
    return processor / count, wall / count


def interleave(
    jobs: Mapping[str, Callable[[], tuple[float, float]]], rounds: int, seed: int = 0
) -> dict[str, Timing]:
    """Run every job once per round, each round in another random order."""
    order = random.Random(seed)
    timings = {name: Timing([], []) for name in jobs}
    for _ in range(rounds):
        names = list(jobs)
        order.shuffle(names)
        for name in names:
            processor, wall = jobs[name]()
            timings[name].processor.append(processor)
            timings[name].wall.append(wall)
    return timings


def paired_ratio(values: Sequence[float], reference: Sequence[float]) -> float:
    """Median over the rounds of value / reference, since a slow round slows both."""
    return statistics.median(v / r for v, r in zip(values, reference, strict=True))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with the first column aligned to the left and the others to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = []
    for row in [header, ["-" * width for width in widths], *rows]:
        first, *others = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines)


def machine() -> str:
    """Processor, cores, system and Python, in one line."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if "model name" in line]
        model = names[0] if names else model
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    )


def heading(*more: str) -> dict[str, Any]:
    """Print the machine and the versions, and return them, for what is found to be added.

    Args:
      *more: packages that are compared in one table alone.
    """
    found = {"machine": machine(), "versions": versions(*more)}
    print(found["machine"])
    print(", ".join(f"{package} {version}" for package, version in found["versions"].items()))
    return found


def versions(*more: str) -> dict[str, str]:
    """Installed versions of all packages that are compared, and of more."""
    found = {}
    for package in (*PACKAGES, *more):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
