"""Reductions of windows: pooling and its gradient."""

from collections.abc import Callable, Sequence
from typing import Any

from jaxbrain.web.arrays import Value, View
from jaxbrain.web.program import Block
from jaxbrain.web.reductions import REDUCERS
from jaxbrain.web.scalars import rounded
from jaxbrain.web.writer import Writer, read


def _places(
    params: Any, view: View, out: Sequence[str], offset: Sequence[str]
) -> tuple[list[str], str]:
    """The place at which a window reads, and the text of the condition that it is inside."""
    ones = (1,) * len(view.shape)
    dilation = params.get("window_dilation", ones)
    places, tests = [], []
    for axis, (i, k) in enumerate(zip(out, offset, strict=True)):
        low, high = params["padding"][axis]
        place = f"({i} * {params['window_strides'][axis]} + {k} * {dilation[axis]} - {low})"
        places.append(place)
        if low > 0 or high > 0:
            tests += [f"{place} >= 0", f"{place} < {view.shape[axis]}"]
    return places, " && ".join(tests)


def _reduce(name: str) -> Callable[..., list[Value]]:
    reducer = REDUCERS[name]

    def rule(block: Block, eqn: Any, x: Value) -> list[Value]:
        (view,), p, shape = x, eqn.params, eqn.outvars[0].aval.shape
        if any(n != 1 for n in p.get("base_dilation", ())):
            raise NotImplementedError(f"reduce_window_{name} with base_dilation")
        dtype = view.buffer.dtype

        def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
            with writer.nest(shape) as out:
                total = writer.name("a")
                writer.line(f"let {total} = {reducer.start(dtype)};")
                with writer.nest(p["window_dimensions"]) as offset:
                    place, test = _places(p, view, out, offset)
                    guard = f"if ({test}) " if test else ""
                    step = reducer.step(dtype, total, read(view, place))
                    writer.line(f"{guard}{total} = {step};")
                writer.store(outputs[0], out, total, rounding=True)

        return [(block.loop(f"reduce_window_{name}", write, [(dtype, shape)], view)[0],)]

    return rule


def _select_and_scatter_add(block: Block, eqn: Any, source: Value, x: Value) -> list[Value]:
    """Each number of the source goes to the first extreme of its window."""
    (new,), (view,), p = source, x, eqn.params
    sign = {"ge": ">", "le": "<"}[p["select_prim"].name]
    dtype = view.buffer.dtype

    def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
        (output,) = outputs
        writer.fill(output, "0")
        with writer.nest(new.shape) as out:
            best, where, v = (writer.name(letter) for letter in "hwv")
            writer.line(f"let {best} = 0, {where} = -1;")
            with writer.nest(p["window_dimensions"]) as offset:
                place, test = _places(p, view, out, offset)
                with writer.block(f"if ({test})") if test else writer.block(""):
                    writer.line(f"const {v} = {read(view, place)};")
                    array, _, position = read(output, place)[:-1].partition("[")
                    writer.line(
                        f"if ({where} < 0 || {v} {sign} {best}) "
                        f"{{ {best} = {v}; {where} = {position}; }}"
                    )
            old = f"{array}[{where}]"
            writer.line(f"if ({where} >= 0) {old} = {rounded(dtype, f'{old} + {read(new, out)}')};")

    kind = [(dtype, view.shape)]
    return [(block.loop("select_and_scatter_add", write, kind, new, view, memory=True)[0],)]


def _select_and_gather_add(block: Block, eqn: Any, tangent: Value, x: Value) -> list[Value]:
    """The tangent at the first extreme of each window."""
    (other,), (view,), p = tangent, x, eqn.params
    sign = {"ge": ">", "le": "<"}[p["select_prim"].name]
    shape = eqn.outvars[0].aval.shape

    def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
        with writer.nest(shape) as out:
            best, taken, found, v = (writer.name(letter) for letter in "huwv")
            writer.line(f"let {best} = 0, {taken} = 0, {found} = false;")
            with writer.nest(p["window_dimensions"]) as offset:
                place, test = _places(p, view, out, offset)
                with writer.block(f"if ({test})") if test else writer.block(""):
                    writer.line(f"const {v} = {read(view, place)};")
                    writer.line(
                        f"if (!{found} || {v} {sign} {best}) {{ {found} = true; {best} = {v}; "
                        f"{taken} = {read(other, place)}; }}"
                    )
            writer.store(outputs[0], out, taken)

    kind = [(view.buffer.dtype, shape)]
    return [(block.loop("select_and_gather_add", write, kind, other, view)[0],)]


RULES = {
    **{f"reduce_window_{name}": _reduce(name) for name in ("sum", "max", "min")},
    "select_and_scatter_add": _select_and_scatter_add,
    "select_and_gather_add": _select_and_gather_add,
}
