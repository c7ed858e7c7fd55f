"""Constants of each param, such as the unit that it enters, in the structure of the params."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.types import Params


def in_leaves(numbers: np.ndarray, params: Params) -> Any:
    """Numbers of each param ``[n_params, ...]``, by leaf ``[..., *shape]``.

    An axis of the leaf along which nothing changes has the size 1: indexing and masks then cost
    little, and are broadcast to all params.

    Examples:
      >>> unit = np.array([0, 1, 0, 1, 0, 1, 5])
      >>> found = in_leaves(unit, {"kernel": jnp.ones((3, 2)), "tau": jnp.ones(())})
      >>> found["kernel"].tolist(), found["tau"].tolist()
      ([[0, 1]], 5)
    """
    leaves, treedef = jax.tree.flatten(params)
    shapes = [jnp.shape(leaf) for leaf in leaves]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    parts = np.split(np.moveaxis(numbers, 0, -1), ends[:-1], axis=-1)
    own = [part.reshape((*part.shape[:-1], *s)) for part, s in zip(parts, shapes, strict=True)]
    own = [_compressed(part, len(s)) for part, s in zip(own, shapes, strict=True)]
    return jax.tree.unflatten(treedef, own)


def _compressed(numbers: np.ndarray, axes: int) -> np.ndarray:
    """The numbers without repetition along the last axes."""
    for axis in range(numbers.ndim - axes, numbers.ndim):
        first = numbers.take([0], axis) if numbers.size else numbers
        numbers = first if np.all(numbers == first) else numbers
    return numbers
