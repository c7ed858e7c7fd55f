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

from jaxbrain.core.requirements import require_count, require_positive, require_wide
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.descent import (
    Descent,
    Latents,
    descend,
    fixed_step,
    require_descent,
)
from jaxbrain.learning.energy.reach import LEAST, Push, require_arrival, require_push

Block = Callable[[Params, Any], jax.Array]


class InferenceDiagnostics(NamedTuple):
    """Residual force, energy and errors of the activities at the end of an inference.

    Attributes:
      residual: |dF/dz| at the end relative to the start, over the whole batch: 0 at equilibrium.
      energy: F at the end, its mean over the batch.
      signal: |e_l| / (eps |z_l|) of each block whose activities relax, first to last: its error in
        units of the rounding of its activity, over the whole batch.
      diverged: True if the residual of a descent is more than 1, or multipliers grew: the steps are
        too large. False for rules that do not descend to an equilibrium.
    """

    residual: jax.Array
    energy: jax.Array
    signal: jax.Array
    diverged: jax.Array | bool = False

    @property
    def unreached(self) -> jax.Array:
        """True for each block whose error is lost to rounding: it learns nothing but noise."""
        return self.signal < LEAST

    def notices(self) -> dict[str, jax.Array]:
        """Blocks that an error did not reach although it left the output, and divergence."""
        lost = (
            "nothing but rounding noise is learned: the error of the output does not arrive there; "
            "take more steps or larger ones, or jb.learning.error_predictive_coding"
        )
        diverged = (
            "the activities diverged in their relaxation: take a smaller step_size, or "
            "descent=jb.learning.energy.backtracking; a smaller nudge, or a larger penalty, where "
            "the rule has them"
        )
        output = self.unreached[..., -1:]
        return {lost: self.unreached & ~output, diverged: jnp.asarray(self.diverged)}


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


def prediction_errors(model: CodingModel, params: Params, latents: Latents) -> Latents:
    """e_l = z_l - f_l(z_{l-1})."""
    each = zip(model.blocks, [model.x, *latents], latents, strict=False)
    return [latent - block(params, a) for block, a, latent in each]


def energies(model: CodingModel, params: Params, latents: Latents) -> jax.Array:
    """F of each example, ``[batch]``."""
    return _terms(model, params, latents)[0]


def _terms(
    model: CodingModel, params: Params, latents: Latents
) -> tuple[jax.Array, tuple[list[jax.Array], jax.Array]]:
    """F of each example, the prediction error of each block, and the term of the output."""
    total = top = model.top(params, [model.x, *latents][-1])
    errors = prediction_errors(model, params, latents)
    for error in errors:
        total += 0.5 * jnp.sum(jnp.square(error), axis=range(1, error.ndim))
    return total, (errors, top)


def _mean_energy(errors: list[jax.Array], top: jax.Array) -> jax.Array:
    """The mean of F over the batch, from its terms."""
    return jnp.mean(top) + (_squares(errors) / (2 * len(top)) if errors else 0)


def relax(model: CodingModel, params: Params, steps: Steps) -> tuple[Latents, Latents]:
    """The activities after steps down the energy from those of the forward pass, and dF/dz."""
    count, size, descent = steps
    if not model.start:
        return model.start, []
    # x does not move, nor does the prediction of the first block
    first = model.start[0]
    model = model._replace(blocks=(lambda *_: first, *model.blocks[1:]))
    energy_of = partial(energies, model, params)

    def forces(latents: Latents) -> Latents:
        return jax.grad(lambda z: jnp.sum(energy_of(z)))(latents)

    if descent is not fixed_step:
        latents = jax.lax.fori_loop(0, count, lambda _, z: descent(energy_of, z, size), model.start)
        return latents, forces(latents)

    def step(_: Any, carry: tuple[Latents, Latents]) -> tuple[Latents, Latents]:
        latents = descend(*carry, size)
        return latents, forces(latents)

    # forces are carried, so that the first are free and the last need no program of their own
    still = [jnp.zeros_like(z) for z in model.start[:-1]]
    return jax.lax.fori_loop(0, count, step, (model.start, [*still, _push(model, params)]))


def _push(model: CodingModel, params: Params) -> jax.Array:
    """dF/dz_K of the forward pass, the only force: there are no prediction errors."""
    return jax.grad(lambda z: jnp.sum(model.top(params, z)))(model.start[-1])


def diagnostics(
    model: CodingModel, first: Params, last: Params, latents: Latents
) -> InferenceDiagnostics:
    """The force under the last weights, relative to that of the forward pass under the first."""

    def total(latents: Latents) -> tuple[jax.Array, Any]:
        each, terms = _terms(model, last, latents)
        return jnp.sum(each), terms

    force, terms = jax.grad(total, has_aux=True)(latents)
    return _relative(model, first, latents, force, *terms)


