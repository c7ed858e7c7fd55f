"""Training a network that moves an arm, in several implementations, and sweeps of lesions.

arm26 under a GRU of 128 units, reaches of 100 steps, the gradient of `jaxbrain.motor.reach_loss`
and one step of Adam, for batches of 32 and 256. jaxbrain and the hand-written programs start from
the same weights. Run as ``python -m benchmarks.motor [--rounds 7] [--json file]``.
"""

import argparse
import json
import statistics
import time
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
from benchmarks import motor_peers as peers  # noqa: E402
from benchmarks.motor_peers import RATE, UNITS, Job  # noqa: E402

BATCHES = (32, 256)
LESIONS = 64  # with the intact network
CORTEX = 150  # units of the motor system
SWEEPS = (  # units of the cortex, trials under each lesion, lesions at a time
    (CORTEX, 1, None), (CORTEX, 8, None), (CORTEX, 8, 32), (600, 1, None), (1500, 1, None),
)  # fmt: skip
CALLED = 4  # lesions that are timed with their compilation


class Row(NamedTuple):
    """A row of the table: milliseconds, ratios, seconds of the first update."""

    label: str
    update: float
    ratio: float
    over: float
    forward: float
    first: float
    loss: float


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


def jaxbrain(label: str, controller: jb.Cell, params: Any, batch: Any, *, substeps: int = 2) -> Job:
    """`step` of back-propagation through a closed loop."""
    net = jb.cells.unroll(jb.motor.closed_loop(controller, jb.motor.arm26(substeps=substeps)))
    rule, optimizer = jb.backprop(net, jb.motor.reach_loss()), optax.adam(RATE)
    one = jax.jit(jb.step(rule, optimizer))
    forward = jax.jit(lambda p, x: _wires(jb.batch(net).apply(p, x)))
    fresh = jb.init_state(rule, optimizer, first(batch[0]), key=jax.random.key(0))
    fresh = fresh._replace(params=params)
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
        "hand": peers.by_hand("hand-written JAX, grad", peers.looped, peers.plain_gates),
        "kept": peers.by_hand("hand-written JAX, tuned", peers.lean, peers.kept_gates),
    }
    jobs = {name: make(params, batch) for name, make in by_hand.items()}
    jobs["jaxbrain"] = jaxbrain("jaxbrain, step", cell, params, batch)
    once = "jaxbrain, one Runge-Kutta step of 10 ms"
    jobs["once"] = jaxbrain(once, cell, params, batch, substeps=1)
    jobs["system"] = jaxbrain(
        "jaxbrain, motor_system of 150 units", system, initial(system, batch[0]), batch
    )
    try:
        jobs["motornet"] = peers.motornet(size)
    except ImportError:
        print("MotorNet: not installed")
    return jobs


def difference(size: int) -> float:
    """The largest relative difference of the gradients by hand and by jaxbrain, leaf by leaf."""
    x, y = data(size)
    params = initial(gru(), x)
    net = jb.cells.unroll(jb.motor.closed_loop(gru(), jb.motor.arm26()))
    ours = jb.backprop(net, jb.motor.reach_loss()).grads(params, (), x, y)[1]
    theirs = peers.gradient(params, (x, y), peers.looped, peers.plain_gates)
    apart = jax.tree.map(
        lambda a, b: float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b)), ours, theirs
    )
    return max(jax.tree.leaves(apart))


def measure_updates(size: int, rounds: int) -> list[Row]:
    """Milliseconds per update and per movement; seconds of the first update."""
    jobs, first_s, losses = jobs_of(size), {}, {}
    timed: dict[str, Callable[[], tuple[float, float]]] = {}
    for name, job in jobs.items():
        state = job.prepare()
        first_s[name] = measure.timed(lambda s=state: s, job.step, 0)[0]
        losses[name] = job.loss(job.prepare())
        job.forward()
        timed[name] = partial(measure.timed, job.prepare, job.step, 0.05)
        timed[f"{name}, forward"] = partial(
            measure.timed, lambda: None, lambda _, j=job: j.forward(), 0.02
        )
    timings = measure.interleave(timed, rounds)
    pairs = zip(timings["hand"].processor, timings["kept"].processor, strict=True)
    limit = [min(pair) for pair in pairs]
    median = {name: 1e3 * statistics.median(t.processor) for name, t in timings.items()}
    return [
        Row(job.label, median[name], measure.paired_ratio(timings[name].processor, limit),
            measure.paired_ratio(timings[name].processor, timings["jaxbrain"].processor),
            median[f"{name}, forward"], first_s[name], losses[name])
        for name, job in jobs.items()
    ]  # fmt: skip


