"""The carry of a cell as one vector of real numbers, and back."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree


def real_arrays(carry: Any) -> list[jax.Array]:
    """The floating arrays of a carry, a complex one as two: its real and its imaginary part."""
    arrays = []
    for leaf in map(jnp.asarray, jax.tree.leaves(carry)):
        if jnp.iscomplexobj(leaf):
            arrays += [leaf.real, leaf.imag]
        elif jnp.issubdtype(leaf.dtype, jnp.floating):
            arrays.append(leaf)
    return arrays


def to_vector(carry: Any) -> jax.Array:
    """The floating numbers of a carry, one array after another.

    Args:
      carry: a pytree of arrays; those of integers and bools, such as counters, are left out.

    Returns:
      ``[units]``; of a complex array the real parts, then the imaginary.

    Examples:
      >>> import jax.numpy as jnp
      >>> to_vector((jnp.ones(2), jnp.array(3), jnp.array([1 + 2j]))).tolist()
      [1.0, 1.0, 1.0, 2.0]
    """
    with jax.numpy_dtype_promotion("standard"):  # arrays of several precisions are all widened
        return ravel_pytree(real_arrays(carry))[0]


def to_carry(vector: jax.Array, like: Any) -> Any:
    """The carry of a vector.

    Args:
      vector: ``[units]``.
      like: a carry of the same structure, shapes and dtypes; its integers and bools are taken over.

    Returns:
      A pytree like it.

    Examples:
      >>> import jax.numpy as jnp
      >>> carry = {"steps": jnp.array(3), "z": jnp.array([1 + 2j])}
      >>> to_carry(2 * to_vector(carry), carry)
      {'steps': Array(3, ...), 'z': Array([2.+4.j], ...)}
    """
    leaves, treedef = jax.tree.flatten(like)
    made, start = [], 0
    for leaf in leaves:
        dtype, size = jnp.result_type(leaf), math.prod(jnp.shape(leaf))
        if not jnp.issubdtype(dtype, jnp.inexact):
            made.append(leaf)
            continue
        part, start = vector[start : start + size], start + size
        if jnp.issubdtype(dtype, jnp.complexfloating):
            part, start = jax.lax.complex(part, vector[start : start + size]), start + size
        made.append(part.reshape(jnp.shape(leaf)).astype(dtype))
    return jax.tree.unflatten(treedef, made)
