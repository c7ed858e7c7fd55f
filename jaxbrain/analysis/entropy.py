"""Variances of maximum entropy with given sums over each axis of a tensor.

They are the spectrum of tensor maximum entropy surrogates (`jaxbrain.analysis.maximum_entropy`).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

_STEPS = 100  # of Newton's method, at most; 15 are usual


class _Problem(NamedTuple):
    """Sums over the axes, scaled so that the mean variance is 1.

    A direction of sum 0 has no variance, nor has its whole slice: such directions are left out.
    """

    sums: tuple[jax.Array, ...]  # of each axis
    kept: tuple[jax.Array, ...]  # of each axis, bool: directions that have variance
    mask: jax.Array  # [i, j, k], 1 where all three directions are kept


class _Newton(NamedTuple):
    """State of Newton's method."""

    x: jax.Array  # the multipliers of all axes, one axis after another
    error: jax.Array  # [], relative, of the sums
    step: jax.Array  # []


@jax.jit
def maximum_entropy_variances(sums: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
    """Variances D ``[i, j, k]`` of maximum entropy with given sums over the two other axes.

    D_ijk = 1 / (a_i + b_j + c_k), at the minimum of
    f(a, b, c) = -sum_ijk log(a_i + b_j + c_k) + a.s_a + b.s_b + c.s_c

    f is convex and self-concordant; Newton's method with a line search finds its minimum.

    Args:
      sums: s_a ``[i]``, s_b ``[j]``, s_c ``[k]``, not negative, of the same total.

    Source: Elsayed and Cunningham 2017, doi 10.1038/nn.4617.

    Examples:
      >>> import jax.numpy as jnp
      >>> sums = jnp.array([4.0, 2.0]), jnp.array([3.0, 3.0]), jnp.array([6.0])
      >>> maximum_entropy_variances(sums)[..., 0].round(3).tolist()
      [[2.0, 2.0], [1.0, 1.0]]
    """
    problem, scale = _scaled(sums)
    dtype = problem.mask.dtype
    first = _Newton(_start(problem), jnp.full((), jnp.inf, dtype), jnp.zeros((), int))
    tolerance = float(jnp.finfo(dtype).eps) ** 0.7

    def unfinished(state: _Newton) -> jax.Array:
        return (state.error > tolerance) & (state.step < _STEPS)

    found = jax.lax.while_loop(unfinished, lambda state: _update(problem, state), first)
    return _variances(problem, found.x)[0] * scale


def _scaled(sums: tuple[jax.Array, ...]) -> tuple[_Problem, jax.Array]:
    """The problem with a mean variance of 1, and that mean."""
    dtype = sums[0].dtype
    least = 30 * float(jnp.finfo(dtype).eps)
    kept = tuple(s > least * jnp.max(s) for s in sums)
    mask = jnp.einsum("i,j,k->ijk", *(keep.astype(dtype) for keep in kept))
    sums = tuple(jnp.where(keep, s, 0) for keep, s in zip(kept, sums, strict=True))
    count = jnp.sum(mask)
    shares = (s / jnp.where(jnp.sum(s) > 0, jnp.sum(s), 1) for s in sums)
    mean = jnp.sum(sums[0]) / jnp.where(count > 0, count, 1)
    return _Problem(tuple(count * share for share in shares), kept, mask), mean


def _start(problem: _Problem) -> jax.Array:
    """One third of the multipliers that each axis would have on its own."""
    count = jnp.sum(problem.mask)

    def alone(s: jax.Array, keep: jax.Array) -> jax.Array:
        others = count / jnp.maximum(jnp.sum(keep), 1).astype(s.dtype)
        return jnp.where(keep, others / (3 * jnp.where(keep, s, 1)), 0)

    return jnp.concatenate([alone(*pair) for pair in zip(problem.sums, problem.kept, strict=True)])


def _variances(problem: _Problem, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """D ``[i, j, k]``, and True where all variances are positive."""
    first, second, _ = (len(s) for s in problem.sums)
    a, b, c = jnp.split(x, [first, first + second])
    total = a[:, None, None] + b[None, :, None] + c[None, None, :]
    positive = jnp.all((total > 0) | (problem.mask == 0))
    return problem.mask / jnp.where(problem.mask > 0, total, 1), positive


def _gradient(problem: _Problem, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """df/dx: the given sums minus those of the variances; the variances; True where positive."""
    variance, positive = _variances(problem, x)
    sums = jnp.concatenate([variance.sum(axes) for axes in ((1, 2), (0, 2), (0, 1))])
    return jnp.concatenate(problem.sums) - sums, variance, positive


def _update(problem: _Problem, state: _Newton) -> _Newton:
    """A Newton step, halved until it keeps the variances positive and does not overshoot."""
    slope, variance, _ = _gradient(problem, state.x)
    direction, length = _newton_step(problem, slope, variance)
    safe = 1 / (1 + length)  # f is self-concordant: a step this short always descends

    def too_far(t: jax.Array) -> jax.Array:
        there, _, positive = _gradient(problem, state.x + t * direction)
        overshoots = jnp.dot(there, direction) > -0.25 * jnp.dot(slope, direction)
        return (~positive | overshoots) & (t > safe)

    whole = jnp.ones((), slope.dtype)
    t = jax.lax.while_loop(too_far, lambda t: jnp.maximum(t / 2, safe), whole)
    x = state.x + t * direction
    present = jnp.where(jnp.concatenate(problem.kept), jnp.concatenate(problem.sums), 1)
    error = jnp.max(jnp.abs(_gradient(problem, x)[0]) / present)
    return _Newton(x, error, state.step + 1)


def _newton_step(
    problem: _Problem, slope: jax.Array, variance: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The step, and its length in the metric of the Hessian."""
    kept = jnp.concatenate(problem.kept)
    square = variance**2
    hessian = jnp.block([
        [jnp.diag(square.sum((1, 2))), square.sum(2), square.sum(1)],
        [square.sum(2).T, jnp.diag(square.sum((0, 2))), square.sum(0)],
        [square.sum(1).T, square.sum(0).T, jnp.diag(square.sum((0, 1)))],
    ])  # fmt: skip
    diagonal = jnp.diagonal(hessian)
    scale = jnp.sqrt(jnp.where(diagonal > 0, diagonal, 1))  # multipliers differ by many orders
    fixed = _constant_directions(problem) * (scale * kept.astype(scale.dtype))[None]
    fixed = fixed / jnp.linalg.norm(fixed, axis=1, keepdims=True).clip(1e-30)
    matrix = hessian / (scale[:, None] * scale[None, :]) + fixed.T @ fixed
    matrix = matrix + jnp.diag((~kept).astype(scale.dtype))
    step = -jnp.where(kept, jnp.linalg.solve(matrix, slope / scale) / scale, 0)
    return step, jnp.sqrt(jnp.maximum(-jnp.dot(slope, step), 0))


def _constant_directions(problem: _Problem) -> jax.Array:
    """``[2, multipliers]``: a number added to one axis and taken from the next leaves D as it is.

    The Hessian has no inverse along these directions.
    """
    sizes = [len(s) for s in problem.sums]
    shares = jnp.asarray([[1, -1, 0], [0, 1, -1]], problem.mask.dtype)
    return jnp.repeat(shares, jnp.asarray(sizes), axis=1, total_repeat_length=sum(sizes))
