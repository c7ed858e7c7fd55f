"""Functions as arguments, checked by what they take and by what they give."""

import functools
import importlib
import inspect
import re
import types
import typing
from collections.abc import Callable
from typing import Any

import jax

from jaxbrain.core import names
from jaxbrain.core.requirements import shown
from jaxbrain.core.suggestions import nearest

# Where the function that a name means is looked for, by the protocol that is wanted.
_PLACES = {
    "Loss": ("jaxbrain.losses",),
    "Initializer": ("jax.nn.initializers",),
}
_ANY_PLACE = ("jax.nn", "jax.numpy", "jaxbrain.losses")
_CALLED_WITH = {"Initializer": 3}  # a key, a shape and a dtype, which the protocol leaves out


def require_function(wanted: Any, function: str, argument: str, value: Any) -> None:
    """Refuse what is not a function of the arguments that are wanted, such as its name."""
    contract = re.match("``(.+?)``", wanted.__doc__ or "")
    form = f"a function {contract[1]}" if contract else "a function"
    if not callable(value) or isinstance(value, tuple):
        meant = _meant(wanted, value) if isinstance(value, str) else ""
        raise TypeError(f"{function}: {argument} must be {form}, got {shown(value)}{meant}")
    is_initializer = getattr(wanted, "__name__", "") == "Initializer"
    require_fitting(wanted, "an initializer" if is_initializer else form, function, argument, value)


def takes(function: Callable[..., Any], name: str) -> bool:
    """True for a function with an argument of this name, or with any arguments by name."""
    parameters = inspect.signature(function).parameters
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def require_fitting(wanted: Any, form: str, function: str, argument: str, value: Any) -> None:
    """Refuse a function that makes the one that is meant, or takes or gives something else.

    Args:
      wanted: a protocol, or ``Callable[[...], ...]``.
      form: what it is called in the message, "a function (state) -> pytree" say.
      function, argument: names for the message.
      value: any callable; one without a signature passes.
    """
    (takes, gives), signature = _contract(wanted), _signature(value)
    made = _returned(value, signature)
    is_value = inspect.isclass(made) and (made is value or issubclass(made, tuple))
    if _makes_function(gives, value, made):
        wrong = f"what makes one; call it: {names.show(value)}(...)"
    elif takes is not None and signature is not None and not _fits(value, signature, takes):
        wrong = f"{shown(value)}, which takes ({', '.join(signature.parameters)})"
    elif gives is jax.Array and is_value:
        wrong = f"{shown(value)}, which gives a {made.__name__}"
    else:
        return
    raise TypeError(f"{function}: {argument} must be {form}, got {wrong}")


def options(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the annotation itself."""
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if union else (annotation,)


def contract_of(wanted: Any) -> tuple[list[inspect.Parameter] | None, Any]:
    """The parameters of a protocol or of ``Callable[[...], ...]``, and what it returns.

    None where the parameters are not known.
    """
    if inspect.isclass(wanted) and "__call__" in vars(wanted):
        signature = inspect.signature(wanted.__call__)
        return list(signature.parameters.values())[1:], signature.return_annotation
    if typing.get_origin(wanted) is not Callable:
        return None, Any
    arguments, gives = typing.get_args(wanted)
    if arguments is ...:
        return None, gives
    kind = inspect.Parameter.POSITIONAL_ONLY
    named = enumerate(arguments, 1)
    return [inspect.Parameter(f"argument_{i}", kind, annotation=a) for i, a in named], gives


@functools.cache
def _contract(wanted: Any) -> tuple[list[Any] | None, Any]:
    """The annotations of the arguments with which it will be called, and of what it returns."""
    parameters, gives = contract_of(wanted)
    if parameters is None:
        return None, gives
    needed = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    count = _CALLED_WITH.get(getattr(wanted, "__name__", ""), len(needed))
    return [p.annotation for p in parameters[:count]], gives


def _signature(value: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(value)
    except (TypeError, ValueError):  # of a builtin, or of a class of C
        return None


def _fits(value: Any, signature: inspect.Signature, takes: list[Any]) -> bool:
    """True if it takes so many arguments, and wants no function where it will get data."""
    home = getattr(value, "__globals__", {}).get("__name__") or ""  # a namespace may have no name
    if inspect.isfunction(value) and not home.startswith("jaxbrain."):
        # one of a user around another function may take other arguments than that one
        signature = inspect.signature(value, follow_wrapped=False)
    try:
        bound = signature.bind(*takes)
    except TypeError:
        return False
    wants = [p for p in signature.parameters.values() if p.name in bound.arguments]
    pairs = zip(wants, takes, strict=False)  # one parameter may take all that are left
    return all(_is_function(given) or not _is_function(p.annotation) for p, given in pairs)


def _makes_function(gives: Any, value: Any, made: Any) -> bool:
    """True for a constructor, and for ``jax.nn.initializers.normal``, that were not called."""
    if _is_function(gives):
        return False  # (x) -> Network takes a constructor
    return getattr(value, "is_constructor", False) or _is_function(made)


def _returned(value: Any, signature: inspect.Signature | None) -> Any:
    """The declared result of a function; a class gives itself."""
    if inspect.isclass(value):
        return value
    made = signature.return_annotation if signature else Any
    return tuple if typing.get_origin(made) is tuple else made


def _is_function(annotation: Any) -> bool:
    """True for a protocol, ``Callable`` and a type of functions, such as Network."""
    if isinstance(annotation, str):  # in modules that postpone annotations
        return annotation.rpartition(".")[2] == "Initializer"
    return any(
        typing.get_origin(option) is Callable
        or (inspect.isclass(option) and "__call__" in vars(option))
        for option in options(annotation)
    )


def _meant(wanted: Any, text: str) -> str:
    """The function that a string names, if there is one."""
    gives = _contract(wanted)[1]
    for place in _PLACES.get(getattr(wanted, "__name__", ""), _ANY_PLACE):
        module = importlib.import_module(place)
        known = [name for name in dir(module) if name[0] != "_"]
        near = nearest(text, known, likeness=0.7)
        if near:
            short = place.replace("jaxbrain", "jb").replace("jax.numpy", "jnp")
            found = getattr(module, near)
            makes = _makes_function(gives, found, _returned(found, _signature(found)))
            call = "()" if makes else ""
            return f"; pass the function: {short}.{near}{call}"
    return "; pass the function, not its name"
