"""Residual networks of many blocks under rules that reach all of them: compile time and a step.

Each rule is compared with the same equations in hand-written JAX, without diagnostics, on one
batch. Both write their blocks out, as lists, in one inference loop.
"""

import random
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import variance_scaling

import jaxbrain as jb
from benchmarks.compiling import by_hand, stages, step_of
from benchmarks.measure import Job, Options, job_of, rows_of
from benchmarks.results import Figures, Table

WIDTH, CLASSES, BATCH = 128, 10, 64
DEPTHS = (8, 16, 32, 64)
MOST_ROUNDS = 3
NUDGE, ERROR_STEPS, ERROR_SIZE, SWEEPS = 1e-5, 5, 0.5, 3
BETA = 1e-3  # of asymmetric equilibrium propagation
Weights = list[tuple[jax.Array, jax.Array]]


def network(depth: int) -> jb.Network:
    """Residual ReLU blocks between two dense layers."""
    init = variance_scaling(2 / depth, "fan_in", "normal")
    inner = jb.serial(jb.dense(WIDTH, kernel_init=init), jb.elementwise(jax.nn.relu))
    return jb.serial(jb.dense(WIDTH), *[jb.residual(inner)] * (depth - 2), jb.dense(CLASSES))


def weights_of(depth: int) -> Weights:
    """The weights of `network` as a list, in other numbers."""
    rng = np.random.default_rng(0)
    scales = [1.0, *[(2 / depth) ** 0.5] * (depth - 2), 1.0]
    outputs = [WIDTH] * (depth - 1) + [CLASSES]
    inputs = [64] + [WIDTH] * (depth - 1)
    drawn = [
        s * rng.normal(size=(i, o)) / i**0.5
        for s, i, o in zip(scales, inputs, outputs, strict=True)
    ]
    return [(jnp.asarray(w, "float32"), jnp.zeros(w.shape[1])) for w in drawn]


# ------------------------------------------------------------------------- by hand


def block(i: int, last: int, weights: tuple, a: jax.Array) -> jax.Array:
    """Block i of `network`."""
    h = a @ weights[0] + weights[1]
    return h if i in (0, last) else a + jax.nn.relu(h)


def blocks_of(params: Weights) -> list[Callable]:
    """f_1..f_L, ``(weights, a) -> a``."""
    return [partial(block, i, len(params) - 1) for i in range(len(params))]


def cross_entropy(z: jax.Array, y: jax.Array) -> jax.Array:
    """The sum over the batch."""
    return -jnp.sum(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))


def outputs_of(params: Weights, x: jax.Array) -> list[jax.Array]:
    """x and the outputs of all blocks."""
    z = [x]
    for f, w in zip(blocks_of(params), params, strict=True):
        z.append(f(w, z[-1]))
    return z


def learned(params: Weights, inputs: list, errors: list, nudge: float) -> Weights:
    """- z_{l-1}^T (e_l * f_l') / nudge, its mean over the batch."""

    def explained(params: Weights) -> jax.Array:
        each = zip(blocks_of(params), params, inputs, errors, strict=True)
        products = [jnp.vdot(f(w, a), e) for f, w, a, e in each]
        return -jnp.sum(jnp.stack(products)) / (nudge * BATCH)

    return jax.grad(explained)(params)


def backprop(params: Weights, x: jax.Array, y: jax.Array) -> Any:
    """The gradient of the mean loss."""
    return jax.value_and_grad(lambda p: cross_entropy(outputs_of(p, x)[-1], y) / BATCH)(params)


def error_coding(params: Weights, x: jax.Array, y: jax.Array) -> Any:
    """Predictive coding in the coordinates of its errors."""
    start = outputs_of(params, x)

    def activities(errors: list) -> list:
        z = [x]
        for f, w, e in zip(blocks_of(params), params, errors, strict=True):
            z.append(f(w, z[-1]) + e)
        return z

    def energy(errors: list) -> jax.Array:
        squares = sum(jnp.sum(jnp.square(e)) for e in errors)
        return NUDGE * cross_entropy(activities(errors)[-1], y) + 0.5 * squares

    def step(_: Any, errors: list) -> list:
        return [e - ERROR_SIZE * g for e, g in zip(errors, jax.grad(energy)(errors), strict=True)]

    errors = jax.lax.fori_loop(0, ERROR_STEPS, step, [jnp.zeros_like(z) for z in start[1:]])
    grads = learned(params, activities(errors)[:-1], errors, NUDGE)
    return cross_entropy(start[-1], y) / BATCH, grads


