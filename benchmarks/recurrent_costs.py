"""Costs in theory and as measured: RTRL by size, and parallel scans of a linear recurrence.

Part of ``python -m benchmarks.recurrent``, which pins the process.
"""

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxbrain as jb
from benchmarks import measure

INPUTS, STEPS = 8, 50
SIZES = (16, 32, 64, 128)
LENGTHS = ((1024, 32), (4096, 8))  # time, batch
LINEAR_UNITS = 64


def processor_time(job: Callable[[], Any], repeats: int = 5) -> float:
    """Smallest processor time of a compiled call, in seconds."""
    job()
    return min(measure.timed(lambda: None, lambda _: job(), 0)[0] for _ in range(repeats))


def rtrl_case(units: int) -> dict[str, float]:
    """A gradient by RTRL and by back-propagation through time, for a sequence of a tanh network.

    In theory the traces have n (n + inputs + 1) n numbers; a step multiplies them by an n x n
    matrix, which takes 2 n^2 operations per weight.
    """
    cell, readout = jb.cells.elman(units), jb.dense(1)
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(1, STEPS, INPUTS)), jnp.float32)
    y = jnp.zeros((1, STEPS, 1))
    rules = {
        "rtrl": jb.learning.online.over_time(jb.learning.rtrl(cell, readout, jb.losses.mse)),
        "bptt": jb.backprop(
            jb.cells.unroll(jb.cells.stack(cell, jb.lift(readout))),
            lambda prediction, target: jnp.mean((prediction - target) ** 2),
        ),
    }
    weights = units * (units + INPUTS + 1)
    found: dict[str, float] = {
        "units": units, "operations": 2.0 * units**2 * weights, "numbers": float(units * weights),
    }  # fmt: skip
    for name, rule in rules.items():
        params = rule.network.init(jax.random.key(0), x[0])
        state = rule.init(jax.random.key(0), params, x[0])
        one = jax.jit(lambda p, s, rule=rule: rule.grads(p, s, x, y)[:2])
        found[name] = processor_time(partial(_run, one, params, state)) / STEPS
    return found


def _run(one: Callable, *args: Any) -> Any:
    return jax.block_until_ready(one(*args))


def measure_rtrl() -> list[dict[str, float]]:
    """RTRL at every size."""
    return [rtrl_case(units) for units in SIZES]


def report_rtrl(rows: list[dict[str, float]]) -> str:
    """Time per step, and its growth compared with n^4."""
    header = ["tanh RNN, units", "RTRL us a step", "x before", "theory", "10^9 op/s",
              "traces MiB", "back-propagation us a step"]  # fmt: skip
    cells = []
    for before, row in zip([None, *rows], rows, strict=False):
        grows = ("", "") if before is None else (
            f"{row['rtrl'] / before['rtrl']:.1f}", f"{row['operations'] / before['operations']:.1f}"
        )  # fmt: skip
        cells.append([
            f"{row['units']}", f"{1e6 * row['rtrl']:.0f}", *grows,
            f"{row['operations'] / row['rtrl'] / 1e9:.1f}", f"{4 * row['numbers'] / 2**20:.2f}",
            f"{1e6 * row['bptt']:.0f}",
        ])  # fmt: skip
    return f"RTRL, a gradient of one sequence\n{measure.table(header, cells)}"


def measure_linear(rounds: int) -> list[dict[str, float]]:
    """A gradient of the linear recurrent unit, by a scan and by an associative scan."""
    found = []
    for length, batch in LENGTHS:
        x = jnp.asarray(np.random.default_rng(0).normal(size=(batch, length, INPUTS)), jnp.float32)
        nets = {
            "scan": jb.cells.unroll(jb.cells.linear_recurrent(LINEAR_UNITS)),
            "associative": jb.cells.parallel_linear_recurrent(LINEAR_UNITS),
        }
        timed = {}
        for name, net in nets.items():
            params = net.init(jax.random.key(0), x[0])

            def loss(p: Any, net: Any = net, x: jax.Array = x) -> jax.Array:
                return jnp.mean(jb.batch(net).apply(p, x) ** 2)

            job = partial(_run, jax.jit(jax.value_and_grad(loss)), params)
            job()
            timed[name] = partial(measure.timed, lambda: None, lambda _, job=job: job(), 0)
        timings = {n: t.processor for n, t in measure.interleave(timed, rounds).items()}
        ratio = measure.paired_ratio(timings["associative"], timings["scan"])
        found.append({
            "length": length, "batch": batch, "ratio": ratio,
            **{name: statistics.median(times) for name, times in timings.items()},
        })  # fmt: skip
    return found


def report_linear(rows: list[dict[str, float]]) -> str:
    """The result as an aligned table."""
    header = ["linear recurrent unit", "scan ms", "associative scan ms", "x scan"]
    cells = [
        [f"{r['length']:,} steps, batch {r['batch']}", f"{1e3 * r['scan']:.0f}",
         f"{1e3 * r['associative']:.0f}", f"{r['ratio']:.1f}"]
        for r in rows
    ]  # fmt: skip
    return (
        f"A gradient of a linear recurrence of {LINEAR_UNITS} units\n{measure.table(header, cells)}"
    )
