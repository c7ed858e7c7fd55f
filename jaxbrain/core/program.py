"""Functions as arguments of a compiled program: equal ones compile once, numbers are leaves."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax

from jaxbrain.core import closures, structure

Build = Callable[[tuple[Any, ...]], Any]


@jax.tree_util.register_pytree_node_class
class Program:
    """A value, such as a rule and its optimizer, as a pytree that ``jax.jit`` takes.

    Its leaves are the numbers and arrays that optax closures compute with (learning rate, momentum,
    weight decay: `jaxbrain.core.closures.NUMBERS`), and those of the parameters that a constructor
    declares (`jaxbrain.core.config.traceable`). All else is static. It compiles once for all values
    of its leaves.

    Attributes:
      value: over the leaves that the pytree has now.

    Examples:
      >>> import jax, optax
      >>> jax.tree.leaves(Program(optax.sgd(0.5, momentum=0.9)))
      [0.9, -0.5]
    """

    def __init__(self, value: Any):
        leaves: list[Any] = []
        key, build, _ = _split(value, leaves, False, [])
        self._leaves, self._structure = tuple(leaves), _Structure(key, build)

    @property
    def value(self) -> Any:
        return self._structure.build(self._leaves)

    def tree_flatten(self) -> tuple[tuple[Any, ...], "_Structure"]:
        return self._leaves, self._structure

    @classmethod
    def tree_unflatten(cls, structure: "_Structure", leaves: Any) -> "Program":
        # the leaves may be anything that a transformation puts there: they are not looked at
        program = object.__new__(cls)
        program._leaves, program._structure = tuple(leaves), structure
        return program


class _Structure:
    """The static side of a program; equal keys mean equal programs."""

    def __init__(self, key: Hashable, build: Build):
        self.key, self.build, self.hash = key, build, hash(key)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, _Structure) and self.key == other.key)

    def __hash__(self) -> int:
        return self.hash


class _Circular(Exception):
    """A closure was met within itself."""


class _Split(NamedTuple):
    """A value without its numbers: its key, how to build it from them, whether it can be kept."""

    key: Hashable
    build: Build
    kept: bool


def _split(value: Any, leaves: list[Any], numeric: bool, within: list[int]) -> _Split:
    """Take the numbers out of a value.

    Args:
      value: to be split.
      leaves: the numbers found are appended to it.
      numeric: whether the numbers of this value are only computed with.
      within: the closures on the way to it.
    """
    if _known_without_numbers(value):
        return _whole(value)
    node = structure.take_apart(value)
    if numeric and (node.kind in ("array", "traced") or type(value) in (int, float)):
        place = len(leaves)
        leaves.append(value)
        return _Split(("leaf", place), lambda given: given[place], False)
    numeric_parts = _numeric_parts(value, node, numeric)
    if numeric_parts is None or node.build is None:
        return _whole(value)
    if id(value) in within:
        raise _Circular
    before, inside = len(leaves), within if node.kind != "closure" else [*within, id(value)]
    try:
        parts = [
            _split(part, leaves, numeric, inside)
            for part, numeric in zip(node.parts, numeric_parts, strict=True)
        ]
    except _Circular:
        if node.kind != "closure":
            raise
        del leaves[before:]  # it calls itself: it stays as it is
        return _whole(value)
    if node.kind == "made" and len(leaves) == before:
        value.config.__dict__["without_numbers"] = True  # a config does not change
        return _whole(value)
    # lists and dicts are copied: what is changed in them later is another program
    if node.kind not in ("list", "dict") and all(part.kept for part in parts):
        return _whole(value)
    build, builds = node.build, [part.build for part in parts]
    key = (node.kind, node.head, node.names, tuple(part.key for part in parts))
    return _Split(key, lambda given: build(tuple(b(given) for b in builds)), False)


def _numeric_parts(value: Any, node: structure.Node, numeric: bool) -> list[bool] | None:
    """Flags of the parts that are only computed with; None where the value stays as a whole."""
    if node.kind in ("tuple", "list", "dict"):
        return [numeric] * len(node.parts)
    if node.kind == "partial":
        return [False] * len(node.parts)
    if node.kind == "closure":
        known = closures.numbers(value)
        pairs = zip(node.names, node.parts, strict=True)
        return [name in known or _is_array(part) for name, part in pairs]
    if node.kind == "made":
        return [name in value.config.traceable for name in node.names]
    return None


def _known_without_numbers(value: Any) -> bool:
    """True for a value with a config in which no number was found before."""
    return structure.is_configured(value) and "without_numbers" in value.config.__dict__


def _is_array(part: Any) -> bool:
    return structure.take_apart(part).kind in ("array", "traced")


def _whole(value: Any) -> _Split:
    return _Split(structure.key(value), lambda given: value, True)
