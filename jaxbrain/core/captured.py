"""Captured values of functions: all that a function computes with, apart from its arguments.

A function of a user may read variables, which the user may set to other values. What was compiled
for the function is right as long as `state` is the same.
"""

import dataclasses
import enum
import functools
import types
from collections.abc import Hashable, Iterator
from typing import Any

import jax
import numpy as np

from jaxbrain.core import closures, structure

_LIBRARIES = ("builtins", "chex", "jax", "jaxbrain", "jaxlib", "math", "numpy", "operator", "optax")
_CONSTANT = (types.ModuleType, types.BuiltinFunctionType, type, enum.Enum, jax.Array)


class Changing(Exception):
    """An object was met that may change without notice."""


def state(value: Any) -> Hashable:
    """The state of a value: equal at two times, if nothing that it computes with has changed.

    Raises:
      Changing: if that is not known, as for an object of a class of a user.

    Examples:
      >>> def multiplier(table):
      ...     return lambda x: table["factor"] * x
      >>> table = {"factor": 1.0}
      >>> double = multiplier(table)
      >>> before = state(double)
      >>> before == state(double)
      True
      >>> table["factor"] = 2.0
      >>> before == state(double)
      False
    """
    return _state(value, set())


def _state(value: Any, seen: set[int]) -> Hashable:
    if structure.is_configured(value):
        return tuple(_state(part, seen) for part in _changeable(value.config))
    if isinstance(value, types.FunctionType):
        return _of_function(value, seen)
    if isinstance(value, tuple | list | dict):
        parts = value.items() if isinstance(value, dict) else value
        return type(value), tuple(_state(part, seen) for part in parts)
    if isinstance(value, functools.partial):
        return _state((value.func, value.args, value.keywords), seen)
    if isinstance(value, types.MethodType):
        return _state((value.__func__, value.__self__), seen)
    if hasattr(value, "__wrapped__"):  # such as a function under jax.custom_jvp
        return structure.Same(value), _state(value.__wrapped__, seen)
    if isinstance(value, _CONSTANT) or _library(type(value).__module__):
        return structure.Same(value) if isinstance(value, _CONSTANT) else structure.key(value)
    if dataclasses.is_dataclass(value) and structure.is_frozen(value):
        names = (field.name for field in dataclasses.fields(value))
        return type(value), tuple(_state(getattr(value, name), seen) for name in names)
    raise Changing


def _of_function(function: types.FunctionType, seen: set[int]) -> Hashable:
    if id(function) in seen:
        return structure.Same(function)
    seen.add(id(function))
    used = list(_cells(function))
    if not _library(function.__globals__.get("__name__", "")):
        there = function.__globals__
        used += [(name, there[name]) for name in _names(function.__code__) if name in there]
    defaults = function.__defaults__, function.__kwdefaults__
    # a closure of a library is what it captured: written again, it is the same
    head = function.__code__ if closures.library(function) else structure.Same(function)
    return head, _state((*used, defaults), seen)


def _cells(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            yield name, None  # it holds nothing yet


def _names(code: types.CodeType) -> Iterator[str]:
    """The names that a function reads, in the functions within it too."""
    yield from code.co_names
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _names(part)


def _changeable(config: Any) -> tuple[Any, ...]:
    """The functions and objects in a config, which else cannot change."""
    known = config.__dict__.get("changeable")
    if known is None:
        known = tuple(_functions((config.arguments, dict(config.options))))
        config.__dict__["changeable"] = known
    return known


def _functions(value: Any) -> Iterator[Any]:
    if structure.is_configured(value):
        yield from _changeable(value.config)
    elif isinstance(value, tuple | list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _functions(part)
    elif not isinstance(value, (np.ndarray, *_CONSTANT)) and not _is_plain(value):
        yield value


def _is_plain(value: Any) -> bool:
    """True for numbers and text, and for functions of libraries that captured nothing."""
    if isinstance(value, types.FunctionType):
        return value.__closure__ is None and _library(value.__globals__.get("__name__", ""))
    if hasattr(value, "__wrapped__"):
        return _is_plain(value.__wrapped__)
    return _library(type(value).__module__) and not isinstance(value, types.MethodType)


def _library(module: str) -> bool:
    return module.partition(".")[0] in _LIBRARIES
