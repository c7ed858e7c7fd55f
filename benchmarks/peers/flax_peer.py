"""Flax NNX: a Module, nnx.Optimizer, an nnx.jit step in a Python loop."""

from itertools import pairwise

import jax
import numpy as np
import optax
from flax import nnx

from benchmarks.peers import Trainer
from benchmarks.workloads import Workload, initial_weights, orders


class Perceptron(nnx.Module):
    """A ReLU chain of nnx.Linear."""

    def __init__(self, sizes, rngs):
        self.layers = nnx.List([nnx.Linear(i, o, rngs=rngs) for i, o in pairwise(sizes)])

    def __call__(self, x):
        for layer in self.layers[:-1]:
            x = nnx.relu(layer(x))
        return self.layers[-1](x)


def train_step(model, optimizer, x, y):
    """One update, in place."""

    def loss_of(model):
        z = model(x)
        if z.shape[-1] == 1:
            return optax.sigmoid_binary_cross_entropy(z, y).mean()
        return optax.softmax_cross_entropy_with_integer_labels(z, y).mean()

    loss, grads = nnx.value_and_grad(loss_of)(model)
    optimizer.update(model, grads)
    return loss


def loop(workload: Workload, cached: bool) -> Trainer:
    """A Python loop with one optimizer, because a new one would compile the step again."""
    model = Perceptron(workload.sizes, nnx.Rngs(0))
    for layer, (kernel, bias) in zip(model.layers, initial_weights(workload.sizes), strict=True):
        layer.kernel[...] = kernel
        layer.bias[...] = bias  # pyright: ignore[reportOptionalSubscript]
    optimizer = nnx.Optimizer(model, optax.adam(workload.learning_rate), wrt=nnx.Param)
    # copies on the host, because the step may donate or overwrite the arrays of the modules
    fresh_model = jax.tree.map(np.array, nnx.state(model))
    fresh_optimizer = jax.tree.map(np.array, nnx.state(optimizer))
    jitted = nnx.jit(train_step)
    x, y, batch = workload.x, workload.y, workload.batch

    def prepare():
        nnx.update(model, jax.tree.map(jax.numpy.asarray, fresh_model))
        nnx.update(optimizer, jax.tree.map(jax.numpy.asarray, fresh_optimizer))
        return model

    def fit(model):
        if cached:
            step = nnx.cached_partial(jitted, model, optimizer)
        else:

            def step(x, y):
                return jitted(model, optimizer, x, y)

        for order in orders(workload):
            for start in range(0, len(x), batch):
                rows = order[start : start + batch]
                step(x[rows], y[rows])
        jax.block_until_ready(nnx.state(model))
        return model

    def weights(model):
        return [(np.asarray(m.kernel[...]), np.asarray(m.bias[...])) for m in model.layers]

    return Trainer(prepare, fit, weights)


def nnx_jit_step(workload: Workload) -> Trainer:
    """The loop of the tutorials of Flax."""
    return loop(workload, cached=False)


def cached_partial_step(workload: Workload) -> Trainer:
    """The faster form of Flax's performance guide."""
    return loop(workload, cached=True)
