"""Doors of values: the functions of a network, cell, rule or memory check their keys and inputs."""

import functools
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

import jax
import numpy as np

from jaxbrain.core.arrays import as_array, is_numbers, on_device
from jaxbrain.core.requirements import require_random_key

_INPUTS = ("x", "xs", "y")


def with_doors(value: Any, name: str) -> Any:
    """A named tuple whose functions refuse seeds as keys and take lists of numbers as inputs.

    Args:
      value: a Network, a Cell, ...; parameters called key, x, xs and y are looked at.
      name: of its constructor, for messages.
    """
    changes = {}
    for field, part in zip(value._fields, value, strict=True):
        if isinstance(part, FunctionType) and not hasattr(part, "is_door"):
            code = inspect.unwrap(part).__code__
            names = code.co_varnames[: code.co_argcount]
            inputs = [i for i, word in enumerate(names) if word in _INPUTS]
            options = code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]
            key = names.index("key") if "key" in names else None
            if inputs or key is not None or "key" in options:
                changes[field] = _door(part, f"{name}.{field}", key, inputs)
    return value._replace(**changes) if changes else value


def _door(
    function: Callable[..., Any], name: str, place: int | None, inputs: list[int]
) -> Callable[..., Any]:
    """A function with one check of its key and one look at each of its inputs."""

    @functools.wraps(function)
    def door(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("key") is not None:
            require_random_key(name, kwargs["key"])
        elif place is not None and len(args) > place:
            require_random_key(name, args[place])
        if any(_is_foreign(args[i]) for i in inputs if i < len(args)):
            args = tuple(_read(name, a) if i in inputs else a for i, a in enumerate(args))
        return function(*args, **kwargs)

    door.is_door = True  # pyright: ignore[reportAttributeAccessIssue]
    return door


def _is_foreign(x: Any) -> bool:
    """True for lists and for what other libraries hold; NumPy's plain arrays pass as they are."""
    if isinstance(x, jax.Array | jax.ShapeDtypeStruct | bool | int | float | None):
        return False
    if isinstance(x, np.ndarray):
        return not (type(x) is np.ndarray and x.dtype.isnative and x.dtype.kind in "biufcV")
    if isinstance(x, tuple | dict):
        return any(_is_foreign(leaf) for leaf in jax.tree.leaves(x, is_leaf=_is_list))
    return isinstance(x, list | str) or hasattr(x, "__array__") or hasattr(x, "toarray")


def _is_list(x: Any) -> bool:
    return isinstance(x, list) and is_numbers(x)


def _read(name: str, x: Any) -> Any:
    def convert(leaf: Any) -> Any:
        if not _is_foreign(leaf):
            return leaf
        return on_device(name, "x", leaf) if _is_list(leaf) else as_array(name, "x", leaf)

    return jax.tree.map(convert, x, is_leaf=_is_list)
