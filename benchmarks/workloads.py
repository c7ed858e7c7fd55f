"""Training jobs: data, sizes, initial weights, orders, and the loss that proves equal work."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

Weights = list[tuple[np.ndarray, np.ndarray]]


class Workload(NamedTuple):
    """One training job of a ReLU multilayer perceptron with Adam.

    Attributes:
        name: What the command line calls it.
        sizes: Neurons per layer, input first.
        x: Inputs [rows, features], float32.
        y: Targets: int32 labels [rows], or float32 0 and 1 [rows, 1] when there is one logit.
        batch: Rows per step; the last, smaller batch of an epoch is used.
        epochs: Epochs per fit.
        learning_rate: Of Adam.
    """

    name: str
    sizes: tuple[int, ...]
    x: np.ndarray
    y: np.ndarray
    batch: int
    epochs: int
    learning_rate: float

    @property
    def binary(self) -> bool:
        """True if the output is one logit."""
        return self.sizes[-1] == 1


def initial_weights(sizes: tuple[int, ...], seed: int = 0) -> Weights:
    """He-normal kernels [in, out] and zero biases [out], the same for every implementation."""
    rng = np.random.default_rng(seed)
    return [
        (
            (rng.standard_normal((fan_in, fan_out)) * np.sqrt(2 / fan_in)).astype(np.float32),
            np.zeros(fan_out, np.float32),
        )
        for fan_in, fan_out in pairwise(sizes)
    ]


def orders(workload: Workload, seed: int = 0) -> np.ndarray:
    """One permutation of the rows per epoch, [epochs, rows] int32."""
    rng = np.random.default_rng(seed)
    rows = np.arange(len(workload.x), dtype=np.int32)
    return np.stack([rng.permutation(rows) for _ in range(workload.epochs)])


def logits(weights: Weights, x: np.ndarray) -> np.ndarray:
    """Outputs [rows, classes] of the trained network, in float64."""
    h = x.astype(np.float64)
    for kernel, bias in weights[:-1]:
        h = np.maximum(h @ kernel + bias, 0)
    kernel, bias = weights[-1]
    return h @ kernel + bias


def final_loss(workload: Workload, weights: Weights) -> float:
    """Mean cross-entropy over the training rows, equal for equal work."""
    z = logits(weights, workload.x)
    if workload.binary:
        return float(np.mean(np.logaddexp(0, z) - workload.y * z))
    top = z.max(axis=1, keepdims=True)
    log_total = top[:, 0] + np.log(np.exp(z - top).sum(axis=1))
    return float(np.mean(log_total - z[np.arange(len(z)), workload.y]))


def xor() -> Workload:
    """XOR, 2-8-1, 200 full-batch steps."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([[0], [1], [1], [0]], np.float32)
    return Workload("xor", (2, 8, 1), x, y, batch=4, epochs=200, learning_rate=0.05)


def small() -> Workload:
    """Binary classifier 2-10-10-1 on 1,000 points of two moons: 31 batches of 32 and one of 8."""
    rng = np.random.default_rng(1)
    angle = rng.uniform(0, np.pi, 1000)
    y = (np.arange(1000) % 2).astype(np.float32)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    x = np.where(y[:, None] == 0, upper, lower) + 0.1 * rng.standard_normal((1000, 2))
    return Workload(
        "small",
        (2, 10, 10, 1),
        x.astype(np.float32),
        y[:, None],
        batch=32,
        epochs=10,
        learning_rate=1e-2,
    )


def small_long() -> Workload:
    """The same for 500 epochs, where the cost of starting a fit is negligible."""
    return small()._replace(name="small-long", epochs=500)


def digits() -> Workload:
    """64-256-128-10 on 1,437 of scikit-learn's digits: 22 batches of 64 and one of 29."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    keep = np.random.default_rng(2).permutation(len(images))[:1437]
    x, y = (images[keep] / 16).astype(np.float32), labels[keep].astype(np.int32)
    return Workload("digits", (64, 256, 128, 10), x, y, batch=64, epochs=20, learning_rate=1e-3)


def mnist_size() -> Workload:
    """784-512-256-10 on 8,960 synthetic images: ten noisy prototypes, 70 batches of 128."""
    rng = np.random.default_rng(3)
    prototypes = rng.uniform(0, 1, (10, 784))
    y = rng.integers(0, 10, 8960).astype(np.int32)
    x = np.clip(prototypes[y] + rng.normal(0, 1.0, (8960, 784)), 0, 1).astype(np.float32)
    return Workload("mnist", (784, 512, 256, 10), x, y, batch=128, epochs=2, learning_rate=1e-3)


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "small": small,
    "small-long": small_long,
    "digits": digits,
    "mnist": mnist_size,
    "xor": xor,
}
