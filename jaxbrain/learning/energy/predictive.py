"""Predictive coding: activities settle to explain input and target at once; weights then learn
locally from what is left unexplained. Here the target nudges the output, from one side or both."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_positive
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy import inference
from jaxbrain.learning.energy.inference import Block, Descent, Hierarchy, Settling, fixed_step


def energy(
    net: Network,
    loss: Loss,
    params: Params,
    latents: list[jax.Array],
    x: Any,
    y: Any,
    *,
    nudge: float | jax.Array,
    key: jax.Array | None = None,
) -> jax.Array:
    """The free energy of a batch: prediction errors of every block, and the nudged loss.

    F = sum_l 1/2 |z_l - f_l(z_{l-1})|^2 + nudge L(z_L, y), z_0 = x, summed over the batch

    A block f_l is a layer with weights and the activations after it.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      params: of net.
      latents: z_1..z_L, ``[batch, ...]`` each.
      x: ``[batch, ...]``.
      y: ``[batch, ...]``.
      nudge: the weight of the loss (beta).
      key: noise of the network; None is deterministic.

    Returns:
      A scalar.
    """
    blocks = inference.block_functions(net, params, x, key)
    return jnp.sum(inference.energies(_nudged(blocks, loss, y, nudge), params, latents, x))


def settle(
    net: Network,
    loss: Loss,
    params: Params,
    x: Any,
    y: Any,
    *,
    nudge: float | jax.Array,
    steps: int,
    step_size: float | jax.Array,
    descent: Descent = fixed_step,
    key: jax.Array | None = None,
) -> tuple[list[jax.Array], Settling]:
    """Gradient descent of the activities on the energy, from the feed-forward ones.

    z <- z - step_size dF/dz, `steps` times

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      params: of net.
      x: ``[batch, ...]``.
      y: ``[batch, ...]``.
      nudge: the weight of the loss (beta).
      steps: how many descent steps.
      step_size: of the activities.
      descent: one step, ``(energies, latents, step_size) -> latents``; with
        `jaxbrain.learning.inference.backtracking` the energy never rises.
      key: noise of the network; None is deterministic.

    Returns:
      The settled z_1..z_L and how well they settled.
    """
    blocks = inference.block_functions(net, params, x, key)
    start = inference.feed_forward(blocks, params, x)
    hierarchy = _nudged(blocks, loss, y, nudge)
    return inference.relax(
        hierarchy, params, start, x, steps=steps, step_size=step_size, descent=descent
    )


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
    """Predictive coding with a nudged output: settle the activities, then learn from the errors.

    g_l = - z_{l-1}^T (e_l * f_l') / nudge in place of dL/dW_l, e_l = z_l - f_l(z_{l-1}), settled

    As the nudge goes to 0 at the fixed point this becomes back-propagation, with an error of the
    order of the nudge. With few steps the gradients of the early layers are too small (by default
    under a fifth of back-propagation's in the first of three layers, before training): use Adam or
    more steps. Weights that grow need a smaller step size, or backtracking. Watch both:
    ``fit(..., record=lambda state: state.rule_state.residual)``.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      nudge: the weight of the loss at the output (beta); positive.
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
        precision, in which the nudge drowns.

    Source: Whittington and Bogacz 2017, doi 10.1162/NECO_a_00949; nudging from
    equilibrium propagation, Scellier and Bengio 2017, doi 10.3389/fncom.2017.00024.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> rule = predictive_coding(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y)
      >>> bool(state.residual < 0.5)
      True
    """
    _require("predictive_coding", nudge, steps, step_size, descent)

    def infer(params: Params, x: Any, y: Any, blocks: Any, outputs: Any) -> Any:
        hierarchy = _nudged(blocks, loss, y, nudge)
        latents, state = inference.relax(
            hierarchy, params, outputs, x, steps=steps, step_size=step_size, descent=descent
        )
        scale = 1 / (nudge * outputs[-1].shape[0])
        return inference.change(hierarchy, params, latents, x, scale=scale), state

    return inference.coding_rule("predictive_coding", net, loss, infer)


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

    g_l = [dF/dW_l (z^+) - dF/dW_l (z^-)] / (2 nudge), z^+ and z^- settled with +nudge and -nudge

    F is that of `predictive_coding`. At the fixed points g is back-propagation's gradient with an
    error of the order of the nudge squared, so a larger nudge will do, which few bits drown less.
    The two settle side by side, which takes less than twice the time of one.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      nudge: the weight of the loss at the output (beta); positive, and so small that the output is
        not pushed away for ever: below 1 for `jaxbrain.losses.half_mse`.
      steps: of each inference; a positive integer.
      step_size: of the activities; positive.
      descent: one step, ``(energies, latents, step_size) -> latents``; with
        `jaxbrain.learning.inference.backtracking` the energy never rises.

    Returns:
      A LearningRule whose state is the `Settling` of the last batch: the larger residual and the
      mean energy of the two. The loss it reports is that of the feed-forward prediction.

    Raises:
      ValueError: if net is not a flat chain or a number is not positive.
      TypeError: if descent is no function; at trace time, if the network answers in half
        precision, in which the nudge drowns.

    Source: centered nudging, Laborieux et al. 2021, doi 10.3389/fnins.2021.633674; in predictive
    coding, Pinchetti et al. 2024, arXiv 2407.01163.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> rule = centered_predictive_coding(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y)
      >>> bool(state.residual < 0.5)
      True
    """
    _require("centered_predictive_coding", nudge, steps, step_size, descent)

    def infer(params: Params, x: Any, y: Any, blocks: Any, outputs: Any) -> Any:
        def learn(beta: jax.Array) -> tuple[Params, Settling]:
            hierarchy = _nudged(blocks, loss, y, beta)
            latents, state = inference.relax(
                hierarchy, params, outputs, x, steps=steps, step_size=step_size, descent=descent
            )
            scale = 1 / (2 * beta * outputs[-1].shape[0])
            return inference.change(hierarchy, params, latents, x, scale=scale), state

        beta = jnp.asarray(nudge, outputs[-1].dtype)
        changes, state = jax.vmap(learn)(jnp.stack([beta, -beta]))
        grads = jax.tree.map(lambda g: g[0] + g[1], changes)  # the second over a negative nudge
        return grads, Settling(jnp.max(state.residual), jnp.mean(state.energy))

    return inference.coding_rule("centered_predictive_coding", net, loss, infer)


def _nudged(blocks: tuple[Block, ...], loss: Loss, y: Any, nudge: Any) -> Hierarchy:
    """Every block predicts a free activity, and the loss pulls at the last of them."""
    return Hierarchy(blocks, lambda params, output: nudge * jax.vmap(loss)(output, y))


def _require(rule: str, nudge: Any, steps: Any, step_size: Any, descent: Any) -> None:
    require_count(rule, "steps", steps)
    require_positive(rule, "nudge", nudge)
    require_positive(rule, "step_size", step_size)
    inference.require_descent(rule, descent)
