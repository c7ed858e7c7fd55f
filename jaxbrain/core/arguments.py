"""Checks of arguments by annotation: what is annotated as a number takes a number, and so on.

`jaxbrain.configured` checks every constructor in this way and `checked` any other function, so that
a new one needs no checks of types of its own. Ranges are checked by the functions themselves
(`jaxbrain.core.requirements`).
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from jaxbrain.core.annotations import Check, check_of
from jaxbrain.core.calls import mistake

_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
P = ParamSpec("P")
R = TypeVar("R")


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that its arguments are checked by their annotations.

    Args:
      function: with parameters annotated ``float``, ``int``, ``float | jax.Array`` (one number,
        which may be traced), with ``np.ndarray`` too (or an array of them), by a named tuple such
        as `Network`, a protocol such as `Loss`, ``Callable``, ``Sequence[float]``, ``str`` or
        ``bool``, each of them with or without ``| None``. Other annotations are not checked.

    Raises:
      TypeError: when it is called, for a value of another type, and for arguments that it lacks.
      ValueError: when it is called, for a number that is not finite.

    Examples:
      >>> @checked
      ... def half(x: float) -> float:
      ...     return x / 2
      >>> half("3")
      Traceback (most recent call last):
      TypeError: half: x must be a number, got '3'
    """
    bind = binder(function)

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        bind(args, kwargs)
        return function(*args, **kwargs)

    return called


def binder(function: Callable[..., Any]) -> Callable[[Any, Any], inspect.BoundArguments]:
    """A function from ``(args, kwargs)`` to the checked arguments of a call of function."""
    name = function.__name__

    @functools.cache  # at the first call: to look at all functions would slow down the import
    def known() -> tuple[inspect.Signature, set[str], dict[str, Check]]:
        signature = inspect.signature(function)
        parameters = signature.parameters.values()
        needed = {p.name for p in parameters if p.default is p.empty and p.kind not in _VARIABLE}
        return signature, needed, {p.name: check for p in parameters if (check := check_of(p))}

    def bind(args: Any, kwargs: Any) -> inspect.BoundArguments:
        signature, needed, checks = known()
        try:
            bound = signature.bind_partial(*args, **kwargs)
        except TypeError:
            raise TypeError(mistake(name, signature, args, kwargs)) from None
        for argument, value in bound.arguments.items():
            if argument in checks:
                checks[argument](name, argument, value)
        if not needed <= bound.arguments.keys():
            raise TypeError(mistake(name, signature, args, kwargs))
        return bound

    return bind
