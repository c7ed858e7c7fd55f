"""The carry of a cell as one vector of real numbers, and back."""

from typing import Any

import jax
import jax.numpy as jnp


def to_vector(carry: Any) -> jax.Array:
    """The carry as ``[units]``; of a complex array the real parts, then the imaginary.

    Args:
      carry: a pytree of floating-point arrays.

    Returns:
      ``[units]``.

    Examples:
      >>> import jax.numpy as jnp
      >>> to_vector((jnp.ones(2), jnp.array([1 + 2j]))).tolist()
      [1.0, 1.0, 1.0, 2.0]
    """
    parts = [jnp.asarray(leaf) for leaf in jax.tree.leaves(carry)]
    parts = [jnp.stack([a.real, a.imag]) if jnp.iscomplexobj(a) else a for a in parts]
    return jnp.concatenate([a.reshape(-1) for a in parts])


def to_carry(vector: jax.Array, like: Any) -> Any:
    """The carry of a vector.

    Args:
      vector: ``[units]``.
      like: a carry of the same structure and shapes.

    Returns:
      A pytree like it.

    Examples:
      >>> import jax.numpy as jnp
      >>> carry = (jnp.ones(2), jnp.array([1 + 2j]))
      >>> to_carry(to_vector(carry), carry)[1].tolist()
      [(1+2j)]
    """
    leaves, treedef = jax.tree.flatten(like)
    made, at = [], 0
    for leaf in leaves:
        size = leaf.size * (2 if jnp.iscomplexobj(leaf) else 1)
        part, at = vector[at : at + size], at + size
        if jnp.iscomplexobj(leaf):
            part = jax.lax.complex(part[: leaf.size], part[leaf.size :])
        made.append(part.reshape(leaf.shape))
    return jax.tree.unflatten(treedef, made)
