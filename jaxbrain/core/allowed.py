"""Names that a file may use: what loading it can import without being told by the user.

A file names functions, and loading it calls constructors with what it holds. So only names of
this list are looked up, as whole strings, never by walking through attributes: constructors and
plain functions of jaxbrain that compute, activations, initializers, distributions and elementwise
functions of jax, and losses of optax. None of them reads or writes files, or changes settings.
Everything else must be given by the user.
"""

import functools
import importlib
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import jax
import numpy as np
import optax

from jaxbrain.core import names

_JAXBRAIN = (
    "networks",
    "core.composition",
    "losses",
    "cells",
    "tasks",
    "learning",
    "memory",
    "motor",
    "training.metrics",
)
_REDUCTIONS = ("concatenate", "stack", "sum", "mean", "max", "min", "prod", "clip", "bool_")
_DISTRIBUTIONS = ("normal", "uniform", "rademacher", "laplace", "truncated_normal", "bernoulli")


def functions_by_name(given: Iterable[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """The allowed functions and classes by name, with those that the user gives.

    Args:
      given: functions, by their own public names, or by the names in a mapping.

    Raises:
      TypeError: if one of them has no public name, such as a lambda.
    """
    if isinstance(given, Mapping):
        return {**allowed(), **given}
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise TypeError(f"functions must be a list or a mapping of functions, got {given!r}")
    own = {}
    for function in given:
        name = names.public_name(function)
        if name is None:
            raise TypeError(
                f"functions must have a name to be found by, and {function!r} has none; give a "
                'mapping: functions={"the name in the file": function}'
            )
        own[name] = function
    return {**allowed(), **own}


@functools.cache
def allowed() -> dict[str, Any]:
    """All functions and classes that a file may name.

    Examples:
      >>> import jaxbrain
      >>> "jaxbrain.dense" in allowed(), "jax.nn.relu" in allowed()
      (True, True)
      >>> "jaxbrain.checkpoint.save" in allowed(), "jax.numpy.save" in allowed()
      (False, False)
    """
    found: list[Any] = []
    for module in _JAXBRAIN:
        found += _public(importlib.import_module(f"jaxbrain.{module}"))
    analysis = _public(importlib.import_module("jaxbrain.analysis"))
    found += [value for value in analysis if getattr(value, "is_constructor", False)]
    found += _callables(jax.nn, dir(jax.nn))
    found += _callables(jax.nn.initializers, dir(jax.nn.initializers))
    found += _callables(jax.scipy.special, dir(jax.scipy.special))
    ufuncs = [name for name in dir(jax.numpy) if isinstance(getattr(np, name, None), np.ufunc)]
    dtypes = [name for name in dir(jax.numpy) if _is_dtype(getattr(jax.numpy, name))]
    found += _callables(jax.numpy, (*ufuncs, *dtypes, *_REDUCTIONS))
    found += _callables(jax.random, _DISTRIBUTIONS)
    found += _callables(optax.losses, dir(optax.losses))
    by_name = {names.public_name(value): value for value in found}
    return {name: value for name, value in by_name.items() if name is not None}


def _public(module: ModuleType) -> list[Any]:
    """Functions and classes of a package's public names, and of those within it."""
    found = []
    for name in getattr(module, "__all__", [n for n in vars(module) if n[0] != "_"]):
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            found += _public(value) if value.__name__.startswith("jaxbrain") else []
        elif callable(value) and getattr(value, "__module__", "").startswith("jaxbrain"):
            found.append(value)
    return found


def _callables(module: ModuleType, chosen: Iterable[str]) -> list[Any]:
    values = (getattr(module, name) for name in chosen if name[0] != "_" and hasattr(module, name))
    return [value for value in values if callable(value) and not isinstance(value, ModuleType)]


def _is_dtype(value: Any) -> bool:
    return isinstance(value, type(jax.numpy.float32))
