"""Sorting, with NaN after all numbers and zeros of both signs equal."""

from collections.abc import Sequence
from typing import Any

from jaxbrain.web.arrays import Value, View
from jaxbrain.web.program import Block
from jaxbrain.web.reductions import by_axes
from jaxbrain.web.writer import Writer, read


def _write_order(
    writer: Writer, keys: Sequence[View], axis: int, out: Sequence[str], compare: str
) -> str:
    """The name of an array with the positions along an axis in their order."""
    order, n = writer.name("o"), keys[0].shape[axis]
    at = lambda view, i: read(view, [*out[:axis], i, *out[axis:]])  # noqa: E731
    pairs = [f"{compare}({at(key, 'x')}, {at(key, 'y')})" for key in keys]
    array = f"Array.from({{ length: {n} }}, (_, i) => i)"
    writer.line(f"const {order} = {array}.sort((x, y) => {' || '.join(pairs)});")
    return order


def _sort(block: Block, eqn: Any, *values: Value) -> list[Value]:
    axis, views = eqn.params["dimension"], [v for (v,) in values]
    keys = views[: eqn.params["num_keys"]]

    def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
        with writer.nest(by_axes(views[0], [axis])[0].shape) as out:
            order, i = _write_order(writer, keys, axis, out, "compare"), writer.name("j")
            with writer.count(i, views[0].shape[axis]):
                for view, output in zip(views, outputs, strict=True):
                    old = read(view, [*out[:axis], f"{order}[{i}]", *out[axis:]])
                    writer.line(f"{read(output, [*out[:axis], i, *out[axis:]])} = {old};")

    kinds = [(v.buffer.dtype, v.shape) for v in views]
    return [(v,) for v in block.loop("sort", write, kinds, *views, memory=True)]


def _top_k(block: Block, eqn: Any, x: Value) -> list[Value]:
    (view,) = x
    axis, k = eqn.params.get("axis", -1) % len(view.shape), eqn.params["k"]
    shape = [*view.shape[:axis], k, *view.shape[axis + 1 :]]

    def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
        with writer.nest(by_axes(view, [axis])[0].shape) as out:
            order, i = _write_order(writer, [view], axis, out, "-compareAll"), writer.name("j")
            with writer.count(i, k):
                index = [*out[:axis], i, *out[axis:]]
                old = read(view, [*out[:axis], f"{order}[{i}]", *out[axis:]])
                writer.line(f"{read(outputs[0], index)} = {old};")
                writer.line(f"{read(outputs[1], index)} = {order}[{i}];")

    kinds = [(view.buffer.dtype, shape), ("int32", shape)]
    return [(v,) for v in block.loop("top_k", write, kinds, view, memory=True)]


RULES = {"sort": _sort, "top_k": _top_k}
