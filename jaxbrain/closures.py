"""Closures compared by what they compute, with the numbers they captured as pytree leaves.

``jax.jit`` compiles once for each distinct static argument, and Python compares functions by
identity: ``optax.adam(1e-3)`` written twice is two programs to ``jit``. Here a closure of jaxbrain,
jax or optax is its code together with the values it captured, so what was rebuilt with equal
arguments is equal, and what differs only in a learning rate is one program with another number.

Other functions (a user's, a lambda) keep Python's identity: their globals may change behind them.
"""

import functools
import types
from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

_LIBRARIES = frozenset({"jaxbrain", "jax", "optax"})


class _Same:
    """Anything, compared by identity and kept alive by whoever compares it."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


class _Parts(NamedTuple):
    """A value taken apart: what identifies it, its numbers, and how to put it together."""

    key: Hashable
    leaves: list[Any]
    rebuild: Callable[[Iterator[Any]], Any]


class _Walk:
    """One walk through a value; what it meets again it takes apart once."""

    def __init__(self) -> None:
        self.seen: dict[int, _Parts] = {}

    def take_apart(self, value: Any, name: str = "") -> _Parts:
        if _is_leaf(value, name):
            return _Parts("leaf", [value], next)
        if id(value) not in self.seen:
            self.seen[id(value)] = self._dispatch(value)
        return self.seen[id(value)]

    def _dispatch(self, value: Any) -> _Parts:
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, functools.partial):
            inner = (value.func, value.args, value.keywords)
            return self._join((functools.partial,), inner, _partial)
        if isinstance(value, tuple):
            make = getattr(type(value), "_make", tuple)
            return self._join((type(value),), tuple(value), make)
        if isinstance(value, dict) and all(isinstance(k, str) for k in value):
            names = tuple(value)
            return self._join(
                (dict, names), tuple(value.values()), lambda v: dict(zip(names, v, strict=True))
            )
        try:
            hash(value)
        except TypeError:
            return _whole(value, _Same(value))
        return _whole(value, (type(value), value))

    def _function(self, function: types.FunctionType) -> _Parts:
        library = (function.__module__ or "").split(".")[0] in _LIBRARIES
        if not library or "<locals>" not in function.__qualname__:
            return _whole(function, _Same(function))
        try:
            captured = tuple(cell.cell_contents for cell in function.__closure__ or ())
        except ValueError:  # a cell that is not filled yet
            return _whole(function, _Same(function))
        if any(value is function for value in captured):  # it calls itself
            return _whole(function, _Same(function))
        names = ("", "", *function.__code__.co_freevars)
        inner = (function.__defaults__, function.__kwdefaults__, *captured)
        return self._join((function.__code__,), inner, functools.partial(_copy, function), names)

    def _join(
        self,
        head: tuple[Hashable, ...],
        values: tuple[Any, ...],
        make: Callable[[Any], Any],
        names: tuple[str, ...] = (),
    ) -> _Parts:
        names = names or ("",) * len(values)
        parts = [self.take_apart(v, name) for v, name in zip(values, names, strict=True)]

        def rebuild(leaves: Iterator[Any]) -> Any:
            return make(tuple(part.rebuild(leaves) for part in parts))

        key = (*head, *(part.key for part in parts))
        return _Parts(key, [leaf for part in parts for leaf in part.leaves], rebuild)


def _is_leaf(value: Any, name: str) -> bool:
    """Arrays anywhere; and the number that ``optax.scale`` captured, which is the learning rate."""
    if isinstance(value, jax.Array | np.ndarray):
        return True
    return name == "step_size" and isinstance(value, float | int) and not isinstance(value, bool)


def _whole(value: Any, key: Hashable) -> _Parts:
    """A value that stays as it is."""
    return _Parts(key, [], lambda _: value)


def _partial(parts: tuple[Any, ...]) -> functools.partial:
    function, args, keywords = parts
    return functools.partial(function, *args, **keywords)


def _copy(function: types.FunctionType, parts: tuple[Any, ...]) -> types.FunctionType:
    """The same code over other captured values."""
    defaults, keyword_defaults, *captured = parts
    cells = tuple(map(types.CellType, captured))
    copy = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, defaults, cells
    )
    copy.__kwdefaults__ = keyword_defaults
    copy.__qualname__ = function.__qualname__
    return copy


def key(value: Any) -> Hashable:
    """What identifies a function, or a tuple of them: code and captured values.

    Captured arrays count by identity.

    Examples:
      >>> import jax, optax
      >>> key(jax.nn.initializers.normal(0.1)) == key(jax.nn.initializers.normal(0.1))
      True
      >>> key(optax.adam(1e-3)) == key(optax.adam(1e-2))
      False
    """
    parts = _Walk().take_apart(value)
    leaves = (leaf if isinstance(leaf, float | int) else _Same(leaf) for leaf in parts.leaves)
    return (parts.key, *leaves)


class _Structure:
    """The static side of a `Closure`; equal keys mean equal programs."""

    def __init__(self, parts: _Parts):
        self.key, self.rebuild, self.hash = parts.key, parts.rebuild, hash(parts.key)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, _Structure) and self.key == other.key)

    def __hash__(self) -> int:
        return self.hash


@jax.tree_util.register_pytree_node_class
class Closure:
    """A function, or a tuple of functions, as a pytree: ``value`` back is what went in.

    Its leaves are the arrays that its closures captured and the learning rates of optax; all else
    is static. Passed through ``jax.jit``, it compiles once for all learning rates.

    Examples:
      >>> import jax, optax
      >>> jax.tree.leaves(Closure(optax.sgd(0.5)))
      [-0.5]
    """

    def __init__(self, value: Any):
        parts = _Walk().take_apart(value)
        self._leaves, self._structure = parts.leaves, _Structure(parts)

    @property
    def value(self) -> Any:
        """The functions, over the leaves that this pytree has now."""
        return self._structure.rebuild(iter(self._leaves))

    def tree_flatten(self) -> tuple[list[Any], _Structure]:
        return self._leaves, self._structure

    @classmethod
    def tree_unflatten(cls, structure: _Structure, leaves: Any) -> "Closure":
        # the leaves may be anything that a transformation puts there: they are not looked at
        closure = object.__new__(cls)
        closure._leaves, closure._structure = list(leaves), structure
        return closure
