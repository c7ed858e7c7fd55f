"""Activity that shares simple properties with a recording and nothing else: what chance makes.

Each function takes activity and returns a sampler, key -> activity of the same shape.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxbrain.analysis.spaces import require_activity

Sampler = Callable[[jax.Array], jax.Array]
_STEPS = 100  # of Newton's method, at most; 15 are usual


class Marginals(NamedTuple):
    """The first and second moments of activity over conditions, time and units.

    Attributes:
      mean: ``[conditions, time, units]``, the sum of the main effects of each.
      conditions: ``[conditions, conditions]``, sum over time and units of the products of what is
        left.
      time: ``[time, time]``, the same over conditions and units.
      units: ``[units, units]``, the same over conditions and time.
    """

    mean: jax.Array
    conditions: jax.Array
    time: jax.Array
    units: jax.Array


def condition_shuffle(activity: ArrayLike) -> Sampler:
    """Surrogates in which each unit's conditions have changed places, for each unit otherwise.

    What single units do in time is kept, with their means over conditions; what they do together
    is lost, and with it how many dimensions the population has. A structure that surrogates of
    `maximum_entropy` have as well may so seem special: use that as the test.

    Args:
      activity: ``[conditions, time, units]``.

    Returns:
      ``sample(key) -> [conditions, time, units]``.

    Raises:
      ValueError: if activity has not these axes, only one condition, or a nan.

    Source: the permutation at the base of Michaels et al. 2016,
    doi 10.1371/journal.pcbi.1005175, without its matching of covariances.

    Examples:
      >>> import jax
      >>> activity = jax.random.normal(jax.random.key(0), (4, 5, 3))
      >>> shuffled = condition_shuffle(activity)(jax.random.key(1))
      >>> bool(abs(shuffled.mean(axis=0) - activity.mean(axis=0)).max() < 1e-6)
      True
    """
    activity = _require_tensor(activity)

    def sample(key: jax.Array) -> jax.Array:
        keys = jax.random.split(key, activity.shape[2])
        return jax.vmap(jax.random.permutation, in_axes=(0, 2), out_axes=2)(keys, activity)

    return sample


def condition_inversion(activity: ArrayLike) -> Sampler:
    """Surrogates in which half of each unit's conditions run the other way from their start.

    x(t) -> 2 x(0) - x(t), for half of the conditions, drawn for each unit

    The first state, of preparation, and how each unit goes up and down are kept; how the state
    leads to what follows is lost.

    Args:
      activity: ``[conditions, time, units]``, the first time that of preparation.

    Returns:
      ``sample(key) -> [conditions, time, units]``.

    Raises:
      ValueError: if activity has not these axes, only one condition, or a nan.

    Source: after the first shuffle control of Churchland et al. 2012, doi 10.1038/nature11129.

    Examples:
      >>> import jax
      >>> activity = jax.random.normal(jax.random.key(0), (4, 5, 3))
      >>> inverted = condition_inversion(activity)(jax.random.key(1))
      >>> bool((inverted[:, 0] == activity[:, 0]).all())
      True
    """
    activity = _require_tensor(activity)
    conditions, _, units = activity.shape
    start = activity[:, :1]
    inverted = 2 * start - activity

    def sample(key: jax.Array) -> jax.Array:
        half = jnp.arange(conditions) < conditions // 2
        keys = jax.random.split(key, units)
        which = jax.vmap(jax.random.permutation, in_axes=(0, None), out_axes=1)(keys, half)
        return jnp.where(which[:, None], inverted, activity)

    return sample


def maximum_entropy(activity: ArrayLike) -> Sampler:
    """Surrogates with the means and covariances over conditions, time and units, else random.

    vec X ~ N(vec mean, U D U'),  U = U_c (x) U_t (x) U_n the eigenvectors of the covariances,
    D_ijk = 1 / (a_i + b_j + c_k),  sum_jk D_ijk = eigenvalue i over conditions, and so on

    Tensor maximum entropy: how smooth activity is in time, how units are correlated and how
    conditions resemble each other are as they were, on average; that a population has dynamics
    beyond this shows in what surrogates do not do. The multipliers a, b, c are the minimum of a
    convex function, -sum log(a_i + b_j + c_k) + a.s_c + b.s_t + c.s_n, found by Newton's method.

    Args:
      activity: ``[conditions, time, units]``.

    Returns:
      ``sample(key) -> [conditions, time, units]``.

    Raises:
      ValueError: if activity has not these axes, only one condition, or a nan.

    Source: Elsayed and Cunningham 2017, doi 10.1038/nn.4617.

    Examples:
      >>> import jax
      >>> activity = jax.random.normal(jax.random.key(0), (4, 5, 3)).cumsum(axis=1)
      >>> maximum_entropy(activity)(jax.random.key(1)).shape
      (4, 5, 3)
    """
    marginals = marginal_covariances(activity)
    pairs = [jnp.linalg.eigh(covariance) for covariance in marginals[1:]]
    variance = _spread([values for values, _ in pairs])
    deviation = jnp.sqrt(variance)

    def sample(key: jax.Array) -> jax.Array:
        drawn = deviation * jax.random.normal(key, deviation.shape, deviation.dtype)
        bases = [vectors for _, vectors in pairs]
        return marginals.mean + jnp.einsum("ijk,ci,tj,nk->ctn", drawn, *bases)

    return sample


def marginal_covariances(activity: ArrayLike) -> Marginals:
    """What surrogates of `maximum_entropy` share with activity.

    mean = m_c + m_t + m_n - 2 m (means over the other axes; m of all),  R = X - mean,
    covariance over units = sum_ct R_ct R_ct', and so on; all have the same trace

    Args:
      activity: ``[conditions, time, units]``.

    Returns:
      Marginals.

    Raises:
      ValueError: if activity has not these axes, only one condition, or a nan.

    Source: Elsayed and Cunningham 2017, doi 10.1038/nn.4617.

    Examples:
      >>> import jax.numpy as jnp
      >>> found = marginal_covariances(jnp.arange(8.0).reshape(2, 2, 2) ** 2)
      >>> [float(jnp.trace(covariance)) for covariance in found[1:]]
      [168.0, 168.0, 168.0]
    """
    activity = _require_tensor(activity)
    effects = [activity.mean(axis=axes, keepdims=True) for axes in ((1, 2), (0, 2), (0, 1))]
    mean = jnp.broadcast_to(-2 * activity.mean(), activity.shape)
    for effect in effects:
        mean = mean + jnp.broadcast_to(effect, activity.shape)
    rest = activity - mean
    forms = ("ctn,dtn->cd", "ctn,csn->ts", "ctn,ctm->nm")
    return Marginals(mean, *(jnp.einsum(form, rest, rest) for form in forms))


class _Newton(NamedTuple):
    """Of the multipliers."""

    x: tuple[jax.Array, ...]
    error: jax.Array  # [], relative, of the marginals
    step: jax.Array  # []


@jax.jit
def _spread(values: list[jax.Array]) -> jax.Array:
    """The variances [i, j, k] of most entropy whose marginal sums are the eigenvalues.

    A direction of no variance takes its whole slice with it: such are left out.
    """
    dtype = values[0].dtype
    eps = float(jnp.finfo(dtype).eps)
    kept = [v > 30 * eps * jnp.max(v) for v in values]
    sums = [jnp.where(keep, v, 0) for keep, v in zip(kept, values, strict=True)]
    sums = [v / jnp.where(jnp.sum(v) > 0, jnp.sum(v), 1) for v in sums]
    counts = [jnp.sum(keep).astype(dtype) for keep in kept]
    cells = counts[0] * counts[1] * counts[2]
    sums = [v * cells for v in sums]  # the mean variance is 1
    mask = jnp.einsum("i,j,k->ijk", *(keep.astype(dtype) for keep in kept))
    target = jnp.concatenate(sums)
    present = jnp.concatenate(kept)
    # Alone, the multipliers of one axis would be these.
    start = [
        jnp.where(keep, cells / jnp.maximum(count, 1) / (3 * jnp.where(keep, v, 1)), 0)
        for keep, v, count in zip(kept, sums, counts, strict=True)
    ]

    def inverse(x: tuple) -> tuple[jax.Array, jax.Array]:
        total = x[0][:, None, None] + x[1][None, :, None] + x[2][None, None, :]
        good = jnp.all((total > 0) | (mask == 0))
        return mask / jnp.where(mask > 0, total, 1), good

    def gradient(x: tuple) -> tuple[jax.Array, jax.Array, jax.Array]:
        variance, good = inverse(x)
        return target - _marginal_sums(variance), variance, good

    def body(state: _Newton) -> _Newton:
        slope, variance, _ = gradient(state.x)
        direction, decrement = _newton_step(slope, variance, present, [len(v) for v in values])
        forth = jnp.dot(slope, direction)

        def moved(t: jax.Array) -> tuple:
            parts = jnp.split(t * direction, _ends(values))
            return tuple(a + b for a, b in zip(state.x, parts, strict=True))

        def too_far(t: jax.Array) -> jax.Array:
            there, _, good = gradient(moved(t))
            return (~good | (jnp.dot(there, direction) > -0.25 * forth)) & (t > safe)

        safe = 1 / (1 + decrement)  # with self-concordance it always goes down
        one = jnp.ones((), dtype)
        t = jax.lax.while_loop(too_far, lambda t: jnp.maximum(t / 2, safe), one)
        x = moved(t)
        error = jnp.max(jnp.abs(gradient(x)[0]) / jnp.where(present, target, 1))
        return _Newton(x, error, state.step + 1)

    def unfinished(state: _Newton) -> jax.Array:
        return (state.error > eps**0.7) & (state.step < _STEPS)

    first = _Newton(tuple(start), jnp.full((), jnp.inf, dtype), jnp.zeros((), int))
    found = jax.lax.while_loop(unfinished, body, first)
    total = jnp.sum(jnp.where(kept[0], values[0], 0))
    return inverse(found.x)[0] * total / jnp.where(cells > 0, cells, 1)


def _newton_step(
    slope: jax.Array, variance: jax.Array, present: jax.Array, sizes: list[int]
) -> tuple[jax.Array, jax.Array]:
    """The step and its length in the metric of the Hessian."""
    square = variance**2
    blocks = [
        [jnp.diag(square.sum((1, 2))), square.sum(2), square.sum(1)],
        [square.sum(2).T, jnp.diag(square.sum((0, 2))), square.sum(0)],
        [square.sum(1).T, square.sum(0).T, jnp.diag(square.sum((0, 1)))],
    ]
    hessian = jnp.block(blocks)
    diagonal = jnp.diagonal(hessian)
    scale = jnp.sqrt(jnp.where(diagonal > 0, diagonal, 1))  # multipliers differ by many orders
    # What is added to one axis and taken from another changes nothing: such steps are held at 0.
    shares = jnp.asarray([[1, -1, 0], [0, 1, -1]], slope.dtype)
    gauge = jnp.repeat(shares, jnp.asarray(sizes), axis=1, total_repeat_length=sum(sizes))
    gauge = gauge * (scale * present.astype(slope.dtype))[None]
    gauge = gauge / jnp.linalg.norm(gauge, axis=1, keepdims=True).clip(1e-30)
    matrix = hessian / (scale[:, None] * scale[None, :]) + gauge.T @ gauge
    matrix = matrix + jnp.diag((~present).astype(slope.dtype))
    ahead = jnp.linalg.solve(matrix, slope / scale)
    direction = -jnp.where(present, ahead / scale, 0)
    return direction, jnp.sqrt(jnp.maximum(-jnp.dot(slope, direction), 0))


def _marginal_sums(tensor: jax.Array) -> jax.Array:
    """Of all three axes, one after another."""
    return jnp.concatenate([tensor.sum(axes) for axes in ((1, 2), (0, 2), (0, 1))])


def _ends(values: list[jax.Array]) -> list[int]:
    return [len(values[0]), len(values[0]) + len(values[1])]


def _require_tensor(activity: ArrayLike) -> jax.Array:
    activity = require_activity("activity", activity, 3)
    if activity.ndim != 3 or activity.shape[0] < 2:
        raise ValueError(
            "activity must be [conditions, time, units] of two conditions at least, got shape "
            f"{list(activity.shape)}"
        )
    return activity
