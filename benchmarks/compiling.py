"""Compile times of programs of jaxbrain and of the same programs in hand-written JAX."""

import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb
from benchmarks.measure import Options
from benchmarks.results import Figures, Table

SIZES = (64, 128, 128, 128, 128, 10)
BATCH, STEPS, STEP_SIZE, NUDGE = 64, 20, 0.1, 0.01
DEPTH = 64
LOOP = f"{DEPTH} equal layers, scan by hand"
MOST_ROUNDS = 3
tanh = jb.elementwise(jnp.tanh)


class Program(NamedTuple):
    """A function with its arguments, built at each call so that nothing of it is cached.

    Attributes:
        build: ``() -> (function, arguments)``.
        by_hand: The name of the program that its time is compared with; None without one.
    """

    build: Callable[[], tuple[Callable, tuple]]
    by_hand: str | None = None


def stages(function: Callable, *arguments: Any) -> tuple[Any, Figures]:
    """The compiled function, and processor seconds to trace, lower and compile it."""
    clocks = [time.process_time()]
    traced = jax.jit(lambda *a: function(*a)).trace(*arguments)
    clocks.append(time.process_time())
    lowered = traced.lower()
    clocks.append(time.process_time())
    program = lowered.compile()
    clocks.append(time.process_time())
    trace, lower, compiling = np.diff(clocks).tolist()
    return program, {
        "trace_s": trace,
        "lower_s": lower,
        "compile_s": compiling,
        "whole_s": clocks[-1] - clocks[0],
        "equations": lowered.as_text().count(" = "),
        "instructions": (program.as_text() or "").count(" = "),
    }


def tables(options: Options) -> list[Table]:
    """Every program, compiled in each round without the caches of the others."""
    found: dict[str, list[Figures]] = {name: [] for name in PROGRAMS}
    order = random.Random(0)
    for _ in range(min(options.rounds, MOST_ROUNDS)):
        names = list(PROGRAMS)
        order.shuffle(names)
        for name in names:
            function, arguments = PROGRAMS[name].build()
            jax.clear_caches()
            found[name].append(stages(function, *arguments)[1])
    rows = {}
    for name, rounds in found.items():
        row = rows[name] = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
        by_hand = PROGRAMS[name].by_hand
        if by_hand is not None:
            pairs = zip(rounds, found[by_hand], strict=True)
            row["whole_ratio"] = statistics.median(a["whole_s"] / b["whole_s"] for a, b in pairs)
    title = f"processor time to the compiled program, {min(options.rounds, MOST_ROUNDS)} rounds"
    return [Table("compile", title, rows)]


def chain() -> jb.Network:
    """Five layers."""
    return jb.serial(*(part for n in SIZES[1:-1] for part in (jb.dense(n), tanh)), jb.dense(10))


def deep(depth: int, looped: bool) -> tuple[Callable, tuple]:
    """A training step of equal layers and one more, repeated in a loop or written out."""
    block = jb.serial(jb.dense(SIZES[0]), tanh)
    hidden = [jb.repeated(block, depth)] if looped else [block] * depth
    return step_of(jb.backprop, jb.serial(*hidden, jb.dense(SIZES[-1])))


