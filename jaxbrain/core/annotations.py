"""From the annotation of a parameter to the value that its function gets.

A value has a form: None, one number, many, named ones (a mapping), or a function. Each member of a
union allows one form; a single class allows its instances, and ``jax.Array`` alone one array. What
says nothing that can be checked, such as ``Any``, passes as it is.
"""

import functools
import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.core
import numpy as np
from jax.typing import ArrayLike

from jaxbrain.core.arrays import (
    as_array,
    as_inputs,
    on_device,
    one_array,
    require_arrays,
    tree_on_device,
)
from jaxbrain.core.functions import options, require_function
from jaxbrain.core.mistakes import require_instance
from jaxbrain.core.requirements import (
    require_integer,
    require_number,
    require_numbers,
    require_path,
    require_random_key,
    require_shaped,
    shown,
)

Check = Callable[[str, str, Any], Any]  # (function, argument, value); raises, or does nothing
Read = Callable[[str, str, Any], Any]  # (function, argument, value) -> the value for the function
# One number that may be infinite, or traced, as the time constant of a mean over all of the past.
MayBeInfinite = Annotated[float | jax.Array, "infinite"]
Key = Annotated[jax.Array, "random key"]  # a raw one is wrapped, a seed is refused
Keys = Annotated[jax.Array, "random keys"]  # one, or an array of them
AsArray = Annotated[Any, "array"]  # from numbers of any library, on the device
AsArrays = Annotated[Any, "arrays"]  # a pytree of them
OnHost = Annotated[Any, "host array"]  # the same, of NumPy where it is no array of JAX yet
Inputs = Annotated[Any, "inputs"]  # a pytree of arrays, from numbers of any library
Pytree = Annotated[Any, "pytree"]  # of arrays, as they are
Params = Pytree
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
    if read is None and set(allowed) - {types.NoneType} in _ONE_ARRAY:
        read = one_array
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


def _random_key(function: str, argument: str, value: Any, *, many: bool = False) -> jax.Array:
    return require_random_key(function, value, many=many)


_CONVERTED: dict[Any, Read] = {
    Key: _random_key, Keys: functools.partial(_random_key, many=True), AsArray: on_device,
    AsArrays: tree_on_device, OnHost: as_array, Inputs: as_inputs,
}  # fmt: skip


_ONE_ARRAY = {jax.Array}, set(typing.get_args(ArrayLike))
_PATHS = {Path, os.PathLike[str]}
_CHECKED: dict[Any, tuple[str, Check]] = {
    MayBeInfinite: ("one", functools.partial(require_number, infinite=True)),
    Pytree: ("arrays", require_arrays),
    jax.ShapeDtypeStruct: ("shape", require_shaped),
    **dict.fromkeys(_PATHS, ("path", require_path)),
}


def _check(annotation: Any) -> Check | None:
    checks: dict[str, Check] = {}
    allowed = options(annotation)
    if {int, str} == set(allowed):
        return _name_or_index
    is_path = not _PATHS.isdisjoint(allowed)  # which may be a str
    for option in allowed if not is_path else (o for o in allowed if o is not str):
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


_VALUES = tuple | bool | str | slice


def _allowed(option: Any) -> tuple[str, Check]:
    """The form that a member of a union allows and its check; no form where it is not known."""
    origin, parts = typing.get_origin(option), typing.get_args(option)
    if option in _CHECKED:
        return _CHECKED[option]
    if option is types.NoneType:
        return "none", _nothing
    if option is jax.Array:  # with a number: one that may be traced
        return "traced", _nothing
    if option in _NUMBERS:
        return "one", _NUMBERS[option]
    if option is np.ndarray:
        return "many", require_numbers
    if option in (Sequence[Sequence[float]], Sequence[Sequence[int]]):
        return "many", require_numbers
    if origin in (Sequence, tuple, list):
        return "many", _of_many(origin, parts)
    if origin in (Mapping, dict):
        return "named", functools.partial(_mapping, origin, *_of_each(parts[1]))
    if isinstance(option, type) and issubclass(option, _VALUES) and option is not tuple:
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


def _of_many(origin: Any, parts: tuple[Any, ...]) -> Check:
    """The check of ``Sequence[X]``, ``tuple[X, ...]`` or ``tuple[X, Y]``."""
    together = origin is tuple and ... not in parts
    if parts[0] in _NUMBERS and len({*parts} - {...}) == 1:
        many = "a pair of numbers" if together else "a sequence of numbers"
        return functools.partial(_sequence, _NUMBERS[parts[0]], many)
    if together:
        return functools.partial(_each_its_own, [_of_each(part)[0] for part in parts])
    check, words = _of_each(parts[0])
    return functools.partial(_sequence, check, f"a sequence{words and ' of '}{words}")


def _of_each(annotation: Any) -> tuple[Check, str]:
    """The check of each entry, and what the entries are called."""
    if annotation is jax.Array:
        return require_arrays, "arrays"
    if annotation in _NUMBERS:
        return _NUMBERS[annotation], "numbers"
    return _check(annotation) or _nothing, "str" if annotation is str else ""


def _sequence(check: Check, many: str, function: str, argument: str, value: Any) -> None:
    if getattr(value, "ndim", 0) > 0 and "numbers" in many:
        require_numbers(function, argument, value)
    elif _is_sequence(value):
        for i, entry in enumerate(value):
            check(function, f"{argument}[{i}]", entry)
    else:
        raise TypeError(f"{function}: {argument} must be {many}, got {shown(value)}")


def _name_or_index(function: str, argument: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int | np.integer):
        wanted = "a name or an index"
        raise TypeError(f"{function}: {argument} must be {wanted}, got {shown(value)}")


def _each_its_own(checks: list[Check], function: str, argument: str, value: Any) -> None:
    if not _is_sequence(value) or len(value) != len(checks):
        came = f"{len(value)} values" if _is_sequence(value) else shown(value)
        raise TypeError(f"{function}: {argument} must be {len(checks)} values, got {came}")
    for i, (check, entry) in enumerate(zip(checks, value, strict=True)):
        check(function, f"{argument}[{i}]", entry)


def _is_sequence(value: Any) -> bool:
    if isinstance(value, np.ndarray | jax.Array):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _mapping(
    kind: type, check: Check, words: str, function: str, argument: str, value: Any
) -> None:
    if not isinstance(value, kind):
        wanted = f"a mapping to {words}" if words else "a dict"
        raise TypeError(f"{function}: {argument} must be {wanted}, got {shown(value)}")
    for name, entry in value.items():
        check(function, f"{argument}[{name!r}]", entry)
