"""Training a network that moves an arm, in several implementations, and sweeps of lesions.

arm26 under a GRU of 128 units, reaches of 100 steps, the gradient of `jaxbrain.motor.reach_loss`
and one step of Adam, for batches of 32 and 256. jaxbrain and the hand-written programs start from
the same weights.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb
from benchmarks import measure
from benchmarks import motor_peers as peers
from benchmarks.kept_gates import kept_gates, plain_gates
from benchmarks.measure import Options
from benchmarks.motor_peers import RATE, UNITS, Job
from benchmarks.results import Figures, Table

BATCHES = (32, 256)
LESIONS = 64  # with the intact network
CORTEX = 150  # units of the motor system
SWEEPS = (  # units of the cortex, trials under each lesion, lesions at a time
    (CORTEX, 1, None), (CORTEX, 8, None), (CORTEX, 8, 32), (600, 1, None), (1500, 1, None),
)  # fmt: skip
CALLED = 4  # lesions that are timed with their compilation


BY_HAND = ("hand", "kept")


def data(batch: int) -> Any:
    """Reaches of 100 steps, ``[batch, time, ...]``."""
    return jb.tasks.batches(jb.motor.tasks.center_out(), batch)(jax.random.key(0))


def gru() -> jb.Cell:
    """A GRU of 128 units that drives six muscles."""
    muscles = jb.serial(jb.dense(6), jb.elementwise(jax.nn.sigmoid))
    return jb.cells.stack(jb.cells.gru(UNITS), jb.lift(muscles))


def motor_system(units: int = CORTEX) -> jb.Cell:
    """The motor system: cortex, basal ganglia and thalamus."""
    return jb.motor.motor_system(jb.motor.cortical_layers(jax.random.key(0), units), 6)


def first(x: Any) -> Any:
    """The first trial of a batch."""
    return jax.tree.map(lambda a: a[0], x)


def initial(controller: jb.Cell, x: Any) -> Any:
    """Initial weights, the same for all implementations."""
    net = jb.cells.unroll(jb.motor.closed_loop(controller, jb.motor.arm26()))
    return net.init(jax.random.key(1), first(x))


def closed_step(controller: jb.Cell, batch: Any, substeps: int = 2) -> tuple[Callable, Any]:
    """`step` of back-propagation through a closed loop, and its first state."""
    net = jb.cells.unroll(jb.motor.closed_loop(controller, jb.motor.arm26(substeps=substeps)))
    rule, optimizer = jb.backprop(net, jb.motor.reach_loss()), optax.adam(RATE)
    state = jb.init_state(rule, optimizer, first(batch[0]), key=jax.random.key(0))
    return jb.step(rule, optimizer), state


def jaxbrain(label: str, controller: jb.Cell, params: Any, batch: Any, *, substeps: int = 2) -> Job:
    """`step` jitted, and the movement alone."""
    net = jb.cells.unroll(jb.motor.closed_loop(controller, jb.motor.arm26(substeps=substeps)))
    forward = jax.jit(lambda p, x: _wires(jb.batch(net).apply(p, x)))
    step, fresh = closed_step(controller, batch, substeps)
    one, fresh = jax.jit(step), fresh._replace(params=params)
    return Job(
        label,
        lambda: fresh,
        lambda state: jax.block_until_ready(one(state, batch)[0]),
        lambda state: float(one(state, batch)[1]),
        lambda: jax.block_until_ready(forward(params, batch[0])),
    )


def _wires(signals: Any) -> tuple:
    """The results of the hand-written programs."""
    return signals.hand, signals.command


def jobs_of(size: int) -> dict[str, Job]:
    """All implementations that are installed."""
    batch, cell, system = data(size), gru(), motor_system()
    params = initial(cell, batch[0])
    by_hand = {
        "hand": peers.by_hand("hand-written JAX, grad", peers.looped, plain_gates),
        "kept": peers.by_hand("hand-written JAX, tuned", peers.lean, kept_gates),
    }
    jobs = {name: make(params, batch) for name, make in by_hand.items()}
    jobs["jaxbrain"] = jaxbrain("jaxbrain, step", cell, params, batch)
    once = "jaxbrain, one Runge-Kutta step of 10 ms"
    jobs["once"] = jaxbrain(once, cell, params, batch, substeps=1)
    jobs["system"] = jaxbrain(
        "jaxbrain, motor_system of 150 units", system, initial(system, batch[0]), batch
    )
    with contextlib.suppress(ImportError):
        jobs["motornet"] = peers.motornet(size)
    return jobs


def difference(size: int) -> float:
    """The largest relative difference of the gradients by hand and by jaxbrain, leaf by leaf."""
    x, y = data(size)
    params = initial(gru(), x)
    net = jb.cells.unroll(jb.motor.closed_loop(gru(), jb.motor.arm26()))
    ours = jb.backprop(net, jb.motor.reach_loss()).grads(params, (), x, y)[1]
    theirs = peers.gradient(params, (x, y), peers.looped, plain_gates)
    apart = jax.tree.map(
        lambda a, b: float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b)), ours, theirs
    )
    return max(jax.tree.leaves(apart))


def tables(options: Options) -> list[Table]:
    """Updates of all implementations for both sizes of a batch, and the movement alone."""
    return [table for size in BATCHES for table in updates(size, options)]


def updates(size: int, options: Options) -> list[Table]:
    """Milliseconds per update and per movement; the loss that proves equal work."""
    jobs = jobs_of(size)
    labels = {name: job.label for name, job in jobs.items()}
    missing = () if "motornet" in jobs else ("MotorNet: not installed",)
    timed = {name: measure.Job(job.label, job.step, job.prepare) for name, job in jobs.items()}
    rows = measure.rows_of(timed, options, reference=BY_HAND)
    for job in jobs.values():
        rows[job.label]["loss"] = job.loss(job.prepare())
    rows[labels["jaxbrain"]]["apart"] = difference(size)
    title = f"arm26 under a GRU of {UNITS} units, 100 steps, batch {size}"
    moved = {n: measure.Job(job.label, lambda _, j=job: j.forward()) for n, job in jobs.items()}
    forward = measure.rows_of(moved, options, reference=BY_HAND)
    by_hand = labels["hand"]
    return [
        Table(f"motor, batch {size}", f"{title}, an update", rows, by_hand, missing),
        Table(f"motor forward, batch {size}", f"{title}, the movement", forward, by_hand, missing),
    ]


def lesion_tables(options: Options) -> list[Table]:
    """64 lesions of the motor system, all in one program and one after another."""
    rows = {}
    for units, trials, at_once in SWEEPS:
        label = f"{units} units, {trials} trials each, {at_once or LESIONS} at once"
        rows[label] = sweep_row(units, trials, at_once, options)
    return [Table("lesions", f"{LESIONS} lesions of the motor system, forward", rows)]


def sweep_row(units: int, trials: int, at_once: int | None, options: Options) -> Figures:
    """Lesions in one program, one after another, and as called without jit."""
    outcome, groups, gains = lesions(units, trials)
    alone = jax.jit(outcome)
    sweep = jax.jit(
        lambda: jb.analysis.lesion_sweep(outcome, groups, units=units, batch_size=at_once)
    )

    def one_by_one() -> list:
        return [jax.block_until_ready(alone(gain)) for gain in gains]

    start = time.process_time()
    for gain in gains[:CALLED]:  # as called without jit: each is traced
        jax.block_until_ready(outcome(jnp.asarray(gain)))
    called_s = (time.process_time() - start) * LESIONS / CALLED
    jobs = {
        "sweep": measure.job_of("sweep", sweep),
        "alone": measure.Job("alone", lambda _: one_by_one()),
    }
    found = measure.rows_of(jobs, options, reference="alone")
    # by name, because a compiled function returns sorted dictionaries
    together = sweep()
    swept = np.stack([together[name] for name in ("intact", *groups)])
    apart = float(np.abs(np.stack(one_by_one()) - swept).max())
    return found["sweep"] | {"alone_ms": found["alone"]["ms"], "called_s": called_s, "apart": apart}


def lesions(units: int, trials: int) -> tuple[Callable, dict[str, slice], np.ndarray]:
    """Final position of the hand as a function of the gains, and 64 lesions of two units."""
    system, (x, _) = motor_system(units), data(trials)
    params = initial(system, x)

    def outcome(gain: jax.Array) -> jax.Array:
        perturbation = jb.motor.perturbations.set_gain(gain, part=("cortex",))
        net = jb.cells.unroll(
            jb.motor.closed_loop(system, jb.motor.arm26(), perturbation=perturbation)
        )
        return jb.batch(net).apply(params, x).hand.position[:, -1]

    gains = np.ones((LESIONS, units), np.float32)
    groups = {str(i): slice(2 * i, 2 * i + 2) for i in range(LESIONS - 1)}
    for i, where in enumerate(groups.values()):
        gains[i + 1, where] = 0
    return outcome, groups, gains