def lagrangian_coding(params: Weights, x: jax.Array, y: jax.Array) -> Any:
    """Predictive coding with multipliers, penalty and multiplier step 1."""
    start, fs = outputs_of(params, x), blocks_of(params)

    def sweep(_: Any, carry: tuple) -> tuple:
        z, multipliers, coming = map(list, carry)
        m = -NUDGE * jax.grad(cross_entropy)(z[-1], y)
        for i in reversed(range(len(z))):
            coming[i] = m
            predicted = start[1]
            if i:
                predicted, pull = jax.vjp(partial(fs[i], params[i]), z[i - 1])
                m = pull(m)[0]
            z[i] = predicted + coming[i] - multipliers[i]
        errors = [a - f(w, b) for f, w, a, b in zip(fs, params, z, [x, *z[:-1]], strict=True)]
        return z, [u + e for u, e in zip(multipliers, errors, strict=True)], coming

    none = [jnp.zeros_like(z) for z in start[1:]]
    z, _, coming = jax.lax.fori_loop(0, SWEEPS, sweep, (start[1:], none, none))
    grads = learned(params, [x, *z[:-1]], coming, NUDGE)
    return cross_entropy(start[-1], y) / BATCH, grads


def asymmetric(params: Weights, x: jax.Array, y: jax.Array) -> Any:
    """Asymmetric equilibrium propagation in the changes of the states."""
    start = outputs_of(params, x)
    inner = [partial(f, w) for f, w in zip(blocks_of(params), params, strict=True)][1:]
    hidden, output = start[1:-1], start[-1]
    pulls = [jax.vjp(f, a)[1] for f, a in zip(inner, hidden, strict=True)]

    def bend(f: Callable, a: jax.Array, change: jax.Array) -> jax.Array:
        value, slope = jax.jvp(f, (a,), (change,))
        found = f(a + change) - value - slope
        size = jnp.max(jnp.abs(value), axis=1, keepdims=True)
        return jnp.where(jnp.abs(found) > 10 * jnp.finfo(a.dtype).eps * size, found, 0)

    def sweep(_: Any, d: list) -> list:
        d = list(d)
        for i in reversed(range(len(d))):
            above = i + 1 < len(d)
            down = (
                pulls[i](d[i + 1])[0]
                if above
                else -BETA * jax.grad(cross_entropy)(output + d[i], y)
            )
            d[i] = down + (bend(inner[i - 1], hidden[i - 1], d[i - 1]) if i else 0)
        return d

    d = jax.lax.fori_loop(0, SWEEPS, sweep, [jnp.zeros_like(z) for z in start[1:]])
    return cross_entropy(output, y) / BATCH, learned(params, [x, *hidden], d, BETA)


RULES = {
    "backprop": backprop,
    "error_predictive_coding": error_coding,
    "lagrangian_predictive_coding": lagrangian_coding,
    "asymmetric_equilibrium_propagation": asymmetric,
}


def ours(name: str, depth: int) -> tuple[Callable, tuple]:
    """A training step of a rule with its defaults."""
    return step_of(getattr(jb.learning, name), network(depth))


def hand(name: str, depth: int) -> tuple[Callable, tuple]:
    """The same by hand."""
    return by_hand(RULES[name], weights_of(depth))


def tables(options: Options) -> list[Table]:
    """Compile times by depth, and steps at the largest."""
    names = [name for name in RULES if options.only is None or name in options.only]
    return [compile_table(names, options), *(step_table(name, options) for name in names)]


def compile_table(names: list[str], options: Options) -> Table:
    """Processor seconds to the compiled step of every rule at every depth."""
    rounds = min(options.rounds, MOST_ROUNDS)
    builds = {(name, depth): partial(ours, name, depth) for name in names for depth in DEPTHS}
    builds |= {(f"{name} by hand", DEPTHS[-1]): partial(hand, name, DEPTHS[-1]) for name in names}
    found: dict[tuple[str, int], list[Figures]] = {key: [] for key in builds}
    order = random.Random(0)
    for _ in range(rounds):
        for key in order.sample(list(builds), len(builds)):
            function, arguments = builds[key]()
            jax.clear_caches()
            found[key].append(stages(function, *arguments)[1])
    rows = {}
    for (name, depth), each in found.items():
        row = {key: statistics.median(r[key] for r in each) for key in each[0]}
        half = found.get((name, depth // 2))
        if half:
            row["growth"] = row["whole_s"] / statistics.median(r["whole_s"] for r in half)
        if (f"{name} by hand", depth) in found:
            pairs = zip(each, found[f"{name} by hand", depth], strict=True)
            row["whole_ratio"] = statistics.median(a["whole_s"] / b["whole_s"] for a, b in pairs)
        rows[f"{name}, {depth} blocks"] = row
    title = f"residual network of width {WIDTH}: processor time to the compiled step"
    return Table("deep compile", f"{title}, {rounds} rounds; growth: x half the blocks", rows)


def step_table(name: str, options: Options) -> Table:
    """One step of a rule and of the same by hand, at the largest depth."""
    limit = f"{name} by hand (limit)"
    jobs: dict[str, Job] = {}
    for label, build in ((limit, hand), (name, ours)):
        function, arguments = build(name, DEPTHS[-1])
        jobs[label] = job_of(label, jax.jit(function), *arguments)
    rows = rows_of(jobs, options, reference=limit)
    return Table(f"deep {name}", f"a step, {DEPTHS[-1]} blocks, batch {BATCH}", rows, limit)
