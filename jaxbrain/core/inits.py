"""The ``init`` of networks and cells: one random draw, and one program for equal ones."""

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.compiled import compiled
from jaxbrain.core.draws import in_one_draw
from jaxbrain.core.program import Program

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
    plain = getattr(value, "init", None)
    if not _is_init(plain):
        return finish(value)

    @functools.cache
    def part() -> Callable[..., Any]:
        """The init within another program, whose tracers it may hold, for this value alone."""
        return jax.jit(functools.partial(_initial, plain), static_argnums=0)

    @functools.wraps(plain)
    def init(key: jax.Array, x: Any) -> Any:
        leaves, structure = jax.tree.flatten(x)
        arrays = [leaf for leaf in leaves if _is_array(leaf)]
        form = structure, tuple(None if _is_array(leaf) else leaf for leaf in leaves)
        if not all(leaf is None or isinstance(leaf, jax.ShapeDtypeStruct) for leaf in form[1]):
            return jax.jit(in_one_draw(lambda key: plain(key, x)))(key)
        if any(isinstance(leaf, jax.core.Tracer) for leaf in (key, *arrays)):
            return part()(form, key, arrays)
        try:
            params, finite = initial_params(Program(made), form, key, arrays)
        except _NEEDS_NUMBERS:
            return plain(key, x)
        if not finite:
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
      form: the structure of the input, and its leaves that are shapes; None for each array.
      key: of the parameters.
      arrays: the other leaves of the input.
    """
    params = _initial(plain_init(program.value), form, key, arrays)
    sums = [jnp.sum(leaf) for leaf in jax.tree.leaves(params) if _is_float(leaf)]
    return params, jnp.all(jnp.array([jnp.isfinite(one) for one in sums], bool))


def _initial(init: Callable[..., Any], form: Any, key: jax.Array, arrays: list[Any]) -> Any:
    structure, others = form
    given = iter(arrays)
    leaves = [next(given) if leaf is None else leaf for leaf in others]
    return in_one_draw(lambda key: init(key, structure.unflatten(leaves)))(key)


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
