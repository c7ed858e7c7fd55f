"""Contrastive Hebbian learning: Hebbian with the target clamped, anti-Hebbian without."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import LearningRule, Network
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.symmetric import Output, System, symmetric_system
from jaxbrain.learning.energy.two_phases import Phases, contrast_rule


@configured
def contrastive_hebbian(
    net: Network,
    loss: Loss,
    *,
    feedback_gain: float | jax.Array = 0.1,
    steps: int = 10,
    clamped_steps: int = 5,
) -> LearningRule:
    """Contrastive Hebbian learning: correlations with the output clamped minus the free ones.

    g_l = - g^(l-L) (s_{l-1}^T s_l | clamped - s_{l-1}^T s_l | free)

    s_l = f_l(C_l(s_{l-1}) + g C_{l+1}^T(s_{l+1})), s_L = s_L^free - dL/ds_L if clamped

    With `half_mse` the clamped output is the target itself, as in the papers. For other losses it
    is one step down the loss. With linear output units this becomes back-propagation through the
    chain as g goes to 0, with an error of the order of g. With an activation at the output it
    becomes that of the loss whose derivative at the input of the output units is s_L - y.

    Args:
      feedback_gain: g; positive. Movellan's network has 1.
      steps: sweeps of the free phase.
      clamped_steps: sweeps of the phases that are compared.

    Source: Movellan 1991, "Contrastive Hebbian learning in the continuous Hopfield model"; the
    feedback gain and its limit, Xie and Seung 2003, doi 10.1162/089976603762552988.

    Examples:
      >>> import jaxbrain as jb
      >>> layer, one = jb.dense(1, bias_init=None), jnp.ones((1, 1))
      >>> net, params = jb.serial(layer, layer), ({"kernel": one}, {"kernel": one})
      >>> rule = contrastive_hebbian(net, jb.losses.half_mse, feedback_gain=0.5, steps=30)
      >>> value, grads, _ = rule.grads(params, None, one, 4 * one)
      >>> [round(float(g["kernel"][0, 0]), 3) for g in grads]  # s1 from 2 to 3, s1 s2 from 4 to 12
      [-2.0, -8.0]
    """
    name = "contrastive_hebbian"
    system = symmetric_system(net, name, feedback_gain, loss)
    require_count(name, "clamped_steps", clamped_steps)

    def points(key: jax.Array | None, dtype: Any) -> tuple[jax.Array, jax.Array]:
        return jnp.array([1, 0], dtype), jnp.array([1, -1], dtype)

    def output(system: System, clamped: jax.Array, start: jax.Array, y: Any) -> Output:
        held = start - clamped * jax.grad(loss)(start, y)
        return lambda h, s: held

    return contrast_rule(name, system, loss, Phases(points, output), steps, clamped_steps, nudge=1)
