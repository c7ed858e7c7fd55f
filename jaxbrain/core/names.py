"""Public names of functions and classes, and values written as the code that makes them."""

import functools
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, cast

from jaxbrain.core import closures, structure

# Where a public name of jax or optax is looked for; the first place that has it gives its name.
_PLACES = (
    "jax.numpy",
    "jax.nn",
    "jax.lax",
    "jax.nn.initializers",
    "jax.random",
    "jax.scipy.special",
    "optax",
    "optax.losses",
    "jax",
)


def public_name(value: Any) -> str | None:
    """The dotted name under which a function or class can be imported; None if there is none.

    Those of jaxbrain, jax and optax by the shortest public name, others by module and name.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> public_name(jb.dense), public_name(jax.nn.relu), public_name(jax.numpy.tanh)
      ('jaxbrain.dense', 'jax.nn.relu', 'jax.numpy.tanh')
      >>> public_name(lambda x: x) is None
      True
    """
    module = getattr(value, "__module__", None) or ""
    if module.split(".")[0] in ("jax", "jaxlib", "optax"):
        return _libraries().get(id(value))
    name = getattr(value, "__qualname__", None)
    if not isinstance(name, str) or not isinstance(module, str) or "<" in name:
        return None
    for place in _places(module, name):
        if _found(place, name) is value:
            return f"{place}.{name}"
    return None


def lookup(name: str) -> Any:
    """Import what `public_name` names."""
    module, _, attribute = name.rpartition(".")
    while module:
        try:
            return functools.reduce(getattr, attribute.split("."), importlib.import_module(module))
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            attribute = f"{last}.{attribute}"
    raise ModuleNotFoundError(f"no module has {name}")


def show(value: Any) -> str:
    """A value as one would write it after ``from jaxbrain import *``; unequal values differ.

    Arrays are shown by dtype, shape and the beginning of a checksum; functions without a public
    name, and what is traced, by their address.

    Examples:
      >>> import jax, jaxbrain as jb, numpy as np
      >>> show(jb.serial(jb.dense(3), jb.elementwise(jax.nn.relu)))
      'serial(dense(3), elementwise(jax.nn.relu))'
      >>> show(jax.nn.initializers.normal(0.1))
      'jax.nn.initializers.normal(stddev=0.1)'
      >>> show(np.eye(2))
      '<float64[2, 2] ...>'
    """
    node = structure.take_apart(value)
    write = _WRITERS.get(node.kind, _write_object)
    return write(value, node)


def _places(module: str, name: str) -> Iterator[str]:
    """Modules in which a name is looked for: the packages, neighbors that publish it, its own."""
    parts = module.split(".")
    ours = parts[0] == "jaxbrain"
    yield from (".".join(parts[:n]) for n in range(1 if ours else len(parts), len(parts)))
    if ours and not hasattr(sys.modules.get(module), "__all__"):
        package = module.rpartition(".")[0] + "."
        neighbors = sorted(other for other in sys.modules if other.startswith(package))
        yield from (n for n in neighbors if name in getattr(sys.modules[n], "__all__", ()))
    yield module


def _found(module: str, name: str) -> Any:
    try:
        return functools.reduce(getattr, name.split("."), sys.modules[module])
    except (KeyError, AttributeError):
        return None


@functools.cache
def _libraries() -> dict[int, str]:
    """The name of each public function and class of jax and optax, by identity."""
    found: dict[int, str] = {}
    for place in _PLACES:
        module = importlib.import_module(place)
        for name in dir(module):
            value = getattr(module, name)
            if name[0] != "_" and callable(value) and not isinstance(value, ModuleType):
                found.setdefault(id(value), f"{place}.{name}")
    return found


def _write_plain(value: Any, node: structure.Node) -> str:
    return repr(value)


def _write_array(value: Any, node: structure.Node) -> str:
    shape = ", ".join(map(str, value.shape))
    return f"<{value.dtype}[{shape}] {cast(tuple, node.head)[-1][:12]}>"


def _write_traced(value: Any, node: structure.Node) -> str:
    return f"<traced {value.aval.str_short()} at {id(value):#x}>"


def _write_made(value: Any, node: structure.Node) -> str:
    return repr(value.config)


def _write_container(value: Any, node: structure.Node) -> str:
    if hasattr(value, "_fields"):
        pairs = zip(node.names, node.parts, strict=True)
        return f"{type(value).__name__}({', '.join(f'{n}={show(part)}' for n, part in pairs)})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{show(k)}: {show(v)}' for k, v in value.items())}}}"
    inner = ", ".join(map(show, value))
    if isinstance(value, list):
        return f"[{inner}]"
    if isinstance(value, tuple):
        return f"({inner}{',' * (len(value) == 1)})"
    return f"{type(value).__name__}({{{', '.join(sorted(map(show, value)))}}})"


def _write_partial(value: Any, node: structure.Node) -> str:
    keywords = (f"{name}={show(part)}" for name, part in value.keywords.items())
    return f"functools.partial({', '.join([*map(show, (value.func, *value.args)), *keywords])})"


def _write_closure(value: Any, node: structure.Node) -> str:
    call = closures.as_call(value)
    name = call and public_name(call[0])
    if call is None or name is None:
        name, known = f"{value.__module__}.{value.__qualname__}", closures.captured(value)
    else:
        known = call[1]
    return f"{name}({', '.join(f'{n}={show(part)}' for n, part in known.items())})"


def _write_object(value: Any, node: structure.Node) -> str:
    name = public_name(value)
    if name is not None:
        return name.removeprefix("jaxbrain.").removeprefix("builtins.")
    by_itself = node.kind == "object" and not isinstance(node.head, structure.Same)
    if by_itself and type(value).__eq__ is not object.__eq__:  # it has an equality of its own
        return repr(value)
    name = getattr(value, "__qualname__", None) or type(value).__qualname__
    return f"<{name} at {id(value):#x}>"


def _write_dataclass(value: Any, node: structure.Node) -> str:
    if not value.__dataclass_params__.repr:  # it has words of its own
        return repr(value)
    pairs = zip(node.names, node.parts, strict=True)
    return f"{type(value).__qualname__}({', '.join(f'{n}={show(part)}' for n, part in pairs)})"


def _write_method(value: Any, node: structure.Node) -> str:
    return f"{show(value.__self__)}.{value.__func__.__name__}"


_WRITERS = {
    "plain": _write_plain,
    "array": _write_array,
    "traced": _write_traced,
    "made": _write_made,
    "slice": _write_plain,
    "tuple": _write_container,
    "list": _write_container,
    "dict": _write_container,
    "set": _write_container,
    "partial": _write_partial,
    "closure": _write_closure,
    "dataclass": _write_dataclass,
    "method": _write_method,
}
