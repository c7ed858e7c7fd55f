"""Training steps, outputs and memory of recurrent networks in several implementations.

A training step is the gradient of the mean square of the outputs, then an update by gradient
descent. All implementations start from the same weights; the loss after some steps is the proof of
equal work.
"""

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import jaxbrain as jb
from benchmarks import measure
from benchmarks import recurrent_peers as peers
from benchmarks.measure import Options
from benchmarks.recurrent_peers import BATCH, INPUTS, LEARNING_RATE, TIME, UNITS, Job
from benchmarks.results import Table

REPEATS = 5  # steps after which the losses are compared
CELLS = {"gru": jb.cells.gru, "lstm": jb.cells.lstm, "rnn": jb.cells.elman}
TITLES = {"gru": "GRU", "lstm": "LSTM", "rnn": "tanh RNN"}
NAIVE = "naive JAX (limit)"


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


def back_propagation(kind: str) -> jb.LearningRule:
    """Back-propagation through an unrolled cell."""
    return jb.backprop(jb.cells.unroll(CELLS[kind](UNITS)), mean_square)


def jaxbrain(kind: str, weights: dict[str, np.ndarray], xs: np.ndarray) -> Job:
    """`step` of back-propagation."""
    return job_of("jaxbrain, step", back_propagation(kind), weights, xs)


def job_of(
    label: str, rule: jb.LearningRule, weights: dict[str, np.ndarray], xs: np.ndarray | jax.Array
) -> Job:
    """`step` of a rule on the common batch."""
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

    return Job(label, lambda: state, step, loss)


def on_all_cores(kind: str, weights: dict[str, np.ndarray], xs: np.ndarray) -> Job:
    """The same step, with a device for each core that takes its part of the batch.

    ``pmean`` is outside of the scan over time: from a sharded batch alone XLA would make a sum over
    the devices in each of its steps.
    """
    rule = back_propagation(kind)
    mesh = jax.make_mesh((measure.threads(),), ("examples",), axis_types=(AxisType.Auto,))
    whole, part = PartitionSpec(), PartitionSpec("examples")

    def mean_grads(params, rule_state, x, y):
        return jax.lax.pmean(rule.grads(params, rule_state, x, y), "examples")

    spread = jax.shard_map(
        mean_grads, mesh=mesh, in_specs=(whole, whole, part, part), out_specs=whole, check_vma=False
    )

    def grads(params, rule_state, x, y, *, key=None):  # the network has no noise
        return spread(params, rule_state, x, y)

    label = "jaxbrain, step, a part of the batch on each core"
    parts = jax.device_put(xs, NamedSharding(mesh, part))
    return job_of(label, rule._replace(grads=grads), weights, parts)


def forward_jobs(kind: str, weights: dict[str, np.ndarray], xs: np.ndarray) -> dict[str, Callable]:
    """Outputs without a gradient."""
    x = jnp.asarray(xs)
    net = jb.batch(jb.cells.unroll(CELLS[kind](UNITS)))
    params = jax.tree.map(jnp.asarray, weights)
    ours = jax.jit(net.apply)
    scan = jax.jit(lambda p, x: peers.naive_outputs(kind, p, jnp.swapaxes(x, 0, 1)))
    jobs = {
        NAIVE: lambda: jax.block_until_ready(scan(params, x)),
        "jaxbrain, batch(unroll)": lambda: jax.block_until_ready(ours(params, x)),
    }
    if kind == "gru":
        split = jax.jit(lambda p, x: peers.gru_by_gate(p, jnp.swapaxes(x, 0, 1)))
        jobs["JAX, each gate scanned by itself"] = lambda: jax.block_until_ready(split(params, x))
    with contextlib.suppress(ImportError):
        jobs["PyTorch, no_grad"] = peers.torch_outputs(kind, weights, xs)
    return jobs


def tables(options: Options, kind: str) -> list[Table]:
    """A training step, and the outputs alone, of one kind of cell."""
    if measure.threads() > 1:  # every other row uses the first device
        jax.config.update("jax_num_cpu_devices", measure.threads())
    title = f"{TITLES[kind]}, {UNITS} units, {INPUTS} inputs, batch {BATCH}, {TIME} steps"
    return [training(options, kind, title), forward(options, kind, title)]


def training(options: Options, kind: str, title: str) -> Table:
    """Milliseconds per training step, and the loss that proves equal work."""
    weights, xs = initial(kind), data()
    jobs, missing = {}, []
    several = {"jaxbrain on all cores": on_all_cores} if measure.threads() > 1 else {}
    for name, make in {"jaxbrain": jaxbrain, **several, **peers.JOBS}.items():
        try:
            jobs[name] = make(kind, weights, xs)
        except ImportError as error:
            missing.append(f"{name}: {error}")
    timed = {name: measure.Job(job.label, job.step, job.prepare) for name, job in jobs.items()}
    rows = measure.rows_of(timed, options, reference=peers.BY_HAND)
    for job in jobs.values():
        state = job.prepare()
        for _ in range(REPEATS):
            state = job.step(state)
        rows[job.label]["loss"] = job.loss(state)
    title = f"{title}, a training step; limit: the fastest by hand; loss after {REPEATS}"
    return Table(f"{kind} training", title, rows, jobs["naive"].label, tuple(missing))


def forward(options: Options, kind: str, title: str) -> Table:
    """Milliseconds per forward pass of a batch; as loss the mean square of the outputs."""
    jobs = forward_jobs(kind, initial(kind), data())
    timed = {name: measure.Job(name, lambda _, job=job: job()) for name, job in jobs.items()}
    rows = measure.rows_of(timed, options, reference=NAIVE)
    for name, job in jobs.items():
        rows[name]["loss"] = float(np.mean(np.square(np.asarray(job()))))
    return Table(f"{kind} forward", f"{title}, outputs alone", rows, NAIVE)


def memory_tables(options: Options) -> list[Table]:
    """Memory and time of a gradient over 200 and 10,000 steps, with blocks and without."""
    jobs = [working(*case) for case in ((200, None), (200, 14), (10_000, 100), (10_000, None))]
    found = measure.rows_of({job.label: job for job in jobs}, options)
    rows = {job.label: found[job.label] for job in jobs}
    return [Table("blocks", f"GRU of {UNITS} units, a gradient of {BATCH} sequences", rows)]


def working(length: int, block: int | None) -> measure.Job:
    """A gradient of a GRU between an embedding and one readout unit, with its memory.

    Inputs and outputs are one number per step, so that they are a small part of the memory.
    """
    symbols = jb.lift(jb.embed(INPUTS, INPUTS))
    cell = jb.cells.stack(symbols, jb.cells.gru(UNITS), jb.lift(jb.dense(1)))
    net = jb.cells.unroll(cell, block=block)
    rule = jb.backprop(net, mean_square)
    x = jnp.asarray(np.random.default_rng(0).integers(0, INPUTS, (BATCH, length)), jnp.int32)
    y, params = jnp.zeros(BATCH), net.init(jax.random.key(0), x[0])
    program = jax.jit(lambda p, x, y: rule.grads(p, (), x, y)[:2]).lower(params, x, y).compile()
    sizes: Any = program.memory_analysis()
    size = sizes.temp_size_in_bytes + sizes.argument_size_in_bytes + sizes.output_size_in_bytes
    kept = f"block={block}" if block else "everything kept"
    return measure.job_of(f"{length:,} steps, {kept}", program, params, x, y, mib=size / 2**20)
