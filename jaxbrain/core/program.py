"""Functions as arguments of a compiled program: equal ones compile once, numbers are leaves."""

import itertools
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, cast

import jax
import optax

from jaxbrain.core import closures, structure
from jaxbrain.core.description import describe
from jaxbrain.core.latest import Latest
from jaxbrain.core.libraries import is_constant

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
        split = _split(value, False, [], False)
        self._leaves, self._structure = split.leaves, split.structure

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
    """The static side of a program.

    Attributes:
      key: equal for two values that make equal programs, whatever their numbers.
      build: from as many numbers to a value like it.
      hash: of key, which is deep, so that it is computed once.
    """

    def __init__(self, key: Hashable, build: Build):
        self.key, self.build, self.hash = key, build, hash(key)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, _Structure) and self.key == other.key)

    def __hash__(self) -> int:
        return self.hash


class _Circular(Exception):
    """A closure was met within itself."""


class _Split(NamedTuple):
    """A value without its numbers.

    Attributes:
      structure: of the program that it is.
      leaves: the numbers, in the order in which it takes them.
      whole: True if the value stays as it is.
      frozen: True if nothing in the value can change, so that its split is right the next time too.
    """

    structure: _Structure
    leaves: tuple[Any, ...]
    whole: bool
    frozen: bool


_NUMBER = _Structure("number", lambda given: given[0])
# The splits of frozen optimizers and closures of libraries, with the values: an optimizer is split
# at every call of `jaxbrain.fit`. A value with a config carries its split itself.
_FROZEN: Latest[int, tuple[Any, _Split]] = Latest(256)


def _split(value: Any, numeric: bool, within: list[int], copied: bool) -> _Split:
    """Take the numbers out of a value.

    Args:
      value: to be split.
      numeric: whether the numbers of this value are only computed with.
      within: the closures on the way to it.
      copied: whether lists, dicts and NumPy arrays here are the copies that a config made.
    """
    known = _remembered(value)
    if known is not None:
        return known
    node = structure.take_apart(value)
    if numeric and (node.kind in ("array", "traced") or type(value) in (int, float)):
        return _Split(_NUMBER, (value,), False, _frozen(value, node, copied))
    numeric_parts = _numeric_parts(value, node, numeric)
    if numeric_parts is None or node.build is None:
        if not is_constant(value):
            return _changing(value)
        return _whole(value, _frozen(value, node, copied))
    if id(value) in within:
        raise _Circular
    inside = within if node.kind != "closure" else [*within, id(value)]
    copied = node.kind == "made" or (copied and node.kind != "closure")
    try:
        parts = [
            _split(part, numeric, inside, copied)
            for part, numeric in zip(node.parts, numeric_parts, strict=True)
        ]
    except _Circular:
        if node.kind != "closure":
            raise
        return _whole(value, False)  # it calls itself: it stays as it is
    split = _joined(value, node, parts, copied)
    if split.frozen and (node.kind in ("made", "closure") or _is_optimizer(value)):
        _remember(value, split)
    return split


def _joined(value: Any, node: structure.Node, parts: list[_Split], copied: bool) -> _Split:
    """The split of a value from those of its parts."""
    container = node.kind in ("list", "dict")
    frozen = all(part.frozen for part in parts) and (copied or not container)
    # lists and dicts are copied: what is changed in them later is another program
    if all(part.whole for part in parts) and (frozen or not container):
        return _whole(value, frozen)

    def build(given: tuple[Any, ...]) -> Any:
        rest = iter(given)
        return make(tuple(b(tuple(itertools.islice(rest, n))) for b, n in builds))

    make = cast(Build, node.build)
    builds = [(part.structure.build, len(part.leaves)) for part in parts]
    key = (node.kind, node.head, node.names, tuple(part.structure for part in parts))
    leaves = tuple(itertools.chain.from_iterable(part.leaves for part in parts))
    return _Split(_Structure(key, build), leaves, False, frozen)


def _frozen(value: Any, node: structure.Node, copied: bool) -> bool:
    """True if a constant value without parts to split cannot be changed in place."""
    if node.kind == "array":
        return copied or isinstance(value, jax.Array)
    return node.kind in ("plain", "object", "slice")


def _remember(value: Any, split: _Split) -> None:
    if structure.is_configured(value):
        value.config.__dict__["split"] = split
        return
    _FROZEN.put(id(value), (value, split))


def _remembered(value: Any) -> _Split | None:
    if structure.is_configured(value):
        return value.config.__dict__.get("split")
    known = _FROZEN.get(id(value))
    return known[1] if known and known[0] is value else None


def _is_optimizer(value: Any) -> bool:
    """True for the pair of functions that optax returns."""
    return isinstance(value, optax.GradientTransformation)


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


def _is_array(part: Any) -> bool:
    return structure.take_apart(part).kind in ("array", "traced")


def _whole(value: Any, frozen: bool) -> _Split:
    return _Split(_Structure(structure.key(value), lambda given: value), (), True, frozen)


def _changing(value: Any) -> _Split:
    """The split of a function or object of the user: what it computes with may be set later."""
    try:
        words = tuple(describe(value, "").items())
    except TypeError:
        words = ()  # it is known by its identity alone
    return _Split(_Structure((structure.key(value), words), lambda given: value), (), False, False)
