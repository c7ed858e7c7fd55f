"""Equinox: a Module, a filter_jit step in a Python loop, optax."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers import Trainer
from benchmarks.workloads import Workload, initial_weights, orders


class Perceptron(eqx.Module):
    """A ReLU chain of eqx.nn.Linear."""

    layers: list

    def __init__(self, sizes, key):
        keys = jax.random.split(key, len(sizes) - 1)
        pairs = zip(sizes[:-1], sizes[1:], keys, strict=True)
        self.layers = [eqx.nn.Linear(i, o, key=k) for i, o, k in pairs]

    def __call__(self, x):
        for layer in self.layers[:-1]:
            x = jax.nn.relu(layer(x))
        return self.layers[-1](x)


def build(sizes) -> Perceptron:
    """The network with the common initial weights."""
    model = Perceptron(sizes, jax.random.key(0))
    common = [leaf for kernel, bias in initial_weights(sizes) for leaf in (kernel.T, bias)]
    return eqx.tree_at(
        lambda m: [leaf for layer in m.layers for leaf in (layer.weight, layer.bias)],
        model,
        [jnp.asarray(leaf) for leaf in common],
    )


def filter_jit_step(workload: Workload) -> Trainer:
    """The loop of Equinox's tutorials."""
    optimizer = optax.adam(workload.learning_rate)
    x, y, batch = workload.x, workload.y, workload.batch

    def loss_of(model, x, y):
        z = jax.vmap(model)(x)
        if workload.binary:
            return optax.sigmoid_binary_cross_entropy(z, y).mean()
        return optax.softmax_cross_entropy_with_integer_labels(z, y).mean()

    @eqx.filter_jit
    def step(model, opt_state, x, y):
        loss, grads = eqx.filter_value_and_grad(loss_of)(model, x, y)
        updates, opt_state = optimizer.update(grads, opt_state, model)
        return eqx.apply_updates(model, updates), opt_state, loss

    def fit(model):
        opt_state = optimizer.init(eqx.filter(model, eqx.is_array))
        for order in orders(workload):
            for start in range(0, len(x), batch):
                rows = order[start : start + batch]
                model, opt_state, _ = step(model, opt_state, x[rows], y[rows])
        return jax.block_until_ready(model)

    def weights(model):
        return [(np.asarray(layer.weight).T, np.asarray(layer.bias)) for layer in model.layers]

    return Trainer(lambda: build(workload.sizes), fit, weights)
