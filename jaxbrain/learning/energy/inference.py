"""Inference in predictive coding: activities descend an energy from their feed-forward values.

    F = sum_l 1/2 |z_l - f_l(z_{l-1})|^2 + top(z_K),    z_0 = x

A block f_l is a layer with weights and the layers without weights after it. The rules differ in the
term of the output, `top`, and in the time at which weights learn.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxbrain.core.requirements import require_count, require_positive, require_wide
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.descent import Descent, Latents, fixed_step, require_descent

Block = Callable[[Params, Any], jax.Array]


class InferenceDiagnostics(NamedTuple):
    """Residual force and energy of the activities at the end of an inference.

    Attributes:
      residual: |dF/dz| at the end relative to the start, over the whole batch: 0 at equilibrium; 1
        or more if the step size is too large.
      energy: F at the end, its mean over the batch.
    """

    residual: jax.Array
    energy: jax.Array


class ForwardPass(NamedTuple):
    """The blocks of a chain and their outputs for a batch.

    Attributes:
      x: ``[batch, ...]``.
      blocks: f_1..f_L, ``(params, [batch, ...]) -> [batch, ...]``.
      outputs: of each block for the output of the one before: no prediction errors.
    """

    x: Any
    blocks: tuple[Block, ...]
    outputs: Latents


class CodingModel(NamedTuple):
    """The energy of the activities z_1..z_K of every example.

    Attributes:
      x: z_0, ``[batch, ...]``.
      blocks: f_1..f_K.
      start: z_1..z_K of the forward pass.
      top: ``(params, z_K) -> [batch]``, the term of the output.
    """

    x: Any
    blocks: tuple[Block, ...]
    start: Latents
    top: Callable[[Params, Any], jax.Array]


class Steps(NamedTuple):
    """The steps of the activities: their number, size and kind."""

    count: int
    size: float | jax.Array
    descent: Descent


Infer = Callable[[Params, Any, ForwardPass], tuple[Params, InferenceDiagnostics]]


def steps_of(
    rule: str, steps: int, step_size: float | jax.Array, descent: Descent = fixed_step
) -> Steps:
    """The steps of an inference; refuse numbers out of range."""
    require_positive(rule, "step_size", step_size)
    require_descent(rule, descent)
    return Steps(require_count(rule, "steps", steps), step_size, descent)


def forward_pass(net: Network, params: Params, x: Any, key: jax.Array | None = None) -> ForwardPass:
    """The blocks of a chain and their outputs.

    Layers without weights before the first one belong to the first block.
    """
    keys = chain.layer_keys(net, x, key)

    def block(start: int, stop: int) -> Block:
        def apply(params: Params, a: Any) -> jax.Array:
            for i in range(start, stop):
                a = chain.on_batch(net.layers[i], params[i], a, keys[i])
            return a

        return apply

    bounds = chain.blocks(params) or [(0, len(params))]
    blocks = tuple(block(start if i else 0, stop) for i, (start, stop) in enumerate(bounds))
    outputs = [x]
    for f in blocks:
        outputs.append(f(params, outputs[-1]))
    return ForwardPass(x, blocks, outputs[1:])


def energies(model: CodingModel, params: Params, latents: Latents) -> jax.Array:
    """F of each example, ``[batch]``."""
    inputs = [model.x, *latents]
    total = model.top(params, inputs[-1])
    for block, a, latent in zip(model.blocks, inputs, latents, strict=False):
        error = latent - block(params, a)
        total += 0.5 * jnp.sum(jnp.square(error), axis=range(1, error.ndim))
    return total


def relax(model: CodingModel, params: Params, steps: Steps) -> Latents:
    """The activities after steps down the energy from those of the forward pass."""
    count, size, descent = steps
    latents, done = model.start, 0
    if not latents:
        return latents
    # x does not move, nor does the prediction of the first block
    first = latents[0]
    model = model._replace(blocks=(lambda *_: first, *model.blocks[1:]))
    if descent is fixed_step and isinstance(count, int) and count > 0:
        # at first there are no prediction errors and only z_K moves, which saves products
        last = fixed_step(lambda z: model.top(params, z[0]), latents[-1:], size)
        latents, done = latents[:-1] + last, 1

    def step(_: Any, latents: Latents) -> Latents:
        return descent(lambda z: energies(model, params, z), latents, size)

    return jax.lax.fori_loop(done, count, step, latents)


def diagnostics(
    model: CodingModel, first: Params, last: Params, latents: Latents
) -> InferenceDiagnostics:
    """The force under the last weights, relative to that of the forward pass under the first."""

    def total(latents: Latents) -> tuple[jax.Array, jax.Array]:
        each = energies(model, last, latents)
        return jnp.sum(each), jnp.mean(each)

    force, energy = jax.grad(total, has_aux=True)(latents)
    return _relative(model, first, force, energy)


def _relative(
    model: CodingModel, first: Params, force: Latents, energy: jax.Array, scale: Any = 1
) -> InferenceDiagnostics:
    """Diagnostics of a force times scale."""
    if not force:
        return InferenceDiagnostics(jnp.zeros_like(energy), energy)
    # the forward pass leaves no prediction error: only the term of the output is a force
    push = jax.grad(lambda z: scale * jnp.sum(model.top(first, z)))(model.start[-1])
    return InferenceDiagnostics(ratio(optax.tree.norm(force), optax.tree.norm(push)), energy)


def ratio(after: jax.Array, before: jax.Array) -> jax.Array:
    """after / before, and 0 where nothing moved."""
    return jnp.where(before > 0, after / jnp.where(before > 0, before, 1), 0)


def weight_gradient(
    model: CodingModel, params: Params, latents: Latents, *, nudge: float | jax.Array = 1
) -> Params:
    """dF/dW / nudge of the mean over the batch: local to each block."""
    return jax.grad(lambda p: _scaled(model, p, latents, nudge)[0])(params)


def relax_and_learn(
    model: CodingModel, params: Params, steps: Steps, *, nudge: float | jax.Array = 1
) -> tuple[Params, InferenceDiagnostics]:
    """The weight gradient at the end of the relaxation, and the diagnostics."""
    latents = relax(model, params, steps)
    # one backward pass for both halves the program
    (grads, force), (energy, scale) = jax.grad(partial(_scaled, model), (0, 1), has_aux=True)(
        params, latents, nudge
    )
    return grads, _relative(model, params, force, energy, scale)


def _scaled(
    model: CodingModel, params: Params, latents: Latents, nudge: float | jax.Array
) -> tuple[jax.Array, tuple[jax.Array, Any]]:
    """F / nudge, its mean over the batch; the mean of F, and the scale of the sum."""
    each = energies(model, params, latents)
    # scaled before the products with the activities, which are larger than the errors
    scale = 1 / (nudge * each.shape[0])
    return scale * jnp.sum(each), (jnp.mean(each), scale)


def coding_rule(name: str, net: Network, loss: Loss, infer: Infer) -> LearningRule:
    """The rule of an inference ``(params, y, forward pass) -> (grads, diagnostics)``."""
    chain.require_chain(net, name, loss)

    def init(key: jax.Array, params: Params, x: Any) -> InferenceDiagnostics:
        zero = jnp.zeros((), jax.eval_shape(net.apply, params, x).dtype)
        return InferenceDiagnostics(zero, zero)

    def grads(
        params: Params, state: InferenceDiagnostics, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, InferenceDiagnostics]:
        forward = forward_pass(net, params, x, key)
        output = forward.outputs[-1]
        require_wide(name, output)
        value = chain.batch_loss(loss, output, y)
        return value, *infer(params, y, forward)

    return LearningRule(init, grads, net)
