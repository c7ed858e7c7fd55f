"""Arguments of functions, read by their annotations: the one decorator of public functions.

What is annotated as a number must be one, a random key is wrapped, numbers of other libraries
become arrays (`jaxbrain.core.annotations`). `jaxbrain.configured` reads the arguments of every
constructor in the same way and `checked` those of any other function, so that a new one needs no
checks of types of its own. Ranges are checked by the functions themselves
(`jaxbrain.core.requirements`).
"""

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from jaxbrain.core.annotations import is_converted, reading
from jaxbrain.core.calls import is_ours, mistake, name_function, other_params

P = ParamSpec("P")
R = TypeVar("R")
_BY_NAME = sys.maxsize  # the place of an argument that has none


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that its arguments are read by their annotations.

    Args:
      function: with parameters annotated ``float``, ``int``, ``float | jax.Array`` (one number,
        which may be traced), with ``np.ndarray`` too (or an array of them), by a named tuple such
        as `Network`, a protocol such as `Loss`, ``Callable``, ``Sequence[float]``, ``str``,
        ``bool``, `Key` or `AsArray`, each of them with or without ``| None``. Arguments of other
        annotations pass as they are.

    Raises:
      TypeError: when it is called, for a value of another type, and for missing, unknown and
        surplus arguments, with the fix.
      ValueError: when it is called, for a number that is not finite.

    Examples:
      >>> @checked
      ... def half(x: float) -> float:
      ...     return x / 2
      >>> half("3")
      Traceback (most recent call last):
      TypeError: half: x must be a number, got '3'
    """
    arguments = Arguments(function)

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        return arguments.call(*arguments.read(args, kwargs))

    return called


def explained(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that checks its arguments itself, several of them together.

    Raises:
      TypeError: when it is called with missing, unknown or surplus arguments, with the fix.

    Examples:
      >>> @explained
      ... def train(rule, *, epochs): ...
      >>> train("rule", epoch=3)
      Traceback (most recent call last):
      ...
      TypeError: train has no argument 'epoch'; did you mean 'epochs'?
    """
    arguments = Arguments(function)

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        return arguments.call(args, kwargs)

    return called


class Arguments:
    """The arguments of the calls of one function; its signature is looked at in the first call.

    Attributes:
      function: the function.
      name: of it, for messages.
    """

    def __init__(self, function: Callable[..., Any], name: str = ""):
        self.function: Callable[..., Any] = function
        self.name: str = name or function.__name__

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @functools.cached_property
    def _read(self) -> Callable[[str, Any, dict[str, Any]], list[Any]]:
        return reader(self.signature.parameters.values())

    def read(self, args: Any, kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a call as the function gets them; kwargs is changed.

        Raises:
          TypeError, ValueError: for unknown and surplus arguments, then for a wrong value.
        """
        try:
            return self._read(self.name, args, kwargs), kwargs
        except (TypeError, ValueError):
            self._bind(self.signature.bind_partial, args, kwargs)
            raise

    def bind(self, args: Any, kwargs: dict[str, Any]) -> inspect.BoundArguments:
        """The arguments by name; refuse a call that does not fit the signature."""
        return self._bind(self.signature.bind, args, kwargs)

    def call(self, args: Any, kwargs: dict[str, Any]) -> Any:
        """The result of the function; its errors name it, and a call that does not fit is one."""
        try:
            return self.function(*args, **kwargs)
        except (TypeError, ValueError, AttributeError) as error:
            if isinstance(error, TypeError):
                self.bind(args, kwargs)
            if "NoneType" in str(error) and is_ours(error):
                self._refuse_none(self.bind(args, kwargs), error)
            name_function(error, self.name, self.signature.parameters)
            raise
        except KeyError as error:
            if "params" not in self.signature.parameters or not is_ours(error):
                raise
            raise ValueError(other_params(self.name, error)) from error

    def _refuse_none(self, given: inspect.BoundArguments, error: Exception) -> None:
        """Name the argument that is None, a pytree without arrays, where there must be some."""
        for name in ("params", "state", "carry"):
            if given.arguments.get(name, ()) is None:
                message = f"{self.name}: {name} must be a pytree of arrays, got None"
                raise TypeError(message) from error

    def _bind(self, bind: Callable[..., Any], args: Any, kwargs: Any) -> inspect.BoundArguments:
        try:
            return bind(*args, **kwargs)
        except TypeError:
            wrong = mistake(self.name, self.signature, args, kwargs)
            raise TypeError(wrong) from None


def reader(
    parameters: Iterable[inspect.Parameter],
) -> Callable[[str, Any, dict[str, Any]], list[Any]]:
    """A function that reads the arguments of a call by the annotations of the parameters.

    It takes the name of the function, for messages, and args and kwargs of a call; it returns args
    and changes kwargs.
    """
    # What is converted comes first: a seed is said to be no key, whatever else is wrong.
    ordered = sorted(enumerate(parameters), key=lambda item: not is_converted(item[1].annotation))
    known = [
        (p.name, _BY_NAME if p.kind is p.KEYWORD_ONLY else place, p.kind is p.VAR_POSITIONAL, read)
        for place, p in ordered
        if (read := reading(p.annotation)) is not None
    ]

    def read_all(function: str, args: Any, kwargs: dict[str, Any]) -> list[Any]:
        values, count = list(args), len(args)
        for name, place, many, read in known:
            if many:
                for i in range(place, count):
                    values[i] = read(function, f"{name}[{i - place}]", values[i])
            elif place < count:
                values[place] = read(function, name, values[place])
            elif name in kwargs:
                kwargs[name] = read(function, name, kwargs[name])
        return values

    return read_all
