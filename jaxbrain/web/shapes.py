"""Primitives of shape: other views of the same numbers, and arrays put together."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxbrain.web.arrays import Value, View, broadcast, contiguous
from jaxbrain.web.program import Block
from jaxbrain.web.writer import Writer, read

Rule = Callable[..., list[Value]]


def by_view(change: Callable[..., View]) -> Rule:
    """A rule that changes each view of a value alike."""
    return lambda block, eqn, x: [tuple(change(block, eqn, view) for view in x)]


def _broadcast_in_dim(block: Block, eqn: Any, view: View) -> View:
    shape = eqn.outvars[0].aval.shape
    between = [1] * len(shape)
    strides = [0] * len(shape)
    for axis, n, stride in zip(
        eqn.params["broadcast_dimensions"], view.shape, view.strides, strict=True
    ):
        between[int(axis)], strides[int(axis)] = n, stride
    return broadcast(view._replace(shape=tuple(between), strides=tuple(strides)), shape)


def reshaped(block: Block, view: View, shape: Sequence[int]) -> View:
    """The view with another shape; a copy where no strides give it."""
    shape = tuple(map(int, shape))
    strides = _strides_of_reshaped(view, shape)
    if strides is None:
        view = block.map(str, view.buffer.dtype, view.shape, view)
        strides = contiguous(shape)
    return view._replace(shape=shape, strides=strides)


def _strides_of_reshaped(view: View, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Strides of the view in another shape, or None if there are none."""
    if 0 in shape:
        return contiguous(shape)
    old = [(n, s) for n, s in zip(view.shape, view.strides, strict=True) if n != 1]
    merged: list[tuple[int, int]] = []
    for n, s in old:
        if merged and merged[-1][1] == n * s:
            merged[-1] = (merged[-1][0] * n, s)
        else:
            merged.append((n, s))
    strides: list[int] = []
    position = len(merged)
    left, step = 1, 0
    for n in reversed(shape):
        if n == 1:
            strides.append(0)
            continue
        if left == 1:
            position -= 1
            if position < 0:
                return None
            left, step = merged[position]
        if left % n:
            return None
        strides.append(step)
        left, step = left // n, step * n
    return tuple(reversed(strides)) if left == 1 and position <= 0 else None


def _reshape(block: Block, eqn: Any, view: View) -> View:
    return reshaped(block, view, eqn.outvars[0].aval.shape)


def _transpose(block: Block, eqn: Any, view: View) -> View:
    order = eqn.params["permutation"]
    return view._replace(
        shape=tuple(view.shape[a] for a in order), strides=tuple(view.strides[a] for a in order)
    )


def _squeeze(block: Block, eqn: Any, view: View) -> View:
    gone = {int(a) % len(view.shape) for a in eqn.params["dimensions"]}
    kept = [a for a in range(len(view.shape)) if a not in gone]
    return view._replace(
        shape=tuple(view.shape[a] for a in kept), strides=tuple(view.strides[a] for a in kept)
    )


