"""Predictive coding in the coordinates of its errors, which no depth can round off.

    F = sum_l 1/2 |e_l|^2 + nudge L(z_L, y),    z_l = f_l(z_{l-1}) + e_l,    z_0 = x

The activities follow from the errors in a forward pass, so that every error feels the loss at once.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_positive
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.descent import Descent, Latents, descend, fixed_step
from jaxbrain.learning.energy.inference import (
    ForwardPass,
    InferenceDiagnostics,
    coding_rule,
    descent_diagnostics,
    gradient_of_errors,
    ratio,
    signals,
    steps_of,
)


@configured
def error_predictive_coding(
    net: Network,
    loss: Loss,
    *,
    nudge: float | jax.Array = 1e-5,
    steps: int = 5,
    step_size: float | jax.Array = 0.5,
    descent: Descent = fixed_step,
) -> LearningRule:
    """Predictive coding whose errors are the variables, for networks of any depth.

    e <- e - step_size dF/de from e = 0; g_l = - z_{l-1}^T (e_l * f_l') / nudge

    The fixed point is that of `predictive_coding`. There an error moves down one block a step and
    is lost to rounding on its way; here all errors arrive in the first step, so that a few steps
    are enough at any depth. In return the errors are not local: they need the derivative through
    all blocks above. For a small nudge the first step is step_size times back-propagation: with
    ``steps=1`` this rule is nothing else.

    Args:
      nudge: the weight of the loss at the output (beta); positive. What many errors displace adds
        up, and a small nudge costs no precision.
      steps, step_size: of the errors; positive. For a small nudge the remaining force is
        (1 - step_size)^steps of the first.
      descent: as in `predictive_coding`, on the errors.

    Source: Goemaere et al. 2025, arXiv 2505.20137.

    Examples:
      >>> import jaxbrain as jb
      >>> net, one = jb.serial(jb.dense(1, bias_init=None)), jnp.ones((1, 1))
      >>> rule = error_predictive_coding(net, jb.losses.half_mse, nudge=0.5, steps=200)
      >>> _, grads, info = rule.grads(({"kernel": one},), None, one, 2 * one)
      >>> round(float(grads[0]["kernel"][0, 0]), 3)  # (w x - y) x / (1 + nudge)
      -0.667
    """
    name = "error_predictive_coding"
    require_positive(name, "nudge", nudge)
    count, size, descent = steps_of(name, steps, step_size, descent)

    def infer(params: Params, y: Any, forward: ForwardPass) -> tuple[Params, InferenceDiagnostics]:
        def activities(errors: Latents) -> Latents:
            z = [forward.x]
            for block, e in zip(forward.blocks, errors, strict=True):
                z.append(block(params, z[-1]) + e)
            return z

        def energies(errors: Latents) -> jax.Array:
            total = nudge * jax.vmap(loss)(activities(errors)[-1], y)
            for e in errors:
                total += 0.5 * jnp.sum(jnp.square(e), axis=range(1, e.ndim))
            return total

        def force(errors: Latents) -> Latents:
            return jax.grad(lambda e: jnp.sum(energies(e)))(errors)

        def step(_: Any, carry: tuple[Latents, Latents]) -> tuple[Latents, Latents]:
            errors = descend(*carry, size)
            return errors, force(errors)

        start = [jnp.zeros_like(a) for a in forward.outputs]
        push = force(start)
        if descent is fixed_step:  # the force is carried: that at the end costs nothing more
            errors, left = jax.lax.fori_loop(0, count, step, (start, push))
        else:
            errors = jax.lax.fori_loop(0, count, lambda _, e: descent(energies, e, size), start)
            left = force(errors)
        energy = jnp.mean(energies(errors))
        grads = gradient_of_errors(forward.blocks, params, activities(errors)[:-1], errors, nudge)
        residual = ratio(optax.tree.norm(left), optax.tree.norm(push))
        signal = signals(errors, errors).astype(energy.dtype)
        return grads, descent_diagnostics(residual, energy, signal)

    return coding_rule(name, net, loss, infer)
