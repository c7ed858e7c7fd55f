"""Keras 3 on the JAX backend: compile and model.fit."""

import os

os.environ["KERAS_BACKEND"] = "jax"

# Keras reads the backend when it is imported
import keras
import numpy as np

from benchmarks.peers import Trainer
from benchmarks.workloads import Workload, initial_weights


def compiled(workload: Workload, steps_per_execution: int) -> Trainer:
    """A fit by Keras, which shuffles in its own order, so the final loss differs slightly."""
    sizes = workload.sizes
    hidden = [keras.layers.Dense(size, activation="relu") for size in sizes[1:-1]]
    model = keras.Sequential(
        [keras.layers.Input((sizes[0],)), *hidden, keras.layers.Dense(sizes[-1])]
    )
    loss = (
        keras.losses.BinaryCrossentropy(from_logits=True)
        if workload.binary
        else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    optimizer = keras.optimizers.Adam(workload.learning_rate, epsilon=1e-8)
    model.compile(optimizer=optimizer, loss=loss, steps_per_execution=steps_per_execution)
    optimizer.build(model.trainable_variables)
    fresh = [np.array(variable) for variable in optimizer.variables]
    common = [leaf for pair in initial_weights(sizes) for leaf in pair]

    def prepare():
        model.set_weights(common)
        for variable, value in zip(optimizer.variables, fresh, strict=True):
            variable.assign(value)
        return model

    def fit(model):
        model.fit(
            workload.x, workload.y, batch_size=workload.batch, epochs=workload.epochs, verbose=0
        )
        return model

    def weights(model):
        flat = model.get_weights()
        return list(zip(flat[::2], flat[1::2], strict=True))

    return Trainer(prepare, fit, weights)


def model_fit(workload: Workload) -> Trainer:
    """`model.fit` with its defaults."""
    return compiled(workload, 1)


def model_fit_16(workload: Workload) -> Trainer:
    """Sixteen steps in one compiled call."""
    return compiled(workload, 16)
