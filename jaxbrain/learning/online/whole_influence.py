"""Influence matrices stored whole, ds/dp ``[n_state, *shape]`` for each array of the params."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

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


def exact_gradient(traces: Params, step: LinearizedStep) -> jax.Array:
    """dL/ds S ``[n_params]``."""
    _, products = _products(traces, step)
    return ravel_pytree(jax.tree.map(lambda p: p[-1], products))[0]


def exact_update(traces: Params, step: LinearizedStep) -> Params:
    """I + D S."""
    entering, products = _products(traces, step)
    return jax.tree.map(lambda i, p: i.astype(p.dtype) + p[:-1], entering, products)


def _products(traces: Params, step: LinearizedStep) -> tuple[Params, Params]:
    """I, and D S with the row dL/ds S below it.

    In one product, which a compiled step has once for gradient and update. With two the gradient
    could be read after the update, so that S would have to be copied.
    """
    entering, carried = jax.vmap(step.back_to_leaves)(
        jnp.eye(step.state.size, dtype=step.state.dtype)
    )
    rows = jnp.concatenate([carried, step.credit[None]])
    return entering, jax.tree.map(lambda s: jnp.tensordot(rows, s, 1), traces)
