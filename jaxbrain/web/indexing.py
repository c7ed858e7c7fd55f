"""Gather, scatter and slices at positions that are computed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from jaxbrain.web.arrays import Value, View, number
from jaxbrain.web.program import Block
from jaxbrain.web.scalars import highest, is_float, lowest, product, rounded
from jaxbrain.web.writer import Writer, read

_FILL = jax.lax.GatherScatterMode.FILL_OR_DROP
_CLIP = jax.lax.GatherScatterMode.CLIP


def _moved(index: str, start: str | None) -> str:
    if start is None:
        return index
    return start if index == "0" else f"({start} + {index})"


class _Windows:
    """Windows of an operand at positions that an array of indices has.

    Attributes:
      starts: the axes of the operand that have a start, in the order of the last axis of indices.
      batch: pairs (axis of the operand, axis of the indices) that go together.
      gone: the axes of the operand that the window does not have.
      sizes: of the window, by axis of the operand.
    """

    def __init__(self, operand: View, indices: View, sizes: Sequence[int], numbers: Any, kind: str):
        self.operand, self.indices, self.sizes = operand, indices, tuple(sizes)
        if kind == "gather":
            self.starts = numbers.start_index_map
            axes = zip(
                numbers.operand_batching_dims, numbers.start_indices_batching_dims, strict=True
            )
            self.gone = (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims)
        else:
            self.starts = numbers.scatter_dims_to_operand_dims
            axes = zip(
                numbers.operand_batching_dims, numbers.scatter_indices_batching_dims, strict=True
            )
            self.gone = (*numbers.inserted_window_dims, *numbers.operand_batching_dims)
        self.batch = dict(axes)

    def limits(self) -> Iterator[tuple[int, int]]:
        """(axis, largest start)"""
        for axis in self.starts:
            yield axis, self.operand.shape[axis] - self.sizes[axis]

    def write_starts(self, writer: Writer, index: Sequence[str], clip: bool) -> dict[int, str]:
        """The start of the window of an index along each axis that has one."""
        names = {}
        for k, (axis, largest) in enumerate(self.limits()):
            names[axis] = writer.name("p")
            text = read(self.indices, [*index, str(k)])
            text = f"clip({text}, {largest})" if clip else text
            writer.line(f"const {names[axis]} = {text};")
        return names

    def inside(self, names: dict[int, str]) -> str:
        """The text of a condition: the window lies in the operand."""
        tests = [f"{names[a]} >= 0 && {names[a]} <= {largest}" for a, largest in self.limits()]
        return " && ".join(tests) or "true"

    def place(
        self, index: Sequence[str], window: Sequence[str], names: dict[int, str]
    ) -> list[str]:
        """The position in the operand."""
        rest, place = iter(window), []
        for axis in range(len(self.operand.shape)):
            if axis in self.batch:
                place.append(index[self.batch[axis]])
            else:
                within = "0" if axis in self.gone else next(rest)
                place.append(_moved(within, names.get(axis)))
        return place


def _by_axes(index: Sequence[str], axes: Sequence[int]) -> tuple[list[str], list[str]]:
    """The texts at the other axes, and those at the axes."""
    others = [text for axis, text in enumerate(index) if axis not in axes]
    return others, [index[a] for a in axes]


def _fill(dtype: str, value: Any) -> str:
    if value is not None:
        return number(np.asarray(value).astype(dtype)[()])
    if is_float(dtype):
        return "NaN"
    return "true" if dtype == "bool" else highest(dtype) if dtype[0] == "u" else lowest(dtype)


def _gather(block: Block, eqn: Any, operand: Value, indices: Value) -> list[Value]:
    p, shape = eqn.params, eqn.outvars[0].aval.shape
    numbers, fill = p["dimension_numbers"], p["mode"] == _FILL

    def one(plane: View) -> View:
        windows = _Windows(plane, indices[0], p["slice_sizes"], numbers, "gather")
        missing = _fill(plane.buffer.dtype, p["fill_value"])

        def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
            with writer.nest(shape) as out:
                index, window = _by_axes(out, numbers.offset_dims)
                names = windows.write_starts(writer, index, clip=not fill)
                text = read(plane, windows.place(index, window, names))
                if fill:
                    text = f"{windows.inside(names)} ? {text} : {missing}"
                writer.store(outputs[0], out, text)

        kind = [(plane.buffer.dtype, shape)]
        return block.loop("gather", write, kind, plane, indices[0])[0]

    return [tuple(one(plane) for plane in operand)]


_UPDATES: dict[str, Callable[[str, str, str], str]] = {
    "scatter": lambda d, a, b: b,
    "scatter-add": lambda d, a, b: rounded(d, f"{a} + {b}"),
    "scatter-sub": lambda d, a, b: rounded(d, f"{a} - {b}"),
    "scatter-mul": lambda d, a, b: rounded(d, product(d, a, b)),
    "scatter-min": lambda d, a, b: f"Math.min({a}, {b})",
    "scatter-max": lambda d, a, b: f"Math.max({a}, {b})",
}


def _scatter(name: str) -> Callable[..., list[Value]]:
    update = _UPDATES[name]

    def rule(block: Block, eqn: Any, operand: Value, indices: Value, updates: Value) -> list[Value]:
        if len(operand) > 1 and name == "scatter-mul":
            raise NotImplementedError("scatter-mul of complex numbers")
        numbers, clip = eqn.params["dimension_numbers"], eqn.params["mode"] == _CLIP

        def one(old: View, new: View) -> View:
            sizes = _window_sizes(old, new, numbers)

            def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
                (output,) = outputs
                windows = _Windows(output, indices[0], sizes, numbers, "scatter")
                writer.copy(old, output)
                with writer.nest(new.shape) as at:
                    index, window = _by_axes(at, numbers.update_window_dims)
                    names = windows.write_starts(writer, index, clip)
                    place = read(output, windows.place(index, window, names))
                    text = update(old.buffer.dtype, place, read(new, at))
                    guard = "" if clip else f"if ({windows.inside(names)}) "
                    writer.line(f"{guard}{place} = {text};")

            kind = [(old.buffer.dtype, old.shape)]
            return block.loop(name, write, kind, old, indices[0], new, memory=True)[0]

        return [tuple(one(a, b) for a, b in zip(operand, updates, strict=True))]

    return rule


def _window_sizes(operand: View, updates: View, numbers: Any) -> list[int]:
    sizes = iter([updates.shape[a] for a in numbers.update_window_dims])
    gone = (*numbers.inserted_window_dims, *numbers.operand_batching_dims)
    return [1 if axis in gone else next(sizes) for axis in range(len(operand.shape))]


def _write_clipped(writer: Writer, starts: Sequence[View], largest: Sequence[int]) -> list[str]:
    """Starts that keep a slice inside."""
    names = []
    for start, most in zip(starts, largest, strict=True):
        names.append("0" if most == 0 else writer.name("p"))
        if most:
            writer.line(f"const {names[-1]} = clip({read(start, [])}, {most});")
    return names


def _dynamic_slice(block: Block, eqn: Any, operand: Value, *starts: Value) -> list[Value]:
    shape = eqn.params["slice_sizes"]
    first = [v[0] for v in starts]

    def one(plane: View) -> View:
        largest = [n - m for n, m in zip(plane.shape, shape, strict=True)]

        def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
            names = _write_clipped(writer, first, largest)
            with writer.nest(shape) as index:
                place = [
                    _moved(i, None if n == "0" else n) for i, n in zip(index, names, strict=True)
                ]
                writer.store(outputs[0], index, read(plane, place))

        kind = [(plane.buffer.dtype, shape)]
        return block.loop("dynamic_slice", write, kind, plane, *first)[0]

    return [tuple(one(plane) for plane in operand)]


def _dynamic_update_slice(
    block: Block, eqn: Any, operand: Value, update: Value, *starts: Value
) -> list[Value]:
    first = [v[0] for v in starts]

    def one(old: View, new: View) -> View:
        largest = [n - m for n, m in zip(old.shape, new.shape, strict=True)]

        def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
            writer.copy(old, outputs[0])
            names = _write_clipped(writer, first, largest)
            with writer.nest(new.shape) as index:
                place = [
                    _moved(i, None if n == "0" else n) for i, n in zip(index, names, strict=True)
                ]
                writer.line(f"{read(outputs[0], place)} = {read(new, index)};")

        kind = [(old.buffer.dtype, old.shape)]
        return block.loop("dynamic_update_slice", write, kind, old, new, *first, memory=True)[0]

    return [tuple(one(a, b) for a, b in zip(operand, update, strict=True))]


RULES = {
    "gather": _gather,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    **{name: _scatter(name) for name in _UPDATES},
}
