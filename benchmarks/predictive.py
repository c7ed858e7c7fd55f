"""A training step of predictive coding in several implementations of the same equations.

784-300-300-10, tanh, clamped targets under half the squared error, 20 inference steps of 0.1 from
the feed-forward activities, batch 64, then one update of the weights by Adam.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb
from benchmarks import measure
from benchmarks.measure import Options
from benchmarks.results import Table
from benchmarks.workloads import Weights, initial_weights

SIZES = (784, 300, 300, 10)
BATCH, STEPS, STEP_SIZE, LEARNING_RATE = 64, 20, 0.1, 1e-3
REPEATS = 10  # training steps per measurement
LIMIT = "hand"


class Job(NamedTuple):
    """One implementation: fresh state, one step (in place or not), and its weights."""

    label: str
    prepare: Callable[[], Any]
    step: Callable[[Any], Any]
    weights: Callable[[Any], Weights]


def data() -> tuple[jax.Array, jax.Array]:
    """A batch of the size of MNIST images: pixels from 0 to 1 and one-hot targets."""
    rng = np.random.default_rng(0)
    x = rng.random((BATCH, SIZES[0]), np.float32)
    y = np.eye(SIZES[-1], dtype=np.float32)[rng.integers(0, SIZES[-1], BATCH)]
    return jnp.asarray(x), jnp.asarray(y)


def hand(x: jax.Array, y: jax.Array) -> Job:
    """Hand-written JAX: every product is computed once, the first prediction outside the loop."""
    optimizer = optax.adam(LEARNING_RATE)

    @jax.jit
    def step(state):
        params, opt_state = state
        (w1, b1), (w2, b2), (w3, b3) = params
        first = jnp.tanh(x @ w1 + b1)
        second = jnp.tanh(first @ w2 + b2)

        def infer(_, z):
            z1, z2 = z
            f2 = jnp.tanh(z1 @ w2 + b2)
            e2, e3 = z2 - f2, y - (z2 @ w3 + b3)
            g1 = (z1 - first) - (e2 * (1 - f2**2)) @ w2.T
            g2 = e2 - e3 @ w3.T
            return z1 - STEP_SIZE * g1, z2 - STEP_SIZE * g2

        z1, z2 = jax.lax.fori_loop(0, STEPS, infer, (first, second))
        f2 = jnp.tanh(z1 @ w2 + b2)
        d1 = -(z1 - first) * (1 - first**2) / BATCH
        d2 = -(z2 - f2) * (1 - f2**2) / BATCH
        d3 = -(y - (z2 @ w3 + b3)) / BATCH
        grads = [(x.T @ d1, d1.sum(0)), (z1.T @ d2, d2.sum(0)), (z2.T @ d3, d3.sum(0))]
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state

    def prepare():
        params = [(jnp.asarray(w), jnp.asarray(b)) for w, b in initial_weights(SIZES)]
        return params, optimizer.init(params)

    return Job(
        "hand-written JAX (limit)", prepare, step,
        lambda state: [(np.asarray(w), np.asarray(b)) for w, b in state[0]],
    )  # fmt: skip


def jaxbrain(x: jax.Array, y: jax.Array) -> Job:
    """The step of jaxbrain with the rule of this name."""
    tanh = jb.elementwise(jnp.tanh)
    hidden = [layer for n in SIZES[1:-1] for layer in (jb.dense(n), tanh)]
    net = jb.serial(*hidden, jb.dense(SIZES[-1]))
    rule = jb.learning.clamped_predictive_coding(
        net, jb.losses.half_mse, steps=STEPS, step_size=STEP_SIZE
    )
    optimizer = optax.adam(LEARNING_RATE)
    one = jax.jit(jb.step(rule, optimizer))

    def prepare():
        state = jb.init_state(rule, optimizer, x[0], key=jax.random.key(0))
        pairs = iter(initial_weights(SIZES))
        params = tuple(
            dict(zip(("kernel", "bias"), map(jnp.asarray, next(pairs)), strict=True)) if p else p
            for p in state.params
        )
        return state._replace(params=params)

    return Job(
        "jaxbrain", prepare, lambda state: one(state, (x, y))[0],
        lambda state: [(np.asarray(p["kernel"]), np.asarray(p["bias"])) for p in state.params if p],
    )  # fmt: skip


def pcx(x: jax.Array, y: jax.Array) -> Job:
    """pcx as in its tutorial: jitted training on a batch, with unrolled inference."""
    import pcx.functional as pxf
    import pcx.nn as pxnn
    import pcx.predictive_coding as pxc
    import pcx.utils as pxu

    class Model(pxc.EnergyModule):
        def __init__(self):
            super().__init__()
            self.layers = [pxnn.Linear(i, o) for i, o in pairwise(SIZES)]
            self.vodes = [pxc.Vode() for _ in self.layers]
            self.vodes[-1].h.frozen = True

        def __call__(self, x, y):
            for vode, layer in zip(self.vodes[:-1], self.layers[:-1], strict=True):
                x = vode(jnp.tanh(layer(x)))
            self.vodes[-1](self.layers[-1](x))
            if y is not None:
                self.vodes[-1].set("h", y)
            return self.vodes[-1].get("u")

    per_example = pxu.M(pxc.VodeParam | pxc.VodeParam.Cache).to((None, 0))

    @pxf.vmap(per_example, in_axes=(0, 0), out_axes=0)
    def forward(x, y, *, model):
        return model(x, y)

    @pxf.vmap(per_example, in_axes=(0,), out_axes=(None, 0), axis_name="batch")
    def energy(x, *, model):
        y_ = model(x, None)
        return jax.lax.pmean(model.energy().sum(), "batch"), y_

    moving = pxu.M(pxc.VodeParam).hasnot(frozen=True).to([False, True])
    learning = pxu.M(pxnn.LayerParam).to([False, True])

    @pxf.jit(static_argnums=0)
    def train(steps, x, y, *, model, optim_w, optim_h):
        model.train()
        with pxu.step(model, pxc.STATUS.INIT, clear_params=pxc.VodeParam.Cache):
            forward(x, y, model=model)
        optim_h.init(pxu.M(pxc.VodeParam).hasnot(frozen=True)(model))
        for _ in range(steps):
            with pxu.step(model, clear_params=pxc.VodeParam.Cache):
                _, g = pxf.value_and_grad(moving, has_aux=True)(energy)(x, model=model)
            optim_h.step(model, g["model"])
        optim_h.clear()
        with pxu.step(model, clear_params=pxc.VodeParam.Cache):
            _, g = pxf.value_and_grad(learning, has_aux=True)(energy)(x, model=model)
        optim_w.step(model, g["model"])

    model = Model()  # one for all, because a new one would be traced again
    with pxu.step(model, pxc.STATUS.INIT, clear_params=pxc.VodeParam.Cache):
        forward(x, y, model=model)
    optim_h = pxu.Optim(lambda: optax.sgd(STEP_SIZE * BATCH))
    optim_w = pxu.Optim(lambda: optax.adam(LEARNING_RATE), pxu.M(pxnn.LayerParam)(model))
    fresh = optim_w.state.get()

    def prepare():
        for layer, (w, b) in zip(model.layers, initial_weights(SIZES), strict=True):
            layer.nn.weight.set(jnp.asarray(w.T))
            layer.nn.bias.set(jnp.asarray(b))
        optim_w.state.set(fresh)
        return model, optim_w, optim_h

    def step(state):
        model, optim_w, optim_h = state
        train(STEPS, x, y, model=model, optim_w=optim_w, optim_h=optim_h)
        return state

    def weights(state):
        layers = state[0].layers
        return [(np.asarray(a.nn.weight.get()).T, np.asarray(a.nn.bias.get())) for a in layers]

    return Job("pcx",
               prepare, step, weights)  # fmt: skip


JOBS = {LIMIT: hand, "jaxbrain": jaxbrain, "pcx": pcx}


def repeat(job: Job, state: Any) -> Weights:
    """The weights after several training steps."""
    for _ in range(REPEATS):
        state = job.step(state)
    return job.weights(state)


def loss(weights: Weights, x: jax.Array, y: jax.Array) -> float:
    """Half the squared error of the feedforward prediction, in float64: proof of equal work."""
    h = np.asarray(x, np.float64)
    for i, (w, b) in enumerate(weights):
        h = h @ np.float64(w) + b
        h = np.tanh(h) if i < len(weights) - 1 else h
    return float(0.5 * np.square(h - np.asarray(y)).sum(1).mean())


def tables(options: Options) -> list[Table]:
    """Milliseconds per step of every installed implementation, and its final loss."""
    x, y = data()
    jobs, missing = {}, []
    for name, make in JOBS.items():
        try:
            job = make(x, y)
        except ImportError:
            missing.append(f"{name}: not installed")
            continue
        jobs[name] = measure.Job(job.label, partial(repeat, job), job.prepare)
    rows = measure.rows_of(jobs, options, reference=LIMIT, per=REPEATS)
    for job in jobs.values():
        rows[job.label]["loss"] = loss(job.run(job.prepare()), x, y)
    sizes = "-".join(map(str, SIZES))
    title = (
        f"a training step, {sizes}, {STEPS} inference steps, batch {BATCH}; loss after {REPEATS}"
    )
    return [Table("predictive", title, rows, jobs[LIMIT].label, tuple(missing))]
