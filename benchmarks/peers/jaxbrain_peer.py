"""jaxbrain: `run` inside jax.jit, and `fit` with its host loop."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb
from benchmarks.peers import Trainer
from benchmarks.workloads import Weights, Workload, initial_weights, orders


def build(workload: Workload) -> jb.LearningRule:
    """The ReLU chain under backpropagation."""
    hidden = [(jb.dense(size), jb.elementwise(jax.nn.relu)) for size in workload.sizes[1:-1]]
    net = jb.serial(*[layer for pair in hidden for layer in pair], jb.dense(workload.sizes[-1]))
    losses = jb.losses
    return jb.backprop(
        net, losses.binary_cross_entropy if workload.binary else losses.softmax_cross_entropy
    )


def as_params(weights: Weights) -> tuple:
    """NumPy weights as the params of the chain: dense layers with an activation between them."""
    params = []
    for kernel, bias in weights:
        params += [{"kernel": jnp.asarray(kernel), "bias": jnp.asarray(bias)}, ()]
    return tuple(params[:-1])


def as_numpy(params: tuple) -> Weights:
    """Weights of the dense layers."""
    return [(np.asarray(p["kernel"]), np.asarray(p["bias"])) for p in params[::2]]


def pure_run(workload: Workload) -> Trainer:
    """The whole training as one jitted program, which also starts the optimizer and shuffles."""
    rule, optimizer = build(workload), optax.adam(workload.learning_rate)
    x, y = jnp.asarray(workload.x), jnp.asarray(workload.y)
    run = partial(jb.run, rule, optimizer, epochs=workload.epochs, batch_size=workload.batch)

    @jax.jit
    def from_params(params, key, x, y):
        state = jb.init_state(rule, optimizer, x[0], key=key)._replace(params=params)
        return run((x, y), key=key, state=state)

    @jax.jit
    def from_key(key, x, y):
        return run((x, y), key=key)

    def finished(result):
        state, history = result
        np.asarray(history.step_loss)
        return jax.block_until_ready(state.params)

    return Trainer(
        prepare=lambda: as_params(initial_weights(workload.sizes)),
        fit=lambda params: finished(from_params(params, jax.random.key(0), x, y)),
        weights=as_numpy,
        from_key=lambda: finished(from_key(jax.random.key(0), x, y)),
    )


def host_fit(workload: Workload) -> Trainer:
    """`fit` as in the README: the data in NumPy, checks, history and progress included."""
    rule, optimizer, key = build(workload), optax.adam(workload.learning_rate), jax.random.key(0)
    fit_data = partial(
        jb.fit, rule, optimizer, (workload.x, workload.y),
        epochs=workload.epochs, batch_size=workload.batch, progress=False,
    )  # fmt: skip

    def prepare():
        state = jb.init_state(rule, optimizer, workload.x[0], key=key)
        return state._replace(params=as_params(initial_weights(workload.sizes)))

    def fit(state):
        state, _ = fit_data(key=key, state=state)
        return jax.block_until_ready(state.params)

    def from_key():
        state, _ = fit_data(key=jax.random.key(0))
        return jax.block_until_ready(state.params)

    return Trainer(prepare, fit, as_numpy, from_key)


def jitted_step(workload: Workload) -> Trainer:
    """`step` in a Python loop."""
    rule, optimizer = build(workload), optax.adam(workload.learning_rate)
    update = jax.jit(jb.step(rule, optimizer), donate_argnums=0)
    x, y, batch = workload.x, workload.y, workload.batch

    def fit(params):
        state = jb.init_state(rule, optimizer, x[0], key=jax.random.key(0), params=params)
        for order in orders(workload):
            for start in range(0, len(x), batch):
                rows = order[start : start + batch]
                state, _ = update(state, (x[rows], y[rows]))
        return jax.block_until_ready(state.params)

    return Trainer(lambda: as_params(initial_weights(workload.sizes)), fit, as_numpy)


def population(workload: Workload, networks: int, flat: bool = False) -> Trainer:
    """`jax.vmap` of `run` over keys."""
    rule, optimizer = build(workload), optax.adam(workload.learning_rate)
    optimizer = optax.flatten(optimizer) if flat else optimizer
    x, y = jnp.asarray(workload.x), jnp.asarray(workload.y)

    def train(key, x, y):
        state, history = jb.run(
            rule, optimizer, (x, y), key=key, epochs=workload.epochs, batch_size=workload.batch
        )
        return state.params, history.step_loss

    program = jax.jit(jax.vmap(train, in_axes=(0, None, None)))

    def fit(keys):
        params, losses = program(keys, x, y)
        np.asarray(losses)
        return jax.block_until_ready(params)

    return Trainer(lambda: jax.random.split(jax.random.key(0), networks), fit, as_numpy)


def population_flat(workload: Workload, networks: int) -> Trainer:
    """The same with the weights of a network as one vector for the optimizer."""
    return population(workload, networks, flat=True)
