"""Eager calls: outside of ``jax.jit`` a function with a loop is one program, compiled once.

JAX recognizes a compiled loop by the function that is its body. A body that is defined within a
call is another function at each call, so that each call would compile it again. Here the whole call
is compiled, by what made the function: another call with equal shapes compiles nothing, nor does
one of an equal value. Within ``jit``, ``vmap`` and ``grad`` the function is called as it is.

What holds a function of the user, such as a loss, is called as it is too: the function may read a
variable that the user sets to another value. Under ``jax.jit`` it is pure by contract, and kept.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Hashable
from types import FunctionType
from typing import Any, NamedTuple, TypeVar

import jax
import jax.core
from jax.extend.core import get_opaque_trace_state

from jaxbrain.core import structure
from jaxbrain.core.arrays import on_device
from jaxbrain.core.compiled import compiled
from jaxbrain.core.libraries import is_constant

F = TypeVar("F", bound=Callable[..., Any])

_ALWAYS = ("grads",)  # many small programs, if it is called as it is, also without a loop


class _Loops(NamedTuple):
    """The mark of a function with a loop.

    Attributes:
      static: the parameters that are no arrays.
      check: called with the arguments before the program, in which values are not known.
    """

    static: tuple[str, ...] = ()
    check: Callable[..., Any] | None = None


@jax.tree_util.register_static
class _Program:
    """A function with its static arguments; equal if their keys are."""

    def __init__(self, function: Callable[..., Any], fixed: dict[str, Any], key: Hashable):
        self.function, self.fixed, self.key = function, fixed, key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Program) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class _NotArrays(Exception):
    """An argument is no array, or not one that a program takes without loss."""


def loops(*static: str, check: Callable[..., Any] | None = None) -> Callable[[F], F]:
    """Mark a function with a loop in a `jaxbrain.core.config.configured` constructor.

    Args:
      *static: parameters that are no arrays.
      check: the checks of values, with the arguments of the function: a compiled function does not
        know values.
    """

    def mark(function: F) -> F:
        function.loops = _Loops(static, check)  # pyright: ignore[reportFunctionMemberAccess]
        return function

    return mark


def compiled_once(*static: str) -> Callable[[F], F]:
    """Decorate a function of a module that loops.

    Args:
      *static: parameters that are no arrays: values such as cells, functions, numbers of steps.

    Examples:
      >>> import jax.numpy as jnp
      >>> @compiled_once("times")
      ... def power(x, times):
      ...     print("traced")
      ...     return jax.lax.fori_loop(0, times, lambda _, y: y * x, jnp.ones_like(x))
      >>> [float(power(base, 3)) for base in (2.0, 3.0)]
      traced
      [8.0, 27.0]
    """
    return lambda function: _eager(function, None, function, _Loops(static))


def with_programs(value: Any) -> Any:
    """A value with a config whose functions with loops, and gradients, compile once."""
    changes = {}
    for name, function in zip(value._fields, value, strict=True):
        call = _eager_function(function, value, name)
        if call is not None:
            changes[name] = call
    return value._replace(**changes, config=value.config) if changes else value


def with_program(value: Any) -> Any:
    """The same of a function with a config."""
    call = _eager_function(value.call, value, "call")
    return value if call is None else type(value)(call, value.config)


def _eager_function(function: Any, value: Any, name: str) -> Callable[..., Any] | None:
    if not isinstance(function, FunctionType) or hasattr(function, "is_program"):
        return None
    mark = getattr(function, "loops", _Loops() if name in _ALWAYS else None)
    made_of = type(value), name, value.config
    return None if mark is None else _eager(function, value, made_of, mark)


def _eager(function: Callable[..., Any], value: Any, made_of: Hashable, mark: _Loops) -> Any:
    """A function, of a value or of a module, that is compiled if it is called eagerly."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not _is_eager():
            return function(*args, **kwargs)
        fixed, given = {}, (args, kwargs)
        if mark.static:
            named = signature.bind(*args, **kwargs).arguments
            fixed = {name: named.pop(name) for name in mark.static if name in named}
            given = (), named
        if not is_constant((value, fixed)):
            return function(*args, **kwargs)
        with contextlib.suppress(_NotArrays):
            arrays = jax.tree.map(_array, given)
            if mark.check is not None:
                mark.check(*args, **kwargs)
            program = _Program(function, fixed, (made_of, structure.key(fixed)))
            try:
                return _run(program, *arrays)
            except jax.errors.JaxRuntimeError:
                raise  # of the device, such as a full memory
            except Exception:  # it needs the numbers, or shows a mistake as it is
                pass
        return function(*args, **kwargs)

    call.is_program = True  # pyright: ignore[reportAttributeAccessIssue]
    return call


@compiled()
def _run(program: _Program, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return program.function(*args, **kwargs, **program.fixed)


def _is_eager() -> bool:
    now = get_opaque_trace_state()
    with jax.core.eval_context():
        return now == get_opaque_trace_state()


def _array(leaf: Any) -> Any:
    if isinstance(leaf, jax.core.Tracer):
        raise _NotArrays
    if isinstance(leaf, jax.Array) or type(leaf) in (bool, float):
        return leaf
    if type(leaf) is int and abs(leaf) < 2**31:
        return leaf  # as a number of no type of its own
    try:
        return on_device("", "", leaf)
    except (TypeError, ValueError):
        raise _NotArrays from None
