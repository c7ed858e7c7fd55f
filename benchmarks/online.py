"""Online rules: a gradient by RTRL compared with the hand-written program, and by the other rules.

One layer with 8 inputs and a linear readout of one number, sequences of 50 steps. The limit is
real-time recurrent learning as one would write it: `jax.jacrev` of the step, ``S = D S + I`` in a
scan, and the gradient from dL/ds. `jax.jacfwd`, with one tangent for each weight, is 7 to 400 times
slower. All start from the same weights, and the relative distance of the gradients is shown.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

import jaxbrain as jb
from benchmarks import compiling, measure
from benchmarks.measure import Options
from benchmarks.results import Table
from jaxbrain import learning

UNITS, BATCHES = (16, 32, 64), (1, 8)
LIMIT = "hand-written JAX, jacrev (limit)"
INPUTS, TIME = 8, 50
CELLS = {"elman": jb.cells.elman, "gru": jb.cells.gru, "lstm": jb.cells.lstm}
RULES = ("rtrl", "snap", "rflo", "eprop", "uoro")
sigmoid = jax.nn.sigmoid


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


def tables(options: Options) -> list[Table]:
    """Every cell, size and batch."""
    cases = [(kind, units, batch) for kind in CELLS for units in UNITS for batch in BATCHES]
    return [table(options, *case) for case in cases]


def table(options: Options, kind: str, units: int, batch: int) -> Table:
    """Milliseconds of a gradient, and seconds to trace and compile each program."""
    rng = np.random.default_rng(0)
    xs, ys = (jnp.asarray(rng.normal(size=(batch, TIME, n)), jnp.float32) for n in (INPUTS, 1))
    cell, readout = CELLS[kind](units), jb.dense(1)
    params = (
        cell.init(jax.random.key(0), xs[0, 0]), readout.init(jax.random.key(1), jnp.ones(units)),
    )  # fmt: skip
    programs = {LIMIT: by_hand(kind, units)}
    for name in RULES:
        if (kind, name) != ("lstm", "rflo"):  # two numbers a unit
            programs[f"jaxbrain, {name}"] = by_rule(name, kind, units)
    arguments = params, xs, ys, jax.random.key(2)
    whole = {label: compiling.stages(program, *arguments) for label, program in programs.items()}
    jobs = {
        label: measure.job_of(label, run, *arguments, **figures)
        for label, (run, figures) in whole.items()
    }
    rows = measure.rows_of(jobs, options, reference=LIMIT)
    gradient = {label: ravel_pytree(run(*arguments)[1])[0] for label, (run, _) in whole.items()}
    exact = gradient[LIMIT]
    for label, row in rows.items():
        distance = jnp.linalg.norm(gradient[label] - exact) / jnp.linalg.norm(exact)
        row["apart"] = float(distance)
        row["whole_ratio"] = row["whole_s"] / rows["jaxbrain, rtrl"]["whole_s"]
    title = f"a gradient over {TIME} steps; all s in units of rtrl's; relative difference"
    return Table(f"online, {kind}, {units} units, batch {batch}", title, rows, LIMIT)