def sliced(view: View, starts: Sequence[int], limits: Sequence[int], steps: Sequence[int]) -> View:
    """A part of a view."""
    offset = sum(s * a for s, a in zip(view.strides, starts, strict=True))
    shape = tuple(max(0, -(-(b - a) // c)) for a, b, c in zip(starts, limits, steps, strict=True))
    strides = tuple(s * c for s, c in zip(view.strides, steps, strict=True))
    return view._replace(shape=shape, strides=strides, offset=view.offset + offset)


def at(view: View, axis: int, index: int) -> View:
    """One row of a view along an axis, without the axis."""
    shape, strides = list(view.shape), list(view.strides)
    offset = view.offset + index * strides[axis]
    del shape[axis], strides[axis]
    return view._replace(shape=tuple(shape), strides=tuple(strides), offset=offset)


def _slice(block: Block, eqn: Any, view: View) -> View:
    p = eqn.params
    steps = p["strides"] or (1,) * len(view.shape)
    return sliced(view, p["start_indices"], p["limit_indices"], steps)


def _reverse(block: Block, eqn: Any, view: View) -> View:
    strides, offset = list(view.strides), view.offset
    for axis in map(int, eqn.params["dimensions"]):
        offset += (view.shape[axis] - 1) * strides[axis]
        strides[axis] = -strides[axis]
    return view._replace(strides=tuple(strides), offset=offset)


def _split(block: Block, eqn: Any, x: Value) -> list[Value]:
    axis, start, parts = eqn.params["axis"], 0, []
    for n in map(int, eqn.params["sizes"]):
        starts, limits = [0] * len(x[0].shape), list(x[0].shape)
        starts[axis], limits[axis] = start, start + n
        parts.append(tuple(sliced(v, starts, limits, [1] * len(limits)) for v in x))
        start += n
    return parts


def _unstack(block: Block, eqn: Any, x: Value) -> list[Value]:
    axis = eqn.params["axis"]
    return [tuple(at(v, axis, i) for v in x) for i in range(x[0].shape[axis])]


def _with_axis(view: View, axis: int) -> View:
    shape, strides = list(view.shape), list(view.strides)
    shape.insert(axis, 1)
    strides.insert(axis, 0)
    return view._replace(shape=tuple(shape), strides=tuple(strides))


def joined(block: Block, views: Sequence[View], axis: int) -> View:
    """Views one after another along an axis."""
    if len(views) == 1:
        return views[0]
    shape = list(views[0].shape)
    shape[axis] = sum(v.shape[axis] for v in views)

    def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
        start = 0
        for part in inputs:
            starts, limits = [0] * len(shape), list(shape)
            starts[axis], limits[axis] = start, start + part.shape[axis]
            writer.copy(part, sliced(outputs[0], starts, limits, [1] * len(shape)))
            start += part.shape[axis]

    dtype = views[0].buffer.dtype
    (output,) = block.loop("concatenate", write, [(dtype, shape)], *views, memory=True)
    return output


def _concatenate(block: Block, eqn: Any, *values: Value) -> list[Value]:
    axis = eqn.params["dimension"]
    return [tuple(joined(block, views, axis) for views in zip(*values, strict=True))]


def _stack(block: Block, eqn: Any, *values: Value) -> list[Value]:
    axis = eqn.params["axis"] % (len(values[0][0].shape) + 1)
    planes = zip(*values, strict=True)
    return [tuple(joined(block, [_with_axis(v, axis) for v in vs], axis) for vs in planes)]


def _tile(block: Block, eqn: Any, view: View) -> View:
    shape, strides, whole = [], [], []
    for n, s, times in zip(view.shape, view.strides, eqn.params["reps"], strict=True):
        shape += [times, n]
        strides += [0, s]
        whole.append(times * n)
    return reshaped(block, view._replace(shape=tuple(shape), strides=tuple(strides)), whole)


def _pad(block: Block, eqn: Any, x: Value, value: Value) -> list[Value]:
    config, shape = eqn.params["padding_config"], eqn.outvars[0].aval.shape
    starts, limits, steps, places = [], [], [], []
    for n, m, (low, _, inner) in zip(x[0].shape, shape, config, strict=True):
        kept = [i for i in range(n) if 0 <= low + i * (inner + 1) < m]
        first = kept[0] if kept else 0
        starts.append(first)
        limits.append(first + len(kept))
        steps.append(inner + 1)
        places.append(low + first * (inner + 1))
    ends = [
        p + (b - a - 1) * s + 1 for p, a, b, s in zip(places, starts, limits, steps, strict=True)
    ]

    def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
        part, fill = inputs
        writer.fill(outputs[0], read(fill, []))
        writer.copy(
            sliced(part, starts, limits, [1] * len(shape)), sliced(outputs[0], places, ends, steps)
        )

    def padded(view: View, fill: View) -> View:
        kind = [(view.buffer.dtype, shape)]
        return block.loop("pad", write, kind, view, fill, memory=True)[0]

    return [tuple(padded(a, b) for a, b in zip(x, value, strict=True))]


def _iota(block: Block, eqn: Any) -> list[Value]:
    shape, axis = eqn.outvars[0].aval.shape, eqn.params["dimension"]
    line = block.program.constant(np.arange(shape[axis]).astype(eqn.outvars[0].aval.dtype))
    strides = [0] * len(shape)
    strides[axis] = line.strides[0]
    return [(line._replace(shape=tuple(shape), strides=tuple(strides)),)]


def _empty(block: Block, eqn: Any) -> list[Value]:
    """JAX leaves the numbers open; here they are zero."""
    aval = eqn.outvars[0].aval
    zero = block.program.constants(np.zeros((), aval.dtype))
    return [tuple(broadcast(view, aval.shape) for view in zero)]


def same(block: Block, eqn: Any, *values: Value) -> list[Value]:
    """The values themselves."""
    return list(values)


RULES: dict[str, Rule] = {
    "broadcast_in_dim": by_view(_broadcast_in_dim),
    "reshape": by_view(_reshape),
    "transpose": by_view(_transpose),
    "squeeze": by_view(_squeeze),
    "slice": by_view(_slice),
    "rev": by_view(_reverse),
    "tile": by_view(_tile),
    "split": _split,
    "unstack": _unstack,
    "stack": _stack,
    "concatenate": _concatenate,
    "pad": _pad,
    "iota": _iota,
    "empty": _empty,
    "empty2": _empty,
    **dict.fromkeys(
        (
            "copy",
            "copy_p",
            "device_put",
            "name",
            "optimization_barrier",
            "sharding_constraint",
            "stop_gradient",
        ),
        same,
    ),
}
