"""Doors of values: the functions of a network, cell, rule or memory read their arguments.

What a function takes is annotated once, in the contract of the type, such as `jaxbrain.core.types`.
"""

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

from jaxbrain.core.annotations import is_converted
from jaxbrain.core.arguments import Arguments, reader
from jaxbrain.core.functions import contract_of, options


def with_doors(value: Any, name: str) -> Any:
    """A named tuple whose functions refuse seeds as keys and take lists of numbers as inputs.

    Args:
      value: a Network, a Cell, ...
      name: of its constructor, for messages.
    """
    changes = {
        field: _door(function, f"{name}.{field}", read)
        for field, read in _readers(type(value)).items()
        if isinstance(function := getattr(value, field), FunctionType)
        and not hasattr(function, "is_door")
    }
    return value._replace(**changes) if changes else value


def _door(function: Callable[..., Any], name: str, read: Callable[..., Any]) -> Callable[..., Any]:
    arguments = Arguments(function, name)

    @functools.wraps(function)
    def door(*args: Any, **kwargs: Any) -> Any:
        return arguments.call(read(name, args, kwargs), kwargs)

    door.is_door = True  # pyright: ignore[reportAttributeAccessIssue]
    return door


@functools.cache
def _readers(kind: type) -> dict[str, Callable[..., Any]]:
    """The fields of a type whose functions take keys or inputs, with what reads their arguments."""
    found = {}
    for field, annotation in kind.__annotations__.items():
        for contract in options(annotation):
            parameters = contract_of(contract)[0] or ()
            if any(is_converted(parameter.annotation) for parameter in parameters):
                found[field] = reader(parameters)
    return found
