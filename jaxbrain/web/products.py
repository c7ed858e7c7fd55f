"""Products of arrays and convolutions, with sums in double precision."""

from collections.abc import Sequence
from typing import Any

from jaxbrain.web.arrays import PARTS, Value, View
from jaxbrain.web.elementwise import apply, convert
from jaxbrain.web.program import Block
from jaxbrain.web.scalars import product
from jaxbrain.web.writer import Writer, read


def _only(view: View, axes: Sequence[int]) -> View:
    return view._replace(
        shape=tuple(view.shape[a] for a in axes), strides=tuple(view.strides[a] for a in axes)
    )


def dotted(block: Block, left: View, right: View, numbers: Any) -> View:
    """The product of two arrays, summed over the contracted axes."""
    (contracted_l, contracted_r), (batch_l, batch_r) = numbers
    used_l, used_r = (*contracted_l, *batch_l), (*contracted_r, *batch_r)
    free_l = [a for a in range(len(left.shape)) if a not in used_l]
    free_r = [a for a in range(len(right.shape)) if a not in used_r]
    a = _only(left, [*batch_l, *free_l, *contracted_l])
    b = _only(right, [*batch_r, *free_r, *contracted_r])
    n, m, k = len(batch_l), len(free_l), len(free_r)
    sums = a.shape[n + m :]
    shape = (*a.shape[: n + m], *b.shape[n : n + k])
    dtype = left.buffer.dtype

    def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
        with writer.nest(shape) as out:
            batch, rows, columns = out[:n], out[n : n + m], out[n + m :]

            def term(index: Sequence[str]) -> str:
                factors = read(a, [*batch, *rows, *index]), read(b, [*batch, *columns, *index])
                return product(dtype, *factors)

            writer.store(outputs[0], out, writer.sum(sums, term), rounding=True)

    size = " x ".join(str(list(v.shape)) for v in (left, right))
    return block.loop(f"dot_general {size}", write, [(dtype, shape)], left, right)[0]


def bilinear(block: Block, left: Value, right: Value, real: Any) -> Value:
    """A bilinear function of values that may be complex, from that of real ones."""
    if len(left) == len(right) == 1:
        return (real(left[0], right[0]),)
    if len(left) == 1:
        return tuple(real(left[0], part) for part in right)
    if len(right) == 1:
        return tuple(real(part, right[0]) for part in left)
    (a, b), (c, d) = left, right
    return (
        apply(block, "sub", real(a, c), real(b, d)),
        apply(block, "add", real(a, d), real(b, c)),
    )


def _dot_general(block: Block, eqn: Any, left: Value, right: Value) -> list[Value]:
    name: str = eqn.outvars[0].aval.dtype.name
    dtype = PARTS.get(name, name)
    left, right = (tuple(convert(block, v, dtype) for v in value) for value in (left, right))
    numbers = eqn.params["dimension_numbers"]
    return [bilinear(block, left, right, lambda a, b: dotted(block, a, b, numbers))]


class _Convolution:
    """The loops of a convolution, in the order batch, features, space."""

    def __init__(self, params: Any, x: View, kernel: View, shape: Sequence[int]):
        numbers = params["dimension_numbers"]
        self.x, self.kernel = _only(x, numbers.lhs_spec), _only(kernel, numbers.rhs_spec)
        self.out_spec, self.params = numbers.out_spec, params
        self.shape = tuple(shape[a] for a in numbers.out_spec)
        self.dtype = x.buffer.dtype

    def write(self, writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
        output = _only(outputs[0], self.out_spec)
        with writer.nest(self.shape) as (row, feature, *place):
            total = writer.name("a")
            writer.line(f"let {total} = 0;")
            with writer.nest(self.kernel.shape[1:]) as (channel, *offset):
                places, tests = self._places(place, offset)
                row_, channel_ = self._groups(row, feature, channel)
                term = product(
                    self.dtype,
                    read(self.x, [row_, channel_, *places]),
                    read(self.kernel, [feature, channel, *offset]),
                )
                guard = f"if ({' && '.join(tests)}) " if tests else ""
                writer.line(f"{guard}{total} += {term};")
            writer.store(output, [row, feature, *place], total, rounding=True)

    def _groups(self, row: str, feature: str, channel: str) -> tuple[str, str]:
        """The example and the channel that a feature reads."""
        p = self.params
        n, m = p["feature_group_count"], p["batch_group_count"]
        if n > 1:
            group = f"Math.floor({feature} / {self.shape[1] // n})"
            channel = f"({group} * {self.kernel.shape[1]} + {channel})"
        if m > 1:
            group = f"Math.floor({feature} / {self.shape[1] // m})"
            row = f"({group} * {self.x.shape[0] // m} + {row})"
        return row, channel

    def _places(self, place: Sequence[str], offset: Sequence[str]) -> tuple[list[str], list[str]]:
        """The place in x along each axis, and the conditions that it is inside."""
        p, places, tests = self.params, [], []
        for axis, (i, k) in enumerate(zip(place, offset, strict=True)):
            n, hole = self.x.shape[2 + axis], p["lhs_dilation"][axis]
            low, high = p["padding"][axis]
            at = f"({i} * {p['window_strides'][axis]} + {k} * {p['rhs_dilation'][axis]} - {low})"
            if hole > 1:
                tests.append(f"{at} % {hole} === 0")
            if low > 0 or high > 0:
                tests += [f"{at} >= 0", f"{at} < {(n - 1) * hole + 1}"]
            places.append(f"({at} / {hole})" if hole > 1 else at)
        return places, tests


def _conv(block: Block, eqn: Any, x: Value, kernel: Value) -> list[Value]:
    aval = eqn.outvars[0].aval

    def real(a: View, b: View) -> View:
        loops = _Convolution(eqn.params, a, b, aval.shape)
        return block.loop("convolution", loops.write, [(a.buffer.dtype, aval.shape)], a, b)[0]

    return [bilinear(block, x, kernel, real)]


RULES = {"dot_general": _dot_general, "conv_general_dilated": _conv}
