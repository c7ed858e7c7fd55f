"""Fast weights over long sequences: their derivative in chunks, compared with that of the scan.

The limit is the recurrence as one would write it, one small step after the other in `jax.lax.scan`.
All start from the same keys, values and weights; the largest difference of the results is shown.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxbrain as jb
from benchmarks import measure
from benchmarks.measure import Options
from benchmarks.results import Table

TIMES, SHAPES = (256, 1024, 2048), ((1, 16), (1, 64), (16, 32))  # batch and width
CELLS = {
    "hebbian": jb.memory.hebbian_fast_weights,
    "attention": jb.memory.linear_attention,
    "delta": jb.memory.delta_fast_weights,
}


def tables(options: Options) -> list[Table]:
    """Every cell; the ratio of a row is to the same work step by step."""
    found = []
    for kind in CELLS:
        rows = {}
        for batch, width in SHAPES:
            for time in TIMES:
                rows.update(rows_of(options, kind, (batch, time, width)))
        title = f"{kind} fast weights over sequences; relative difference to step by step"
        found.append(Table(f"fast-weights {kind}", title, rows))
    return found


def rows_of(options: Options, kind: str, shape: tuple[int, int, int]) -> dict[str, dict]:
    """Milliseconds of the outputs, and of the loss with its gradient by params and inputs."""
    batch, time, width = shape
    cell = CELLS[kind](width, width)
    xs = jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)
    params, rows = cell.init(jax.random.key(0), xs[0, 0]), {}

    def step_by_step(params: Any, xs: jax.Array) -> jax.Array:
        start = cell.carry(params, xs[0])
        return jax.lax.scan(
            lambda carry, x: cell.step(params, carry, x), start, cell.project(params, xs)
        )[1]

    for what, wrap in (("outputs", lambda many: many), ("gradient", gradient)):
        jobs, results = {}, []
        for way, one in (("step by step", step_by_step), ("unroll", jb.cells.unroll(cell).apply)):
            program = wrap(jax.vmap(one, in_axes=(None, 0)))
            run = jax.jit(program).lower(params, xs).compile()
            results.append(jax.tree.leaves(run(params, xs)))
            label = f"{time} steps, batch {batch}, width {width}, {what}, {way}"
            jobs[way] = measure.job_of(label, run, params, xs)
        for label, row in measure.rows_of(jobs, options, reference="step by step").items():
            own = results[label.endswith("unroll")]
            rows[label] = {**row, "apart": max(map(apart, own, results[0]))}
    return rows


def gradient(many: Callable) -> Callable:
    """A loss and its gradient."""
    return jax.value_and_grad(lambda params, xs: jnp.mean(jnp.sin(many(params, xs))), (0, 1))


def apart(a: jax.Array, b: jax.Array) -> float:
    """The largest difference, relative to the largest number."""
    return float(jnp.max(jnp.abs(a - b)) / jnp.max(jnp.abs(b)))
