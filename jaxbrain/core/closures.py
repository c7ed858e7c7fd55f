"""Closures of optax and of ``jax.nn.initializers``, compared and rebuilt by what they captured.

These two libraries return nested functions, and Python compares functions by identity:
``optax.adam(1e-3)`` written twice is two optimizers to ``jax.jit``. A closure of theirs is here its
code together with the values that it captured. No other function is ever compared in this way: not
those of jaxbrain, whose values hold a `jaxbrain.core.config.Config`, and not those of users.
"""

import inspect
import types
from collections.abc import Callable
from typing import Any

import jax
import optax

_LIBRARIES = {"optax": optax, "jax": jax.nn.initializers}

# The names of optax that jaxbrain relies on: the function that makes a closure, then those of its
# captured numbers that are only computed with. They are arguments of a compiled program, so that
# another value of them compiles nothing; all other numbers are a part of the program. Not among
# them are decays b that optax uses as 1 - b: as an argument in float32, 1 - b loses digits (a part
# in 10^5 of it for b = 0.999) that it keeps as a constant.
NUMBERS: dict[str, tuple[str, ...]] = {
    "adaptive_grad_clip": ("clipping", "eps"),
    "add_decayed_weights": ("weight_decay",),
    "add_noise": ("eta", "gamma"),
    "clip": ("max_delta",),
    "clip_by_block_rms": ("threshold",),
    "clip_by_global_norm": ("max_norm",),
    "scale": ("step_size",),
    "scale_by_adadelta": ("eps",),
    "scale_by_adam": ("eps", "eps_root"),
    "scale_by_adamax": ("eps",),
    "scale_by_adan": ("eps", "eps_root"),
    "scale_by_amsgrad": ("eps", "eps_root"),
    "scale_by_belief": ("eps", "eps_root"),
    "scale_by_optimistic_gradient": ("alpha", "beta"),
    "scale_by_rms": ("eps", "initial_scale"),
    "scale_by_rss": ("eps", "initial_accumulator_value"),
    "scale_by_stddev": ("eps", "initial_scale"),
    "scale_by_trust_ratio": ("trust_coefficient", "eps", "min_norm"),
    "scale_by_yogi": ("eps", "eps_root", "initial_accumulator_value"),
    "trace": ("decay",),
}


class Empty:
    """The content of a closure cell that holds nothing yet."""


def library(function: types.FunctionType) -> str:
    """The library whose closure a function is: "optax", "jax" or "" for any other function.

    Examples:
      >>> library(optax.sgd(0.1).update), library(jax.nn.initializers.normal(0.1))
      ('optax', 'jax')
      >>> library(lambda x: x)
      ''
    """
    # wraps() may put another name on __module__, never on the globals
    module = function.__globals__.get("__name__", "").split(".")
    nested = "<locals>" in function.__code__.co_qualname
    known = module[0] == "optax" or (module[0] == "jax" and module[-1] == "initializers")
    return module[0] if nested and known else ""


def maker(function: types.FunctionType) -> str:
    """The name of the outermost function that made a closure.

    Examples:
      >>> maker(optax.clip(1.0).update)
      'clip'
    """
    return function.__code__.co_qualname.split(".")[0]


def captured(function: types.FunctionType) -> dict[str, Any]:
    """The values that a function captured, by name; `Empty` for a cell without content.

    Examples:
      >>> captured(optax.clip(1.0).update)
      {'max_delta': 1.0}
    """
    cells = map(_content, function.__closure__ or ())
    return dict(zip(function.__code__.co_freevars, cells, strict=True))


def numbers(function: types.FunctionType) -> tuple[str, ...]:
    """The captured numbers of a closure that may be arguments of a compiled program."""
    return NUMBERS.get(maker(function), ()) if library(function) == "optax" else ()


def copy(function: types.FunctionType, parts: tuple[Any, ...]) -> types.FunctionType:
    """The same code over other defaults, keyword defaults and captured values."""
    defaults, keyword_defaults, *values = parts
    cells = tuple(types.CellType() if v is Empty else types.CellType(v) for v in values)
    again = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, defaults, cells
    )
    again.__kwdefaults__ = keyword_defaults
    again.__qualname__ = function.__qualname__
    return again


def as_call(function: types.FunctionType) -> tuple[Callable[..., Any], dict[str, Any]] | None:
    """The public function that makes an equal closure, and its arguments; None if there is none.

    Examples:
      >>> make, arguments = as_call(jax.nn.initializers.constant(0.5))
      >>> make.__name__, arguments
      ('constant', {'value': 0.5})
    """
    make = getattr(_LIBRARIES.get(library(function)), maker(function), None)
    if make is None:
        return None
    defaults = function.__defaults__ or ()
    code = function.__code__
    places = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
    known = dict(zip(places, defaults, strict=True)) | captured(function)
    arguments = {
        name: known[name]
        for name, parameter in inspect.signature(make).parameters.items()
        if name in known and known[name] is not parameter.default
    }
    return make, arguments


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return Empty
