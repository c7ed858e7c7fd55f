"""Layout of a network diagram: places of neurons and connections."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxbrain.core.requirements import require_count
from jaxbrain.viz.style import as_floats, hosts


class Chain(NamedTuple):
    """The dense layers of a network, on the host."""

    kernels: tuple[np.ndarray, ...]  # each [in, out]
    biases: tuple[np.ndarray | None, ...]  # each [out]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of every column, input first."""
        return (self.kernels[0].shape[0], *(kernel.shape[1] for kernel in self.kernels))


class Column(NamedTuple):
    """The drawn neurons of one layer."""

    size: int  # of the layer
    units: np.ndarray  # indices of the drawn units
    x: float
    y: np.ndarray  # height of each drawn unit
    dots: np.ndarray  # heights of the dots that stand for the others; empty if there are none


class Edges(NamedTuple):
    """The drawn connections, the strongest last."""

    segments: np.ndarray  # [edges, 2 ends, 2 coordinates]
    weights: np.ndarray  # [edges]


def _name(path: tuple) -> str | None:
    last = path[-1] if path else None
    return getattr(last, "key", getattr(last, "name", None))


def _is_kernel(path: tuple, leaf: Any) -> bool:
    return np.ndim(leaf) == 2 and _name(path) in ("kernel", None)


def _bias_of(path: tuple, leaf: Any, leaves: Sequence[tuple]) -> Any:
    vectors = [
        other
        for other_path, other in leaves
        if other_path[:-1] == path[:-1] and np.shape(other) == (np.shape(leaf)[1],)
    ]
    return vectors[0] if len(vectors) == 1 else None


def chain(params: Any) -> Chain:
    """The dense layers of a parameter pytree: its 2-D `kernel` leaves, in tree order.

    Matrices without a name, as in a hand-written `[(w1, b1), (w2, b2)]`, count as kernels too.

    Raises:
      ValueError: if there is no such leaf, or the outputs of a layer are not the inputs of the
        next.
    """
    leaves = jax.tree_util.tree_leaves_with_path(params)
    found = [(path, leaf) for path, leaf in leaves if _is_kernel(path, leaf)]
    if not found:
        shapes = ", ".join(str(list(np.shape(leaf))) for _, leaf in leaves[:6]) or "nothing"
        raise ValueError(
            "params holds no dense layer: expected 2-D leaves named 'kernel' [in, out], as "
            f"jaxbrain.dense makes them; found {shapes}"
        )
    biases = [_bias_of(path, leaf, leaves) for path, leaf in found]
    there = [bias for bias in biases if bias is not None]
    arrays = iter(hosts("params", [leaf for _, leaf in found] + there))
    kernels = tuple(as_floats("params", next(arrays)) for _ in found)
    for before, after, (path, _) in zip(kernels, kernels[1:], found[1:], strict=False):
        if before.shape[1] != after.shape[0]:
            raise ValueError(
                "params is not one chain of dense layers: a kernel of shape "
                f"{list(before.shape)} is followed by one of shape {list(after.shape)} at "
                f"params{jax.tree_util.keystr(path)}; pass the part to draw, as in params[2:]"
            )
    return Chain(
        kernels,
        tuple(None if b is None else as_floats("params", next(arrays)) for b in biases),
    )


def _column(size: int, x: float, height: float, max_units: int) -> Column:
    if size <= max_units:
        units, slots, dots = np.arange(size), np.arange(size, dtype=float), np.zeros(0)
    else:
        upper = (max_units + 1) // 2
        units = np.r_[0:upper, size - (max_units - upper) : size]
        slots = np.arange(max_units) + 1.0 * (np.arange(max_units) >= upper)
        dots = upper + np.array([-0.25, 0.0, 0.25])
    # The gap counts as a slot even when no unit follows it (max_units=1).
    count = max(len(slots) + (dots.size > 0), 1)
    pitch = min(1.8, height / count)
    center = (count - 1) / 2
    return Column(size, units, x, (center - slots) * pitch, (center - dots) * pitch)


def columns(sizes: Sequence[int], max_units: int) -> list[Column]:
    """Places of the layers from left to right, at most `max_units` neurons in each.

    A larger layer shows its first and last neurons, and dots for the others.
    """
    require_count("network", "max_units", max_units)
    tallest = max(min(size, max_units) + (size > max_units) for size in sizes)
    height = float(max(tallest, 5))
    width = max(1.35 * height, 2.0 * (len(sizes) - 1))
    places = np.linspace(0.0, width, len(sizes))
    return [
        _column(size, float(x), height, max_units) for size, x in zip(sizes, places, strict=True)
    ]


def edges(kernels: Sequence[np.ndarray], placed: Sequence[Column], max_edges: int) -> Edges:
    """The connections between drawn neurons, the `max_edges` largest in |w|."""
    if max_edges < 0:
        raise ValueError(f"max_edges must not be negative, got {max_edges}")
    segments, weights = [], []
    for kernel, left, right in zip(kernels, placed[:-1], placed[1:], strict=True):
        start, end = np.meshgrid(left.y, right.y, indexing="ij")
        ends = np.stack(
            [np.full_like(start, left.x), start, np.full_like(end, right.x), end], axis=-1
        )
        segments.append(ends.reshape(-1, 2, 2))
        weights.append(kernel[np.ix_(left.units, right.units)].reshape(-1))
    every, weight = np.concatenate(segments), np.concatenate(weights)
    every, weight = every[np.isfinite(weight)], weight[np.isfinite(weight)]
    order = np.argsort(np.abs(weight), kind="stable")
    order = order[max(len(order) - max_edges, 0) :]
    return Edges(every[order], weight[order])
