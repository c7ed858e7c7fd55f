"""Descriptions of values that are the same in every process, to compare a training with its file.

Constructors, functions of libraries and plain values are described by name and value; arrays by a
checksum; functions of users by their code, constants, defaults, captured values and the globals
that they read; other objects by their class and state. What has no description is refused.

Not seen: globals that a function reads through a library, through ``exec``, or by computed names.
"""

import dis
import functools
import hashlib
import types
from collections.abc import Iterable
from typing import Any

from jaxbrain.core import closures, names, structure
from jaxbrain.core.libraries import is_installed, is_of_a_library

_SLOTS = ("member_descriptor", "getset_descriptor", "_abc_data")  # they hold nothing of a user's


def describe(value: Any, name: str) -> dict[str, str]:
    """A flat description: the path of each part of a value, beginning with its name, to its words.

    Args:
      value: to be described.
      name: of the value, for paths and messages.

    Raises:
      TypeError: if a part of it cannot be described.

    Examples:
      >>> import jaxbrain as jb
      >>> describe(jb.dense(3), "layer")
      {'layer': 'jaxbrain.dense', 'layer.features': '3'}
      >>> describe(jb.elementwise(lambda x: 2 * x), "layer")["layer.function.code.constants.1"]
      '2'
    """
    description = _Description()
    description.add(name, value)
    return description.words


def difference(one: dict[str, str], other: dict[str, str]) -> str | None:
    """The first path at which two descriptions differ; None where they are equal."""
    paths = [*one, *(path for path in other if path not in one)]
    return next((path for path in paths if one.get(path) != other.get(path)), None)


class _Description:
    """The words found on one walk, and the objects met, each of which is described once."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}
        self.met: dict[int, tuple[str, Any]] = {}  # the objects are kept alive, so ids stay theirs

    def add(self, path: str, value: Any) -> None:
        node = structure.take_apart(value)
        if node.kind == "traced":
            raise TypeError(f"{path} is traced: it has no value that could be compared")
        if node.kind in ("plain", "array", "set"):
            self.words[path] = names.show(value)
        elif node.kind == "made":
            self._made(path, value)
        elif node.kind == "closure":
            self._closure(path, value)
        elif node.kind == "object":
            self._object(path, value)
        else:
            self.words[path] = node.kind if node.kind != "tuple" else type(value).__name__
            self._parts(path, node.names, node.parts)

    def _parts(self, path: str, labels: Iterable[str], parts: Iterable[Any]) -> None:
        for label, part in zip(labels, parts, strict=True):
            self.add(f"{path}.{label}", part)

    def _made(self, path: str, value: Any) -> None:
        make = value.config.make
        name = names.public_name(make)
        if name is not None and is_installed(make.__wrapped__.__code__.co_filename):
            self.words[path] = name
        else:
            self.add(f"{path}.make", make.__wrapped__)
            self.words[path] = "made"
        parameters = value.config.arguments, dict(value.config.options)
        labels = value.config.parts[0][: len(parameters[0])]
        self._parts(path, (*labels, *parameters[1]), (*parameters[0], *parameters[1].values()))

    def _closure(self, path: str, value: Any) -> None:
        self.words[path] = f"{closures.library(value)} {value.__code__.co_qualname}"
        values = closures.captured(value)
        self._parts(path, values, values.values())
        self.add(f"{path}.defaults", value.__defaults__)

    def _object(self, path: str, value: Any) -> None:
        name = names.public_name(value)
        if name is not None and is_of_a_library(value):
            self.words[path] = name
        elif id(value) in self.met:
            self.words[path] = f"as {self.met[id(value)][0]}"
        else:
            self.met[id(value)] = path, value
            self._user(path, value)

    def _user(self, path: str, value: Any) -> None:
        if isinstance(value, types.FunctionType):
            self._function(path, value)
        elif isinstance(value, types.ModuleType):
            self.words[path] = f"module {value.__name__}"
        elif isinstance(value, type):
            self._class(path, value)
        elif isinstance(getattr(value, "__wrapped__", None), types.FunctionType):  # jax.jit, ...
            self.words[path] = f"{type(value).__qualname__} of a function"
            self.add(f"{path}.function", value.__wrapped__)
        else:
            self._state(path, value)

    def _function(self, path: str, function: types.FunctionType) -> None:
        values = closures.captured(function)
        self.words[path] = f"function {function.__qualname__}"
        if not is_installed(function.__code__.co_filename):
            self._code(f"{path}.code", function.__code__)
            self._globals(path, function)
        self._parts(path, values, values.values())
        self.add(f"{path}.defaults", (function.__defaults__, function.__kwdefaults__))

    def _code(self, path: str, code: types.CodeType) -> None:
        shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        names_in = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        digest = hashlib.sha256(code.co_code + repr((shape, names_in)).encode()).hexdigest()
        self.words[path] = digest[:16]
        for i, constant in enumerate(code.co_consts):
            if isinstance(constant, types.CodeType):
                self._code(f"{path}.constants.{i}", constant)
            else:
                self.add(f"{path}.constants.{i}", constant)

    def _globals(self, path: str, function: types.FunctionType) -> None:
        for name in sorted(_read_globals(function.__code__)):
            if name in function.__globals__:
                value = function.__globals__[name]
                self.add(f"{path}.{name}", value)
                if isinstance(value, types.ModuleType) and not is_of_a_library(value):
                    self._module(f"{path}.{name}", value, function.__code__)

    def _module(self, path: str, module: types.ModuleType, code: types.CodeType) -> None:
        """The names of a user's module that code mentions."""
        for name in sorted(_mentioned(code) & set(vars(module))):
            self.add(f"{path}.{name}", vars(module)[name])

    def _class(self, path: str, value: type) -> None:
        self.words[path] = f"class {value.__qualname__}"
        for base in value.__mro__[1:-1]:
            self.add(f"{path}.{base.__name__}", base)
        for name, member in sorted(vars(value).items()):
            if isinstance(member, property):
                member = (member.fget, member.fset, member.fdel)
            member = getattr(member, "__func__", member)  # of a static or class method
            hidden = name.startswith("__") and not isinstance(member, types.FunctionType)
            if not hidden and type(member).__name__ not in _SLOTS:
                self.add(f"{path}.{name}", member)

    def _state(self, path: str, value: Any) -> None:
        """An object by what pickle would store of it; its own state is described, not stored."""
        try:
            reduced = value.__reduce_ex__(2)
        except Exception as error:
            raise TypeError(
                f"{path} is a {type(value).__qualname__}, of which another process cannot tell "
                "whether it is the same; make it of functions, numbers and arrays"
            ) from error
        if isinstance(reduced, str):
            self.words[path] = f"{type(value).__qualname__} {reduced}"
            return
        make, arguments, *rest = reduced
        self.words[path] = f"object of {type(value).__qualname__}"
        if not is_of_a_library(type(value)):
            self.add(f"{path}.class", type(value))
        self.add(f"{path}.made", (getattr(make, "__qualname__", str(make)), *arguments[1:]))
        for label, part in zip(("state", "items", "pairs"), rest, strict=False):
            if part is not None:
                self.add(f"{path}.{label}", part if label == "state" else list(part))


@functools.lru_cache(4096)
def _read_globals(code: types.CodeType) -> set[str]:
    found = {i.argval for i in dis.get_instructions(code) if i.opname in _READ}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found = found | _read_globals(constant)
    return found


_READ = ("LOAD_GLOBAL", "LOAD_NAME")


@functools.lru_cache(4096)
def _mentioned(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found = found | _mentioned(constant)
    return found
