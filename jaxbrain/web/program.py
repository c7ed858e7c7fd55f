"""The program between a jaxpr and its text: blocks of operations on views."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxbrain.web.arrays import Buffer, View, broadcast, constant, view_of

if TYPE_CHECKING:
    from jaxbrain.web.writer import Writer

Expression = Callable[..., str]  # of the texts of the inputs


class Op:
    """An operation: what it reads, what it makes, and the blocks within it."""

    def __init__(self, inputs: Sequence[View], outputs: Sequence[Buffer]):
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)

    @property
    def blocks(self) -> "tuple[Block, ...]":
        return ()


class Map(Op):
    """One expression for each number; maps of one shape share a loop.

    Attributes:
      shape: without axes of size one.
      expression: of the texts of the inputs.
    """

    def __init__(self, expression: Expression, output: View, inputs: Sequence[View]):
        super().__init__(inputs, (output.buffer,))
        self.expression = expression
        self.shape = tuple(n for n in output.shape if n != 1)


class Loop(Op):
    """An operation that writes its own loops.

    Attributes:
      write: ``(writer, outputs, inputs)``, which writes the text.
      title: the operation in the comment above it.
    """

    def __init__(
        self,
        title: str,
        write: "Callable[[Writer, Sequence[View], Sequence[View]], None]",
        outputs: Sequence[View],
        inputs: Sequence[View],
    ):
        super().__init__(inputs, [v.buffer for v in outputs])
        self.title, self.write, self.views = title, write, tuple(outputs)


class Block:
    """Operations in order, and the copies at their end.

    Attributes:
      program: what all blocks share.
      ops: in an order in which each comes after those that it reads.
      ends: copies at the end, ``(from, to)``.
    """

    def __init__(self, program: "Program"):
        self.program, self.ops = program, []
        self.ends: list[tuple[View, View]] = []

    def child(self) -> "Block":
        return Block(self.program)

    def _target(self, inputs: Sequence[View]) -> "Block":
        """The block of what is computed once if all inputs are constants, else this one."""
        once = all(v.buffer.constant and not v.moving for v in inputs)
        return self.program.setup if once else self

    def map(
        self, expression: Expression, dtype: str, shape: Sequence[int], *inputs: View
    ) -> View:
        """An operation by element, on inputs that are broadcast to the shape."""
        block = self._target(inputs)
        output = view_of(Buffer(dtype, math.prod(shape)), shape)
        output.buffer.constant = block is self.program.setup
        block.ops.append(Map(expression, output, [broadcast(v, shape) for v in inputs]))
        return output

    def loop(
        self,
        title: str,
        write: "Callable[[Writer, Sequence[View], Sequence[View]], None]",
        outputs: Sequence[tuple[str, Sequence[int]]],
        *inputs: View,
        memory: bool = False,
    ) -> list[View]:
        """An operation with loops of its own.

        Args:
          title: the operation in the comment above it.
          write: the text, ``(writer, outputs, inputs)``.
          outputs: dtypes and shapes.
          *inputs: what it reads.
          memory: it changes its outputs after it has written them.
        """
        block = self._target(inputs)
        views = [view_of(Buffer(d, math.prod(s), memory=memory), s) for d, s in outputs]
        for view in views:
            view.buffer.constant = block is self.program.setup
        block.ops.append(Loop(title, write, views, inputs))
        return views

    def copy(self, view: View) -> View:
        """The numbers of a view in a buffer of their own, in this block."""
        output = view_of(Buffer(view.buffer.dtype, view.size), view.shape)
        self.ops.append(Map(lambda a: a, output, [view]))
        return output

    def whole(self, view: View) -> View:
        """The view itself if it is in row-major order, else a copy that is."""
        same = view.buffer.size == view.size and view.is_whole
        return view if same or view.size == 1 else self.map(str, view.buffer.dtype, view.shape, view)


class Program:
    """What all blocks share: the block that is computed once, and the counters of loops."""

    def __init__(self) -> None:
        self.setup = Block(self)
        self._numbers = itertools.count(1)
        self._ranges: dict[tuple[str, int], View] = {}

    def counter(self) -> str:
        """The name of the counter of another loop."""
        return f"t{next(self._numbers)}"

    def range(self, dtype: str, n: int) -> View:
        """The numbers from zero to n - 1, once for each dtype."""
        if (dtype, n) not in self._ranges:
            self._ranges[dtype, n] = constant(np.arange(n).astype(dtype))
        return self._ranges[dtype, n]


def reads(op: Op) -> Iterator[Buffer]:
    """The buffers that an operation reads, within its blocks too."""
    yield from (v.buffer for v in op.inputs)
    for block in op.blocks:
        yield from block_reads(block)


def block_reads(block: Block) -> Iterator[Buffer]:
    """The buffers that a block reads."""
    for op in block.ops:
        yield from reads(op)
    yield from (source.buffer for source, _ in block.ends)
