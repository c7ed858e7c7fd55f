"""Search for fixed points and slow points of recurrent networks."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.analysis.stability import FixedPoints, classify, growing
from jaxbrain.core.annotations import Inputs
from jaxbrain.core.arguments import checked
from jaxbrain.core.compiled import compiled
from jaxbrain.core.requirements import is_traced, require_count, require_positive
from jaxbrain.core.types import Cell, Params
from jaxbrain.core.vectors import to_carry, to_vector

_SHRINK, _GROW = 0.3, 4.0  # of the damping, after a step that was taken or refused
_LARGEST = 1e10  # damping, relative to the first, at which the search gives up


@checked
def fixed_points(
    cell: Cell,
    params: Params,
    x: Inputs,
    starts: Inputs,
    *,
    tolerance: float = 1e-20,
    slow: float = 1e-6,
    apart: float = 1e-3,
    reach: float | None = 10.0,
    steps: int = 60,
    at_once: int = 64,
) -> FixedPoints:
    """Fixed points of a cell under a constant input, stable and unstable, and its slow points.

    q(h) = |F(h)|^2 / 2, F(h) = step(h, x) - h; Levenberg-Marquardt steps (J'J + mu I) d = -J'F

    Each start descends in q to a point nearby. This need not be where the network would go, so that
    saddles are found as well as attractors. The search is done in float64, on the host. Take states
    that the network visits, with some noise, as starts, and more of them than points are expected:
    points that no start leads to are not found.

    Args:
      cell: any cell whose carry holds real or complex floating-point numbers; as a vector, a
        complex carry is its real parts, then its imaginary parts.
      params: of the cell.
      x: the input of one step, held constant.
      starts: carries with a leading axis, ``[starts, ...]`` in each array.
      tolerance: the largest speed q of a fixed point.
      slow: the largest q of a slow point, where the search ended without a fixed point; 0: none.
      apart: points closer than this to each other in every unit are one.
      reach: points are dropped that are further from the mean of the starts than this many times
        the mean distance of the starts; None keeps all, as do starts that are all alike.
      steps: at most, for each start.
      at_once: starts searched together; memory is that of as many Jacobians.

    Returns:
      FixedPoints, empty if none was found.

    Raises:
      TypeError: if an argument is traced or a carry does not hold floats.
      ValueError: if starts are not finite carries of the cell, or a number is out of range.

    Source: Sussillo and Barak 2013, doi 10.1162/NECO_a_00409; Marquardt 1963, doi 10.1137/0111030.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> cell = jb.cells.elman(1)  # h <- tanh(2 h): 0 is unstable, two others are stable
      >>> params = {"kernel": jnp.zeros((1, 1)), "recurrent": 2 * jnp.eye(1), "bias": jnp.zeros(1)}
      >>> found = fixed_points(cell, params, jnp.zeros(1), jnp.linspace(-1, 1, 9)[:, None])
      >>> (abs(found.states[:, 0])).round(3).tolist(), found.kinds.tolist()
      ([0.958, 0.958, 0.0], ['stable node', 'stable node', 'unstable node'])
    """
    for name, value in {"tolerance": tolerance, "apart": apart, "reach": reach}.items():
        if value is not None:
            require_positive("fixed_points", name, value)
    require_positive("fixed_points", "slow", slow, zero=True)
    require_count("fixed_points", "steps", steps)
    require_count("fixed_points", "at_once", at_once)
    params, x, starts = _double(params=params, x=x, starts=starts)
    with jax.enable_x64(True):
        like = _require_starts(cell, params, x, starts)
        vectors = np.asarray(jax.vmap(to_vector)(starts))
        search = partial(_search, cell, params, x, like, tolerance, steps)
        ends, speed = _in_groups(search, vectors, min(at_once, len(vectors)))
        chosen, counts = _distinct(ends, speed, max(tolerance, slow), apart)
        if reach is not None:
            near = _near(ends[chosen], vectors, reach)
            chosen, counts = chosen[near], counts[near]
        linearize = partial(_jacobian, cell, params, x, like)
        (jacobian,) = _in_groups(linearize, ends[chosen], min(at_once, len(vectors)))
        lost = len(vectors) - int(counts.sum())
        return _described(ends[chosen], speed[chosen], jacobian, counts, lost, like, tolerance)


def _described(
    states: np.ndarray,
    speed: np.ndarray,
    jacobian: np.ndarray,
    counts: np.ndarray,
    lost: int,
    like: Any,
    tolerance: float,
) -> FixedPoints:
    """FixedPoints with eigenvalues, kinds and carries, in order."""
    values = np.linalg.eigvals(jacobian).astype(complex)
    values = np.take_along_axis(values, np.argsort(-np.abs(values), axis=1, kind="stable"), axis=1)
    kinds = np.array([classify(v) for v in values], dtype="<U14")
    slow = speed > tolerance
    kinds[slow] = "slow"
    # Speeds below the tolerance are rounding errors: ordered by them, points would change places
    # from machine to machine.
    place = np.round(states, 6).T[::-1]
    order = np.lexsort((*place, np.where(slow, speed, 0), growing(values), slow))
    carries = jax.vmap(lambda h: to_carry(h, like))(states[order])
    parts = (a[order] for a in (speed, jacobian, values, kinds, counts))
    return FixedPoints(states[order], jax.tree.map(np.asarray, carries), *parts, lost=lost)


class _Descent(NamedTuple):
    """Levenberg-Marquardt descent from one start."""

    h: jax.Array  # [units]
    difference: jax.Array  # [units], F(h)
    jacobian: jax.Array  # [units, units], of F
    speed: jax.Array  # []
    damping: jax.Array  # []
    limit: jax.Array  # [], of the damping
    taken: jax.Array  # [], bool, of the last step
    count: jax.Array  # [], steps


@compiled(static_argnums=5)
def _search(
    cell: Cell, params: Params, x: Any, like: Any, tolerance: float, steps: int, starts: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The ends [starts, units] of the descents, and the speeds [starts] there."""

    def evaluate(h: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        def both(h: jax.Array) -> tuple[jax.Array, jax.Array]:
            difference = _flow(cell, params, x, like, h) - h
            return difference, difference

        jacobian, difference = jax.jacfwd(both, has_aux=True)(h)
        return difference, jacobian, jnp.sum(difference**2) / 2

    def unfinished(d: _Descent) -> jax.Array:
        # Below the tolerance steps go on while they help: the last ones gain many digits.
        there = (d.speed <= tolerance) & (~d.taken | (d.speed <= 1e-10 * tolerance))
        return ~there & (d.damping < d.limit) & (d.count < steps)

    def descend(d: _Descent) -> _Descent:
        normal = d.jacobian.T @ d.jacobian + d.damping * jnp.eye(len(d.h), dtype=d.h.dtype)
        step = jax.scipy.linalg.solve(normal, d.jacobian.T @ d.difference, assume_a="pos")
        h = d.h - step
        difference, jacobian, speed = evaluate(h)
        taken = speed < d.speed  # not where it is nan
        damping = d.damping * jnp.where(taken, _SHRINK, _GROW)
        new = _Descent(h, difference, jacobian, speed, damping, d.limit, taken, d.count + 1)
        old = d._replace(damping=damping, taken=taken, count=d.count + 1)
        return jax.tree.map(lambda a, b: jnp.where(taken, a, b), new, old)

    def one(h: jax.Array) -> tuple[jax.Array, jax.Array]:
        difference, jacobian, speed = evaluate(h)
        damping = 1e-2 * jnp.maximum(jnp.mean(jnp.sum(jacobian**2, axis=0)), 1e-30)
        first = _Descent(
            h, difference, jacobian, speed, damping, _LARGEST * damping, speed >= 0, jnp.int32(0)
        )
        last = jax.lax.while_loop(unfinished, descend, first)
        return last.h, last.speed

    return jax.vmap(one)(starts)


@compiled()
def _jacobian(cell: Cell, params: Params, x: Any, like: Any, states: jax.Array) -> tuple[jax.Array]:
    """[points, units, units] at the states [points, units]."""
    flow = partial(_flow, cell, params, x, like)
    return (jax.vmap(jax.jacfwd(flow))(states),)


def _flow(cell: Cell, params: Params, x: Any, like: Any, h: jax.Array) -> jax.Array:
    """One step, with the carry as a vector."""
    return to_vector(cell.step(params, to_carry(h, like), x)[0])


def _in_groups(program: Any, rows: np.ndarray, size: int) -> list[np.ndarray]:
    """A program applied to rows, `size` at a time, so that it is compiled once."""
    missing = -len(rows) % size if len(rows) else size
    padded = np.concatenate([rows, np.zeros((missing, *rows.shape[1:]))])
    groups = padded.reshape(-1, size, *rows.shape[1:])
    parts = [jax.device_get(program(group)) for group in groups]
    return [np.concatenate(part)[: len(rows)] for part in zip(*parts, strict=True)]


def _distinct(
    ends: np.ndarray, speed: np.ndarray, limit: float, apart: float
) -> tuple[np.ndarray, np.ndarray]:
    """The slowest end of each group [points], and the number of ends near it [points]."""
    chosen: list[int] = []
    counts: list[int] = []
    for i in np.argsort(speed, kind="stable"):
        if not speed[i] <= limit:  # nan included
            break
        near = np.abs(ends[chosen] - ends[i]).max(axis=1, initial=0) < apart
        if near.any():
            counts[int(np.argmax(near))] += 1
        else:
            chosen.append(i)
            counts.append(1)
    return np.array(chosen, dtype=int), np.array(counts, dtype=int)


def _near(points: np.ndarray, starts: np.ndarray, reach: float) -> np.ndarray:
    """[points]: True within reach of the starts."""
    middle = starts.mean(axis=0)
    radius = np.linalg.norm(starts - middle, axis=1).mean()
    limit = reach * radius if radius else np.inf
    return np.linalg.norm(points - middle, axis=1) <= limit


def _double(**trees: Any) -> list[Any]:
    """Pytrees on the host, floats in 64 bits."""

    def wide(a: Any) -> Any:
        if jnp.issubdtype(jnp.result_type(a), jnp.complexfloating):
            return np.asarray(a, np.complex128)
        floating = jnp.issubdtype(jnp.result_type(a), jnp.floating)
        return np.asarray(a, np.float64) if floating else a

    for name, tree in trees.items():
        if is_traced(tree):
            raise TypeError(
                f"fixed_points: {name} is traced, but the search works on the host, in float64; "
                "call it outside jax.jit, vmap and grad"
            )
    return [jax.tree.map(wide, jax.device_get(tree)) for tree in trees.values()]


def _require_starts(cell: Cell, params: Params, x: Any, starts: Any) -> Any:
    """One start, after checks of all: carries of finite floats whose types a step keeps."""
    expected = jax.eval_shape(cell.carry, params, x)
    leaves = jax.tree.leaves(starts)
    shapes = [np.shape(leaf) for leaf in leaves]
    same = jax.tree.structure(starts) == jax.tree.structure(expected)
    wanted = [tuple(leaf.shape) for leaf in jax.tree.leaves(expected)]
    counts = {shape[:1] for shape in shapes}
    if not same or [shape[1:] for shape in shapes] != wanted or len(counts) != 1 or () in counts:
        raise ValueError(
            f"fixed_points: starts must be carries of {cell} with a leading axis, in each array "
            f"[starts, ...] before {wanted}, got shapes {shapes}"
            + ("" if same else f" in {jax.tree.structure(starts)}")
        )
    if not leaves or counts == {(0,)}:
        raise ValueError(f"fixed_points: starts must hold at least one carry, got shapes {shapes}")
    if any(not np.issubdtype(leaf.dtype, np.inexact) for leaf in leaves):
        raise TypeError(
            f"fixed_points: the carry of {cell} must hold floating-point numbers to have fixed "
            f"points, got {[str(leaf.dtype) for leaf in leaves]}"
        )
    for name, tree in (("starts", leaves), ("x", jax.tree.leaves(x))):
        if not all(np.isfinite(leaf).all() for leaf in tree):
            raise ValueError(f"fixed_points: {name} must be finite, got nan or infinity")
    like = jax.tree.map(lambda a: a[0], starts)
    after = jax.tree.leaves(jax.eval_shape(cell.step, params, like, x)[0])
    types = [(str(a.dtype), str(b.dtype)) for a, b in zip(after, leaves, strict=True)]
    if any(got != given for got, given in types):
        raise TypeError(
            f"fixed_points: the step of {cell} must keep the type of its carry, "
            f"{[b for _, b in types]}, got {[a for a, _ in types]}; let it compute in the type of "
            "its params"
        )
    return like
