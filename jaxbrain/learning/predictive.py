"""Predictive coding: activities settle to explain input and target at once; weights then learn
locally from what is left unexplained."""

from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import optax

from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.network import LearningRule, Network, Params


class Settling(NamedTuple):
    """How well an inference settled.

    Attributes:
      residual: |dF/dz| at the end over |dF/dz| at the start, both over the whole batch: 0 is
        settled, 1 or more means that the step size is too large or the steps too few.
      energy: F at the end, per example.
    """

    residual: jax.Array
    energy: jax.Array


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
    total = nudge * jnp.sum(jax.vmap(loss)(latents[-1], y))
    predictions = _predictions(net, params, [x, *latents[:-1]], key)
    for latent, prediction in zip(latents, predictions, strict=True):
        total += 0.5 * jnp.sum(jnp.square(latent - prediction))
    return total


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
      key: noise of the network; None is deterministic.

    Returns:
      The settled z_1..z_L and how well they settled.
    """
    start = _feed_forward(net, params, x, key)

    def free_energy(latents: list[jax.Array]) -> jax.Array:
        return energy(net, loss, params, latents, x, y, nudge=nudge, key=key)

    def descend(_: int, latents: list[jax.Array]) -> list[jax.Array]:
        force = jax.grad(free_energy)(latents)
        return jax.tree.map(lambda z, g: z - step_size * g, latents, force)

    latents = jax.lax.fori_loop(0, steps, descend, start)
    left, force = jax.value_and_grad(free_energy)(latents)
    # feed-forward activities leave no prediction error: only the nudge moves them
    error = jax.grad(lambda output: jnp.sum(jax.vmap(loss)(output, y)))(start[-1])
    before, after = nudge * optax.tree.norm(error), optax.tree.norm(force)
    residual = jnp.where(before > 0, after / jnp.where(before > 0, before, 1), 0)
    return latents, Settling(residual, left / latents[-1].shape[0])


def predictive_coding(
    net: Network,
    loss: Loss,
    *,
    nudge: float | jax.Array = 0.01,
    steps: int = 20,
    step_size: float | jax.Array = 0.1,
) -> LearningRule:
    """Predictive coding with a nudged output: settle the activities, then learn from the errors.

    g_l = - z_{l-1}^T (e_l * f_l') / nudge in place of dL/dW_l, e_l = z_l - f_l(z_{l-1}), settled

    As the nudge goes to 0 at the fixed point this becomes back-propagation, with an error of the
    order of the nudge. With few steps the gradients of the early layers are too small (by default
    under a fifth of back-propagation's in the first of three layers, before training): use Adam or
    more steps. Weights that grow need a smaller step size. Watch both:
    ``fit(..., record=lambda state: state.rule_state.residual)``.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      nudge: the weight of the loss at the output (beta); positive.
      steps: of the inference; a positive integer.
      step_size: of the activities; positive.

    Returns:
      A LearningRule whose state is the `Settling` of the last batch. The loss it reports is that
      of the feed-forward prediction.

    Raises:
      ValueError: if net is not a flat chain or a number is not positive.
      TypeError: at trace time, if the network answers in half precision, in which the nudge drowns.

    Source: Whittington and Bogacz 2017, doi 10.1162/NECO_a_00949; nudging from
    equilibrium propagation, Scellier and Bengio 2017, doi 10.3389/fncom.2017.00024.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> rule = predictive_coding(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = rule.grads(params, state, x, y)
      >>> bool(state.residual < 0.5)
      True
    """
    chain.require_chain(net, "predictive_coding")
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise ValueError(f"predictive_coding: steps must be a positive integer, got {steps!r}")
    _require_positive(nudge=nudge, steps=steps, step_size=step_size)

    def init(key: jax.Array, params: Params, x: Any) -> Settling:
        zero = jnp.zeros((), jax.eval_shape(net.apply, params, x).dtype)
        return Settling(zero, zero)

    def grads(
        params: Params, state: Settling, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Settling]:
        output = chain.forward(net, params, x, key=key)[-1]
        if output.dtype.itemsize < 4:
            raise TypeError(
                f"predictive_coding needs activities of 32 bits, got {output.dtype}; wrap each "
                "layer: jb.serial(*(jb.with_precision(layer, jnp.bfloat16) for layer in ...))"
            )
        value = chain.batch_loss(loss, output, y)
        if not chain.blocks(params):
            return value, params, state
        latents, state = settle(
            net, loss, params, x, y, nudge=nudge, steps=steps, step_size=step_size, key=key
        )
        changes = jax.grad(lambda p: energy(net, loss, p, latents, x, y, nudge=nudge, key=key))(
            params
        )
        scale = 1 / (nudge * latents[-1].shape[0])
        return value, jax.tree.map(lambda g: scale * g, changes), state

    return LearningRule(init, grads, net, "predictive_coding")


def _predictions(
    net: Network, params: Params, inputs: list[Any], key: jax.Array | None
) -> list[jax.Array]:
    """The output of each block for its own input."""
    keys = chain.layer_keys(net, inputs[0], key)
    bounds = chain.blocks(params)
    outputs = []
    for (start, stop), x in zip(bounds, inputs, strict=True):
        for i in range(start if outputs else 0, stop):
            x = chain.on_batch(net.layers[i], params[i], x, keys[i])
        outputs.append(x)
    return outputs


def _feed_forward(net: Network, params: Params, x: Any, key: jax.Array | None) -> list[jax.Array]:
    """The output of each block for the output of the one before: no errors, no energy."""
    activities = chain.forward(net, params, x, key=key)
    return [activities[stop] for _, stop in chain.blocks(params)]


def _require_positive(**numbers: Any) -> None:
    for name, value in numbers.items():
        known = not isinstance(value, jax.core.Tracer)
        if known and not (jnp.ndim(value) == 0 and value > 0):
            raise ValueError(f"predictive_coding: {name} must be positive, got {value!r}")
