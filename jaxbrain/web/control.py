"""Loops and branches: blocks of a program within a block."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from jax.extend.core import ClosedJaxpr

from jaxbrain.web.arrays import Buffer, Value, View, broadcast, dtypes_of, view_of
from jaxbrain.web.elementwise import select
from jaxbrain.web.program import Block, Op
from jaxbrain.web.reductions import reduced

# (block, jaxpr, arguments) -> results
Lower = Callable[[Block, ClosedJaxpr, Sequence[Value]], list[Value]]


class Repeat(Op):
    """A loop with a fixed number of steps.

    Attributes:
      counter: its name.
      length: how many steps.
      starts: what is copied before it, ``(from, to)``.
      body: of one step.
    """

    def __init__(
        self, counter: str, length: int, starts: list[tuple[View, View]], body: Block,
        outputs: Sequence[Buffer], inputs: Sequence[View],
    ):  # fmt: skip
        super().__init__([*(a for a, _ in starts), *inputs], outputs)
        self.counter, self.length, self.starts, self.body = counter, length, starts, body

    @property
    def blocks(self) -> tuple[Block, ...]:
        return (self.body,)


class While(Op):
    """A loop as long as a condition holds.

    Attributes:
      starts: what is copied before it, ``(from, to)``.
      condition: the block that computes `test`.
      test: one truth value.
      body: of one step.
    """

    def __init__(
        self, starts: list[tuple[View, View]], condition: Block, test: View, body: Block,
        outputs: Sequence[Buffer],
    ):  # fmt: skip
        super().__init__([*(a for a, _ in starts), test], outputs)
        self.starts, self.condition, self.test, self.body = starts, condition, test, body

    @property
    def blocks(self) -> tuple[Block, ...]:
        return (self.condition, self.body)


class Branch(Op):
    """One of several blocks, by an index."""

    def __init__(self, index: View, branches: Sequence[Block], outputs: Sequence[Buffer]):
        super().__init__([index], outputs)
        self.index, self.branches = index, tuple(branches)

    @property
    def blocks(self) -> tuple[Block, ...]:
        return self.branches


def _storage(value: Any) -> Value:
    """Buffers of their own for a value of JAX's shape and dtype."""
    dtypes = dtypes_of(value.aval) or ()
    return tuple(view_of(Buffer(d, math.prod(value.aval.shape)), value.aval.shape) for d in dtypes)


def _flat(values: Sequence[Value]) -> list[View]:
    return [view for value in values for view in value]


def _belong_to(block: Block, values: Sequence[Value]) -> None:
    """The block is the outermost one in which the numbers of the values do not change."""
    for view in _flat(values):
        view.buffer.depth = block.depth


def _end_with(body: Block, results: Sequence[View], carries: Sequence[View]) -> None:
    """Copy the results to the carries, each as it was before any of the copies."""
    own = {c.buffer for c in carries}
    for result, carry in zip(results, carries, strict=True):
        if result.buffer is carry.buffer and result == carry:
            continue
        body.ends.append((body.copy(result) if result.buffer in own else result, carry))


def _row(view: View, counter: str, length: int, *, reverse: bool) -> View:
    """The row of a view that the step of a loop reads or writes."""
    stride, shape = view.strides[0], view.shape[1:]
    offset = view.offset + (stride * (length - 1) if reverse else 0)
    moving = (*view.moving, (counter, -stride if reverse else stride))
    return View(view.buffer, shape, view.strides[1:], offset, moving)


def scan_sizes(eqn: Any) -> tuple[int, int]:
    """The numbers of constants and of carries: rows have an axis less within the loop."""
    body = eqn.params["jaxpr"].jaxpr
    same = [
        len(a.aval.shape) == len(b.aval.shape)
        for a, b in zip(eqn.outvars, body.outvars, strict=True)
    ]
    rows = sum(
        len(a.aval.shape) != len(b.aval.shape) for a, b in zip(eqn.invars, body.invars, strict=True)
    )
    carries = sum(same)
    return len(eqn.invars) - rows - carries, carries


