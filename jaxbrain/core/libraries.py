"""Code of libraries, and values made of nothing else, which compute the same at any time."""

import enum
import functools
import os
import sys
import sysconfig
import types
from pathlib import Path
from typing import Any

import jax

from jaxbrain.core import names, structure

_INSTALLED = tuple(
    f"{Path(path).resolve()}{os.sep}"
    for path in (
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        Path(__file__).parents[1],
    )
)
_WHOLE = (types.ModuleType, types.BuiltinFunctionType, type, enum.Enum, jax.stages.Wrapped)


@functools.cache
def is_installed(filename: str) -> bool:
    """True for code of the standard library, of an installed package, or of jaxbrain."""
    return filename.startswith("<frozen") or str(Path(filename).resolve()).startswith(_INSTALLED)


def is_of_a_library(value: Any) -> bool:
    """True for a module, class or function of installed code."""
    module = value if isinstance(value, types.ModuleType) else None
    module = module or sys.modules.get(getattr(value, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    return module is not None and (file is None or is_installed(file))


def is_constant(value: Any) -> bool:
    """True for a value that computes the same at any time: of numbers, arrays, library functions.

    A function of a user may read variables, and an object may have attributes, that are set later.
    Under ``jax.jit`` a function is pure by contract.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> is_constant(jb.serial(jb.dense(3), jb.elementwise(jax.nn.relu)))
      True
      >>> is_constant(jb.elementwise(lambda x: 2 * x)), is_constant(jax.jit(lambda x: 2 * x))
      (False, True)
    """
    if not structure.is_configured(value):
        return _is_constant(value)
    known = value.config.__dict__
    if "constant" not in known:  # its constructor promises equal values for equal arguments
        known["constant"] = all(map(is_constant, structure.take_apart(value).parts))
    return known["constant"]


def _is_constant(value: Any) -> bool:
    node = structure.take_apart(value)
    if node.kind == "object":
        named = names.public_name(value) is not None and is_of_a_library(value)
        return named or isinstance(value, _WHOLE)
    return node.kind != "traced" and all(map(is_constant, node.parts))
