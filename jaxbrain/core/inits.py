"""The ``init`` of networks and cells: one random draw, and one program for equal ones."""

import contextlib
import functools
from collections.abc import Callable, Hashable
from types import FunctionType
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.captured import Changing, state
from jaxbrain.core.compiled import compiled
from jaxbrain.core.draws import in_one_draw
from jaxbrain.core.program import Program
from jaxbrain.core.requirements import is_traced

# The errors of a function that computes with numbers on the host: JAX cannot trace it.
_NEEDS_NUMBERS = (
    jax.errors.ConcretizationTypeError,
    jax.errors.NonConcreteBooleanIndexError,
    jax.errors.TracerArrayConversionError,
)


def with_one_draw(value: Any, finish: Callable[[Any], Any]) -> Any:
    """A network or cell whose ``init`` draws once and compiles one program.

    Outside ``jax.jit`` equal ones share the program; a function that cannot be traced runs as it
    is.

    Args:
      value: the named tuple of functions that a constructor made; others than networks and cells
        stay as they are.
      finish: to the value that the constructor returns, which stands for the program.
    """
    plain: Any = getattr(value, "init", None)
    if not _is_init(plain):
        return finish(value)

    @functools.cache
    def part() -> Callable[..., Any]:
        """The init within another program, whose tracers it may hold, for this value alone."""
        return jax.jit(lambda form, *given: _drawn(plain, form, *given)[0], static_argnums=0)

    @functools.wraps(plain)
    def init(key: jax.Array, x: Any) -> Any:
        leaves, structure = jax.tree.flatten(x)
        arrays = [leaf for leaf in leaves if _is_array(leaf)]
        form = structure, tuple(None if _is_array(leaf) else leaf for leaf in leaves)
        shaped = all(leaf is None or isinstance(leaf, jax.ShapeDtypeStruct) for leaf in form[1])
        now = _state(made) if shaped else None
        traced = is_traced((key, arrays))
        if traced and now is not None:
            return part()((*form, now), key, arrays)
        try:
            if now is None:
                params, finite = jax.jit(lambda key: _drawn(plain, form, key, arrays))(key)
            else:
                params, finite = initial_params(Program(made), (*form, now), key, arrays)
        except _NEEDS_NUMBERS:
            return plain(key, x)
        if not isinstance(finite, jax.core.Tracer) and not finite:
            plain(jax.random.clone(key), x)  # with numbers, so that its own checks can speak
            _require_numbers(made, params)
        return params

    init.plain = plain  # pyright: ignore[reportAttributeAccessIssue]
    made = finish(value._replace(init=init))
    return made


def plain_init(value: Any) -> Any:
    """The ``init`` of a part of a composition, which is drawn with the others."""
    return getattr(value.init, "plain", value.init)


@compiled(static_argnums=1)
def initial_params(
    program: Program, form: Any, key: jax.Array, arrays: list[Any]
) -> tuple[Any, jax.Array]:
    """The parameters of a network or cell, and True if their sums are finite.

    Args:
      program: of the network or cell.
      form: the structure of the input, its leaves that are shapes, with None for each array, and
        the state of what the network or cell captured.
      key: of the parameters.
      arrays: the other leaves of the input.
    """
    return _drawn(plain_init(program.value), form, key, arrays)


def _drawn(
    init: Callable[..., Any], form: Any, key: jax.Array, arrays: list[Any]
) -> tuple[Any, jax.Array]:
    structure, others, *_ = form
    given = iter(arrays)
    x = structure.unflatten([next(given) if leaf is None else leaf for leaf in others])
    params = in_one_draw(lambda key: init(key, x))(key)
    params = jax.lax.optimization_barrier(params)  # the same bits in every program
    sums = [jnp.sum(leaf) for leaf in jax.tree.leaves(params) if _is_float(leaf)]
    return params, jnp.all(jnp.array([jnp.isfinite(one) for one in sums], bool))


def _state(value: Any) -> Hashable:
    """The state of what a value captured; None where it may change without notice."""
    with contextlib.suppress(Changing):
        return state(value)
    return None


def _require_numbers(value: Any, params: Any) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if _is_float(leaf) and bool(jnp.any(jnp.isnan(leaf))):
            where = "params" + jax.tree_util.keystr(path)
            raise ValueError(f"{value}: its init made nan in {where}; look at its initializers")


def _is_init(function: Any) -> bool:
    """True for a function of a key and an input that does not draw once yet."""
    known = isinstance(function, FunctionType) and not hasattr(function, "plain")
    return known and function.__code__.co_varnames[: function.__code__.co_argcount] == ("key", "x")


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.inexact)


def _is_array(leaf: Any) -> bool:
    plain = isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biufc"
    return plain or isinstance(leaf, jax.Array)
