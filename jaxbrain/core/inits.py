"""The ``init`` of networks and cells: one random draw, and one program for equal ones."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.draws import Drawn, drawn, in_one_draw
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

        def drawn(form: Any, key: jax.Array, arrays: list[Any]) -> Any:
            return in_one_draw(lambda key: _params(plain, form, key, arrays))(key)

        return jax.jit(drawn, static_argnums=0)

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
                params = initial_params(Program(made), key, form, arrays)
            else:
                params = Drawn(lambda _, key: _params(plain, form, key, arrays))((), key)
        except _NEEDS_NUMBERS:
            return plain(key, x)
        if not _is_finite(params):
            plain(jax.random.clone(key), x)  # with numbers, so that its own checks can speak
            _require_numbers(made, params)
        return params

    init.plain = plain  # pyright: ignore[reportAttributeAccessIssue]
    made = finish(value._replace(init=init))
    return made


def plain_init(value: Any) -> Any:
    """The ``init`` of a part of a composition, which is drawn with the others."""
    return getattr(value.init, "plain", value.init)


@drawn(static=(2,))
def initial_params(program: Program, key: jax.Array, form: Any, arrays: list[Any]) -> Any:
    """The parameters of a network or cell.

    Args:
      program: of the network or cell.
      key: of the parameters.
      form: the structure of the input, and its leaves that are shapes, with None for each array.
      arrays: the other leaves of the input.
    """
    return _params(plain_init(program.value), form, key, arrays)


def _params(init: Callable[..., Any], form: Any, key: jax.Array, arrays: list[Any]) -> Any:
    structure, others = form
    given = iter(arrays)
    x = structure.unflatten([next(given) if leaf is None else leaf for leaf in others])
    return jax.lax.optimization_barrier(init(key, x))  # the same bits in every program


def _is_finite(params: Any) -> bool:
    """True if all known numbers are finite; seen on the host, where nothing is compiled for it."""
    leaves = [leaf for leaf in jax.tree.leaves(params) if not is_traced(leaf) and _is_float(leaf)]
    return all(np.isfinite(np.asarray(leaf)).all() for leaf in leaves)


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
