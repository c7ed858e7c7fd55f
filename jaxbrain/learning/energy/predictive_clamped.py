"""Predictive coding with a clamped output: the loss is the energy of the last prediction.

    F = sum_{l<L} 1/2 |z_l - f_l(z_{l-1})|^2 + L(f_L(z_{L-1}), y),    z_0 = x

With `jaxbrain.losses.half_mse` the last term is 1/2 |z_L - f_L(z_{L-1})|^2 at z_L = y. Weights
learn after the inference, or in every step of it.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_positive
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.descent import Descent, Latents, fixed_step
from jaxbrain.learning.energy.inference import (
    CodingModel,
    ForwardPass,
    InferenceDiagnostics,
    coding_rule,
    diagnostics,
    energies,
    relax_and_learn,
    steps_of,
    weight_gradient,
)
from jaxbrain.learning.energy.reach import Push


@configured
def clamped_predictive_coding(
    net: Network,
    loss: Loss,
    *,
    steps: int = 50,
    step_size: float | jax.Array = 0.05,
    descent: Descent = fixed_step,
) -> LearningRule:
    """Predictive coding with a clamped output (inference learning).

    g_l = dF/dW_l = - z_{l-1}^T (e_l * f_l'), e_l = z_l - f_l(z_{l-1}), e_L = -dL/df_L

    This is not back-propagation. Before the first step g is the gradient of the loss in the last
    layer and 0 in the others; with more steps hidden activities take over the error, and g turns
    away from the gradient. Larger weights need a smaller step size, or `backtracking`.

    Args:
      steps, step_size, descent: of the activities, as in `predictive_coding`.

    Source: Whittington and Bogacz 2017, doi 10.1162/NECO_a_00949; the energy at equilibrium,
    Innocenti et al. 2024, arXiv 2408.11979.

    Examples:
      >>> import jaxbrain as jb
      >>> layer, one = jb.dense(1, bias_init=None), jnp.ones((1, 1))
      >>> rule = clamped_predictive_coding(jb.serial(layer, layer), jb.losses.half_mse, steps=200)
      >>> value, grads, info = rule.grads(({"kernel": one}, {"kernel": one}), None, one, 3 * one)
      >>> [round(float(g["kernel"][0, 0]), 3) for g in grads]  # each error is (3 - 1) / 2
      [-1.0, -2.0]
      >>> float(value), round(float(info.energy), 3)
      (2.0, 1.0)
    """
    name = "clamped_predictive_coding"
    descending = steps_of(name, steps, step_size, descent)

    def infer(params: Params, y: Any, forward: ForwardPass) -> tuple[Params, InferenceDiagnostics]:
        return relax_and_learn(clamped(forward, loss, y), params, descending)

    push = Push(steps, step_size, nudge=1, held=1)
    return coding_rule(name, net, loss, infer, push, held=1)


@configured
def incremental_predictive_coding(
    net: Network,
    loss: Loss,
    *,
    steps: int = 20,
    step_size: float | jax.Array = 0.1,
    weight_step: float | jax.Array = 1e-3,
    descent: Descent = fixed_step,
) -> LearningRule:
    """Incremental predictive coding: weights learn in every step of the inference.

    z <- z - step_size dF/dz and W <- W - weight_step dF/dW at the same time, `steps` times;
    g = (W_start - W_end) / weight_step

    For the weights F is the mean over the batch. ``optax.sgd(weight_step)`` ends each batch at
    W_end: that is the rule as published. Any other optimizer takes g, a sum of `steps` changes, as
    the direction of one step. The diagnostics are those with the weights of the end.

    Args:
      steps, step_size, descent: as in `predictive_coding`; with `backtracking` the activities never
        raise the energy under the weights of their step.
      weight_step: the step size of the weights; positive.

    Source: Salvatori et al. 2022, arXiv 2212.00720.

    Examples:
      >>> import jaxbrain as jb
      >>> net, one = jb.serial(jb.dense(1, bias_init=None)), jnp.ones((1, 1))
      >>> rule = incremental_predictive_coding(net, jb.losses.half_mse, steps=2, weight_step=0.5)
      >>> _, grads, info = rule.grads(({"kernel": one},), None, one, 3 * one)
      >>> 1 - 0.5 * float(grads[0]["kernel"][0, 0])  # the error of 2 is halved twice
      2.5
    """
    name = "incremental_predictive_coding"
    count, size, descent = steps_of(name, steps, step_size, descent)
    require_positive(name, "weight_step", weight_step)

    def infer(params: Params, y: Any, forward: ForwardPass) -> tuple[Params, InferenceDiagnostics]:
        model = clamped(forward, loss, y)

        def learned(total: Params) -> Params:
            return jax.tree.map(
                lambda w, g: w - jnp.asarray(weight_step, w.dtype) * g, params, total
            )

        def step(_: Any, carry: tuple[Latents, Params]) -> tuple[Latents, Params]:
            latents, total = carry
            now = learned(total)
            total = jax.tree.map(jnp.add, total, weight_gradient(model, now, latents))
            return descent(lambda z: energies(model, now, z), latents, size), total

        # the sum of the changes loses no bits, which the difference of the weights would
        start = model.start, jax.tree.map(jnp.zeros_like, params)
        latents, total = jax.lax.fori_loop(0, count, step, start)
        return total, diagnostics(model, params, learned(total), latents)

    push = Push(count, size, nudge=1, held=1, idle=1)
    return coding_rule(name, net, loss, infer, push, held=1)


def clamped(forward: ForwardPass, loss: Loss, y: Any) -> CodingModel:
    """The model whose last block predicts the target; the loss is the energy of its prediction."""
    x, (*hidden, last), outputs = forward

    def top(params: Params, z: jax.Array) -> jax.Array:
        return jax.vmap(loss)(last(params, z), y)

    return CodingModel(x, tuple(hidden), outputs[:-1], top)