def data() -> tuple[jax.Array, jax.Array]:
    """A batch of inputs and labels."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, SIZES[0])).astype(np.float32)
    return jnp.asarray(x), jnp.asarray(rng.integers(0, SIZES[-1], BATCH))


def step_of(make: Callable, net: jb.Network) -> tuple[Callable, tuple]:
    """A training step of a rule."""
    x, y = data()
    rule, optimizer = make(net, jb.losses.softmax_cross_entropy), optax.adam(1e-3)
    state = jb.init_state(rule, optimizer, x[0], key=jax.random.key(0))
    return jb.step(rule, optimizer), (state, (x, y))


def layer(weights: tuple, a: jax.Array, last: bool) -> jax.Array:
    """One layer by hand."""
    h = a @ weights[0] + weights[1]
    return h if last else jnp.tanh(h)


def five() -> list:
    """Weights of five layers."""
    return [(jnp.ones((i, o)), jnp.zeros(o)) for i, o in pairwise(SIZES)]


def many() -> tuple:
    """Weights of equal layers, stacked, and of one more."""
    n, m = SIZES[0], SIZES[-1]
    return (jnp.ones((DEPTH, n, n)), jnp.ones((DEPTH, n))), (jnp.ones((n, m)), jnp.ones(m))


def by_hand(grads: Callable, params: Any) -> tuple[Callable, tuple]:
    """A training step by hand with ``grads(params, x, y) -> (loss, grads)``."""
    x, y = data()
    optimizer = optax.adam(1e-3)

    def step(params: Any, opt_state: Any, x: jax.Array, y: jax.Array) -> Any:
        value, change = grads(params, x, y)
        updates, opt_state = optimizer.update(change, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, value

    return step, (params, optimizer.init(params), x, y)


def entropy(z: jax.Array, y: jax.Array) -> jax.Array:
    """Of every example."""
    return optax.softmax_cross_entropy_with_integer_labels(z, y)


def forward(params: list, x: jax.Array) -> list[jax.Array]:
    """The outputs of all layers by hand."""
    outputs = [x]
    for i, weights in enumerate(params):
        outputs.append(layer(weights, outputs[-1], i == len(params) - 1))
    return outputs[1:]


def backprop_by_hand(params: list, x: jax.Array, y: jax.Array) -> Any:
    """The gradient of the mean loss."""
    return jax.value_and_grad(lambda p: entropy(forward(p, x)[-1], y).mean())(params)


def predictive_by_hand(params: list, x: jax.Array, y: jax.Array) -> Any:
    """Predictive coding from its energy, without diagnostics."""
    start = forward(params, x)

    def energy(z: list, params: list, first: jax.Array | None = None) -> jax.Array:
        total = NUDGE * entropy(z[-1], y).sum()
        for i, weights in enumerate(params):
            moves = i > 0 or first is None
            guess = layer(weights, [x, *z][i], i == len(params) - 1) if moves else first
            total += 0.5 * jnp.sum((z[i] - guess) ** 2)
        return total

    def infer(_: Any, z: list) -> list:
        force = jax.grad(energy)(z, params, start[0])
        return [a - STEP_SIZE * f for a, f in zip(z, force, strict=True)]

    z = jax.lax.fori_loop(0, STEPS, infer, start)
    change = jax.grad(lambda p: energy(z, p) / (NUDGE * len(x)))(params)
    return entropy(start[-1], y).mean(), change


def deep_by_hand(params: tuple, x: jax.Array, y: jax.Array) -> Any:
    """The gradient of equal layers in a scan and one more."""

    def value(params: tuple) -> jax.Array:
        h = jax.lax.scan(lambda a, weights: (layer(weights, a, False), None), x, params[0])[0]
        return entropy(layer(params[1], h, True), y).mean()

    return jax.value_and_grad(value)(params)


def init_of_five() -> tuple[Callable, tuple]:
    """Initial weights of five layers."""
    return chain().init, (jax.random.key(0), data()[0][0])


def flat_draw() -> tuple[Callable, tuple]:
    """As many numbers in one draw."""
    count = sum(i * o for i, o in pairwise(SIZES))
    draw = partial(jax.random.truncated_normal, lower=-2.0, upper=2.0, shape=(count,))
    return draw, (jax.random.key(0),)


def motor(tuned: bool) -> tuple[Callable, tuple]:
    """An update of the GRU that moves the arm, by jaxbrain or by hand."""
    from benchmarks import kept_gates, motor_peers
    from benchmarks.motor import closed_step, data, gru, initial

    batch = data(32)
    if not tuned:
        step, state = closed_step(gru(), batch)
        return step, (state, batch)
    scene, (wanted, mask) = batch
    params = initial(gru(), scene)
    step = motor_peers.update_of(motor_peers.lean, kept_gates.kept_gates)
    return step, (params, optax.adam(motor_peers.RATE).init(params), scene, wanted, mask)


def motor_system() -> tuple[Callable, tuple]:
    """An update of the motor system that moves the arm."""
    from benchmarks.motor import closed_step, data
    from benchmarks.motor import motor_system as system

    batch = data(32)
    step, state = closed_step(system(), batch)
    return step, (state, batch)


def motor_init() -> tuple[Callable, tuple]:
    """Initial weights of the motor system."""
    from benchmarks.motor import data, first
    from benchmarks.motor import motor_system as system

    net = jb.cells.unroll(jb.motor.closed_loop(system(), jb.motor.arm26()))
    return net.init, (jax.random.key(1), first(data(32)[0]))


PROGRAMS = {
    "init of five layers": Program(init_of_five, "one draw of as many numbers"),
    "one draw of as many numbers": Program(flat_draw),
    "backprop, five layers": Program(
        lambda: step_of(jb.backprop, chain()), "backprop, five layers, by hand"
    ),
    "backprop, five layers, by hand": Program(lambda: by_hand(backprop_by_hand, five())),
    "predictive coding, five layers": Program(
        lambda: step_of(jb.learning.predictive_coding, chain()),
        "predictive coding, five layers, by hand",
    ),
    "predictive coding, five layers, by hand": Program(lambda: by_hand(predictive_by_hand, five())),
    f"{DEPTH} equal layers, repeated": Program(lambda: deep(DEPTH, True), LOOP),
    LOOP: Program(lambda: by_hand(deep_by_hand, many())),
    "8 equal layers, repeated": Program(lambda: deep(8, True)),
    f"{DEPTH} equal layers, serial": Program(lambda: deep(DEPTH, False), LOOP),
    "motor: GRU, update": Program(lambda: motor(False), "motor: GRU, update, by hand"),
    "motor: GRU, update, by hand": Program(lambda: motor(True)),
    "motor system, update": Program(motor_system),
    "motor system, init": Program(motor_init),
}
