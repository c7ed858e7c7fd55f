"""Online rules: a gradient by RTRL compared with the hand-written program, and by the other rules.

One layer with 8 inputs and a linear readout of one number, sequences of 50 steps. The limit is
real-time recurrent learning as one would write it: `jax.jacrev` of the step, ``S = D S + I`` in a
scan, and the gradient from dL/ds. `jax.jacfwd`, with one tangent for each weight, is 7 to 400 times
slower. All start from the same weights, and the relative distance of the gradients is shown.

Run as ``python -m benchmarks.online [--rounds 7] [--units 16 32 64] [--batch 1 8] [--json file]``.
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
from jax.flatten_util import ravel_pytree  # noqa: E402

import jaxbrain as jb  # noqa: E402
from jaxbrain import learning  # noqa: E402

INPUTS, TIME = 8, 50
CELLS = {"elman": jb.cells.elman, "gru": jb.cells.gru, "lstm": jb.cells.lstm}
RULES = ("rtrl", "snap", "rflo", "eprop", "uoro")
sigmoid = jax.nn.sigmoid


class Row(NamedTuple):
    """A row of a table."""

    label: str
    us: float
    ratio: float
    compile_s: float
    distance: float


def elman(p: dict, h: jax.Array, x: jax.Array) -> jax.Array:
    """A step from the equations; the carry is one vector."""
    return jnp.tanh(x @ p["kernel"] + h @ p["recurrent"] + p["bias"])


def gru(p: dict, h: jax.Array, x: jax.Array) -> jax.Array:
    """A step from the equations; the carry is one vector."""
    given = jnp.split(x @ p["kernel"] + p["bias"], 3)
    own = jnp.split(h @ p["recurrent"], 3)
    r, z = sigmoid(given[0] + own[0]), sigmoid(given[1] + own[1])
    n = jnp.tanh(given[2] + r * (own[2] + p["candidate_bias"]))
    return (1 - z) * n + z * h


def lstm(p: dict, s: jax.Array, x: jax.Array) -> jax.Array:
    """A step from the equations; the carry is one vector, h and c."""
    h, c = jnp.split(s, 2)
    i, f, g, o = jnp.split(x @ p["kernel"] + h @ p["recurrent"] + p["bias"], 4)
    c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
    return jnp.concatenate([sigmoid(o) * jnp.tanh(c), c])


STEPS = {"elman": elman, "gru": gru, "lstm": lstm}


def by_hand(kind: str, units: int) -> Callable:
    """Loss and gradient of a batch by real-time recurrent learning, in plain JAX."""
    step, states = STEPS[kind], 2 * units if kind == "lstm" else units

    def loss(readout: dict, s: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.mean((s[:units] @ readout["kernel"] + readout["bias"] - y) ** 2)

    def sequence(params: Any, xs: jax.Array, ys: jax.Array) -> Any:
        cell, readout = params

        def one(carry: Any, now: Any) -> tuple[Any, None]:
            (s, influence, total), (x, y) = carry, now
            entering, carried = jax.jacrev(step, (0, 1))(cell, s, x)
            s = step(cell, s, x)
            influence = jax.tree.map(
                lambda i, a: i + jnp.tensordot(carried, a, 1), entering, influence
            )
            value, (outward, credit) = jax.value_and_grad(loss, (0, 1))(readout, s, y)
            inward = jax.tree.map(lambda a: jnp.tensordot(credit, a, 1), influence)
            return (s, influence, jax.tree.map(jnp.add, total, (value, (inward, outward)))), None

        zeros = jax.tree.map(lambda p: jnp.zeros((states, *p.shape)), cell)
        nothing = 0.0, jax.tree.map(jnp.zeros_like, params)
        (_, _, total), _ = jax.lax.scan(one, (jnp.zeros(states), zeros, nothing), (xs, ys))
        return jax.tree.map(lambda a: a / TIME, total)

    def grads(params: Any, xs: jax.Array, ys: jax.Array, key: jax.Array) -> Any:
        found = jax.vmap(sequence, in_axes=(None, 0, 0))(params, xs, ys)
        return jax.tree.map(lambda a: jnp.mean(a, axis=0), found)

    return grads


def by_rule(name: str, kind: str, units: int) -> Callable:
    """Loss and gradient of a batch by a rule of jaxbrain."""
    make = getattr(learning, name)
    options = {"feedback": learning.online.symmetric_feedback()} if name == "rflo" else {}
    rule = learning.over_time(make(CELLS[kind](units), jb.dense(1), jb.losses.mse, **options))

    def grads(params: Any, xs: jax.Array, ys: jax.Array, key: jax.Array) -> Any:
        return rule.grads(params, (), xs, ys, key=key if name == "uoro" else None)[:2]

    return grads


def measure_case(kind: str, units: int, batch: int, rounds: int) -> list[Row]:
    """Microseconds per step of a sequence, and seconds to trace and compile, of all programs."""
    rng = np.random.default_rng(0)
    xs, ys = (jnp.asarray(rng.normal(size=(batch, TIME, n)), jnp.float32) for n in (INPUTS, 1))
    cell, readout = CELLS[kind](units), jb.dense(1)
    params = (
        cell.init(jax.random.key(0), xs[0, 0]), readout.init(jax.random.key(1), jnp.ones(units)),
    )  # fmt: skip
    programs = {"hand-written JAX, jacrev (limit)": by_hand(kind, units)}
    for name in RULES:
        if (kind, name) != ("lstm", "rflo"):  # two numbers a unit
            programs[f"jaxbrain, {name}"] = by_rule(name, kind, units)
    jobs, compiled, gradient = {}, {}, {}
    arguments = params, xs, ys, jax.random.key(2)
    for label, program in programs.items():
        start = time.process_time()
        run = jax.jit(program).lower(*arguments).compile()
        compiled[label] = time.process_time() - start
        gradient[label] = ravel_pytree(run(*arguments)[1])[0]
        job = partial(lambda run, _: jax.block_until_ready(run(*arguments)), run)
        jobs[label] = partial(measure.timed, lambda: None, job, 0.05)
    timings = {name: t.processor for name, t in measure.interleave(jobs, rounds).items()}
    limit, exact = timings[next(iter(jobs))], gradient[next(iter(jobs))]
    return [
        Row(label, 1e6 * statistics.median(seconds) / TIME, measure.paired_ratio(seconds, limit),
            compiled[label],
            float(jnp.linalg.norm(gradient[label] - exact) / jnp.linalg.norm(exact)))
        for label, seconds in timings.items()
    ]  # fmt: skip


def report(title: str, rows: list[Row]) -> str:
    """The result as an aligned table."""
    header = ["program", "us a step", "x limit", "compile s", "distance of gradient"]
    cells = [
        [r.label, f"{r.us:.0f}", f"{r.ratio:.2f}", f"{r.compile_s:.2f}", f"{r.distance:.0e}"]
        for r in rows
    ]
    return f"{title}\n{measure.table(header, cells)}"


def main() -> None:
    """Measure and print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cells", nargs="+", default=list(CELLS), choices=CELLS)
    parser.add_argument("--units", nargs="+", type=int, default=[16, 32, 64])
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--json", help="write the numbers to this file")
    arguments = parser.parse_args()
    found = measure.heading()
    for kind in arguments.cells:
        for units in arguments.units:
            for batch in arguments.batch:
                title = f"{kind}, {units} units, batch {batch}"
                rows = measure_case(kind, units, batch, arguments.rounds)
                print(f"\n{report(title, rows)}", flush=True)
                found[title] = [row._asdict() for row in rows]
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(found, file, indent=2)


if __name__ == "__main__":
    main()
