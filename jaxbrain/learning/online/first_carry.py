"""The derivative of the first carry with respect to the params, ds_0/dp.

It is zero for most cells, which start at rest, and not for `jaxbrain.cells.learned_carry`.
"""

from collections.abc import Callable
from typing import Any

import jax

from jaxbrain.core.types import Cell, Params
from jaxbrain.learning.online.linearization import floating, real_state


def pull_first_carry(cell: Cell, params: Params, x: Any) -> Callable[[jax.Array], Params] | None:
    """The pullback of the first carry; None where the carry is made without the params.

    v -> v ds_0/dp, from ``[n_state]`` to the structure of the params

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> cell, x = jb.cells.learned_carry(jb.cells.elman(2)), jnp.ones(1)
      >>> params = cell.init(jax.random.key(0), x)
      >>> pull = pull_first_carry(cell, params, x)
      >>> entering = pull(jnp.array([3.0, 5.0]))
      >>> entering["carry"].tolist(), entering["cell"]["bias"].tolist()
      ([3.0, 5.0], [0.0, 0.0])
      >>> pull_first_carry(jb.cells.elman(2), params["cell"], x) is None
      True
    """
    if not _depends(lambda p: real_state(cell.carry(p, x)), params):
        return None
    pull = jax.vjp(lambda p: real_state(cell.carry(p, x)), params)[1]
    return lambda v: floating(pull(v)[0], params)


def _depends(function: Callable[[Any], Any], at: Any) -> bool:
    """True if a result of the function is computed from its argument."""
    program = jax.make_jaxpr(function)(at).jaxpr
    reached = {id(variable) for variable in program.invars}
    for equation in program.eqns:
        if any(id(variable) in reached for variable in equation.invars):
            reached.update(id(variable) for variable in equation.outvars)
    return any(id(variable) in reached for variable in program.outvars)
