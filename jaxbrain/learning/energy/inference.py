"""Inference: activities that descend an energy from their feed-forward values, and the steps they
take. What the predictive-coding rules share."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import optax

from jaxbrain.core.requirements import require_wide
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss

Block = Callable[[Params, Any], jax.Array]
Latents = list[jax.Array]
Energies = Callable[[Latents], jax.Array]
Descent = Callable[[Energies, Latents, Any], Latents]

MOST_HALVINGS = 40


class Settling(NamedTuple):
    """How well an inference settled.

    Attributes:
      residual: |dF/dz| at the end over |dF/dz| at the start, both over the whole batch: 0 is
        settled, 1 or more means that the step size is too large or the steps too few.
      energy: F at the end, per example.
    """

    residual: jax.Array
    energy: jax.Array


class Hierarchy(NamedTuple):
    """The energy of the activities z_1..z_K of one example, z_0 = x.

    F = sum_l 1/2 |z_l - f_l(z_{l-1})|^2 + top(z_K)

    Attributes:
      blocks: f_1..f_K, ``(params, [batch, ...]) -> [batch, ...]``.
      top: ``(params, z_K) -> [batch]``.
    """

    blocks: tuple[Block, ...]
    top: Callable[[Params, Any], jax.Array]


def block_functions(net: Network, params: Params, x: Any, key: Any) -> tuple[Block, ...]:
    """For each layer with weights the function of it and the activations after it.

    Layers without weights before the first one belong to the first block.
    """
    keys = chain.layer_keys(net, x, key)

    def block(start: int, stop: int) -> Block:
        def apply(params: Params, a: Any) -> jax.Array:
            for i in range(start, stop):
                a = chain.on_batch(net.layers[i], params[i], a, keys[i])
            return a

        return apply

    bounds = chain.blocks(params)
    return tuple(block(start if i else 0, stop) for i, (start, stop) in enumerate(bounds))


def feed_forward(blocks: tuple[Block, ...], params: Params, x: Any) -> Latents:
    """The output of each block for the output of the one before: no prediction errors."""
    outputs = [x]
    for block in blocks:
        outputs.append(block(params, outputs[-1]))
    return outputs[1:]


def energies(hierarchy: Hierarchy, params: Params, latents: Latents, x: Any) -> jax.Array:
    """F of each example, ``[batch]``."""
    inputs = [x, *latents]
    total = hierarchy.top(params, inputs[-1])
    for block, a, latent in zip(hierarchy.blocks, inputs, latents, strict=False):
        error = latent - block(params, a)
        total += 0.5 * jnp.sum(jnp.square(error), axis=range(1, error.ndim))
    return total


def fixed_step(energies: Energies, latents: Latents, step_size: Any) -> Latents:
    """One step of gradient descent.

    z <- z - step_size dF/dz

    Args:
      energies: of z_1..z_K, ``[batch]``.
      latents: z_1..z_K, ``[batch, ...]`` each.
      step_size: a scalar.

    Returns:
      The next z_1..z_K.

    Examples:
      >>> fixed_step(lambda z: 2 * z[0] ** 2, [jnp.array([1.0, 3.0])], 0.25)[0].tolist()
      [0.0, 0.0]
    """
    force = jax.grad(lambda z: jnp.sum(energies(z)))(latents)
    return [z - jnp.asarray(step_size, z.dtype) * g for z, g in zip(latents, force, strict=True)]


def backtracking(energies: Energies, latents: Latents, step_size: Any) -> Latents:
    """One step of gradient descent that never raises the energy of any example.

    z <- z - 2^-k step_size dF/dz with the smallest k for which F does not rise

    Each example has its k, so that it does not depend on the others of its batch; one for which
    40 halvings are not enough stays where it is. A step costs at least one more evaluation of the
    energy, and cannot be differentiated in reverse mode.

    Args:
      energies: of z_1..z_K, ``[batch]``.
      latents: z_1..z_K, ``[batch, ...]`` each.
      step_size: a scalar, of the first attempt.

    Returns:
      The next z_1..z_K.

    Source: Armijo 1966, doi 10.2140/pjm.1966.16.1, without a demand on the decrease.

    Examples:
      >>> backtracking(lambda z: 2 * z[0] ** 2, [jnp.array([1.0, 3.0])], 2.0)[0].tolist()
      [-1.0, -3.0]
    """

    def with_sum(z: Latents) -> tuple[jax.Array, jax.Array]:
        each = energies(z)
        return jnp.sum(each), each

    force, before = jax.grad(with_sum, has_aux=True)(latents)

    def moved(size: jax.Array) -> Latents:
        def move(z: jax.Array, g: jax.Array) -> jax.Array:
            return z - size.astype(z.dtype).reshape(-1, *[1] * (z.ndim - 1)) * g

        return [move(z, g) for z, g in zip(latents, force, strict=True)]

    def rises(size: jax.Array) -> jax.Array:
        return ~(energies(moved(size)) <= before)  # nan rises too

    def halve(state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        size, up, n = state
        size = jnp.where(up, size / 2, size)
        return size, rises(size), n + 1

    size = jnp.broadcast_to(jnp.asarray(step_size, before.dtype), before.shape)
    size, up, _ = jax.lax.while_loop(
        lambda state: jnp.any(state[1]) & (state[2] < MOST_HALVINGS), halve, (size, rises(size), 0)
    )
    return moved(jnp.where(up, 0, size))


def relax(
    hierarchy: Hierarchy,
    params: Params,
    start: Latents,
    x: Any,
    *,
    steps: int,
    step_size: Any,
    descent: Descent,
) -> tuple[Latents, Settling]:
    """Let the activities descend from their feed-forward values, `start`."""
    # x does not move, so neither does what the first block predicts
    still = hierarchy._replace(blocks=(lambda *_: start[0], *hierarchy.blocks[1:]))

    def energy(latents: Latents) -> jax.Array:
        return energies(still if start else hierarchy, params, latents, x)

    def push(last: Latents) -> jax.Array:
        return hierarchy.top(params, last[0])

    latents, done = start, 0
    # at first there are no prediction errors and only z_K moves, which saves products
    if start and descent is fixed_step and isinstance(steps, int) and steps > 0:
        latents, done = start[:-1] + fixed_step(push, start[-1:], step_size), 1
    latents = jax.lax.fori_loop(done, steps, lambda _, z: descent(energy, z, step_size), latents)
    return latents, settling(hierarchy.top, energy, params, start, latents)


def settling(
    top: Callable[[Params, Any], jax.Array],
    energy: Energies,
    params: Params,
    start: Latents,
    latents: Latents,
) -> Settling:
    """What remains of the force that acted on the feed-forward activities, `start`."""

    def total(latents: Latents) -> tuple[jax.Array, jax.Array]:
        each = energy(latents)
        return jnp.sum(each), jnp.mean(each)

    force, left = jax.grad(total, has_aux=True)(latents)
    if not latents:
        return Settling(jnp.zeros_like(left), left)
    # feed-forward activities leave no prediction error: only the top moves them
    push = jax.grad(lambda z: jnp.sum(top(params, z)))(start[-1])
    return Settling(ratio(optax.tree.norm(force), optax.tree.norm(push)), left)


def ratio(after: jax.Array, before: jax.Array) -> jax.Array:
    """after / before, and 0 where nothing was to settle."""
    return jnp.where(before > 0, after / jnp.where(before > 0, before, 1), 0)


def change(hierarchy: Hierarchy, params: Params, latents: Latents, x: Any, *, scale: Any) -> Params:
    """scale dF/dW of the sum over the batch: local to each block."""
    # scaled before the products with the activities, which are larger than the errors
    return jax.grad(lambda p: scale * jnp.sum(energies(hierarchy, p, latents, x)))(params)


def coding_rule(
    name: str,
    net: Network,
    loss: Loss,
    infer: Callable[..., tuple[Params, Settling]],
) -> LearningRule:
    """A rule of an inference ``(params, x, y, blocks, outputs) -> (grads, Settling)``, where blocks
    are the functions of the blocks and outputs their feed-forward values."""
    chain.require_chain(net, name)

    def init(key: jax.Array, params: Params, x: Any) -> Settling:
        zero = jnp.zeros((), jax.eval_shape(net.apply, params, x).dtype)
        return Settling(zero, zero)

    def grads(
        params: Params, state: Settling, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Settling]:
        blocks = block_functions(net, params, x, key)
        outputs = feed_forward(blocks, params, x)
        output = outputs[-1] if outputs else chain.forward(net, params, x, key=key)[-1]
        require_wide(name, output)
        value = chain.batch_loss(loss, output, y)
        if not blocks:
            return value, params, state
        return value, *infer(params, x, y, blocks, outputs)

    return LearningRule(init, grads, net)


def require_descent(rule: str, descent: Any) -> None:
    """Refuse a descent that is no function, naming those there are."""
    if not callable(descent):
        raise TypeError(
            f"{rule}: descent must be a function, (energies, latents, step_size) -> latents, such "
            f"as jb.learning.inference.fixed_step or backtracking, got {descent!r}"
        )
