"""Random keys as arguments: one check for all functions that take one."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, get_args

from jaxbrain.core.requirements import require_random_key

P = ParamSpec("P")
R = TypeVar("R")


def keyed(function: Callable[P, R], *, name: str = "") -> Callable[P, R]:
    """Decorate a function with a parameter ``key``, so that a seed in its place is refused.

    A raw key of ``jax.random.PRNGKey`` becomes a typed one; None passes where it is allowed.

    Args:
      function: with a parameter ``key``.
      name: of the function in messages; by default its own.

    Examples:
      >>> import jax
      >>> @keyed
      ... def noise(key):
      ...     return jax.random.normal(key)
      >>> noise(0)
      Traceback (most recent call last):
      ...
      TypeError: noise: key must be a random key, got 0; pass jax.random.key(0)
    """
    name, parameters = name or function.__name__, inspect.signature(function).parameters
    key_parameter = parameters["key"]
    optional = key_parameter.default is None or type(None) in get_args(key_parameter.annotation)
    by_place = key_parameter.kind is not key_parameter.KEYWORD_ONLY
    place = list(parameters).index("key") if by_place else None

    def check(key: Any) -> Any:
        return None if key is None and optional else require_random_key(name, key)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if "key" in kwargs:
            return function(*args, **{**kwargs, "key": check(kwargs["key"])})  # pyright: ignore
        if place is not None and len(args) > place:
            key = check(args[place])
            return function(*args[:place], key, *args[place + 1 :], **kwargs)  # pyright: ignore
        return function(*args, **kwargs)

    return checked
