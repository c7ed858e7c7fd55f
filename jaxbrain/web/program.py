"""The program between a jaxpr and its text: blocks of operations on views."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxbrain.web.arrays import PARTS, Buffer, View, broadcast, constant, view_of

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

    An operation of which no input changes in a loop is computed before the loop.

    Attributes:
      program: what all blocks share.
      parent: the block around it.
      branch: it may not be entered, so that nothing is computed before it.
      known: results by what they were computed from.
      ops: in an order in which each comes after those that it reads.
      ends: copies at the end, ``(from, to)``.
    """

    def __init__(self, program: "Program", parent: "Block | None" = None, *, branch: bool = False):
        self.program, self.parent, self.branch = program, parent, branch
        self.depth = 0 if parent is None else parent.depth + 1
        self.ops: list[Op] = []
        self.ends: list[tuple[View, View]] = []
        self.known: dict[Any, Any] = {}

    def child(self, *, branch: bool = False) -> "Block":
        return Block(self.program, self, branch=branch)

    def around(self) -> "Iterator[Block]":
        """This block, those around it, and that of what is computed once."""
        block: Block | None = self
        while block is not None:
            yield block
            block = block.parent
        yield self.program.setup

    def home(self, inputs: Sequence[View]) -> "Block":
        """The outermost block in which an operation on these inputs can stand."""
        depth = max((self.program.depth(v) for v in inputs), default=-1)
        if depth < 0:
            return self.program.setup
        block = self
        while block.depth > depth and not block.branch and block.parent is not None:
            block = block.parent
        return block

    def map(self, expression: Expression, dtype: str, shape: Sequence[int], *inputs: View) -> View:
        """An operation by element, on inputs that are broadcast to the shape."""
        block = self.home(inputs)
        output = view_of(Buffer(dtype, math.prod(shape)), shape)
        output.buffer.depth = block.depth
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
        block = self.home(inputs)
        views = [view_of(Buffer(d, math.prod(s), memory=memory), s) for d, s in outputs]
        for view in views:
            view.buffer.depth = block.depth
        block.ops.append(Loop(title, write, views, inputs))
        return views

    def copy(self, view: View) -> View:
        """The numbers of a view in a buffer of their own, in this block."""
        output = view_of(Buffer(view.buffer.dtype, view.size), view.shape)
        output.buffer.depth = self.depth
        self.ops.append(Map(lambda a: a, output, [view]))
        return output


class Program:
    """The parts that all blocks share: what is computed once, counters of loops, constants."""

    def __init__(self) -> None:
        self.setup = Block(self)
        self.setup.depth = -1
        self._counters: dict[str, int] = {}
        self._constants: dict[Any, View] = {}

    def counter(self, body: Block) -> str:
        """The name of the counter of another loop."""
        name = f"t{len(self._counters) + 1}"
        self._counters[name] = body.depth
        return name

    def depth(self, view: View) -> int:
        """The depth of the innermost block in which the numbers of a view are made."""
        return max([view.buffer.depth, *(self._counters[name] for name, _ in view.moving)])

    def constant(self, value: np.ndarray) -> View:
        """A constant, once for equal ones."""
        value = np.asarray(value)
        key = value.dtype.name, value.shape, value.tobytes()
        if key not in self._constants:
            self._constants[key] = constant(value)
        return self._constants[key]

    def constants(self, value: Any) -> tuple[View, ...]:
        """A constant as views: two if it is complex."""
        if value.dtype.name in PARTS:
            return self.constant(np.array(value.real)), self.constant(np.array(value.imag))
        return (self.constant(value),)

    def full(self, view: View, number: float, shape: Sequence[int] = ()) -> View:
        """A number in the dtype of a view, repeated."""
        return broadcast(self.constant(np.asarray(number, view.buffer.dtype)), shape)


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
