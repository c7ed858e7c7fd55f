"""The order of operations: what is not needed is left out, and maps of one shape share a loop."""

from collections.abc import Iterable, Sequence

from jaxbrain.web.arrays import Buffer, dense, squeezed
from jaxbrain.web.control import Repeat, While
from jaxbrain.web.program import Block, Map, Op, reads

Step = list[Op]  # one operation, or maps that share a loop


def prune(block: Block, needed: Iterable[Buffer]) -> None:
    """Leave out the operations whose outputs nobody reads.

    Args:
      block: changed in place, and the blocks within it.
      needed: what is read after the block.
    """
    used = {*needed, *(source.buffer for source, _ in block.ends)}
    kept: list[Op] = []
    for op in reversed(block.ops):
        if used.isdisjoint(op.outputs):
            continue
        if isinstance(op, Repeat):
            carries = {target.buffer for _, target in op.starts}
            op.body.ends = [e for e in op.body.ends if e[1].buffer in carries | used]
        for inner in op.blocks:
            prune(inner, [op.test.buffer] if isinstance(op, While) else [])
        used.update(reads(op))
        kept.append(op)
    block.ops = kept[::-1]


def schedule(ops: Sequence[Op]) -> list[Step]:
    """Operations in an order in which maps of one shape follow each other, as they can."""
    waiting, steps = list(ops), []
    unmade = {buffer for op in ops for buffer in op.outputs}
    while waiting:
        first = waiting[0]
        if isinstance(first, Map):
            step, waiting = _group(first, waiting, unmade)
        else:
            step, waiting = [first], waiting[1:]
        steps.append(step)
        unmade.difference_update(buffer for op in step for buffer in op.outputs)
    return steps


def _group(first: Map, waiting: Sequence[Op], unmade: set[Buffer]) -> tuple[Step, list[Op]]:
    """The maps that can share the loop of the first, and all others."""
    step: Step = []
    others: list[Op] = []
    inside: set[Buffer] = set()
    for op in waiting:
        fits = isinstance(op, Map) and op.shape == first.shape and _is_ready(op, unmade, inside)
        if op is first or fits:
            step.append(op)
            inside.update(op.outputs)
        else:
            others.append(op)
    return step, others


def _is_ready(op: Map, unmade: set[Buffer], inside: set[Buffer]) -> bool:
    """True if its inputs are made, or are made in the same loop at the same place."""
    for view in op.inputs:
        if view.buffer in inside:
            own = squeezed(view)
            if not (own.shape == op.shape and view.offset == 0 and dense(own.shape, own.strides)):
                return False
        elif view.buffer in unmade:
            return False
    return True


def place_results(block: Block) -> None:
    """Let rows of stacked results be computed where they stay, without a copy."""
    made = {buffer for op in block.ops for buffer in op.outputs}
    ends = []
    for source, target in block.ends:
        buffer = source.buffer
        fits = buffer in made and source.is_whole and buffer.size > 1 and buffer.place is None
        moves = target.moving or not target.is_whole
        if fits and moves and dense(target.shape, target.strides):
            buffer.place = target
        else:
            ends.append((source, target))
    block.ends = ends
