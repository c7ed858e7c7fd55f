"""Predictive coding with a clamped output: the loss itself is the energy of the last prediction.
Weights learn after the inference, or in every step of it."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_positive
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy import inference
from jaxbrain.learning.energy.inference import (
    Block,
    Descent,
    Hierarchy,
    Latents,
    Settling,
    fixed_step,
)


def clamped_energy(
    net: Network,
    loss: Loss,
    params: Params,
    latents: list[jax.Array],
    x: Any,
    y: Any,
    *,
    key: jax.Array | None = None,
) -> jax.Array:
    """The free energy of a batch: prediction errors of every hidden block, and the loss.

    F = sum_{l<L} 1/2 |z_l - f_l(z_{l-1})|^2 + L(f_L(z_{L-1}), y), z_0 = x, summed over the batch

    With `jaxbrain.losses.half_mse` the last term is 1/2 |z_L - f_L(z_{L-1})|^2 at z_L = y.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      params: of net.
      latents: z_1..z_{L-1}, ``[batch, ...]`` each.
      x: ``[batch, ...]``.
      y: ``[batch, ...]``.
      key: noise of the network; None is deterministic.

    Returns:
      A scalar.
    """
    blocks = inference.block_functions(net, params, x, key)
    return jnp.sum(inference.energies(clamped(blocks, loss, y), params, latents, x))


def settle_clamped(
    net: Network,
    loss: Loss,
    params: Params,
    x: Any,
    y: Any,
    *,
    steps: int,
    step_size: float | jax.Array,
    descent: Descent = fixed_step,
    key: jax.Array | None = None,
) -> tuple[list[jax.Array], Settling]:
    """Gradient descent of the hidden activities on the energy, from the feed-forward ones.

    z <- z - step_size dF/dz, `steps` times

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      params: of net.
      x: ``[batch, ...]``.
      y: ``[batch, ...]``.
      steps: how many descent steps.
      step_size: of the activities.
      descent: one step, ``(energies, latents, step_size) -> latents``; with
        `jaxbrain.learning.inference.backtracking` the energy never rises.
      key: noise of the network; None is deterministic.

    Returns:
      The settled z_1..z_{L-1} and how well they settled.
    """
    blocks = inference.block_functions(net, params, x, key)
    start = inference.feed_forward(blocks, params, x)[:-1]
    return inference.relax(
        clamped(blocks, loss, y),
        params, start, x, steps=steps, step_size=step_size, descent=descent,
    )  # fmt: skip


@configured
def clamped_predictive_coding(
    net: Network,
    loss: Loss,
    *,
    steps: int = 50,
    step_size: float | jax.Array = 0.05,
    descent: Descent = fixed_step,
) -> LearningRule:
    """Predictive coding with a clamped output, or inference learning.

    g_l = dF/dW_l = - z_{l-1}^T (e_l * f_l'), e_l = z_l - f_l(z_{l-1}), settled, e_L = -dL/df_L

    F is `clamped_energy`. This is not back-propagation: before settling the last layer's g is its
    gradient and the others' are 0; the longer it settles, the more hidden activities take over
    the error, and the layers turn away from the gradient. Weights that grow need a
    smaller step size, or backtracking.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      steps: of the inference; a positive integer.
      step_size: of the activities; positive.
      descent: one step, ``(energies, latents, step_size) -> latents``; with
        `jaxbrain.learning.inference.backtracking` the energy never rises.

    Returns:
      A LearningRule whose state is the `Settling` of the last batch. The loss it reports is that
      of the feed-forward prediction.

    Raises:
      ValueError: if net is not a flat chain or a number is not positive.
      TypeError: if descent is no function; at trace time, if the network answers in half
        precision, in which small errors drown.

    Source: Whittington and Bogacz 2017, doi 10.1162/NECO_a_00949; the energy at equilibrium,
    Innocenti et al. 2024, arXiv 2408.11979.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> rule = clamped_predictive_coding(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y)
      >>> bool(state.residual < 0.5), bool(state.energy < value)
      (True, True)
    """
    rule = "clamped_predictive_coding"
    require_count(rule, "steps", steps)
    require_positive(rule, "step_size", step_size)
    inference.require_descent(rule, descent)

    def infer(params: Params, x: Any, y: Any, blocks: Any, outputs: Any) -> Any:
        hierarchy = clamped(blocks, loss, y)
        latents, state = inference.relax(
            hierarchy, params, outputs[:-1], x, steps=steps, step_size=step_size, descent=descent
        )
        scale = 1 / outputs[-1].shape[0]
        return inference.change(hierarchy, params, latents, x, scale=scale), state

    return inference.coding_rule(rule, net, loss, infer)


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

    z <- z - step_size dF/dz and W <- W - weight_step dF/dW at once, `steps` times;
    g = (W_start - W_end) / weight_step

    F is `clamped_energy`, its mean over the batch for the weights. ``optax.sgd(weight_step)`` ends
    each batch at W_end: that is the rule as published. Any other optimiser takes g, a sum of
    `steps` changes, as the direction of one step.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      steps: of inference and learning; a positive integer.
      step_size: of the activities; positive.
      weight_step: of the weights; positive.
      descent: one step of the activities, ``(energies, latents, step_size) -> latents``; with
        `jaxbrain.learning.inference.backtracking` they never raise the energy of the weights that
        they meet.

    Returns:
      A LearningRule whose state is the `Settling` of the last batch, with the weights of the end.
      The loss it reports is that of the feed-forward prediction.

    Raises:
      ValueError: if net is not a flat chain or a number is not positive.
      TypeError: if descent is no function; at trace time, if the network answers in half
        precision, in which small errors drown.

    Source: Salvatori et al. 2022, arXiv 2212.00720.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> rule = incremental_predictive_coding(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y)
      >>> bool(state.residual < 0.5)
      True
    """
    rule = "incremental_predictive_coding"
    require_count(rule, "steps", steps)
    require_positive(rule, "step_size", step_size)
    require_positive(rule, "weight_step", weight_step)
    inference.require_descent(rule, descent)

    def infer(params: Params, x: Any, y: Any, blocks: Any, outputs: Any) -> Any:
        hierarchy, scale = clamped(blocks, loss, y), 1 / outputs[-1].shape[0]

        def learnt(total: Params) -> Params:
            return jax.tree.map(
                lambda w, g: w - jnp.asarray(weight_step, w.dtype) * g, params, total
            )

        def step(_: Any, carry: tuple[Latents, Params]) -> tuple[Latents, Params]:
            latents, total = carry
            now = learnt(total)
            change = inference.change(hierarchy, now, latents, x, scale=scale)
            total = jax.tree.map(jnp.add, total, change)
            return descent(
                lambda z: inference.energies(hierarchy, now, z, x), latents, step_size
            ), total

        # the sum of the changes loses no bits, which the difference of the weights would
        start = outputs[:-1], jax.tree.map(jnp.zeros_like, params)
        latents, total = jax.lax.fori_loop(0, steps, step, start)
        end = learnt(total)
        state = inference.settling(
            hierarchy.top,
            lambda z: inference.energies(hierarchy, end, z, x), params, outputs[:-1], latents,
        )  # fmt: skip
        return total, state

    return inference.coding_rule(rule, net, loss, infer)


def clamped(blocks: tuple[Block, ...], loss: Loss, y: Any) -> Hierarchy:
    """The last block predicts the target, with the loss for an energy."""
    *hidden, last = blocks
    return Hierarchy(tuple(hidden), lambda params, z: jax.vmap(loss)(last(params, z), y))
