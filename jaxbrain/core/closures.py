"""Closures compared by what they compute, with the numbers they captured as pytree leaves.

``jax.jit`` compiles once for each distinct static argument, and Python compares functions by
identity: ``optax.adam(1e-3)`` written twice is two programs to ``jit``. Here a closure of jaxbrain,
jax or optax is its code together with the values it captured, so what was rebuilt with equal
arguments is equal, and what differs only in a learning rate is one program with another number.

Other functions (a user's, a lambda) keep Python's identity: their globals may change behind them.
"""

import functools
import types
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax
import numpy as np

_LIBRARIES = frozenset({"jaxbrain", "jax", "optax"})
_ATOMS = frozenset({bool, int, float, str, types.NoneType, types.CodeType})


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
    leaves: tuple[Any, ...]
    rebuild: Callable[[tuple[Any, ...]], Any]


class _Circular(Exception):
    """A value was met within itself."""


class _Walk:
    """One walk through a value, which becomes a numbered list of parts, each there once.

    A part is its head and the numbers of its children, so equal values give equal lists, and what
    is shared is compared, hashed and rebuilt once, however often it is referred to.
    """

    def __init__(self) -> None:
        self.number: dict[Hashable, int] = {}
        self.makes: list[tuple[tuple[int, ...], Callable[..., Any]]] = []
        self.leaves: list[Any] = []
        self.seen: dict[int, int | None] = {}  # None: still on the way

    def parts(self, value: Any) -> _Parts:
        root, makes = self.take_apart(value), tuple(self.makes)

        def rebuild(leaves: tuple[Any, ...]) -> Any:
            made = []
            for children, make in makes:
                made.append(make(leaves, [made[i] for i in children]))
            return made[root]

        return _Parts((*self.number, root), tuple(self.leaves), rebuild)

    def take_apart(self, value: Any, name: str = "") -> int:
        if name == "optax step_size" and type(value) in (int, float):  # the learning rate
            return self._leaf(value)
        if type(value) in _ATOMS:
            return self._whole(value, value.hex() if type(value) is float else value)
        if id(value) not in self.seen:
            self.seen[id(value)] = None
            try:
                self.seen[id(value)] = self._dispatch(value)
            finally:
                if self.seen[id(value)] is None:
                    del self.seen[id(value)]
        number = self.seen[id(value)]
        if number is None:
            raise _Circular
        return number

    def _dispatch(self, value: Any) -> int:
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if type(value) is functools.partial:
            inner = (value.func, value.args, value.keywords)
            return self._join((functools.partial,), inner, _partial)
        if isinstance(value, tuple):
            make = getattr(type(value), "_make", tuple)
            return self._join((type(value),), tuple(value), make)
        if type(value) is list:
            return self._join((list,), tuple(value), list)
        if type(value) is dict:
            names = tuple(value)
            return self._join(
                (dict, *((type(name), name) for name in names)),
                tuple(value.values()),
                lambda v: dict(zip(names, v, strict=True)),
            )
        if isinstance(value, jax.Array | np.ndarray):
            return self._leaf(value)
        try:
            hash(value)
        except TypeError:
            return self._whole(value, _Same(value))
        return self._whole(value, value)

    def _function(self, function: types.FunctionType) -> int:
        module = function.__globals__.get("__name__", "")  # wraps() may put another on __module__
        if module.split(".")[0] not in _LIBRARIES or "<locals>" not in function.__qualname__:
            return self._whole(function, _Same(function))
        captured = map(contents, function.__closure__ or ())
        package = module.split(".")[0]
        names = ("", "", *(f"{package} {name}" for name in function.__code__.co_freevars))
        inner = (function.__defaults__, function.__kwdefaults__, *captured)
        head = (module, function.__code__)
        try:
            return self._join(head, inner, functools.partial(_copy, function), names)
        except _Circular:  # it calls itself
            return self._whole(function, _Same(function))

    def _join(
        self,
        head: tuple[Hashable, ...],
        values: tuple[Any, ...],
        make: Callable[[Any], Any],
        names: tuple[str, ...] = (),
    ) -> int:
        names = names or ("",) * len(values)
        children = tuple(self.take_apart(v, name) for v, name in zip(values, names, strict=True))
        return self._add((*head, children), children, lambda _, parts: make(parts))

    def _whole(self, value: Any, key: Hashable) -> int:
        """A value that stays as it is."""
        return self._add((type(value), key), (), lambda *_: value)

    def _leaf(self, value: Any) -> int:
        place = len(self.leaves)
        self.leaves.append(value)
        return self._add(("leaf", place), (), lambda leaves, _: leaves[place])

    def _add(self, key: Hashable, children: tuple[int, ...], make: Callable[..., Any]) -> int:
        if key not in self.number:
            self.number[key] = len(self.number)
            self.makes.append((children, make))
        return self.number[key]


class _Empty:
    """In a cell that is not filled yet, or never will be."""


def contents(cell: types.CellType) -> Any:
    """What a closure captured; the class `_Empty` for a cell without contents."""
    try:
        return cell.cell_contents
    except ValueError:
        return _Empty


def _partial(parts: Any) -> functools.partial:
    function, args, keywords = parts
    return functools.partial(function, *args, **keywords)


def _copy(function: types.FunctionType, parts: tuple[Any, ...]) -> types.FunctionType:
    """The same code over other captured values."""
    defaults, keyword_defaults, *captured = parts
    cells = tuple(types.CellType() if c is _Empty else types.CellType(c) for c in captured)
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
    parts = _Walk().parts(value)
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
        parts = _Walk().parts(value)
        self._leaves, self._structure = parts.leaves, _Structure(parts)

    @classmethod
    def of(cls, *values: Any) -> "Closure":
        """The Closure of a tuple; the same objects again are not taken apart again."""
        return _closure_of(*map(_Same, values))

    @property
    def value(self) -> Any:
        """The functions, over the leaves that this pytree has now."""
        return self._structure.rebuild(self._leaves)

    def tree_flatten(self) -> tuple[tuple[Any, ...], _Structure]:
        return self._leaves, self._structure

    @classmethod
    def tree_unflatten(cls, structure: _Structure, leaves: Any) -> "Closure":
        # the leaves may be anything that a transformation puts there: they are not looked at
        closure = object.__new__(cls)
        closure._leaves, closure._structure = tuple(leaves), structure
        return closure


@functools.lru_cache(maxsize=16)
def _closure_of(*values: _Same) -> Closure:
    return Closure(tuple(value.value for value in values))
