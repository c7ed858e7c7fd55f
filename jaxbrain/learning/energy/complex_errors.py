"""Derivatives of the losses at complex predictions, for nudges in the complex plane.

The formula of dL/dprediction also holds for complex predictions. ``jax.grad`` of a loss is not
holomorphic there.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain import losses
from jaxbrain.core.arguments import checked
from jaxbrain.core.config import made_by
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss

Error = Callable[[jax.Array, Any], jax.Array]


@checked
def half_mse_error(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Derivative of `jaxbrain.losses.half_mse` at the prediction, p - t.

    Args:
      prediction, target: of one example; the prediction may be complex.

    Examples:
      >>> half_mse_error(jnp.array([1.0 + 2.0j]), jnp.array([3.0])).tolist()
      [(-2+2j)]
    """
    return prediction - _target(target, prediction)


@checked
def mse_error(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Derivative of `jaxbrain.losses.mse` at the prediction, 2 (p - t) / K for K outputs.

    Args:
      prediction, target: as in `half_mse_error`.

    Examples:
      >>> mse_error(jnp.array([1.0 + 2.0j, 3.0]), jnp.array([3.0, 3.0])).tolist()
      [(-2+2j), 0j]
    """
    return 2 * (prediction - _target(target, prediction)) / prediction.size


@checked
def softmax_error(logits: jax.Array, target: jax.Array) -> jax.Array:
    """Derivative of `jaxbrain.losses.softmax_cross_entropy` at the logits, softmax(z) - t.

    Divided by the number of rows, if the logits are those of a sequence.

    Args:
      logits, target: of one example; the logits may be complex; a label or a distribution.

    Examples:
      >>> softmax_error(jnp.zeros(4, complex), jnp.array(1)).tolist()
      [(0.25+0j), (-0.75+0j), (0.25+0j), (0.25+0j)]
    """
    highest = jnp.max(jnp.real(logits), axis=-1, keepdims=True)
    z = jnp.exp(logits - highest.astype(logits.dtype))
    rows = logits.size // logits.shape[-1]
    return (z / jnp.sum(z, axis=-1, keepdims=True) - _target(target, logits)) / rows


@checked
def sigmoid_error(logits: jax.Array, target: jax.Array) -> jax.Array:
    """Derivative of `jaxbrain.losses.binary_cross_entropy` at the logits, sigmoid(z) - t.

    Args:
      logits, target: of one example; the logits may be complex; from 0 to 1.

    Examples:
      >>> sigmoid_error(jnp.zeros(2, complex), jnp.array([0.0, 1.0])).tolist()
      [(0.5+0j), (-0.5+0j)]
    """
    return (1 + jnp.tanh(logits / 2)) / 2 - _target(target, logits)


_ERRORS = (
    (losses.half_mse, half_mse_error),
    (losses.mse, mse_error),
    (losses.softmax_cross_entropy, softmax_error),
    (losses.binary_cross_entropy, sigmoid_error),
)


def error_of(loss: Loss, given: Error | None = None) -> Error:
    """The derivative of a loss: the given one, or that of a loss of the library."""
    if made_by(loss, losses.weighted):
        inner = error_of(loss.config.parameters["loss"], given)  # pyright: ignore[reportAttributeAccessIssue]

        def weighted_error(prediction: jax.Array, target: Any) -> jax.Array:
            return inner(prediction, target.target) * jnp.asarray(target.weight, prediction.dtype)

        return weighted_error
    if given is not None:
        return given
    for known, error in _ERRORS:
        if loss is known:
            return error
    raise ValueError(
        "holomorphic_equilibrium_propagation needs the derivative of the loss at complex "
        f"predictions, and that of {getattr(loss, '__name__', loss)} is not known; give it: "
        "error=lambda prediction, target: ..., with functions that are holomorphic"
    )


def _target(target: Any, prediction: jax.Array) -> jax.Array:
    return chain.target_vectors("holomorphic_equilibrium_propagation", target, prediction)
