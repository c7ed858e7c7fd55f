"""Predictive coding with a multiplier in every block: the augmented Lagrangian of the network.

    A = nudge L(z_L, y) + sum_l <lambda_l, e_l> + rho/2 |e_l|^2,    e_l = z_l - f_l(z_{l-1})

Activities descend, multipliers ascend. At rest all errors are 0, and the multipliers are those of
back-propagation.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_number, require_positive
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.descent import Latents
from jaxbrain.learning.energy.inference import (
    ForwardPass,
    InferenceDiagnostics,
    coding_rule,
    gradient_of_errors,
    prediction_errors,
    ratio,
    signals,
)
from jaxbrain.learning.energy.predictive import nudged

_MOST_GROWTH = 10  # of the multipliers, from those of back-propagation in the first sweep


@configured
def lagrangian_predictive_coding(
    net: Network,
    loss: Loss,
    *,
    nudge: float | jax.Array = 1e-5,
    steps: int = 3,
    penalty: float | jax.Array = 1.0,
    multiplier_step: float | jax.Array = 1.0,
) -> LearningRule:
    """Predictive coding with Lagrange multipliers, for networks of any depth.

    m_l = J_{l+1}^T m_{l+1}, z_l <- f_l(z_{l-1}) + (m_l - lambda_l) / rho, from the output down;
    lambda_l <- lambda_l + a rho e_l; g_l = - z_{l-1}^T (m_l * f_l') / nudge

    m_l = lambda_l + rho e_l is the prospective multiplier of a block: z_l is where it balances that
    of the block above, with m_L = - nudge dL/dz_L. As multipliers take over the errors, activities
    return to the forward pass. At rest g is the gradient of the loss, for any nudge. Multipliers
    are variables of their own: no depth rounds them off. The source moves all activities at once by
    small steps; these closed steps, block after block, have the same rest.

    Args:
      nudge: the weight of the loss at the output; positive.
      steps: sweeps over the blocks. The first one is back-propagation at the forward pass. What it
        displaces moves up one block a sweep: rest needs more sweeps than blocks.
      penalty: rho; positive. Activities converge if it is well above the nudge times the curvature
        of the loss.
      multiplier_step: a, above 0 and at most 1. Smaller steps displace less on the way to rest.

    Source: Seely and Gould 2026, arXiv 2605.31022.

    Examples:
      >>> import jaxbrain as jb
      >>> net, one = jb.serial(jb.dense(1, bias_init=None)), jnp.ones((1, 1))
      >>> options = {"nudge": 0.5, "steps": 60, "penalty": 4.0}
      >>> rule = lagrangian_predictive_coding(net, jb.losses.half_mse, **options)
      >>> _, grads, info = rule.grads(({"kernel": one},), None, one, 2 * one)
      >>> round(float(grads[0]["kernel"][0, 0]), 3)  # (w x - y) x, whatever the nudge
      -1.0
    """
    name = "lagrangian_predictive_coding"
    require_positive(name, "nudge", nudge)
    require_positive(name, "penalty", penalty)
    require_number(name, "multiplier_step", multiplier_step, above=0, at_most=1)
    require_count(name, "steps", steps)

    def infer(params: Params, y: Any, forward: ForwardPass) -> tuple[Params, InferenceDiagnostics]:
        model = nudged(forward, loss, y, nudge)
        rho = jnp.asarray(penalty, model.start[-1].dtype)
        blocks = [lambda a, f=f: f(params, a) for f in model.blocks]

        def push(output: jax.Array) -> jax.Array:
            return -jax.grad(lambda z: jnp.sum(model.top(params, z)))(output)

        def sweep(n: Any, carry: tuple[Latents, Latents, Latents, jax.Array]) -> tuple:
            z, multipliers, coming, first = carry
            z, coming, m = list(z), list(coming), push(z[-1])
            for i in reversed(range(len(z))):
                coming[i] = m
                if i:
                    predicted, pull = jax.vjp(blocks[i], z[i - 1])
                    m = pull(m)[0]
                else:
                    predicted = model.start[0]
                z[i] = predicted + (coming[i] - multipliers[i]) / rho
            errors = prediction_errors(model, params, z)
            scale = jnp.asarray(multiplier_step, rho.dtype) * rho
            multipliers = [u + scale * e for u, e in zip(multipliers, errors, strict=True)]
            return z, multipliers, coming, jnp.where(n == 0, _size(coming[0]), first)

        none = [jnp.zeros_like(a) for a in model.start]
        start = (model.start, none, none, jnp.zeros_like(rho))
        z, multipliers, coming, first = jax.lax.fori_loop(0, steps, sweep, start)
        grads = gradient_of_errors(model.blocks, params, [model.x, *z[:-1]], coming, nudge)
        errors, pull = jax.vjp(lambda z: prediction_errors(model, params, z), z)
        force = pull([u + rho * e for u, e in zip(multipliers, errors, strict=True)])[0]
        force[-1] -= push(z[-1])
        left = ratio(optax.tree.norm(force), _size(push(model.start[-1])))
        energy = jnp.mean(model.top(params, z[-1]))
        # the force also holds the rounding of the activities; that of multipliers is small
        diverged = ~(_size(coming[0]) <= _MOST_GROWTH * first)
        return grads, InferenceDiagnostics(left, energy, signals(coming, coming), diverged)

    return coding_rule(name, net, loss, infer)


def _size(a: jax.Array) -> jax.Array:
    return jnp.linalg.norm(a.ravel())
