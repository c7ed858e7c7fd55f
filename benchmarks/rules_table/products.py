"""Multiplications in the matrix products and convolutions of a compiled program.

They are counted in the program after XLA's optimizations, where nothing is left that no result
depends on. The body of a loop counts as often as the loop runs, a product of complex numbers as
four.
"""

import math
import re
from typing import NamedTuple

_HEAD = re.compile(r"^(ENTRY )?%?([\w.-]+) \(.*\{$")
_LINE = re.compile(r"^\s+(?:ROOT )?%?([\w.-]+) = (\(.*?\)|\S+) ([a-z][\w-]*)\((.*)$")
_CALLED = re.compile(r"(?:calls|to_apply|body|condition)=%?([\w.-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}|(?:true|false)_computation=(%?[\w.-]+)")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')


class Instruction(NamedTuple):
    """A line of a program: the shape of its result, its operation and the rest of the text."""

    dtype: str
    shape: tuple[int, ...]
    operation: str
    rest: str


Computation = dict[str, Instruction]


def multiplications(program: str) -> int:
    """The multiplications in all products and convolutions of a program.

    Args:
        program: ``jax.jit(f).lower(...).compile().as_text()``, compiled for a CPU.

    Raises:
        ValueError: The program has a loop whose length is not known before it runs.
    """
    computations, entry = _parsed(program)
    known: dict[str, int] = {}

    def total(name: str) -> int:
        if name not in known:
            body = computations[name]
            known[name] = sum(_own(line, body) + _inside(line) for line in body.values())
        return known[name]

    def _inside(line: Instruction) -> int:
        branches = [n for pair in _BRANCHES.findall(line.rest) for n in ",".join(pair).split(",")]
        largest = max((total(n.strip(" %")) for n in branches if n.strip(" %")), default=0)
        called = sum(map(total, _CALLED.findall(line.rest)))
        if line.operation != "while" or not called:
            return largest + called
        trips = _TRIPS.search(line.rest)
        if trips is None:
            raise ValueError("a loop with products has no length that is known before it runs")
        return int(trips[1]) * called

    return total(entry)


def _parsed(program: str) -> tuple[dict[str, Computation], str]:
    """All computations by name, and the name of the first to run."""
    computations: dict[str, Computation] = {}
    entry = name = ""
    for text in program.splitlines():
        head, line = _HEAD.match(text), _LINE.match(text)
        if head:
            name = head[2]
            computations[name] = {}
            entry = name if head[1] else entry
        elif line and name:
            computations[name][line[1]] = Instruction(*_type(line[2]), line[3], line[4])
    return computations, entry


def _type(text: str) -> tuple[str, tuple[int, ...]]:
    """dtype and shape; of a tuple, nothing."""
    found = re.match(r"(\w+)\[([\d,]*)\]", text)
    return (found[1], _numbers(found[2], ",")) if found else ("", ())


def _numbers(text: str, between: str) -> tuple[int, ...]:
    return tuple(int(n) for n in text.split(between) if n)


def _own(line: Instruction, body: Computation) -> int:
    """The multiplications of one instruction."""
    if line.operation not in ("dot", "convolution"):
        return 0
    left, right = (body[name].shape for name in _operands(line.rest))
    each = 4 if line.dtype.startswith("c") else 1
    if line.operation == "dot":
        axes = _numbers(_named(r"lhs_contracting_dims=\{([\d,]*)\}", line.rest), ",")
        return each * math.prod(line.shape) * math.prod(left[axis] for axis in axes)
    features = right[_named(r"dim_labels=\w+_(\w+)->", line.rest).index("o")]
    zeros = math.prod(_numbers(_named(r"lhs_dilate=([\dx]+)", line.rest), "x"))
    return each * math.prod(line.shape) * math.prod(right) // features // zeros


def _named(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""


def _operands(rest: str) -> list[str]:
    return re.findall(r"%([\w.-]+)", rest.split(")", 1)[0])[:2]
