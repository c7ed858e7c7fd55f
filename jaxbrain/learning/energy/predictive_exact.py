"""Predictive coding that equals back-propagation, by fixed predictions or by timing."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_positive
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.descent import fixed_step
from jaxbrain.learning.energy.inference import (
    CodingModel,
    ForwardPass,
    InferenceDiagnostics,
    coding_rule,
    descent_diagnostics,
    diagnostics,
    energies,
    gradient_of_errors,
    prediction_errors,
    ratio,
    signals,
    weight_gradient,
)
from jaxbrain.learning.energy.predictive_clamped import clamped
from jaxbrain.learning.energy.reach import Push

Errors = list[jax.Array]


@configured
def fixed_prediction_coding(
    net: Network, loss: Loss, *, steps: int = 20, step_size: float | jax.Array = 0.5
) -> LearningRule:
    """Predictive coding with predictions and derivatives fixed at their feed-forward values.

    e_l <- e_l + step_size (J_{l+1}^T e_{l+1} - e_l), J_l = df_l/dz_{l-1}, e_L = -dL/df_L;
    g_l = - a_{l-1}^T (e_l * f_l'), a the feed-forward activities

    At equilibrium this is back-propagation, up to rounding. The errors converge for every step
    size below 2, whatever the weights; with a step size of 1 they need as many steps as there are
    hidden layers. The errors descend no energy, so that `backtracking` does not apply. The residual
    is |de/dt| at the end relative to the start, the energy sum_{l<L} 1/2 |e_l|^2 + L.

    Args:
      steps: of the errors.
      step_size: of the errors; positive and below 2.

    Source: Millidge, Tschantz and Buckley 2020, arXiv 2006.04182; Rosenbaum 2022,
    doi 10.1371/journal.pone.0266102.

    Examples:
      >>> import jaxbrain as jb
      >>> layer, one = jb.dense(1, bias_init=None), jnp.ones((1, 1))
      >>> net, params = jb.serial(layer, layer), ({"kernel": one}, {"kernel": one})
      >>> rule = fixed_prediction_coding(net, jb.losses.half_mse, steps=1)
      >>> _, grads, info = rule.grads(params, None, one, 3 * one)
      >>> [float(g["kernel"][0, 0]) for g in grads], float(info.residual)  # half of the way
      ([-1.0, -2.0], 0.5)
    """
    require_count("fixed_prediction_coding", "steps", steps)
    require_positive("fixed_prediction_coding", "step_size", step_size, below=2)

    def infer(params: Params, y: Any, forward: ForwardPass) -> tuple[Params, InferenceDiagnostics]:
        *hidden, output = forward.outputs
        examples = output.shape[0]
        value, error = chain.loss_and_error(loss, output, y)
        top = -error * examples
        # J^T of every block but the first, whose input does not move
        pulls = [
            jax.vjp(lambda a, f=block: f(params, a), a)[1]
            for block, a in zip(forward.blocks[1:], hidden, strict=True)
        ]

        def force(errors: Errors) -> Errors:
            above = [*errors, top][1:]
            return [pull(a)[0] - e for pull, a, e in zip(pulls, above, errors, strict=True)]

        def step(_: Any, errors: Errors) -> Errors:
            moves = zip(errors, force(errors), strict=True)
            return [e + jnp.asarray(step_size, e.dtype) * d for e, d in moves]

        start = [jnp.zeros_like(a) for a in hidden]
        errors = jax.lax.fori_loop(0, steps, step, start)

        residual, signal = jnp.zeros_like(value), jnp.zeros(0, value.dtype)
        if hidden:
            residual = ratio(optax.tree.norm(force(errors)), optax.tree.norm(force(start)))
            signal = signals(errors, errors).astype(value.dtype)
        energy = value + sum(jnp.sum(jnp.square(e)) for e in errors) / (2 * examples)
        inputs = [forward.x, *hidden]
        grads = gradient_of_errors(forward.blocks, params, inputs, [*errors, top])
        return grads, descent_diagnostics(residual, energy, signal)

    push = Push(steps, 1.0, nudge=1, held=1)  # no activity rounds off a small error
    return coding_rule("fixed_prediction_coding", net, loss, infer, push, held=1)


@configured
def zero_divergence_inference_learning(net: Network, loss: Loss) -> LearningRule:
    """Z-IL: clamped predictive coding in which each layer learns at its own time.

    z <- z - dF/dz from the feed-forward activities; g_l = dF/dW_l at t = L - l, l = 1..L

    F is that of `clamped_predictive_coding`. With steps of 1 the error of the output moves down
    one layer a step. A layer that it has just reached still has its feed-forward input and
    prediction, so that g is exactly the gradient of the loss; at other times or with another step
    size it is not. As published, weights change at their times during the inference. The result is
    the same, because no later error depends on them. The activities take L - 1 steps, too few to
    reach equilibrium.

    Source: Song et al. 2020, "Can the brain do backpropagation? - Exact implementation of
    backpropagation in predictive coding networks", NeurIPS; Salvatori et al. 2022, "Reverse
    differentiation via predictive coding", doi 10.1609/aaai.v36i7.20788.

    Examples:
      >>> import jaxbrain as jb
      >>> layer, one = jb.dense(1, bias_init=None), jnp.ones((1, 1))
      >>> net, params = jb.serial(layer, layer), ({"kernel": one}, {"kernel": one})
      >>> rule = zero_divergence_inference_learning(net, jb.losses.half_mse)
      >>> [float(g["kernel"][0, 0]) for g in rule.grads(params, None, one, 3 * one)[1]]
      [-2.0, -2.0]
    """

    def infer(params: Params, y: Any, forward: ForwardPass) -> tuple[Params, InferenceDiagnostics]:
        times = list(reversed(range(len(forward.blocks))))
        return learn_in_time(clamped(forward, loss, y), params, step_size=1, times=times)

    return coding_rule("zero_divergence_inference_learning", net, loss, infer, held=1)


def learn_in_time(
    model: CodingModel, params: Params, *, step_size: float | jax.Array, times: list[int]
) -> tuple[Params, InferenceDiagnostics]:
    """Inference in which every block learns at its own time.

    g_l = dF/dW_l at t = times[l] of z <- z - step_size dF/dz, its mean over the batch

    Args:
      model: the energy F, as of the clamped output.
      params: of the network.
      step_size: of the activities.
      times: of each block of the model, and last of its top; 0 is before the first step.

    Returns:
      g and the diagnostics after the last step, with the signal of each block at its own time.
    """
    latents, grads, seen = model.start, list(params), {}
    owners = _block_of_each_layer(params)
    for t in range(max(times) + 1):
        change = weight_gradient(model, params, latents)
        errors = prediction_errors(model, params, latents)
        seen |= {
            i: (e, z) for i, (e, z) in enumerate(zip(errors, latents, strict=True)) if times[i] == t
        }
        for i, owner in enumerate(owners):
            if times[owner] == t:
                grads[i] = change[i]
        if t < max(times):
            latents = fixed_step(lambda z: energies(model, params, z), latents, step_size)
    info = diagnostics(model, params, params, latents)._replace(diverged=False)
    if seen:
        errors, rounded = ([seen[i][part] for i in range(len(latents))] for part in (0, 1))
        info = info._replace(signal=signals(errors, rounded).astype(info.energy.dtype))
    return tuple(grads), info


def _block_of_each_layer(params: Params) -> list[int]:
    """The block of each layer."""
    owners, block = [], -1
    for p in params:
        block += bool(jax.tree.leaves(p))
        owners.append(max(block, 0))
    return owners
