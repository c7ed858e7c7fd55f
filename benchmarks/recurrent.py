"""Training steps and memory of recurrent networks in several implementations, and RTRL.

128 units, 64 inputs, batch 32, 200 steps: the gradient of the mean square of the outputs, then an
update by gradient descent. All implementations start from the same weights; the loss after some
steps is the proof of equal work.

Run as ``python -m benchmarks.recurrent [--rounds 7] [--json file]``.
"""

import argparse
import contextlib
import json
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from benchmarks import measure

measure.pin()

import jax  # noqa: E402 (pinned before NumPy starts)
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402

import jaxbrain as jb  # noqa: E402
from benchmarks import recurrent_costs as costs  # noqa: E402
from benchmarks import recurrent_peers as peers  # noqa: E402
from benchmarks.recurrent_peers import BATCH, INPUTS, LEARNING_RATE, TIME, UNITS, Job  # noqa: E402

REPEATS = 5  # steps after which the losses are compared
CELLS = {"gru": jb.cells.gru, "lstm": jb.cells.lstm, "rnn": jb.cells.elman}
TITLES = {"gru": "GRU", "lstm": "LSTM", "rnn": "tanh RNN"}


class Row(NamedTuple):
    """A row of a table."""

    label: str
    ms: float
    ratio: float
    first_s: float
    value: float


def data() -> np.ndarray:
    """A batch of sequences ``[batch, time, inputs]``."""
    return np.random.default_rng(0).normal(size=(BATCH, TIME, INPUTS)).astype(np.float32)


def initial(kind: str) -> dict[str, np.ndarray]:
    """Initial weights of all implementations, in the layout of jaxbrain, with biases of zero.

    Equinox, Keras and Flax differ in the bias of the candidate, so it has to be zero.
    """
    cell = CELLS[kind](UNITS)
    params = cell.init(jax.random.key(0), jax.ShapeDtypeStruct((INPUTS,), jnp.float32))
    return {k: np.zeros_like(v) if "bias" in k else np.asarray(v) for k, v in params.items()}


