"""The structure of a value: the one walk behind equality, descriptions and programs.

`take_apart` splits a value into what sets it apart and its parts. Two values are equal if their
structure is (`key`). A function of a user has no parts: within a process it equals only itself.
"""

import dataclasses
import functools
import hashlib
import types
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core import closures

_PLAIN = (bool, int, str, bytes, types.NoneType, types.EllipsisType, np.dtype, np.generic)
_FLOATING = (float, complex)
_ARRAYS = (np.ndarray, jax.Array)
_CONTAINERS = (tuple, frozenset)


class Same:
    """Any object, compared by identity; whoever compares it keeps it alive."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


class Node(NamedTuple):
    """A value taken apart.

    Attributes:
      kind: of the value: "plain", "array", "traced", "made", "tuple", "list", "dict", "set",
        "slice", "partial", "method", "closure", "dataclass" or "object".
      head: what sets it apart from others of its kind with equal parts.
      names: of the parts.
      parts: the values within it.
      build: from new parts to a value like it.
    """

    kind: str
    head: Hashable
    names: tuple[str, ...] = ()
    parts: tuple[Any, ...] = ()
    build: Callable[[tuple[Any, ...]], Any] | None = None


def take_apart(value: Any) -> Node:
    """Split a value into its head and its parts.

    Examples:
      >>> take_apart((1, "a"))[:4]
      ('tuple', <class 'tuple'>, ('0', '1'), (1, 'a'))
    """
    if is_configured(value):
        return _made(value)
    if isinstance(value, _PLAIN):
        return Node("plain", _plain(value))
    if isinstance(value, _FLOATING):
        return Node("plain", (type(value), _exact(value)))
    if isinstance(value, _CONTAINERS) or type(value) in (list, dict, set):
        return _container(value)
    if isinstance(value, _ARRAYS):
        return _array(value)
    if isinstance(value, types.FunctionType):
        return _function(value)
    if isinstance(value, functools.partial):
        return _partial(value)
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        return Node("slice", slice, ("start", "stop", "step"), parts, lambda p: slice(*p))
    if isinstance(value, types.MethodType):
        parts = (value.__func__, value.__self__)
        return Node("method", None, ("function", "self"), parts, lambda p: types.MethodType(*p))
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and is_frozen(value):
        fields = tuple(f.name for f in dataclasses.fields(value))
        return Node("dataclass", type(value), fields, tuple(getattr(value, f) for f in fields))
    return Node("object", _whole(value))


def key(value: Any) -> Hashable:
    """A hashable that is equal for two values which make equal programs.

    Examples:
      >>> key(jax.nn.initializers.normal(0.1)) == key(jax.nn.initializers.normal(0.1))
      True
      >>> key(lambda x: x) == key(lambda x: x), key(1) == key(True), key(0.0) == key(-0.0)
      (False, False, False)
    """
    return _key(value, {})


def _key(value: Any, seen: dict[int, Hashable]) -> Hashable:
    """The key; seen holds those of the closures on the way and done, so that each is taken once."""
    if is_configured(value):
        return type(value), value.config
    if id(value) in seen:
        return seen[id(value)]
    node = take_apart(value)
    if node.kind == "closure":
        seen[id(value)] = "itself", len(seen)
    found = node.kind, node.head, node.names, tuple(_key(part, seen) for part in node.parts)
    if node.kind == "closure":
        seen[id(value)] = found
    return found


def is_configured(value: Any) -> bool:
    """True if a value holds a `Config`."""
    return getattr(type(value), "has_config", False) and value.config is not None


def _plain(value: Any) -> Hashable:
    if isinstance(value, np.generic):
        return type(value), str(value.dtype), value.tobytes()
    return type(value), value


def _exact(value: complex) -> Hashable:
    """A float by its bits: 0.0 is not -0.0, and nan is itself."""
    return float(value.real).hex(), float(value.imag).hex()


def _array(value: Any) -> Node:
    if isinstance(value, jax.core.Tracer):
        return Node("traced", Same(value))
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return Node("object", Same(value))
        return Node("array", (np.ndarray, str(value.dtype), value.shape, _digest(value)))
    if value.is_deleted() or not value.is_fully_addressable:
        return Node("object", Same(value))
    if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        with jax.ensure_compile_time_eval():  # a known key, under a trace too
            words = np.asarray(jax.random.key_data(value))
        return Node("array", (jax.Array, str(value.dtype), value.shape, _digest(words)))
    host, kind = np.asarray(value), (str(value.dtype), value.weak_type)
    return Node("array", (jax.Array, kind, value.shape, value.sharding, _digest(host)))


def _digest(host: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(host).view(np.uint8).data).hexdigest()


def _function(function: types.FunctionType) -> Node:
    if not closures.library(function):
        return Node("object", Same(function))
    values = closures.captured(function)
    parts = (function.__defaults__, function.__kwdefaults__, *values.values())
    head = (function.__globals__["__name__"], function.__code__)
    names = ("defaults", "keyword defaults", *values)
    return Node("closure", head, names, parts, functools.partial(closures.copy, function))


def _made(value: Any) -> Node:
    names, parts = value.config.parts
    return Node("made", value.config.make, names, parts, value.config.rebuild)


def _partial(value: functools.partial) -> Node:
    names = ("function", *map(str, range(len(value.args))), *value.keywords)
    parts = (value.func, *value.args, *value.keywords.values())
    positions = 1 + len(value.args)

    def build(parts: tuple[Any, ...]) -> functools.partial:
        keywords = dict(zip(value.keywords, parts[positions:], strict=True))
        return type(value)(parts[0], *parts[1:positions], **keywords)

    return Node("partial", (type(value), tuple(value.keywords)), names, parts, build)


def _container(value: Any) -> Node:
    if isinstance(value, tuple):
        names = getattr(value, "_fields", tuple(map(str, range(len(value)))))
        return Node("tuple", type(value), names, tuple(value), getattr(type(value), "_make", tuple))
    if isinstance(value, list):
        return Node("list", type(value), tuple(map(str, range(len(value)))), tuple(value), list)
    if isinstance(value, dict):
        keys = tuple(value)
        head = (type(value), tuple(map(key, keys)))
        build = functools.partial(_dict, keys)
        return Node("dict", head, tuple(map(str, keys)), tuple(value.values()), build)
    return Node("set", (type(value), frozenset(map(key, value))))


def _dict(keys: tuple[Any, ...], values: tuple[Any, ...]) -> dict:
    return dict(zip(keys, values, strict=True))


def is_frozen(value: Any) -> bool:
    """True for a dataclass whose fields cannot be set."""
    return value.__dataclass_params__.frozen


def _whole(value: Any) -> Hashable:
    """An object by its own equality, if it has one, else by identity."""
    try:
        hash(value)
    except TypeError:
        return Same(value)
    return type(value), value
