"""Interleaved timing on pinned cores, and the conditions under which it was made."""

import contextlib
import datetime
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
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
    "motornet",
    "scikit-learn",
)
SEEDS = {"order of the rounds": 0, "data, weights and keys": "constants of each benchmark"}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


XLA = "/jax/core/compile/backend_compile_duration"


class Timing(NamedTuple):
    """Seconds per call of one implementation in each round."""

    processor: list[float]
    wall: list[float]


class Job(NamedTuple):
    """One implementation of the work of a table.

    Attributes:
        label: Its row.
        run: ``(state) -> result``, finished when it returns.
        prepare: ``() -> state``; not timed.
        figures: What is known of it otherwise, by the names of `results.COLUMNS`.
    """

    label: str
    run: Callable[[Any], Any]
    prepare: Callable[[], Any] = lambda: None
    figures: Mapping[str, float] = {}


class Options(NamedTuple):
    """How to measure.

    Attributes:
        rounds: In each, every implementation runs once, in another random order.
        fresh_rounds: Of fresh processes.
        least: Seconds; shorter calls are repeated within a round.
        only: Implementations of the training tables, or learning rules; None for all.
    """

    rounds: int = 7
    fresh_rounds: int = 5
    least: float = 0.05
    only: tuple[str, ...] | None = None


def pin(cores: int = 1) -> None:
    """Restrict this process and its children to some cores, and BLAS to as many threads.

    Call it before NumPy is imported.
    """
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(cores)
    os.environ["KERAS_BACKEND"] = "jax"
    # with a persistent cache, compiling would be reading a file
    os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)
    if sys.platform == "linux":
        allowed = sorted(os.sched_getaffinity(0))
        if cores > len(allowed):
            raise SystemExit(f"--cores: {cores} are not available, only {len(allowed)}")
        os.sched_setaffinity(0, allowed[-cores:])


def threads() -> int:
    """The threads that `pin` gives to libraries which do not read the environment."""
    return int(os.environ.get(THREAD_VARIABLES[0], "1"))


def job_of(label: str, program: Callable, *arguments: Any, **figures: float) -> Job:
    """A call of a JAX function with fixed arguments."""
    import jax

    return Job(label, lambda _: jax.block_until_ready(program(*arguments)), figures=figures)


def rows_of(
    jobs: Mapping[str, Job],
    options: Options,
    *,
    reference: str | tuple[str, ...] | None = None,
    per: float = 1,
) -> dict[str, dict[str, float]]:
    """The row of every implementation, fastest first: first call, medians, ratios paired by round.

    Args:
        jobs: By name.
        options: How to measure.
        reference: The name that ratios refer to; of several, the fastest in each round.
        per: Units of work in a call, such as epochs; times are for one.
    """
    firsts = {name: first_call(job) for name, job in jobs.items()}
    timings = interleave(
        {n: partial(timed, job.prepare, job.run, options.least) for n, job in jobs.items()},
        options.rounds,
    )
    limits = [timings[n] for n in _names(reference) if n in timings]
    rows = {}
    for name, timing in timings.items():
        row = {
            "ms": 1e3 * statistics.median(timing.processor) / per,
            "least_ms": 1e3 * min(timing.processor) / per,
            "wall_ms": 1e3 * statistics.median(timing.wall) / per,
        }
        if limits:
            processor = [min(r) for r in zip(*(limit.processor for limit in limits), strict=True)]
            wall = [min(r) for r in zip(*(limit.wall for limit in limits), strict=True)]
            row["ratio"] = paired_ratio(timing.processor, processor)
            row["least_ratio"] = min(timing.processor) / min(processor)
            row["wall_ratio"] = paired_ratio(timing.wall, wall)
        rows[jobs[name].label] = {**row, **firsts[name], **jobs[name].figures}
    return dict(sorted(rows.items(), key=lambda item: item[1]["ms"]))


def _names(reference: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (reference,) if isinstance(reference, str) else reference or ()


def first_call(job: Job) -> dict[str, float]:
    """Processor seconds of a call before any other, and wall seconds of XLA within it."""
    with xla_programs() as programs:
        seconds, _ = timed(job.prepare, job.run, 0)
    return {"first_s": seconds, "xla_s": sum(programs)}


@contextlib.contextmanager
def xla_programs() -> Iterator[list[float]]:
    """A list that takes the wall seconds of every program that XLA compiles within the context."""
    import jax

    found: list[float] = []

    def heard(event: str, duration_secs: float, **_: Any) -> None:
        if event == XLA:
            found.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(heard)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(heard)


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


def conditions(options: Options) -> dict[str, Any]:
    """Date, machine, versions, options and seeds of a measurement."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "options": options._asdict(),
        "seeds": SEEDS,
    }


def versions() -> dict[str, str]:
    """Installed versions of Python and of all packages that are compared."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
