"""The text of loops: lines, nests, addresses of numbers."""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence

from jaxbrain.web.arrays import View, dense, merged, number
from jaxbrain.web.scalars import rounded

_UNROLLED = 4  # a sum of so many products is one expression
_SET = 8  # copies of so many numbers and more are calls of `set`


Term = Callable[[Sequence[str]], str]  # of the indices of a loop nest


class Writer:
    """Lines of text with their depth."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 0
        self._numbers = itertools.count(1)

    def line(self, text: str) -> None:
        self.lines.append("  " * self.depth + text)

    def name(self, letter: str) -> str:
        """Another name that starts with a letter."""
        return f"{letter}{next(self._numbers)}"

    @contextlib.contextmanager
    def block(self, head: str) -> Iterator[None]:
        if head.startswith("else"):  # on the line that ends the block before it
            head = f"{self.lines.pop().lstrip()} {head}"
        self.line(head + " {")
        self.depth += 1
        yield
        self.depth -= 1
        self.line("}")

    @contextlib.contextmanager
    def nest(self, shape: Sequence[int]) -> Iterator[list[str]]:
        """Loops over a shape: yields the text of each index."""
        with contextlib.ExitStack() as stack:
            index = []
            for n in shape:
                index.append("0" if n == 1 else f"i{self.depth}")
                if n != 1:
                    stack.enter_context(self.count(index[-1], n))
            yield index

    def count(self, name: str, n: int) -> contextlib.AbstractContextManager[None]:
        return self.block(f"for (let {name} = 0; {name} < {n}; {name}++)")

    def store(self, view: View, index: Sequence[str], text: str, *, rounding: bool = False) -> None:
        """Write one number; `rounding` if the text is not yet rounded to the dtype."""
        buffer = view.buffer
        if buffer.is_variable and buffer.place is None:
            text = rounded(buffer.dtype, text) if rounding else text
            self.line(f"const {buffer.name} = {text};")
        else:
            self.line(f"{read(view, index)} = {text};")

    def copy(self, source: View, target: View) -> None:
        """Copy the numbers of a view to another of its shape."""
        if target.buffer.is_variable and target.buffer.place is None:
            index = ["0"] * len(source.shape)
            return self.line(f"{target.buffer.name} = {read(source, index)};")
        shape, (a, b) = merged(source.shape, (source.strides, target.strides))
        source = source._replace(shape=tuple(shape), strides=tuple(a))
        target = target._replace(shape=tuple(shape), strides=tuple(b))
        if source.size >= _SET and _is_array(source) and _is_array(target):
            return self.line(f"{target.buffer.name}.set({source.buffer.name});")
        with self.nest(shape) as index:
            self.line(f"{read(target, index)} = {read(source, index)};")

    def fill(self, view: View, text: str) -> None:
        """Write one number to all places of a view."""
        if _is_array(view):
            return self.line(f"{view.buffer.name}.fill({text});")
        with self.nest(view.shape) as index:
            self.line(f"{read(view, index)} = {text};")

    def accumulate(
        self, sizes: Sequence[int], term: Term, start: str, step: Callable[[str, str], str]
    ) -> str:
        """A number that grows over a nest of loops, such as a sum.

        Args:
          sizes: of the nest.
          term: the text of one summand, from the indices.
          start: its first value.
          step: its next value, from the texts of the last one and of the summand.

        Returns:
          The name of the number.
        """
        total = self.name("a")
        self.line(f"let {total} = {start};")
        with self.nest(sizes) as index:
            self.line(f"{total} = {step(total, term(index))};")
        return total

    def sum(self, sizes: Sequence[int], term: Term) -> str:
        """The text of a sum over a nest of loops, of a few summands in one expression."""
        if len(sizes) == 1 and 0 < sizes[0] <= _UNROLLED:
            return " + ".join(term([str(k)]) for k in range(sizes[0]))
        return self.accumulate(sizes, term, "0", "{} + {}".format)


def read(view: View, index: Sequence[str]) -> str:
    """The text of one number of a view."""
    view = _placed(view)
    buffer = view.buffer
    if buffer.value is not None and buffer.value.size == 1:
        return number(buffer.value[0])
    if buffer.is_variable:
        return buffer.name
    return f"{buffer.name}[{_address(view, index)}]"


def _placed(view: View) -> View:
    """The view on the storage that its buffer takes."""
    while view.buffer.place is not None:
        place = view.buffer.place
        view = view._replace(
            buffer=place.buffer,
            offset=view.offset + place.offset,
            moving=view.moving + place.moving,
        )
    return view


def _address(view: View, index: Sequence[str]) -> str:
    constant, terms = view.offset, []
    for name, stride in (*zip(index, view.strides, strict=True), *view.moving):
        if name.isdecimal():
            constant += int(name) * stride
        elif stride == 1:
            terms.append(name)
        elif stride:
            terms.append(f"{name} * {stride}")
    if constant or not terms:
        terms.append(str(constant))
    return " + ".join(terms).replace("+ -", "- ")


def _is_array(view: View) -> bool:
    """True if the view is a typed array as a whole."""
    whole = view.size == view.buffer.size and not (view.offset or view.moving)
    return whole and dense(view.shape, view.strides) and view.buffer.place is None
