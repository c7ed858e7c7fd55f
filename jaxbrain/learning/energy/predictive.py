"""Predictive coding with a nudged output: the loss pulls at the activity of the output.

    F = sum_{l<=L} 1/2 |z_l - f_l(z_{l-1})|^2 + nudge L(z_L, y),    z_0 = x

Activities relax, z <- z - step_size dF/dz, from those of the forward pass. Then every weight learns
from the prediction error of its own block.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_positive
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.descent import Descent, fixed_step
from jaxbrain.learning.energy.inference import (
    CodingModel,
    ForwardPass,
    InferenceDiagnostics,
    coding_rule,
    relax_and_learn,
    steps_of,
)
from jaxbrain.learning.energy.reach import Push


@configured
def predictive_coding(
    net: Network,
    loss: Loss,
    *,
    nudge: float | jax.Array = 0.01,
    steps: int = 20,
    step_size: float | jax.Array = 0.1,
    descent: Descent = fixed_step,
) -> LearningRule:
    """Predictive coding with a nudged output: the errors of relaxed activities over the nudge.

    g_l = dF/dW_l / nudge = - z_{l-1}^T (e_l * f_l') / nudge, e_l = z_l - f_l(z_{l-1})

    At the fixed point this is the gradient of the loss, with an error of the order of the nudge.
    After few steps the gradients of early layers are too small (by default less than a fifth in the
    first of three layers, before training): use Adam or more steps. Larger weights need a smaller
    step size, or `backtracking`. The state, the `InferenceDiagnostics` of the last batch, shows
    both; record ``state.rule_state.residual`` in `fit`.

    An error moves down one block a step and loses size in each. What would not reach the first
    block in the precision of the activities is refused. `jaxbrain.fit` warns of blocks that it did
    not reach, ``state.rule_state.unreached``, and of activities that diverged. Take more steps, or
    for more than about eight blocks `error_predictive_coding`.

    Args:
      nudge: the weight of the loss at the output (beta); positive.
      steps, step_size: of the activities; positive.
      descent: one step, ``(energies, latents, step_size) -> latents``: `fixed_step`, or
        `backtracking`, with which the energy never rises.

    Source: Whittington and Bogacz 2017, doi 10.1162/NECO_a_00949; the nudge, Scellier and Bengio
    2017, doi 10.3389/fncom.2017.00024.

    Examples:
      >>> import jaxbrain as jb
      >>> net, one = jb.serial(jb.dense(1, bias_init=None)), jnp.ones((1, 1))
      >>> rule = predictive_coding(net, jb.losses.half_mse, nudge=0.5, steps=200)
      >>> _, grads, info = rule.grads(({"kernel": one},), None, one, 2 * one)
      >>> round(float(grads[0]["kernel"][0, 0]), 3)  # (w x - y) x / (1 + nudge)
      -0.667
    """
    name = "predictive_coding"
    require_positive(name, "nudge", nudge)
    descending = steps_of(name, steps, step_size, descent)

    def infer(params: Params, y: Any, forward: ForwardPass) -> tuple[Params, InferenceDiagnostics]:
        model = nudged(forward, loss, y, nudge)
        return relax_and_learn(model, params, descending, nudge=nudge)

    return coding_rule(name, net, loss, infer, Push(steps, step_size, nudge))


@configured
def centered_predictive_coding(
    net: Network,
    loss: Loss,
    *,
    nudge: float | jax.Array = 0.1,
    steps: int = 20,
    step_size: float | jax.Array = 0.1,
    descent: Descent = fixed_step,
) -> LearningRule:
    """Predictive coding with the output nudged towards the target and away from it.

    g_l = [dF/dW_l(z^+) - dF/dW_l(z^-)] / (2 nudge), z^+ and z^- relaxed with nudge and -nudge

    At the fixed points this is the gradient of the loss with an error of the order of the nudge
    squared. The nudge may be larger than in `predictive_coding`, so that less is lost to rounding.
    Both inferences run as one, in less than twice the time. The state holds the larger residual,
    the mean energy and the smaller signals of the two.

    Args:
      nudge: the weight of the loss at the output (beta); positive, and small enough that the
        output has an equilibrium away from the target: below 1 for `jaxbrain.losses.half_mse`.
      steps, step_size, descent: as in `predictive_coding`, of each inference.

    Source: centered nudging, Laborieux et al. 2021, doi 10.3389/fnins.2021.633674; in predictive
    coding, Pinchetti et al. 2024, arXiv 2407.01163.

    Examples:
      >>> import jaxbrain as jb
      >>> net, one = jb.serial(jb.dense(1, bias_init=None)), jnp.ones((1, 1))
      >>> rule = centered_predictive_coding(net, jb.losses.half_mse, nudge=0.5, steps=200)
      >>> _, grads, info = rule.grads(({"kernel": one},), None, one, 2 * one)
      >>> round(float(grads[0]["kernel"][0, 0]), 3)  # (w x - y) x / (1 - nudge^2)
      -1.333
    """
    name = "centered_predictive_coding"
    require_positive(name, "nudge", nudge)
    descending = steps_of(name, steps, step_size, descent)

    def infer(params: Params, y: Any, forward: ForwardPass) -> tuple[Params, InferenceDiagnostics]:
        def learn(beta: jax.Array) -> tuple[Params, InferenceDiagnostics]:
            model = nudged(forward, loss, y, beta)
            return relax_and_learn(model, params, descending, nudge=2 * beta)

        beta = jnp.asarray(nudge, forward.outputs[-1].dtype)
        changes, info = jax.vmap(learn)(jnp.stack([beta, -beta]))
        grads = jax.tree.map(lambda g: g[0] + g[1], changes)  # the second over a negative nudge
        worst = jnp.max(info.residual), jnp.mean(info.energy), jnp.min(info.signal, axis=0)
        return grads, InferenceDiagnostics(*worst, jnp.any(info.diverged))

    return coding_rule(name, net, loss, infer, Push(steps, step_size, nudge))


def nudged(forward: ForwardPass, loss: Loss, y: Any, nudge: float | jax.Array) -> CodingModel:
    """The model whose blocks all predict free activities; the loss acts on the last ones."""

    def top(params: Params, output: jax.Array) -> jax.Array:
        return nudge * jax.vmap(loss)(output, y)

    return CodingModel(*forward, top)
