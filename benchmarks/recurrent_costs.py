"""Costs in theory and as measured: RTRL by size, and parallel scans of a linear recurrence."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxbrain as jb
from benchmarks import measure
from benchmarks.measure import Options
from benchmarks.results import Table

INPUTS, STEPS = 8, 50
SIZES = (16, 32, 64, 128)
LENGTHS = ((1024, 32), (4096, 8))  # time, batch
LINEAR_UNITS = 64


def rtrl_jobs(units: int) -> dict[str, measure.Job]:
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
    jobs = {}
    for name, rule in rules.items():
        params = rule.network.init(jax.random.key(0), x[0])
        state = rule.init(jax.random.key(0), params, x[0])
        one = jax.jit(lambda p, s, rule=rule: rule.grads(p, s, x, y)[:2])
        jobs[name] = measure.job_of(name, one, params, state)
    return jobs


def rtrl_tables(options: Options) -> list[Table]:
    """RTRL at every size: milliseconds a sequence, and the growth in theory, that of n^4."""
    rows: dict[str, dict[str, float]] = {}
    before, expected = None, 0.0
    for units in SIZES:
        found = measure.rows_of(rtrl_jobs(units), options)
        row = rows[f"{units} units"] = found["rtrl"] | {"bptt_ms": found["bptt"]["ms"]}
        weights = units * (units + INPUTS + 1)
        operations = 2.0 * units**2 * weights
        row["mib"] = 4 * units * weights / 2**20
        if before is not None:
            row |= {"growth": row["ms"] / before["ms"], "theory": operations / expected}
        before, expected = row, operations
    return [Table("rtrl", f"RTRL of a tanh RNN, a gradient of one sequence of {STEPS} steps", rows)]


def linear_tables(options: Options) -> list[Table]:
    """A gradient of the linear recurrent unit, by a scan and by an associative scan."""
    return [linear_table(length, batch, options) for length, batch in LENGTHS]


def linear_table(length: int, batch: int, options: Options) -> Table:
    """One length."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(batch, length, INPUTS)), jnp.float32)
    nets = {
        "scan": jb.cells.unroll(jb.cells.linear_recurrent(LINEAR_UNITS)),
        "associative scan": jb.cells.parallel_linear_recurrent(LINEAR_UNITS),
    }
    jobs = {}
    for name, net in nets.items():
        params = net.init(jax.random.key(0), x[0])

        def loss(p: Any, net: Any = net) -> jax.Array:
            return jnp.mean(jb.batch(net).apply(p, x) ** 2)

        program = jax.jit(jax.value_and_grad(loss))
        jobs[name] = measure.job_of(name, program, params)
    title = f"a gradient of a linear recurrence of {LINEAR_UNITS} units, batch {batch}"
    rows = measure.rows_of(jobs, options, reference="scan")
    return Table(f"linear, {length:,} steps", title, rows, "scan")
