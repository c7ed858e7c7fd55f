"""The networks and data of the table, and the protocol that is the same for all rules."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import variance_scaling

import jaxbrain as jb

CLASSES, BLOCKS, WIDTH, HIDDEN, CHANNELS = 10, 20, 32, 100, 8
MNIST1D, FASHION = "mnist1d", "fashion_mnist"
Pair = tuple[jax.Array, jax.Array]


class Protocol(NamedTuple):
    """The same for every rule of a column.

    Attributes:
        examples: To train, to choose the rate, to test.
        epochs: Passes over the training examples.
        batch_size: Examples in an update.
        rates: Learning rates of Adam, of which each rule takes one.
        tuning_seeds: Trainings at each rate, to choose it by their mean validation accuracy.
        seeds: Trainings at the chosen rate, of other seeds; their test accuracy is reported.
    """

    examples: tuple[int, int, int]
    epochs: int
    batch_size: int
    rates: tuple[float, ...] = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
    tuning_seeds: int = 2
    seeds: int = 10


class Splits(NamedTuple):
    """Examples and labels to train, to choose the rate, and to test."""

    train: Pair
    validation: Pair
    test: Pair


class Architecture(NamedTuple):
    """A network for inputs of any shape.

    Attributes:
        title: Its kind.
        layers: In words.
        make: ``(spatial axes) -> Network``.
        flat: True if an example is one vector, else it has spatial axes and one channel.
    """

    title: str
    layers: str
    make: Callable[[int], jb.Network]
    flat: bool = True


def multilayer(axes: int) -> jb.Network:
    """Two hidden layers."""
    hidden = [layer for _ in range(2) for layer in (jb.dense(HIDDEN), _tanh())]
    return jb.serial(*hidden, jb.dense(CLASSES))


def convolutional(axes: int) -> jb.Network:
    """Three convolutions of stride 2, and a dense layer."""
    kernels = [jb.conv(CHANNELS, (n,) * axes, stride=2) for n in (5, 3, 3)]
    layers = [layer for kernel in kernels for layer in (kernel, _tanh())]
    return jb.serial(*layers, jb.flatten(), jb.dense(CLASSES))


def residual(axes: int) -> jb.Network:
    """Residual blocks whose sum does not grow with their number."""
    init = variance_scaling(1 / BLOCKS, "fan_in", "normal")
    block = jb.residual(jb.serial(jb.dense(WIDTH, kernel_init=init), _tanh()))
    return jb.serial(jb.dense(WIDTH), *[block] * (BLOCKS - 2), jb.dense(CLASSES))


def _tanh() -> jb.Network:
    return jb.elementwise(jnp.tanh)


NETWORKS = {
    "mlp": Architecture(
        "multilayer perceptron", f"two hidden layers of {HIDDEN} units", multilayer
    ),
    "residual": Architecture(
        f"residual network of {BLOCKS} blocks",
        f"a dense layer to {WIDTH} units, {BLOCKS - 2} blocks x + tanh(W x + b), a dense layer",
        residual,
    ),
    "conv": Architecture(
        "convolutional network",
        f"three convolutions of {CHANNELS} channels, kernels of 5, 3, 3, stride 2; a dense layer",
        convolutional,
        flat=False,
    ),
}
DATA_NAMES = {MNIST1D: "MNIST-1D", FASHION: "Fashion-MNIST"}
PROTOCOLS = {
    MNIST1D: Protocol(examples=(4000, 2000, 4000), epochs=20, batch_size=100),
    FASHION: Protocol(examples=(54000, 6000, 10000), epochs=5, batch_size=100),
}


def splits(data: str, flat: bool, folder: Path | None) -> Splits:
    """The examples of a data set, in vectors or with spatial axes and a channel."""
    if data == MNIST1D:
        x, y = jb.datasets.mnist1d(jax.random.key(0), sum(PROTOCOLS[data].examples))
        shape = (len(x), 40, 1)
    else:
        train, test = jb.datasets.fashion_mnist(folder)
        x, y = (jnp.concatenate([a, b]) for a, b in zip(train, test, strict=True))
        shape = (len(x), 28, 28, 1)
    x = x if flat else x.reshape(shape)
    train, validation, _ = PROTOCOLS[data].examples
    a, b = train, train + validation
    return Splits((x[:a], y[:a]), (x[a:b], y[a:b]), (x[b:], y[b:]))


def axes(data: str) -> int:
    """The spatial axes of an example."""
    return 1 if data == MNIST1D else 2