def mean_square(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Mean square of the outputs: a loss without a target, so that only the recurrence is timed."""
    return jnp.mean(prediction**2)


def jaxbrain(kind: str, weights: dict[str, np.ndarray], xs: np.ndarray) -> Job:
    """`step` of back-propagation through an unrolled cell."""
    rule = jb.backprop(jb.cells.unroll(CELLS[kind](UNITS)), mean_square)
    optimizer = optax.sgd(LEARNING_RATE)
    x = jnp.asarray(xs)
    target = jnp.zeros(BATCH)
    one = jax.jit(jb.step(rule, optimizer))

    state = jb.init_state(rule, optimizer, x[0], key=jax.random.key(0))
    state = state._replace(params=jax.tree.map(jnp.asarray, weights))

    def loss(state):
        return float(one(state, (x, target))[1])

    def step(state):
        return jax.block_until_ready(one(state, (x, target))[0])

    return Job("jaxbrain, step", lambda: state, step, loss)


def forward_jobs(kind: str, weights: dict[str, np.ndarray], xs: np.ndarray) -> dict[str, Callable]:
    """Outputs without a gradient."""
    x = jnp.asarray(xs)
    net = jb.batch(jb.cells.unroll(CELLS[kind](UNITS)))
    params = jax.tree.map(jnp.asarray, weights)
    ours = jax.jit(net.apply)
    scan = jax.jit(lambda p, x: peers.naive_outputs(kind, p, jnp.swapaxes(x, 0, 1)))
    jobs = {
        "naive JAX (limit)": lambda: jax.block_until_ready(scan(params, x)),
        "jaxbrain, batch(unroll)": lambda: jax.block_until_ready(ours(params, x)),
    }
    if kind == "gru":
        split = jax.jit(lambda p, x: peers.gru_by_gate(p, jnp.swapaxes(x, 0, 1)))
        jobs["JAX, each gate scanned by itself"] = lambda: jax.block_until_ready(split(params, x))
    with contextlib.suppress(ImportError):
        jobs["PyTorch, no_grad"] = peers.torch_outputs(kind, weights, xs)
    return jobs


def measure_forward(kind: str, rounds: int) -> list[Row]:
    """Milliseconds per forward pass of a batch."""
    jobs = forward_jobs(kind, initial(kind), data())
    values = {name: float(np.mean(np.square(np.asarray(job())))) for name, job in jobs.items()}
    timed = {name: partial(measure.timed, lambda: None, lambda _, j=job: j(), 0.05)
             for name, job in jobs.items()}  # fmt: skip
    timings = measure.interleave(timed, rounds)
    limit = timings["naive JAX (limit)"].processor
    return [
        Row(name, 1e3 * statistics.median(t.processor),
            measure.paired_ratio(t.processor, limit), 0.0, values[name])
        for name, t in timings.items()
    ]  # fmt: skip


def measure_training(kind: str, rounds: int) -> list[Row]:
    """Milliseconds per training step of every installed implementation, and its final loss."""
    weights, xs = initial(kind), data()
    jobs, first, values, timed = {}, {}, {}, {}
    for name, make in {"jaxbrain": jaxbrain, **peers.JOBS}.items():
        try:
            jobs[name] = job = make(kind, weights, xs)
        except ImportError:
            continue
        state = job.prepare()
        first[name] = measure.timed(lambda s=state: s, job.step, 0)[0]
        state = job.prepare()
        for _ in range(REPEATS):
            state = job.step(state)
        values[name] = job.loss(state)
        timed[name] = partial(measure.timed, job.prepare, job.step, 0.1)
    timings = measure.interleave(timed, rounds)
    limit = [min(pair) for pair in zip(*(timings[n].processor for n in peers.BY_HAND), strict=True)]
    return [
        Row(jobs[name].label, 1e3 * statistics.median(t.processor),
            measure.paired_ratio(t.processor, limit), first[name], values[name])
        for name, t in timings.items()
    ]  # fmt: skip


def working(length: int, block: int | None) -> dict[str, float]:
    """Memory and time of a gradient of a GRU between an embedding and one readout unit.

    Inputs and outputs are one number per step, so that they are a small part of the memory.
    """
    symbols = jb.lift(jb.embed(INPUTS, INPUTS))
    cell = jb.cells.stack(symbols, jb.cells.gru(UNITS), jb.lift(jb.dense(1)))
    net = jb.cells.unroll(cell, block=block)
    rule = jb.backprop(net, mean_square)
    x = jnp.asarray(np.random.default_rng(0).integers(0, INPUTS, (BATCH, length)), jnp.int32)
    y, params = jnp.zeros(BATCH), net.init(jax.random.key(0), x[0])
    compiled = jax.jit(lambda p, x, y: rule.grads(p, (), x, y)[:2]).lower(params, x, y).compile()
    run = partial(lambda c, _: jax.block_until_ready(c(params, x, y)), compiled)
    measure.timed(lambda: None, run, 0)
    seconds = min(measure.timed(lambda: None, run, 0)[0] for _ in range(2))
    sizes: Any = compiled.memory_analysis()
    size = sizes.temp_size_in_bytes + sizes.argument_size_in_bytes + sizes.output_size_in_bytes
    return {"length": length, "block": block or 0, "MiB": size / 2**20, "ms": 1e3 * seconds}


def measure_memory() -> list[dict[str, float]]:
    """Memory for 200 and 10,000 steps, with blocks and without."""
    return [working(*case) for case in ((200, None), (200, 14), (10_000, 100), (10_000, None))]


def report_training(kind: str, rows: list[Row]) -> str:
    """The result as an aligned table."""
    header = ["implementation", "ms a step", "x limit", "first s", f"loss after {REPEATS}"]
    cells = [
        [r.label, f"{r.ms:.1f}", f"{r.ratio:.2f}", f"{r.first_s:.2f}", f"{r.value:.6f}"]
        for r in sorted(rows, key=lambda r: r.ms)
    ]
    return f"{TITLES[kind]}, a training step\n{measure.table(header, cells)}"


def report_forward(kind: str, rows: list[Row]) -> str:
    """The result as an aligned table."""
    cells = [[r.label, f"{r.ms:.1f}", f"{r.ratio:.2f}", f"{r.value:.6f}"] for r in rows]
    header = ["implementation", "ms", "x limit", "mean square"]
    return f"{TITLES[kind]}, outputs alone\n{measure.table(header, cells)}"


def report_memory(rows: list[dict[str, float]]) -> str:
    """The result as an aligned table; memory also in units of the first row."""
    header = ["sequence", "MiB", "x first row", "ms", "us a step"]
    cells = []
    for row in rows:
        kept = f"block={row['block']:.0f}" if row["block"] else "everything kept"
        cells.append([
            f"{row['length']:,} steps, {kept}", f"{row['MiB']:.1f}",
            f"{row['MiB'] / rows[0]['MiB']:.2f}", f"{row['ms']:.0f}",
            f"{1e3 * row['ms'] / row['length']:.0f}",
        ])  # fmt: skip
    return f"GRU, a gradient: memory\n{measure.table(header, cells)}"


def main() -> None:
    """Measure and print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cells", nargs="+", default=list(CELLS), choices=CELLS)
    parser.add_argument("--json", help="write the numbers to this file")
    arguments = parser.parse_args()
    found = measure.heading()
    for kind in arguments.cells:
        rows = measure_training(kind, arguments.rounds)
        print(f"\n{report_training(kind, rows)}", flush=True)
        forward = measure_forward(kind, arguments.rounds)
        print(f"\n{report_forward(kind, forward)}", flush=True)
        found[kind] = {"training": [r._asdict() for r in rows],
                       "forward": [r._asdict() for r in forward]}  # fmt: skip
    found["memory"] = measure_memory()
    print(f"\n{report_memory(found['memory'])}", flush=True)
    found["rtrl"], found["linear"] = costs.measure_rtrl(), costs.measure_linear(arguments.rounds)
    print(f"\n{costs.report_rtrl(found['rtrl'])}\n\n{costs.report_linear(found['linear'])}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(found, file, indent=2)


if __name__ == "__main__":
    main()
