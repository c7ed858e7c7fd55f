"""Reductions and running totals, with sums in double precision."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jaxbrain.web.arrays import Value, View
from jaxbrain.web.program import Block
from jaxbrain.web.scalars import highest, is_float, lowest, product, rounded
from jaxbrain.web.writer import Writer, read


class Reducer(NamedTuple):
    """An operation on two numbers that puts many together.

    Attributes:
      start: the value of none, from the dtype.
      step: the next value, from the dtype and the texts of the last one and of the number.
    """

    start: Callable[[str], str]
    step: Callable[[str, str, str], str]


def _sum(dtype: str, total: str, term: str) -> str:
    return f"{total} + {term}" if is_float(dtype) else rounded(dtype, f"{total} + {term}")


REDUCERS = {
    "sum": Reducer(lambda d: "0", _sum),
    "prod": Reducer(lambda d: "1", product),
    "max": Reducer(lowest, lambda d, a, b: f"Math.max({a}, {b})"),
    "min": Reducer(highest, lambda d, a, b: f"Math.min({a}, {b})"),
    "and": Reducer(
        lambda d: "1" if d == "bool" else "-1", lambda d, a, b: rounded(d, f"{a} & {b}")
    ),
    "or": Reducer(lambda d: "0", lambda d, a, b: rounded(d, f"{a} | {b}")),
    "xor": Reducer(lambda d: "0", lambda d, a, b: rounded(d, f"{a} ^ {b}")),
    "logsumexp": Reducer(lambda d: "-Infinity", lambda d, a, b: f"logAddExp({a}, {b})"),
}


def by_axes(view: View, axes: Sequence[int]) -> tuple[View, View]:
    """The view of the kept axes, and that of the others, both without the place of the other."""
    axes = sorted(int(a) % max(len(view.shape), 1) for a in axes)
    kept = [a for a in range(len(view.shape)) if a not in axes]

    def only(which: Sequence[int]) -> View:
        return view._replace(
            shape=tuple(view.shape[a] for a in which), strides=tuple(view.strides[a] for a in which)
        )

    return only(kept), only(axes)


def joint(a: View, b: View) -> View:
    """The view with the axes of both."""
    return a._replace(shape=a.shape + b.shape, strides=a.strides + b.strides)


def reduced(block: Block, name: str, view: View, axes: Sequence[int]) -> View:
    """A reduction over axes."""
    kept, gone = by_axes(view, axes)
    dtype, reducer = view.buffer.dtype, REDUCERS[name]
    if gone.size == 1:  # nothing to put together
        return kept

    def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
        with writer.nest(kept.shape) as out:
            total = writer.accumulate(
                gone.shape,
                lambda index: read(joint(kept, gone), [*out, *index]),
                reducer.start(dtype),
                lambda total, term: reducer.step(dtype, total, term),
            )
            writer.store(outputs[0], out, total, rounding=True)

    return block.loop(f"reduce_{name}", write, [(dtype, kept.shape)], view)[0]


def _reduce(name: str) -> Callable[..., list[Value]]:
    return lambda block, eqn, x: [
        tuple(reduced(block, name, view, eqn.params["axes"]) for view in x)
    ]


def _cumulative(name: str) -> Callable[..., list[Value]]:
    reducer = REDUCERS[name]

    def rule(block: Block, eqn: Any, x: Value) -> list[Value]:
        (view,) = x
        axis, dtype = eqn.params["axis"], view.buffer.dtype
        n = view.shape[axis]

        def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
            others, _ = by_axes(view, [axis])
            with writer.nest(others.shape) as out:
                total, i = writer.name("a"), writer.name("j")
                writer.line(f"let {total} = {reducer.start(dtype)};")
                down = f"let {i} = {n - 1}; {i} >= 0; {i}--"
                up = f"let {i} = 0; {i} < {n}; {i}++"
                with writer.block(f"for ({down if eqn.params['reverse'] else up})"):
                    index = [*out[:axis], i, *out[axis:]]
                    writer.line(f"{total} = {reducer.step(dtype, total, read(view, index))};")
                    writer.line(f"{read(outputs[0], index)} = {total};")

        return [(block.loop(f"cum{name}", write, [(dtype, view.shape)], view, memory=True)[0],)]

    return rule


def _extreme(sign: str) -> Callable[..., list[Value]]:
    """The index of the first largest or smallest number; of the first NaN if there is one."""

    def rule(block: Block, eqn: Any, x: Value) -> list[Value]:
        (view,), (axis,) = x, eqn.params["axes"]
        kept, gone = by_axes(view, [axis])

        def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
            with writer.nest(kept.shape) as out:
                best, where, i, v = (writer.name(letter) for letter in "hwjv")
                at = lambda index: read(joint(kept, gone), [*out, index])  # noqa: E731
                writer.line(f"let {best} = {at('0')}, {where} = 0;")
                with writer.count(i, gone.shape[0]):
                    writer.line(f"const {v} = {at(i)};")
                    found = f"{v} {sign} {best} || ({v} !== {v} && {best} === {best})"
                    writer.line(f"if ({found}) {{ {best} = {v}; {where} = {i}; }}")
                writer.store(outputs[0], out, where)

        dtype = eqn.outvars[0].aval.dtype.name
        return [(block.loop("argmax", write, [(dtype, kept.shape)], view)[0],)]

    return rule


RULES = {
    **{
        f"reduce_{name}": _reduce(name)
        for name in ("sum", "prod", "max", "min", "and", "or", "xor")
    },
    **{f"cum{name}": _cumulative(name) for name in ("sum", "prod", "max", "min", "logsumexp")},
    "argmax": _extreme(">"),
    "argmin": _extreme("<"),
}
