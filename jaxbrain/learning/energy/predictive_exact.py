"""Predictive coding that is back-propagation: by predictions that are held, or by timing."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_positive
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy import inference
from jaxbrain.learning.energy.inference import Settling, fixed_step
from jaxbrain.learning.energy.predictive_clamped import clamped


@configured
def fixed_prediction_coding(
    net: Network, loss: Loss, *, steps: int = 20, step_size: float | jax.Array = 0.5
) -> LearningRule:
    """Predictive coding with predictions and derivatives held at their feed-forward values.

    e_l <- e_l + step_size (J_{l+1}^T e_{l+1} - e_l), J_l = df_l/dz_{l-1}, e_L = -dL/df_L;
    g_l = - dL/dW_l of back-propagation with e_l for the error, a_{l-1}^T (e_l * f_l')

    Once settled it is back-propagation, up to rounding. The errors settle for every step size
    below 2, whatever the weights: no step size needs to be searched for. With a step size of 1
    they settle in as many steps as there are hidden layers. No energy falls in between, so there
    is none to backtrack on.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      steps: of the inference; a positive integer.
      step_size: of the errors; positive and below 2.

    Returns:
      A LearningRule whose state is the `Settling` of the last batch: |de/dt| at the end over that
      at the start, and the energy sum_{l<L} 1/2 |e_l|^2 + L.

    Raises:
      ValueError: if net is not a flat chain or a number is out of range.
      TypeError: at trace time, if the network answers in half precision.

    Source: Millidge, Tschantz and Buckley 2020, arXiv 2006.04182; Rosenbaum 2022,
    doi 10.1371/journal.pone.0266102.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> loss = jb.losses.softmax_cross_entropy
      >>> rule = fixed_prediction_coding(net, loss, steps=30)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y)
      >>> exact = jb.backprop(net, loss).grads(params, (), x, y)[1]
      >>> bool(abs(grads[0]["kernel"] - exact[0]["kernel"]).max() < 1e-6)
      True
    """
    require_count("fixed_prediction_coding", "steps", steps)
    require_positive("fixed_prediction_coding", "step_size", step_size, below=2)

    def infer(params: Params, x: Any, y: Any, blocks: Any, outputs: Any) -> Any:
        *hidden, output = outputs
        value, error = chain.loss_and_error(loss, output, y)
        top = -error * output.shape[0]
        # J^T of every block but the first, whose input does not move
        pulls = [
            jax.vjp(lambda a, f=block: f(params, a), a)[1]
            for block, a in zip(blocks[1:], hidden, strict=True)
        ]

        def drive(errors: list[jax.Array]) -> list[jax.Array]:
            above = [*errors, top][1:]
            return [pull(a)[0] - e for pull, a, e in zip(pulls, above, errors, strict=True)]

        def step(_: Any, errors: list[jax.Array]) -> list[jax.Array]:
            moves = drive(errors)
            return [
                e + jnp.asarray(step_size, e.dtype) * d for e, d in zip(errors, moves, strict=True)
            ]

        start = [jnp.zeros_like(a) for a in hidden]
        errors = jax.lax.fori_loop(0, steps, step, start)
        state = _rest(drive, start, errors, value, output.shape[0])

        def explained(p: Params) -> jax.Array:
            """Its derivative is g: each block with its input and its error held."""
            total = jnp.zeros((), output.dtype)
            for block, a, e in zip(blocks, [x, *hidden], [*errors, top], strict=True):
                total -= jnp.vdot(block(p, a), e / output.shape[0])
            return total

        return jax.grad(explained)(params), state

    return inference.coding_rule("fixed_prediction_coding", net, loss, infer)


def learn_in_time(
    hierarchy: inference.Hierarchy,
    params: Params,
    start: list[jax.Array],
    x: Any,
    *,
    step_size: float | jax.Array,
    times: list[int],
    scale: float = 1.0,
) -> tuple[Params, Settling]:
    """Inference from feed-forward activities, `start`, in which every block learns at a time of its
    own.

    g_l = scale dF/dW_l at t = times[l] of the relaxation z <- z - step_size dF/dz

    Args:
      hierarchy: the energy F, as of the clamped output.
      params: of the network.
      start: its feed-forward z_1..z_K.
      x: ``[batch, ...]``.
      step_size: of the activities.
      times: when each block of `hierarchy` learns, and at last its top: 0 is before the first step.
      scale: of g; F is a sum over the batch.

    Returns:
      g and how well the activities settled.
    """
    latents, grads = start, list(params)
    owners = _owners(params)

    def energy(z: list[jax.Array]) -> jax.Array:
        return inference.energies(hierarchy, params, z, x)

    for t in range(max(times) + 1):
        change = inference.change(hierarchy, params, latents, x, scale=scale)
        for i, owner in enumerate(owners):
            if times[owner] == t:
                grads[i] = change[i]
        if t < max(times):
            latents = fixed_step(energy, latents, step_size)
    return tuple(grads), inference.settling(hierarchy.top, energy, params, start, latents)


@configured
def zero_divergence_inference_learning(net: Network, loss: Loss) -> LearningRule:
    """Z-IL: clamped predictive coding in which each layer learns at the one right moment.

    z <- z - dF/dz from the feed-forward activities; g_l = dF/dW_l at t = L - 1 - l, l = 0..L-1

    F is that of `clamped_predictive_coding`. With steps of 1 the error of the output moves down one
    layer a step, and a layer that it has just reached still has its feed-forward input and
    prediction: what it learns then is back-propagation's gradient, exactly. With any other step
    size, or at another time, it is not (see `learn_in_time`). As published, the weights change at
    their times, during the inference; that comes to the same, for no error that is yet to be used
    has met the changed weights.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.

    Returns:
      A LearningRule whose state is the `Settling` of the last batch, after the L - 1 steps: they
      are too few to settle, and need not.

    Raises:
      ValueError: if net is not a flat chain.
      TypeError: at trace time, if the network answers in half precision.

    Source: Song et al. 2020, "Can the brain do backpropagation? - Exact implementation of
    backpropagation in predictive coding networks", NeurIPS; Salvatori et al. 2022, "Reverse
    differentiation via predictive coding", doi 10.1609/aaai.v36i7.20788.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> loss = jb.losses.softmax_cross_entropy
      >>> rule = zero_divergence_inference_learning(net, loss)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y)
      >>> exact = jb.backprop(net, loss).grads(params, (), x, y)[1]
      >>> bool(abs(grads[0]["kernel"] - exact[0]["kernel"]).max() < 1e-6)
      True
    """

    def infer(params: Params, x: Any, y: Any, blocks: Any, outputs: Any) -> Any:
        times, scale = list(reversed(range(len(blocks)))), 1 / outputs[-1].shape[0]
        return learn_in_time(
            clamped(blocks, loss, y),
            params, outputs[:-1], x, step_size=1, times=times, scale=scale,
        )  # fmt: skip

    return inference.coding_rule("zero_divergence_inference_learning", net, loss, infer)


def _owners(params: Params) -> list[int]:
    """The block of each layer."""
    owners, block = [], -1
    for p in params:
        block += bool(jax.tree.leaves(p))
        owners.append(max(block, 0))
    return owners


def _rest(
    drive: Any, start: list[jax.Array], errors: list[jax.Array], value: jax.Array, n: int
) -> Settling:
    """What still drives the errors, relative to what drove them at first."""
    if not errors:
        return Settling(jnp.zeros_like(value), value)
    left = optax.tree.norm(drive(errors))
    first = optax.tree.norm(drive(start))
    energy = value + sum(jnp.sum(jnp.square(e)) for e in errors) / (2 * n)
    return Settling(inference.ratio(left, first), energy)
