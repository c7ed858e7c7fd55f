"""Contrastive Hebbian learning: Hebb with the target clamped, anti-Hebb without."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.types import LearningRule, Network
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.symmetric import Output, System, require_numbers, symmetric_system
from jaxbrain.learning.energy.two_phases import Phases, contrast_rule


@configured
def contrastive_hebbian(
    net: Network,
    loss: Loss,
    *,
    feedback: float | jax.Array = 0.1,
    steps: int = 10,
    clamped_steps: int = 5,
) -> LearningRule:
    """Contrastive Hebbian learning: the correlations with the output clamped, minus the free ones.

    g_l = - g^(l-L) (s_{l-1}^T s_l | clamped - s_{l-1}^T s_l | free)

    s_l = f_l(C_l(s_{l-1}) + g C_{l+1}^T(s_{l+1})), s_L = s_L^free - dL/ds_L where clamped

    With `half_mse` the clamped output is the target itself, as in the papers; for other losses it
    is one step down the loss. As g goes to 0 this becomes back-propagation through the chain, with
    an error of the order of g, if the output units are linear; with an activation at the output it
    is that of the loss whose derivative at the input of the output units is s_L - y.

    Args:
      net: a chain as in `equilibrium_propagation`.
      loss: ``(prediction, target) -> scalar`` of one example.
      feedback: g, the gain of the way down; positive. Movellan's network has 1.
      steps: sweeps of the free phase.
      clamped_steps: sweeps of the phases that are compared.

    Returns:
      A LearningRule whose network settles before it answers, and whose state is the `Residuals` of
      the last batch. The loss it reports is that of the free equilibrium.

    Raises:
      ValueError: as `equilibrium_propagation`.
      TypeError: at trace time, if the network answers in half precision.

    Source: Movellan 1991, "Contrastive Hebbian learning in the continuous Hopfield model"; the
    feedback and its limit, Xie and Seung 2003, doi 10.1162/089976603762552988.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> rule = contrastive_hebbian(net, jb.losses.half_mse)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros((5, 3))
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y)
      >>> bool(state.nudged < 1e-2)
      True
    """
    name = "contrastive_hebbian"
    require_numbers(name, {"feedback": feedback}, {"steps": steps, "clamped_steps": clamped_steps})
    system = symmetric_system(net, name, feedback)

    def points(key: jax.Array | None, dtype: Any) -> tuple[jax.Array, jax.Array]:
        return jnp.array([1, 0], dtype), jnp.array([1, -1], dtype)

    def output(system: System, clamped: jax.Array, start: jax.Array, y: Any) -> Output:
        held = start - clamped * jax.grad(loss)(start, y)
        return lambda h, s: held

    return contrast_rule(name, system, loss, Phases(points, output), steps, clamped_steps)
