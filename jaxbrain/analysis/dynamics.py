"""Dimensionality and Lyapunov exponents of trajectories."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.analysis.values import as_floats, scaled
from jaxbrain.cells.unrolling import require_time
from jaxbrain.core.annotations import AsArray, Inputs, Pytree
from jaxbrain.core.arguments import checked
from jaxbrain.core.eager import compiled_once
from jaxbrain.core.requirements import require_count, require_positive
from jaxbrain.core.types import Cell, Params
from jaxbrain.core.vectors import to_carry, to_vector

_DIRECTIONS = 0x7A46  # a fixed key: the first directions must have a part along every exponent


@checked
def dimensionality(states: AsArray) -> jax.Array:
    """Participation ratio: the effective number of dimensions of a set of states.

    D = (sum_i l_i)^2 / sum_i l_i^2 = (tr C)^2 / tr C^2, l the eigenvalues of the covariance C

    D = n for n equal variances, 1 for states on a line. With few samples it is too low, and never
    above their number minus one.

    Args:
      states: ``[..., units]``; all leading axes are samples.

    Returns:
      ``[]``; 0 where nothing varies.

    Source: Gao et al. 2017, doi 10.1101/214262.

    Examples:
      >>> import jax.numpy as jnp
      >>> corners = jnp.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
      >>> float(dimensionality(corners)), float(dimensionality(corners * jnp.array([[1.0, 0.0]])))
      (2.0, 1.0)
    """
    samples = states.size // max(states.shape[-1], 1) if states.ndim > 1 else 0
    if samples < 2:
        raise ValueError(
            "dimensionality: states must be [..., units] with at least two states, got shape "
            f"{list(states.shape)}"
        )
    states = as_floats("dimensionality", "states", states)
    rows = states.reshape(samples, -1)
    rows, _ = scaled(rows - rows.mean(axis=0, keepdims=True))  # the ratio has no scale
    square = rows.T @ rows if rows.shape[1] < samples else rows @ rows.T
    power = jnp.sum(square**2)
    return jnp.trace(square) ** 2 / jnp.where(power == 0, 1, power)


@checked
@compiled_once("cell", "count", "discard", "dt")
def lyapunov(
    cell: Cell,
    params: Params,
    carry: Pytree,
    xs: Inputs,
    *,
    count: int = 1,
    discard: int = 0,
    dt: float = 1.0,
) -> jax.Array:
    """Largest Lyapunov exponents of a cell: growth rates of small perturbations of a trajectory.

    J_t Q_{t-1} = Q_t R_t (QR),  exponent_i = mean_t ln |(R_t)_ii| / dt,  J_t = d carry_t / d carry

    A positive one means chaos; the sum of all is the growth rate of volume. With an input they are
    the conditional exponents of the driven network: if all are negative, the input alone determines
    the state after a while (echo state property).

    Args:
      cell: any cell whose carry holds floating-point numbers.
      params: of the cell.
      carry: before the first step.
      xs: ``[time, ...]``; zeros for a network without input.
      count: number of exponents; the cost grows with it.
      discard: first steps that do not count, in which the state reaches the attractor and the
        perturbations turn to the fastest directions.
      dt: time of a step; the unit of the exponents is one over that of dt.

    Returns:
      ``[count]``, the largest first; -inf where a direction is lost altogether.

    Raises:
      TypeError: if the carry does not hold floats.
      ValueError: if count is more than the units, discard leaves no step, or dt is not positive.

    Source: Benettin et al. 1980, doi 10.1007/BF02128236.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> cell = jb.cells.elman(2, activation=lambda h: h)  # linear: ln |eigenvalues|
      >>> matrix = jnp.array([[2.0, 1.0], [0.0, 0.5]])
      >>> params = {"kernel": jnp.zeros((1, 2)), "recurrent": matrix, "bias": jnp.zeros(2)}
      >>> lyapunov(cell, params, jnp.zeros(2), jnp.zeros((99, 1)), count=2, discard=50).round(4)
      Array([ 0.6931, -0.6931], dtype=float32)
    """
    length = require_time("lyapunov: xs", xs)
    require_count("lyapunov", "count", count)
    require_positive("lyapunov", "dt", dt)
    types = [jnp.result_type(leaf) for leaf in jax.tree.leaves(carry)]
    if not types or any(not jnp.issubdtype(dtype, jnp.inexact) for dtype in types):
        raise TypeError(
            f"lyapunov: the carry of {cell} must hold floating-point numbers to have Lyapunov "
            f"exponents, got {[str(dtype) for dtype in types]}"
        )
    carry = jax.tree.map(jnp.asarray, carry)
    vector = to_vector(carry)
    units = len(vector)
    if count > units:
        raise ValueError(f"lyapunov: count must be at most the {units} units, got {count}")
    if not 0 <= discard < length:
        raise ValueError(
            f"lyapunov: discard must leave at least one of the {length} steps of xs, got "
            f"{discard!r}"
        )
    if cell.project is not None:
        xs = cell.project(params, xs)

    def one(state: tuple, x: Any) -> tuple[tuple, jax.Array]:
        h, directions = state

        def flow(h: jax.Array) -> jax.Array:
            return to_vector(cell.step(params, to_carry(h, carry), x)[0])

        h, push = jax.linearize(flow, h)
        directions, upper = jnp.linalg.qr(jax.vmap(push, in_axes=1, out_axes=1)(directions))
        return (h, directions), jnp.log(jnp.abs(jnp.diagonal(upper)))

    drawn = jax.random.normal(jax.random.key(_DIRECTIONS), (units, count), vector.dtype)
    _, growth = jax.lax.scan(one, (vector, jnp.linalg.qr(drawn)[0]), xs)
    return -jnp.sort(-growth[discard:].mean(axis=0)) / dt
