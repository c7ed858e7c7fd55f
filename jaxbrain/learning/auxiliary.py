"""Optimization of a rule's own weights: feedback weights, inverses and readouts."""

from typing import Any

import jax
import optax

from jaxbrain.core.types import Params


def optimize(
    optimizer: optax.GradientTransformation,
    grads: Params,
    opt_state: Any,
    params: Params,
    value: jax.Array,
) -> tuple[Params, Any]:
    """One step of an optimizer: the new parameters and the new state; value is the loss."""
    update = optax.with_extra_args_support(optimizer).update
    with jax.numpy_dtype_promotion("standard"):  # optax's adam mixes integers and floats
        updates, opt_state = update(grads, opt_state, params, value=value)
        return optax.apply_updates(params, updates), opt_state
