"""The ``init`` of networks and cells: one random draw, and one program for equal ones."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.compiled import compiled
from jaxbrain.core.draws import in_one_draw
from jaxbrain.core.libraries import is_constant
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

    Outside ``jax.jit`` equal ones share the program; a function of the user, which may change, is
    compiled at each call, and one that cannot be traced runs as it is.

    Args:
      value: the named tuple of functions that a constructor made; others than networks and cells
        stay as they are.
      finish: to the value that the constructor returns, which stands for the program.
    """
    if not getattr(type(value), "draws_weights", False) or hasattr(value.init, "plain"):
        return finish(value)
    plain: Callable[..., Any] = value.init

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
        constant = shaped and is_constant(made)
        if constant and is_traced((key, arrays)):
            return part()(form, key, arrays)
        try:
            if constant:
                params, finite = initial_params(Program(made), form, key, arrays)
            else:
                params, finite = jax.jit(lambda key: _drawn(plain, form, key, arrays))(key)
        except _NEEDS_NUMBERS:
            return plain(key, x)
        if not is_traced(finite) and not finite:
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
      form: the structure of the input, and its leaves that are shapes, with None for each array.
      key: of the parameters.
      arrays: the other leaves of the input.
    """
    return _drawn(plain_init(program.value), form, key, arrays)


def _drawn(
    init: Callable[..., Any], form: Any, key: jax.Array, arrays: list[Any]
) -> tuple[Any, jax.Array]:
    structure, others = form
    given = iter(arrays)
    x = structure.unflatten([next(given) if leaf is None else leaf for leaf in others])
    params = in_one_draw(lambda key: init(key, x))(key)
    params = jax.lax.optimization_barrier(params)  # the same bits in every program
    sums = [jnp.sum(leaf) for leaf in jax.tree.leaves(params) if _is_float(leaf)]
    return params, jnp.all(jnp.array([jnp.isfinite(one) for one in sums], bool))


def _require_numbers(value: Any, params: Any) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if _is_float(leaf) and bool(jnp.any(jnp.isnan(leaf))):
            where = "params" + jax.tree_util.keystr(path)
            raise ValueError(f"{value}: its init made nan in {where}; look at its initializers")


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.inexact)


def _is_array(leaf: Any) -> bool:
    plain = isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biufc"
    return plain or isinstance(leaf, jax.Array)
