"""The text of blocks: storage that is used again, and functions of bounded length."""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from jaxbrain.web.arrays import ARRAYS, Buffer, View
from jaxbrain.web.control import Branch, Repeat, While
from jaxbrain.web.fusion import Step, place_results, schedule
from jaxbrain.web.groups import write_group
from jaxbrain.web.program import Block, Loop, Map, reads
from jaxbrain.web.writer import Writer, read

_LONGEST = 8_000  # letters of a function: longer ones are not optimized by all engines


class Storage:
    """Typed arrays, which are taken and given back."""

    def __init__(self) -> None:
        self.declared: list[tuple[str, str, int]] = []
        self._free: dict[tuple[str, int], list[str]] = {}

    def take(self, buffer: Buffer) -> None:
        """Name an array for a buffer: a free one if there is one of its kind and size."""
        kind = ARRAYS[buffer.dtype], buffer.size
        if self._free.get(kind):
            buffer.name = self._free[kind].pop()
        else:
            buffer.name = f"b{len(self.declared)}"
            self.declared.append((buffer.name, *kind))

    def give(self, buffer: Buffer) -> None:
        self._free.setdefault((ARRAYS[buffer.dtype], buffer.size), []).append(buffer.name)


class Emitter:
    """Text of blocks.

    Attributes:
      writer: has the lines.
      storage: the typed arrays of all blocks.
      functions: the parts of a program that is too long for one function, name to lines.
    """

    def __init__(self) -> None:
        self.writer, self.storage = Writer(), Storage()
        self.functions: dict[str, list[str]] = {}
        self._counters: list[str] = []

    def block(self, block: Block, keep: Iterable[Buffer] = (), *, whole: bool = False) -> list[str]:
        """The lines of a block.

        Args:
          block: the operations.
          keep: what is read after it.
          whole: it stays in one function.
        """
        place_results(block)
        steps = schedule(block.ops)
        last = _last_uses(steps, [*(source.buffer for source, _ in block.ends), *keep])
        taken: list[Buffer] = []
        pieces = []
        for k, step in enumerate(steps):
            made = [b for op in step for b in op.outputs]
            local = {b for b in made if last[b] == k and b.place is None}
            is_group = isinstance(step[0], Map)
            taken += self._name_outputs(step, local if is_group else set())
            pieces.append(self._captured(lambda s=step, t=local: self._step(s, t)))
            for buffer in [b for b in taken if last[b] <= k]:
                taken.remove(buffer)
                self.storage.give(buffer)
        pieces.append(self._captured(lambda: [self.writer.copy(*end) for end in block.ends]))
        for buffer in taken:
            if buffer not in set(keep):
                self.storage.give(buffer)
        return [line for piece in pieces for line in piece] if whole else self._parts(pieces)

    def _captured(self, write: Callable[[], Any]) -> list[str]:
        """The lines that a function writes."""
        outer, self.writer.lines = self.writer.lines, []
        write()
        inner, self.writer.lines = self.writer.lines, outer
        return inner

    def _parts(self, pieces: Sequence[list[str]]) -> list[str]:
        """The lines, or calls of functions that have them if they are many."""
        if sum(len(line) for piece in pieces for line in piece) <= _LONGEST:
            return [line for piece in pieces for line in piece]
        calls, part = [], []
        arguments = ", ".join(["inputs", "outputs", *self._counters])
        for k, piece in enumerate(pieces):
            part += piece
            if sum(map(len, part)) > _LONGEST / 2 or k == len(pieces) - 1:
                name = f"part{len(self.functions) + 1}"
                text = textwrap.dedent("\n".join(part))
                self.functions[f"{name}({arguments})"] = textwrap.indent(text, "  ").split("\n")
                calls.append("  " * self.writer.depth + f"{name}({arguments});")
                part = []
        return calls

    def _name_outputs(self, step: Step, local: set[Buffer]) -> list[Buffer]:
        """Name the outputs; returns those that took an array."""
        taken = []
        for op in step:
            for buffer in op.outputs:
                if buffer.place is not None:
                    continue
                if buffer.is_variable:
                    buffer.name = self.writer.name("s")
                elif buffer in local:
                    buffer.name = self.writer.name("v")
                else:
                    self.storage.take(buffer)
                    taken.append(buffer)
        return taken

    def _step(self, step: Step, local: set[Buffer]) -> None:
        op = step[0]
        if isinstance(op, Map):
            write_group(self.writer, [m for m in step if isinstance(m, Map)], local)
        elif isinstance(op, Loop):
            self.writer.line(f"// {op.title}")
            op.write(self.writer, op.views, op.inputs)
        elif isinstance(op, Repeat):
            self._start(op.starts)
            head = f"for (let {op.counter} = 0; {op.counter} < {op.length}; {op.counter}++)"
            self._counters.append(op.counter)
            with self.writer.block(head):
                self.writer.lines += self.block(op.body)
            self._counters.pop()
        elif isinstance(op, While):
            self._start(op.starts)
            with self.writer.block("for (;;)"):
                self.writer.lines += self.block(op.condition, [op.test.buffer])
                self.writer.line(f"if (!{read(op.test, [])}) break;")
                self.writer.lines += self.block(op.body)
        elif isinstance(op, Branch):
            self._branch(op)

    def _start(self, starts: Sequence[tuple[View, View]]) -> None:
        for source, target in starts:
            if target.buffer.is_variable:
                text = read(source, ["0"] * len(source.shape))
                self.writer.line(f"let {target.buffer.name} = {text};")
            else:
                self.writer.copy(source, target)

    def _branch(self, op: Branch) -> None:
        for buffer in op.outputs:
            if buffer.is_variable:
                self.writer.line(f"let {buffer.name} = 0;")
        index = read(op.index, [])
        for k, branch in enumerate(op.branches):
            test = f"if ({index} <= 0)" if k == 0 else f"else if ({index} === {k})"
            with self.writer.block("else" if k == len(op.branches) - 1 > 0 else test):
                self.writer.lines += self.block(branch)


def _last_uses(steps: Sequence[Step], kept: Iterable[Buffer]) -> dict[Buffer, int]:
    """The number of the last step that reads each buffer; that after all for those kept."""
    last: dict[Buffer, int] = {}
    for k, step in enumerate(steps):
        for op in step:
            for buffer in op.outputs:
                last[buffer] = k
    for k, step in enumerate(steps):
        for op in step:
            for buffer in reads(op):
                last[buffer] = k
    last.update(dict.fromkeys(kept, len(steps)))
    return last