def scan_rule(lower: Lower) -> Callable[..., list[Value]]:
    """The rule of ``scan``."""

    def rule(block: Block, eqn: Any, *values: Value) -> list[Value]:
        p = eqn.params
        length, reverse, body = p["length"], p["reverse"], block.child()
        counter = block.program.counter(body)
        n, m = scan_sizes(eqn)
        carries = [_storage(v) for v in eqn.outvars[:m]]
        rows = [
            tuple(_row(view, counter, length, reverse=reverse) for view in value)
            for value in values[n + m :]
        ]
        _belong_to(body, carries)
        results = lower(body, p["jaxpr"], [*values[:n], *carries, *rows])
        stacked = [_storage(v) for v in eqn.outvars[m:]]
        for result, view in zip(_flat(results[m:]), _flat(stacked), strict=True):
            view.buffer.memory = True
            body.ends.append((result, _row(view, counter, length, reverse=reverse)))
        _end_with(body, _flat(results[:m]), _flat(carries))  # after rows of the old carries
        _belong_to(block, [*carries, *stacked])
        starts = list(zip(_flat(values[n : n + m]), _flat(carries), strict=True))
        outputs = [v.buffer for v in _flat([*carries, *stacked])]
        inputs = _flat([*values[:n], *values[n + m :]])
        block.ops.append(Repeat(counter, length, starts, body, outputs, inputs))
        return [*carries, *stacked]

    return rule


def while_rule(lower: Lower) -> Callable[..., list[Value]]:
    """The rule of ``while``; with many conditions it ends when none holds."""

    def rule(block: Block, eqn: Any, *values: Value) -> list[Value]:
        p = eqn.params
        n, m = p["cond_nconsts"], p["cond_nconsts"] + p["body_nconsts"]
        carries = [_storage(v) for v in eqn.outvars]
        condition, body = block.child(), block.child()
        _belong_to(body, carries)  # as deep as the condition

        def holds(where: Block) -> View:
            ((test,),) = lower(where, p["cond_jaxpr"], [*values[:n], *carries])
            return test

        test, old = holds(condition), _flat(carries)
        new = _flat(lower(body, p["body_jaxpr"], [*values[n:m], *carries]))
        if test.shape:
            axes = range(len(test.shape))
            test, each = reduced(condition, "or", test, axes), holds(body)
            new = [_where(body, each, a, b) for a, b in zip(new, old, strict=True)]
        _end_with(body, new, old)
        _belong_to(block, carries)
        starts = list(zip(_flat(values[m:]), old, strict=True))
        block.ops.append(While(starts, condition, test, body, [v.buffer for v in old]))
        return carries

    return rule


def _where(block: Block, condition: View, new: View, old: View) -> View:
    """The new rows where a condition of each row holds, else the old ones."""
    rows = len(condition.shape)
    added = len(new.shape) - rows
    by_row = condition._replace(
        shape=condition.shape + (1,) * added, strides=condition.strides + (0,) * added
    )
    return select(block, broadcast(by_row, new.shape), [old, new])


def cond_rule(lower: Lower) -> Callable[..., list[Value]]:
    """The rule of ``cond``; a constant index leaves one branch."""

    def rule(block: Block, eqn: Any, index: Value, *values: Value) -> list[Value]:
        (view,), branches = index, eqn.params["branches"]
        if view.buffer.value is not None:
            chosen = min(max(int(view.buffer.value[0]), 0), len(branches) - 1)
            return lower(block, branches[chosen], values)
        outputs = [_storage(v) for v in eqn.outvars]
        _belong_to(block, outputs)
        blocks = []
        for branch in branches:
            blocks.append(block.child(branch=True))
            results = lower(blocks[-1], branch, values)
            blocks[-1].ends += zip(_flat(results), _flat(outputs), strict=True)
        block.ops.append(Branch(view, blocks, [v.buffer for v in _flat(outputs)]))
        return outputs

    return rule
