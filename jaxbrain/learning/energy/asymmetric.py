"""Equilibrium propagation in networks without symmetric couplings, such as a feed-forward chain.

    ds_l/dt = f_l(s_{l-1}) - s_l,    s_0 = x

The free equilibrium is the forward pass. In the learning phase the couplings are made to act in the
other direction, by their antisymmetric part around the free equilibrium.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_positive, require_wide
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.descent import Latents
from jaxbrain.learning.energy.inference import forward_pass, gradient_of_errors
from jaxbrain.learning.energy.two_phases import Residuals, no_residuals, residual

_ROUNDINGS = 10  # of an activity: a smaller curvature cannot be told from 0


@configured
def asymmetric_equilibrium_propagation(
    net: Network, loss: Loss, *, nudge: float | jax.Array = 1e-3, steps: int = 3
) -> LearningRule:
    """Asymmetric equilibrium propagation: exact for couplings that are not symmetric.

    0 = F(s) - (J - J^T)(s - s^0) - beta dL/ds, F_l(s) = f_l(s_{l-1}) - s_l, J = dF/ds at s^0;
    g_l = - s_{l-1}^T (d_l * f_l') / beta, d_l = s_l - s_l^0

    Around the free equilibrium s^0 the correction turns J into J^T, so that the change d of the
    states is - beta times the error of back-propagation. As beta goes to 0, g_l is the gradient of
    the loss, in chains of any blocks, for which `equilibrium_propagation` needs symmetric weights
    and feedback. The changes are variables of their own, which no depth rounds off. The state holds
    the `Residuals` of the last batch; the free one is 0.

    Args:
      nudge: the weight of the loss (beta); positive. The bias is of the order of beta.
      steps: sweeps of the learning phase, from the output down.

    Source: Scurria et al. 2026, arXiv 2602.03670.

    Examples:
      >>> import jaxbrain as jb
      >>> layer, one = jb.dense(1, bias_init=None), jnp.ones((1, 1))
      >>> net, params = jb.serial(layer, layer), ({"kernel": one}, {"kernel": one})
      >>> rule = asymmetric_equilibrium_propagation(net, jb.losses.half_mse, nudge=0.5, steps=60)
      >>> _, grads, _ = rule.grads(params, None, one, 3 * one)
      >>> [round(float(g["kernel"][0, 0]), 3) for g in grads]  # -2, over 1 + nudge
      [-1.333, -1.333]
    """
    name = "asymmetric_equilibrium_propagation"
    chain.require_chain(net, name, loss)
    require_positive(name, "nudge", nudge)
    require_count(name, "steps", steps)

    def grads(
        params: Params, state: Residuals, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Residuals]:
        forward = forward_pass(net, params, x, key)
        *hidden, output = forward.outputs
        require_wide(name, output)
        value = chain.batch_loss(loss, output, y)
        inner = [lambda a, f=f: f(params, a) for f in forward.blocks[1:]]
        pulls = [jax.vjp(f, a)[1] for f, a in zip(inner, hidden, strict=True)]

        def error(change: jax.Array) -> jax.Array:
            return jax.vmap(jax.grad(loss))(output + change, y)

        def sweep(_: Any, changes: tuple[Latents, Latents]) -> tuple[Latents, Latents]:
            before, d = changes[0], list(changes[0])
            beta = jnp.asarray(nudge, output.dtype)
            for i in reversed(range(len(d))):
                down = pulls[i](d[i + 1])[0] if i + 1 < len(d) else -beta * error(d[i])
                d[i] = down + (curvature(inner[i - 1], hidden[i - 1], d[i - 1]) if i else 0)
            return d, before

        none = [jnp.zeros_like(a) for a in forward.outputs]
        changes, before = jax.lax.fori_loop(0, steps, sweep, (none, none))
        gradient = gradient_of_errors(forward.blocks, params, [x, *hidden], changes, nudge)
        moved = sum(jnp.sum(jnp.square(a - b)) for a, b in zip(changes, before, strict=True))
        size = sum(jnp.sum(jnp.square(a)) for a in changes)
        left = residual(jnp.asarray(moved), jnp.asarray(size))
        return value, gradient, Residuals(jnp.zeros_like(left), left)

    return LearningRule(no_residuals(net), grads, net)


def curvature(f: Any, a: jax.Array, change: jax.Array) -> jax.Array:
    """f(a + change) - f(a) - J change, and 0 where it cannot be told from rounding."""
    start, slope = jax.jvp(f, (a,), (change,))
    bend = f(a + change) - start - slope
    least = _ROUNDINGS * jnp.finfo(start.dtype).eps
    axes = tuple(range(1, start.ndim))
    size = jnp.max(jnp.abs(start), axis=axes, keepdims=True)
    return jnp.where(jnp.abs(bend) > least * size, bend, 0)
