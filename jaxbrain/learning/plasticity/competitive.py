"""Competitive plasticity: units compete for each input, and the winners learn it.

Plasticities as in `jaxbrain.learning.plasticity`, with x the presynaptic activities and W
``[pre, post]`` the weights, W_j those of the postsynaptic unit j.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_number, require_positive
from jaxbrain.core.types import Cell
from jaxbrain.learning.plasticity.synapses import local_rule


@configured
def soft_hebb(
    *,
    inverse_temperature: float | jax.Array = 1.0,
    loser_gain: float | jax.Array = 1.0,
    norm_power: float | jax.Array = 0.0,
) -> Cell:
    """SoftHebb: each unit learns the inputs that it wins, by a soft competition without labels.

    dW_ij = y_j (x_i - u_j W_ij) |1 - |W_j||^p,  u = x W,  y = softmax(beta u)

    A step changes |W_j|^2 by 2 y_j u_j (1 - |W_j|^2), so that lengths approach 1. At rest
    W_j = E[y_j x] / |E[y_j x]|, the direction of the mean input of the cluster whose posterior
    probability is y_j. u and y come from x and W: post has no effect, and any activation may follow
    the layer. Inputs of one length, and no bias, are those of the theory.

    Args:
      inverse_temperature: beta, positive; large for a hard competition.
      loser_gain: factor of y_j at all units but the one with the largest u_j. With -1 the losers
        unlearn the input, as in the deep networks of Journé et al.
      norm_power: p, not negative: how the rate of a unit falls as its length approaches 1; 0.5 in
        the deep networks, whose first weights are far longer than 1.

    Source: Moraitis et al. 2022, doi 10.1088/2634-4386/aca710 (arXiv 2107.05747); Journé et al.
    2023, arXiv 2209.11883.

    Examples:
      >>> w, x = 2 * jnp.eye(2), jnp.array([1.0, 0.0])
      >>> soft_hebb(inverse_temperature=99.0).step(w, (), (x, x, None))[1].tolist()
      [[-3.0, 0.0], [0.0, 0.0]]
    """
    require_positive("soft_hebb", "inverse_temperature", inverse_temperature)
    require_number("soft_hebb", "loser_gain", loser_gain)
    require_positive("soft_hebb", "norm_power", norm_power, zero=True)

    def change(w: jax.Array, carry: tuple, x: jax.Array, post: jax.Array, _: Any) -> Any:
        u = x @ w
        y = jax.nn.softmax(as_number(inverse_temperature, u) * u)
        winner = jnp.arange(len(u)) == jnp.argmax(u)
        y = jnp.where(winner, y, as_number(loser_gain, u) * y)
        distance = jnp.abs(1 - jnp.linalg.norm(w, axis=0))
        y = y * distance ** as_number(norm_power, u)
        return carry, y[None] * (x[:, None] - u[None] * w)

    return local_rule("soft_hebb", change)
