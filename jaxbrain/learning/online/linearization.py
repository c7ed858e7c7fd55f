"""Linearization of one step of a cell, as vectors of its carry and of its parameters."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from jaxbrain.core.types import Cell, Params
from jaxbrain.core.vectors import to_carry, to_vector


class LinearizedStep(NamedTuple):
    """One step of a cell and its derivatives, I = ds_t/dp and D = ds_t/ds_{t-1}.

    Attributes:
      params: of the cell, flat ``[n_params]``.
      state: the carry before the step, its floating numbers ``[n_state]``.
      move: ``(params, state) -> state`` after the step, both flat.
      back: ``(v [n_state]) -> (v I [n_params], v D [n_state])``.
      back_to_leaves: the same, with v I in the structure of the params; many of them cost less.
      back_from_output: ``(v [n_outputs]) -> [n_state]``, v times dy/ds of the output y, flat.
      signal: dL/dy ``[n_outputs]``.
      credit: dL/ds ``[n_state]``, the signal through dy/ds.
      key: for the randomness of the rule itself, or None.
      cell_params: of the cell, as a pytree.
      carry: before the step, as a pytree.
      x: of the step.
    """

    params: jax.Array
    state: jax.Array
    move: Callable[[jax.Array, jax.Array], jax.Array]
    back: Callable[[jax.Array], tuple[jax.Array, jax.Array]]
    back_to_leaves: Callable[[jax.Array], tuple[Params, jax.Array]]
    back_from_output: Callable[[jax.Array], jax.Array]
    signal: jax.Array
    credit: jax.Array
    key: jax.Array | None
    cell_params: Params
    carry: Any
    x: Any


def linearize(cell: Cell, params: Params, carry: Any, x: Any, key: jax.Array | None) -> Any:
    """The carry after a step, its output, and the function that makes a `LinearizedStep`.

    That function takes dL/dy and a key, and returns dL/dp at a fixed carry too. Leaves of the carry
    that are not floating, such as counters, take part in the step and get no credit.
    """
    flat, unravel = ravel_pytree(params)
    state = real_state(carry)

    def run(p: Params, s: jax.Array, key: Any = key) -> Any:
        after, y = cell.step(p, to_carry(s, carry), x, key=key)
        return (real_state(after), y), after

    (moved, y), pull_both, after = jax.vjp(run, params, state, has_aux=True)
    still, silent = jnp.zeros_like(moved), jax.tree.map(jnp.zeros_like, y)
    unravel_y = ravel_pytree(y)[1]

    def pull(signal: tuple[jax.Array, Any]) -> tuple[Params, jax.Array]:
        entering, carried = pull_both(signal)
        return floating(entering, params), carried

    def back(v: jax.Array) -> tuple[jax.Array, jax.Array]:
        entering, carried = pull((v, silent))
        return ravel_pytree(entering)[0], carried

    def linearized(signal: Any, own_key: jax.Array | None) -> tuple[Params, LinearizedStep]:
        direct, credit = pull((still, signal))
        step = LinearizedStep(
            params=flat,
            state=state,
            move=lambda p, s: run(unravel(p), s, same_noise(key))[0][0],
            back=back,
            back_to_leaves=lambda v: pull((v, silent)),
            back_from_output=lambda v: pull((still, unravel_y(v)))[1],
            signal=ravel_pytree(signal)[0],
            credit=credit,
            key=own_key,
            cell_params=params,
            carry=carry,
            x=x,
        )
        return direct, step

    return after, y, linearized


def floating(cotangents: Params, params: Params) -> Params:
    """The cotangents of params, with zeros for params of integers, which have none."""
    return jax.tree.map(
        lambda g, p: jnp.zeros(jnp.shape(p)) if g.dtype == jax.dtypes.float0 else g,
        cotangents,
        params,
    )


def real_state(carry: Any) -> jax.Array:
    """The floating numbers of a carry as a vector; refuse complex ones."""
    dtypes = map(jnp.result_type, jax.tree.leaves(carry))
    if any(jnp.issubdtype(dtype, jnp.complexfloating) for dtype in dtypes):
        raise TypeError("online rules need a real carry; keep real and imaginary part apart")
    return to_vector(carry)


def same_noise(key: jax.Array | None) -> jax.Array | None:
    """A copy of a key, for the noise that it has drawn before."""
    return None if key is None else jax.random.clone(key)
