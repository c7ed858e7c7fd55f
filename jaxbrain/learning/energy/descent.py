"""Descent of activities on an energy: one step, of a fixed size or with backtracking."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.arguments import checked
from jaxbrain.core.types import Numbers

Latents = list[jax.Array]
Energies = Callable[[Latents], jax.Array]
Descent = Callable[[Energies, Latents, Any], Latents]

MOST_HALVINGS = 40


@checked
def fixed_step(energies: Energies, latents: Latents, step_size: Numbers) -> Latents:
    """One step of gradient descent, z <- z - step_size dF/dz.

    Args:
      energies, latents: F of each example ``[batch]``, as a function of z_1..z_K ``[batch, ...]``.
      step_size: a scalar.

    Examples:
      >>> fixed_step(lambda z: 2 * z[0] ** 2, [jnp.array([1.0, 3.0])], 0.25)[0].tolist()
      [0.0, 0.0]
    """
    force = jax.grad(lambda z: jnp.sum(energies(z)))(latents)
    return descend(latents, force, step_size)


def descend(latents: Latents, force: Latents, step_size: Any) -> Latents:
    """z - step_size dF/dz."""
    return [z - jnp.asarray(step_size, z.dtype) * g for z, g in zip(latents, force, strict=True)]


@checked
def backtracking(energies: Energies, latents: Latents, step_size: Numbers) -> Latents:
    """One step of gradient descent that never raises the energy of any example.

    z <- z - 2^-k step_size dF/dz with the smallest k for which F does not rise

    Each example has its own k, whatever the rest of its batch. It does not move if 40 halvings are
    not enough. A step costs at least one more evaluation of the energy. It has no reverse-mode
    derivative.

    Args:
      energies, latents: as in `fixed_step`.
      step_size: a scalar, of the first attempt.

    Source: Armijo 1966, doi 10.2140/pjm.1966.16.1, without a minimal decrease.

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
        return ~(energies(moved(size)) <= before)  # nan counts as a rise

    def halve(state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        size, up, n = state
        size = jnp.where(up, size / 2, size)
        return size, rises(size), n + 1

    size = jnp.broadcast_to(jnp.asarray(step_size, before.dtype), before.shape)
    size, up, _ = jax.lax.while_loop(
        lambda state: jnp.any(state[1]) & (state[2] < MOST_HALVINGS), halve, (size, rises(size), 0)
    )
    return moved(jnp.where(up, 0, size))


def require_descent(rule: str, descent: Any) -> None:
    """Refuse a descent that is not a function."""
    if not callable(descent):
        raise TypeError(
            f"{rule}: descent must be a function, (energies, latents, step_size) -> latents, such "
            f"as jb.learning.energy.fixed_step or backtracking, got {descent!r}"
        )