def measure_sweep(units: int, trials: int, at_once: int | None, rounds: int) -> dict[str, Any]:
    """Lesions of the motor system, all in one program and one after another."""
    outcome, groups, gains = lesions(units, trials)
    alone = jax.jit(outcome)
    sweep = jax.jit(
        lambda: jb.analysis.lesion_sweep(outcome, groups, units=units, batch_size=at_once)
    )

    def one_by_one() -> list:
        return [jax.block_until_ready(alone(gain)) for gain in gains]

    start = time.process_time()
    together = jax.block_until_ready(sweep())
    first_s = time.process_time() - start
    start = time.process_time()
    for gain in gains[:CALLED]:  # as called without jit: each is traced
        jax.block_until_ready(outcome(jnp.asarray(gain)))
    called_s = (time.process_time() - start) * LESIONS / CALLED
    # by name, because a compiled function returns sorted dictionaries
    swept = np.stack([together[name] for name in ("intact", *groups)])
    apart = np.abs(np.stack(one_by_one()) - swept).max()
    jobs = {"sweep": lambda _: jax.block_until_ready(sweep()), "alone": lambda _: one_by_one()}
    timings = measure.interleave(
        {n: partial(measure.timed, lambda: None, f, 0.0) for n, f in jobs.items()}, rounds
    )
    return {
        "units": units,
        "trials": trials,
        "at_once": at_once or LESIONS,
        "sweep_ms": 1e3 * statistics.median(timings["sweep"].processor),
        "alone_ms": 1e3 * statistics.median(timings["alone"].processor),
        "ratio": measure.paired_ratio(timings["sweep"].processor, timings["alone"].processor),
        "first_s": first_s,
        "called_s": called_s,
        "apart_m": float(apart),
    }


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


def report_updates(size: int, rows: list[Row]) -> str:
    """The result as an aligned table."""
    header = ["implementation", "ms an update", "x limit", "x jaxbrain", "forward ms", "first s",
              "loss"]  # fmt: skip
    cells = [
        [r.label, f"{r.update:.1f}", f"{r.ratio:.2f}", f"{r.over:.2f}", f"{r.forward:.1f}",
         f"{r.first:.2f}", f"{r.loss:.5f}"]
        for r in sorted(rows, key=lambda r: r.update)
    ]  # fmt: skip
    return f"arm26, 100 steps, batch {size}\n{measure.table(header, cells)}"


def report_sweeps(found: list[dict[str, float]]) -> str:
    """The result as an aligned table."""
    header = ["units", "trials each", "at once", "sweep ms", "one by one ms", "ratio", "first s",
              "64 as called s", "apart m"]  # fmt: skip
    cells = [
        [f"{f['units']}", f"{f['trials']}", f"{f['at_once']}", f"{f['sweep_ms']:.1f}",
         f"{f['alone_ms']:.1f}", f"{f['ratio']:.3f}", f"{f['first_s']:.2f}",
         f"{f['called_s']:.0f}", f"{f['apart_m']:.0e}"]
        for f in found
    ]  # fmt: skip
    return f"{LESIONS} lesions of the motor system, forward\n{measure.table(header, cells)}"


def main() -> None:
    """Measure and print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", help="write the numbers to this file")
    arguments = parser.parse_args()
    found = measure.heading("motornet")
    sweeps = [measure_sweep(*of, arguments.rounds) for of in SWEEPS]
    print(f"\n{report_sweeps(sweeps)}", flush=True)
    for size in BATCHES:
        rows = measure_updates(size, arguments.rounds)
        print(f"\n{report_updates(size, rows)}", flush=True)
        found[str(size)] = [row._asdict() for row in rows]
    found["sweeps"], found["gradients apart"] = sweeps, difference(BATCHES[0])
    print(f"\ngradients by hand and by jaxbrain are {found['gradients apart']:.0e} apart")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(found, file, indent=2)


if __name__ == "__main__":
    main()
