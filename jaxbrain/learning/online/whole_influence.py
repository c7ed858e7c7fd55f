"""Influence matrices stored whole, ds/dp ``[n_state, *shape]`` for each array of the params."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.types import Cell, Params
from jaxbrain.learning.online.first_carry import pull_first_carry
from jaxbrain.learning.online.linearization import LinearizedStep, real_state


def first_influence(cell: Cell, params: Params, carry: Any, x: Any) -> Params:
    """ds_0/dp, which is zero where the first carry is made without the params."""
    state = real_state(carry)
    pull = pull_first_carry(cell, params, x)
    if pull is None:
        return jax.tree.map(lambda p: jnp.zeros((state.size, *jnp.shape(p)), state.dtype), params)
    rows = jax.vmap(pull)(jnp.eye(state.size, dtype=state.dtype))
    return jax.tree.map(lambda a: a.astype(state.dtype), rows)


def exact_products(traces: Params, step: LinearizedStep) -> tuple[Params, Params]:
    """dL/ds S, and I + D S.

    One product for both reads S once. With two, S would be copied at each step of a scan, because
    the gradient may be computed after the update, which is made in the place of S.
    """
    pulls = jnp.eye(step.state.size, dtype=step.state.dtype)
    entering, carried = jax.vmap(step.back_to_leaves)(pulls)
    rows = jnp.concatenate([carried, step.credit[None]])
    products = jax.tree.map(lambda s: jnp.tensordot(rows, s, 1), traces)
    after = jax.tree.map(lambda i, p: i.astype(p.dtype) + p[:-1], entering, products)
    return jax.tree.map(lambda p: p[-1], products), after
