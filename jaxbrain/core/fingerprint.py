"""Closures in words and in a checksum that are the same in every process.

By them a checkpoint recognises the rule, the network and the optimiser of the run that it belongs
to; Python's own hashes and addresses differ from process to process.
"""

import types
import zlib
from typing import Any

import jax
import numpy as np

from jaxbrain.core.closures import contents


def describe(value: Any) -> str:
    """A closure in words: its maker and what it captured; a network by its name.

    Examples:
      >>> import optax
      >>> describe(optax.sgd(0.5))
      'chain(update_fns=(identity(), scale(step_size=-0.5)))'
    """
    if isinstance(value, tuple) and hasattr(value, "apply"):
        return repr(value)
    update = getattr(value, "update", None)  # an optimiser is what it does at each step
    if isinstance(value, tuple) and update is not None:
        return describe(update)
    if isinstance(value, tuple | list):
        return f"({', '.join(map(describe, value))})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}: {describe(v)}' for k, v in value.items())}}}"
    if not isinstance(value, types.FunctionType):
        return _plain(value)
    maker, *inner = value.__qualname__.split(".<locals>.")
    captured = _captured(value)
    if not inner or any(cell is value for cell in captured.values()):
        return maker
    if list(captured) == ["tx"]:  # optax wraps one in another
        return describe(captured["tx"])
    return f"{maker}({', '.join(f'{name}={describe(c)}' for name, c in captured.items())})"


def fingerprint(value: Any) -> str:
    """A checksum of all that a closure captured, through networks and user functions.

    Examples:
      >>> import jaxbrain as jb
      >>> fingerprint(jb.layer_norm()) == fingerprint(jb.layer_norm())
      True
      >>> fingerprint(jb.layer_norm()) == fingerprint(jb.layer_norm(epsilon=0.1))
      False
    """
    return f"{zlib.crc32(_whole(value, ()).encode()):08x}"


def _whole(value: Any, within: tuple[int, ...]) -> str:
    if id(value) in within:
        return "itself"
    within = (*within, id(value))
    if isinstance(value, tuple | list):
        return f"{type(value).__name__}({', '.join(_whole(v, within) for v in value)})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}: {_whole(v, within)}' for k, v in value.items())}}}"
    if isinstance(value, types.FunctionType):
        inner = (_captured(value), value.__defaults__, value.__kwdefaults__, value.__code__)
        return f"{value.__qualname__}{_whole(inner, within)}"
    if isinstance(value, types.CodeType):
        names = (*value.co_names, *value.co_varnames)
        return f"{value.co_code.hex()}{names}{_whole(value.co_consts, within)}"
    if isinstance(value, jax.Array | np.ndarray):
        return f"{_plain(value)}{zlib.crc32(np.ascontiguousarray(value).tobytes())}"
    return _plain(value)


def _captured(function: types.FunctionType) -> dict[str, Any]:
    cells = map(contents, function.__closure__ or ())
    return dict(zip(function.__code__.co_freevars, cells, strict=True))


def _plain(value: Any) -> str:
    """A value whose repr holds no address, else its name."""
    if isinstance(value, jax.Array | np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, bool | int | float | complex | str | bytes | np.dtype | types.NoneType):
        return repr(value)
    return getattr(value, "__qualname__", None) or type(value).__qualname__