def _relative(
    model: CodingModel,
    first: Params,
    latents: Latents,
    force: Latents,
    errors: Latents,
    top: jax.Array,
) -> InferenceDiagnostics:
    energy = _mean_energy(errors, top)
    signal = signals(errors, latents).astype(energy.dtype)
    if not force:
        return descent_diagnostics(jnp.zeros_like(energy), energy, signal)
    before = _squares([_push(model, first)])
    return descent_diagnostics(jnp.sqrt(ratio(_squares(force), before)), energy, signal)


def descent_diagnostics(
    residual: jax.Array, energy: jax.Array, signal: jax.Array
) -> InferenceDiagnostics:
    """The diagnostics of a descent, which diverged if its force grew or is not a number."""
    return InferenceDiagnostics(residual, energy, signal, ~(residual <= 1))


def signals(errors: Latents, rounded: Latents) -> jax.Array:
    """|e_l| / (eps |z_l|) for the arrays z_l to whose rounding e_l was exposed, ``[blocks]``."""

    def signal(e: jax.Array, z: jax.Array) -> jax.Array:
        largest = jnp.max(jnp.abs(z))  # squares of small errors would underflow
        if e is z:  # a variable of its own, which nothing rounds off
            return ratio(largest, largest) / jnp.finfo(z.dtype).eps
        e, z = ratio(e, largest), ratio(z, largest)
        return jnp.sqrt(ratio(_squares([e]), _squares([z]))) / jnp.finfo(z.dtype).eps

    each = [signal(e, z) for e, z in zip(errors, rounded, strict=True)]
    return jnp.stack(each) if each else jnp.zeros(0)


def _squares(arrays: list[jax.Array]) -> jax.Array:
    """The sum of all squares; as one product it compiles faster than a sum for each array."""
    flat = jnp.concatenate([jnp.ravel(a) for a in arrays])
    return flat @ flat


def ratio(after: jax.Array, before: jax.Array) -> jax.Array:
    """after / before, and 0 where nothing moved."""
    return jnp.where(before > 0, after / jnp.where(before > 0, before, 1), 0)


def weight_gradient(
    model: CodingModel, params: Params, latents: Latents, *, nudge: float | jax.Array = 1
) -> Params:
    """dF/dW / nudge of the mean over the batch: local to each block."""
    return jax.grad(_scaled, 1, has_aux=True)(model, params, latents, nudge)[0]


def gradient_of_errors(
    blocks: tuple[Block, ...],
    params: Params,
    inputs: Latents,
    errors: Latents,
    nudge: float | jax.Array = 1,
) -> Params:
    """- z_{l-1}^T (e_l * f_l') / nudge, its mean over the batch, for given inputs and errors."""

    def explained(params: Params) -> jax.Array:
        total = jnp.zeros((), errors[-1].dtype)
        for block, a, e in zip(blocks, inputs, errors, strict=True):
            total -= jnp.vdot(block(params, a), e / (nudge * e.shape[0]))
        return total

    return jax.grad(explained)(params)


def relax_and_learn(
    model: CodingModel, params: Params, steps: Steps, *, nudge: float | jax.Array = 1
) -> tuple[Params, InferenceDiagnostics]:
    """The weight gradient at the end of the relaxation, and the diagnostics."""
    latents, force = relax(model, params, steps)
    grads, terms = jax.grad(_scaled, 1, has_aux=True)(model, params, latents, nudge)
    return grads, _relative(model, params, latents, force, *terms)


def _scaled(
    model: CodingModel, params: Params, latents: Latents, nudge: float | jax.Array
) -> tuple[jax.Array, Any]:
    """F / nudge, its mean over the batch, and the terms of F."""
    each, terms = _terms(model, params, latents)
    # scaled before the products with the activities, which are larger than the errors
    return 1 / (nudge * each.shape[0]) * jnp.sum(each), terms


def coding_rule(
    name: str, net: Network, loss: Loss, infer: Infer, push: Push | None = None, held: int = 0
) -> LearningRule:
    """The rule of an inference ``(params, y, forward pass) -> (grads, diagnostics)``.

    Refused where its push does not reach the first block. The activities of all blocks relax but
    those of the last `held` ones.
    """
    chain.require_chain(net, name, loss)
    if push is not None:
        require_push(name, net, push)

    def init(key: jax.Array, params: Params, x: Any) -> InferenceDiagnostics:
        zero = jnp.zeros((), jax.eval_shape(net.apply, params, x).dtype)
        relaxing = len(chain.blocks(params) or [()]) - held
        none = jnp.zeros(relaxing, zero.dtype)
        return InferenceDiagnostics(zero, zero, none, jnp.zeros((), bool))

    def grads(
        params: Params, state: InferenceDiagnostics, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, InferenceDiagnostics]:
        forward = forward_pass(net, params, x, key)
        output = forward.outputs[-1]
        require_wide(name, output)
        if push is not None:
            require_arrival(name, push, len(forward.blocks), output.dtype)
        value = chain.batch_loss(loss, output, y)
        return value, *infer(params, y, forward)

    return LearningRule(init, grads, net)
