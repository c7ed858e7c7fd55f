"""From the annotation of a parameter to the value that its function gets.

A value has a form: None, one number, many, named ones (a mapping), or a function. Each member of a
union allows one form; a single class allows its instances. What says nothing that can be checked,
such as ``Any`` or ``jax.Array`` alone, passes as it is.
"""

import functools
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import jax
import jax.core
import numpy as np

from jaxbrain.core.arrays import as_array, as_inputs, on_device, tree_on_device
from jaxbrain.core.functions import options, require_function
from jaxbrain.core.mistakes import require_instance
from jaxbrain.core.requirements import (
    require_integer,
    require_number,
    require_numbers,
    require_random_key,
    shown,
)

Check = Callable[[str, str, Any], Any]  # (function, argument, value); raises, or does nothing
Read = Callable[[str, str, Any], Any]  # (function, argument, value) -> the value for the function
# One number that may be infinite, or traced, as the time constant of a mean over all of the past.
MayBeInfinite = Annotated[float | jax.Array, "infinite"]
Key = Annotated[jax.Array, "random key"]  # a raw one is wrapped, a seed is refused
AsArray = Annotated[Any, "array"]  # from numbers of any library, on the device
AsArrays = Annotated[Any, "arrays"]  # a pytree of them
OnHost = Annotated[Any, "host array"]  # the same, of NumPy where it is no array of JAX yet
Inputs = Annotated[Any, "inputs"]  # a pytree of arrays, from numbers of any library
_NUMBERS: dict[Any, Check] = {int: require_integer, float: require_number}


def reading(annotation: Any) -> Read | None:
    """The reader of arguments with this annotation; None where they pass as they are.

    Examples:
      >>> read = reading(int | None)
      >>> read("f", "x", None), read("f", "x", 3)
      (None, 3)
      >>> read("f", "x", "3")
      Traceback (most recent call last):
      TypeError: f: x must be an integer, got '3'
    """
    allowed = options(annotation)
    read = next((_CONVERTED[option] for option in allowed if option in _CONVERTED), None)
    if read is not None:
        return functools.partial(_unless_none, read) if types.NoneType in allowed else read
    check = _check(annotation)
    return None if check is None else functools.partial(_passed, check)


def is_converted(annotation: Any) -> bool:
    """True for what comes to its function in another form than it may be given."""
    return not _CONVERTED.keys().isdisjoint(options(annotation))


def _unless_none(read: Read, function: str, argument: str, value: Any) -> Any:
    return None if value is None else read(function, argument, value)


def _passed(check: Check, function: str, argument: str, value: Any) -> Any:
    check(function, argument, value)
    return value


def _random_key(function: str, argument: str, value: Any) -> jax.Array:
    return require_random_key(function, value)


_CONVERTED: dict[Any, Read] = {
    Key: _random_key, AsArray: on_device, AsArrays: tree_on_device, OnHost: as_array,
    Inputs: as_inputs,
}  # fmt: skip


def _check(annotation: Any) -> Check | None:
    if annotation is MayBeInfinite:
        return functools.partial(require_number, infinite=True)
    checks: dict[str, Check] = {}
    for option in options(annotation):
        form, check = _allowed(option)
        if not form:
            return None
        checks.setdefault(form, check)
    if "instance" in checks and len(checks.keys() - {"none"}) > 1:
        return None
    wanted = [form for form in checks if form not in ("none", "traced")]
    if not wanted:
        return None
    otherwise = checks[wanted[0]]
    if "traced" in checks and "many" not in checks and otherwise is require_number:
        checks["traced"] = require_number  # one number, whatever its value
    alone = set(checks.values()) == {otherwise}
    return otherwise if alone else functools.partial(_by_form, checks, otherwise)


def _allowed(option: Any) -> tuple[str, Check]:
    """The form that a member of a union allows and its check; no form where it is not known."""
    origin, parts = typing.get_origin(option), typing.get_args(option)
    if option is types.NoneType:
        return "none", _nothing
    if option is jax.Array:  # with a number: one that may be traced
        return "traced", _nothing
    if option in _NUMBERS:
        return "one", _NUMBERS[option]
    if option is np.ndarray:
        return "many", require_numbers
    if origin in (Sequence, tuple) and parts[0] in _NUMBERS:
        is_pair = len(parts) == 2 and ... not in parts
        many = "a pair of numbers" if is_pair else "a sequence of numbers"
        return "many", functools.partial(_sequence, _NUMBERS[parts[0]], many)
    if option in (Sequence[Sequence[float]], Sequence[Sequence[int]]):
        return "many", require_numbers
    if origin is Mapping and parts[1] in _NUMBERS:
        return "named", functools.partial(_mapping, _NUMBERS[parts[1]])
    if isinstance(option, type) and issubclass(option, tuple | bool | str) and option is not tuple:
        return "instance", functools.partial(_instance, option, _fields(option))
    if origin is Callable or (isinstance(option, type) and "__call__" in vars(option)):
        return "function", functools.partial(require_function, option)
    return "", _nothing


def _fields(option: type) -> dict[str, Check]:
    """The checks of the fields of a named tuple that hold numbers."""
    annotations = getattr(option, "__annotations__", {}) if hasattr(option, "_fields") else {}
    numeric = {n: a for n, a in annotations.items() if set(options(a)) & set(_NUMBERS)}
    return {name: check for name, a in numeric.items() if (check := _check(a))}


def _by_form(
    checks: dict[str, Check], otherwise: Check, function: str, argument: str, value: Any
) -> None:
    checks.get(_form(value), otherwise)(function, argument, value)


def _form(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, jax.core.Tracer):
        return "traced"
    if isinstance(value, Mapping):
        return "named"
    if isinstance(value, list | tuple) or getattr(value, "ndim", 0) > 0:
        return "many"
    return "function" if callable(value) else "one"


def _nothing(function: str, argument: str, value: Any) -> None:
    """No check."""


def _instance(
    wanted: type, fields: dict[str, Check], function: str, argument: str, value: Any
) -> None:
    require_instance(wanted, function, argument, value)
    for name, check in fields.items():
        check(function, f"{argument}.{name}", getattr(value, name))


def _each(check: Check, function: str, argument: str, values: Sequence[Any]) -> None:
    for i, value in enumerate(values):
        check(function, f"{argument}[{i}]", value)


def _sequence(check: Check, many: str, function: str, argument: str, value: Any) -> None:
    if getattr(value, "ndim", 0) > 0:
        require_numbers(function, argument, value)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        _each(check, function, argument, value)
    else:
        raise TypeError(f"{function}: {argument} must be {many}, got {shown(value)}")


def _mapping(check: Check, function: str, argument: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"{function}: {argument} must be a mapping to numbers, got {shown(value)}")
    for name, entry in value.items():
        check(function, f"{argument}[{name!r}]", entry)
