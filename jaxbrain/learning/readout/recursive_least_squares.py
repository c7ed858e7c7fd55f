"""Recursive least squares: ridge regression that is exact after every pair."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import as_number, require_positive


class Squares(NamedTuple):
    """The state of recursive least squares.

    Attributes:
      weights: W ``[inputs, outputs]``.
      inverse: P ``[inputs, inputs]``, of the regularized correlation of the inputs.
    """

    weights: jax.Array
    inverse: jax.Array


@checked
def least_squares(weights: jax.Array, *, penalty: float | jax.Array = 1.0) -> Squares:
    """The first state of recursive least squares: P = I / penalty.

    Args:
      weights: the first weights W_0 ``[inputs, outputs]``.
      penalty: alpha, of the deviation from them; a small one learns fast.

    Raises:
      ValueError: if the penalty is not positive.

    Examples:
      >>> import jax.numpy as jnp
      >>> least_squares(jnp.zeros((2, 1)), penalty=4.0).inverse.tolist()
      [[0.25, 0.0], [0.0, 0.25]]
    """
    require_positive("least_squares", "penalty", penalty)
    inverse = jnp.eye(len(weights), dtype=weights.dtype) / as_number(penalty, weights)
    return Squares(weights, inverse)


@checked
def least_squares_step(
    squares: Squares, inputs: jax.Array, target: jax.Array
) -> tuple[Squares, jax.Array]:
    """One step of recursive least squares: the ridge regression of all pairs so far, exactly.

    k = P r / (1 + r P r),  e = r W - y,  W <- W - k e,  P <- P - k (P r)^T

    W minimizes sum_s |r_s W - y_s|^2 + penalty |W - W_0|^2 after each step.

    Args:
      squares: the state, at first of `least_squares`.
      inputs: r ``[inputs]``.
      target: y ``[outputs]``.

    Returns:
      The new `Squares`, and the error e ``[outputs]`` before the step.

    Raises:
      ValueError: if the shapes do not fit.

    Source: Haykin, Adaptive filter theory, chapter on recursive least squares.

    Examples:
      >>> import jax.numpy as jnp
      >>> squares = least_squares(jnp.zeros((1, 1)), penalty=1.0)
      >>> squares, error = least_squares_step(squares, jnp.array([2.0]), jnp.array([5.0]))
      >>> float(squares.weights[0, 0]), float(error[0])  # 2 * 5 / (2 * 2 + 1)
      (2.0, -5.0)
    """
    if (*jnp.shape(inputs), *jnp.shape(target)) != squares.weights.shape:
        raise ValueError(
            f"least_squares_step: inputs and target must fit weights {squares.weights.shape}, got "
            f"{jnp.shape(inputs)} and {jnp.shape(target)}"
        )
    seen = squares.inverse @ inputs
    gain = seen / (1 + inputs @ seen)
    error = inputs @ squares.weights - target.astype(inputs.dtype)
    weights = squares.weights - jnp.outer(gain, error)
    return Squares(weights, squares.inverse - jnp.outer(gain, seen)), error
