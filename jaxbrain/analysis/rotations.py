"""Rotational dynamics of population activity (jPCA), with surrogate controls."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.analysis.columns import columns
from jaxbrain.analysis.spaces import pca
from jaxbrain.analysis.surrogates import Sampler, maximum_entropy
from jaxbrain.analysis.values import require_activity, scaled
from jaxbrain.core.annotations import AsArray, Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.compiled import compiled
from jaxbrain.core.program import Program
from jaxbrain.core.requirements import as_number, require_count, require_positive


class Fits(NamedTuple):
    """Fit of linear dynamics to activity.

    Attributes:
      r2_skew: fraction of the change of state that the best rotation explains.
      r2_best: the same for the best linear map of any kind.
      ratio: r2_skew / r2_best, the rotational part of the linear dynamics.
    """

    r2_skew: jax.Array
    r2_best: jax.Array
    ratio: jax.Array


class Rotations(NamedTuple):
    """Result of jPCA, with the same statistics for surrogates; ``print`` shows it.

    Planes are ordered by frequency, the highest first. In each of them states rotate
    counter-clockwise, and the states of the first time vary most along x.

    Attributes:
      fits: Fits of ``[]``.
      null: Fits of ``[surrogates]``.
      p: Fits of ``[]``: the fraction of surrogates, the activity included, that fit as well.
      skew: ``[components, components]``, M of dx/dt = M x in 1/s, antisymmetric.
      best: ``[components, components]``, the same without that constraint.
      frequencies: ``[planes]`` in Hz.
      variance: ``[planes]``, fraction of the variance of all units.
      planes: ``[planes, units, 2]``, orthonormal axes x and y of each.
      projections: ``[planes, conditions, time, 2]``, the states in the planes.
    """

    fits: Fits
    null: Fits
    p: Fits
    skew: jax.Array
    best: jax.Array
    frequencies: jax.Array
    variance: jax.Array
    planes: jax.Array
    projections: jax.Array

    def __str__(self) -> str:
        headings = ["", "activity", "surrogates: median", "largest", "p"]
        names = {"r2_skew": "R2 of a rotation", "r2_best": "R2 of any map", "ratio": "ratio"}
        rows = []
        for name, text in names.items():
            null, value = getattr(self.null, name), getattr(self.fits, name)
            numbers = (value, jnp.median(null), jnp.max(null), getattr(self.p, name))
            rows.append([text, *(f"{float(number):.3f}" for number in numbers)])
        found = zip(self.frequencies.tolist(), self.variance.tolist(), strict=True)
        planes = [
            [str(i), f"{frequency:.2f}", f"{variance:.3f}"]
            for i, (frequency, variance) in enumerate(found)
        ]
        return f"{columns(headings, rows)}\n\n{columns(['plane', 'Hz', 'variance'], planes)}"


@checked
def jpca(
    key: Key,
    activity: AsArray,
    *,
    dt: float | jax.Array,
    components: int = 6,
    soft_normalize: float | jax.Array | None = 5.0,
    subtract_mean: bool = True,
    surrogates: int = 50,
    surrogate: Callable[[jax.Array], Sampler] = maximum_entropy,
) -> Rotations:
    """Rotational dynamics of a population: jPCA, with the same analysis of surrogates.

    dx/dt = M x with M' = -M, least squares;  x: the first principal components of
    activity / (range + soft_normalize), minus its mean over conditions

    Activity that is smooth in time and of few dimensions, or any sequence of peaks, appears to
    rotate: compare each result with those of surrogates. A change between neighboring times is
    fitted to the state midway, so that M of a rotation is exactly antisymmetric and its frequency
    exact for any dt. (Churchland et al. fit it to the earlier state; `skew_fit` takes any state.)

    Args:
      key: of the surrogates.
      activity: ``[conditions, time, units]``, of the times to analyze, such as movement; the first
        time is that of preparation.
      dt: between times, in s.
      components: principal components, an even number.
      soft_normalize: each unit is divided by its range plus this number, which should be small for
        an active unit, such as 5 spikes/s. None: units are not normalized.
      subtract_mean: True removes the mean over conditions.
      surrogates: number of surrogates.
      surrogate: ``(activity) -> sample(key)``, of normalized activity minus its mean over
        conditions: `maximum_entropy`, `condition_shuffle`, `condition_inversion` or your own.

    Raises:
      ValueError: if there are too few conditions, times or units, or components is odd.

    Source: Churchland et al. 2012, doi 10.1038/nature11129; surrogates: Elsayed and Cunningham
    2017, doi 10.1038/nn.4617; Lebedev et al. 2019, doi 10.1038/s41598-019-54760-4.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> start, t = jnp.array([-2.0, -1.0, 0.0, 1.0, 2.0]), jnp.arange(0.0, 0.5, 0.02)
      >>> x, y = jnp.outer(start, jnp.cos(9 * t)), jnp.outer(start, jnp.sin(9 * t))
      >>> circles, key = jnp.stack([x, y], axis=-1), jax.random.key(0)
      >>> found = jpca(key, circles, dt=0.02, components=2, soft_normalize=None)
      >>> round(float(found.fits.r2_skew), 4), round(float(found.frequencies[0]), 4)  # 9 / (2 pi)
      (1.0, 1.4324)
    """
    activity = require_activity("jpca", "activity", activity, 3)
    _require_size(activity, components, subtract_mean)
    require_positive("jpca", "dt", dt)
    require_count("jpca", "surrogates", surrogates)
    if soft_normalize is not None:
        require_positive("jpca", "soft_normalize", soft_normalize, zero=True)
        soft_normalize = as_number(soft_normalize, activity)
    prepared = _prepared(activity, soft_normalize, subtract_mean)
    keys = jax.random.split(key, surrogates)
    arrays = prepared, as_number(dt, activity), keys
    return _analyzed(Program(surrogate), *arrays, components, subtract_mean)


@checked
def skew_fit(states: AsArray, changes: AsArray) -> jax.Array:
    """Antisymmetric matrix M of the least squares problem changes = M states, in closed form.

    min |dX - X M'|_F over M' = -M:  C A + A C = K,  C = X'X,  K = X'dX - dX'X,  M = A';
    in the basis of the eigenvectors of C, A_ij = K_ij / (l_i + l_j)

    Args:
      states: ``[..., dimensions]``, x.
      changes: ``[..., dimensions]``, dx of each, in any unit of time.

    Returns:
      ``[dimensions, dimensions]``; 0 between directions in which no state lies.

    Source: Churchland et al. 2012, doi 10.1038/nature11129, who search for the minimum.

    Examples:
      >>> import numpy as np
      >>> states = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
      >>> turn = np.array([[0.0, -3.0], [3.0, 0.0]])
      >>> np.asarray(skew_fit(states, states @ turn.T)).round(3).tolist()
      [[0.0, -3.0], [3.0, 0.0]]
    """
    (x, unit), (dx, step) = map(scaled, _rows("skew_fit", states, changes))
    values, vectors = jnp.linalg.eigh(x.T @ x)
    product = vectors.T @ (x.T @ dx) @ vectors
    twist = product - product.T
    sums = values[:, None] + values[None, :]
    there = sums > 10 * len(values) * jnp.finfo(x.dtype).eps * values[-1]
    turn = jnp.where(there, twist / jnp.where(there, sums, 1), 0)
    fitted = vectors @ turn @ vectors.T
    return (fitted.T - fitted) / 2 * (step / unit)


@checked
def linear_fit(states: AsArray, changes: AsArray) -> jax.Array:
    """Matrix M of the least squares problem changes = M states.

    min |dX - X M'|_F; where states do not determine M, the one of smallest norm

    Args:
      states: ``[..., dimensions]``, x.
      changes: ``[..., dimensions]``, dx of each.

    Examples:
      >>> import numpy as np
      >>> states, m = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[3.0, 1.0], [4.0, 2.0]])
      >>> np.asarray(linear_fit(states, states @ m.T)).round(3).tolist()
      [[3.0, 1.0], [4.0, 2.0]]
    """
    x, dx = _rows("linear_fit", states, changes)
    return jnp.linalg.lstsq(x, dx)[0].T


def _require_size(activity: jax.Array, components: int, subtract_mean: bool) -> None:
    require_count("jpca", "components", components)
    if activity.ndim != 3:
        raise ValueError(
            f"jpca: activity must be [conditions, time, units], got shape {list(activity.shape)}"
        )
    conditions, times, units = activity.shape
    if components % 2 or components > units:
        raise ValueError(
            "jpca: components must be even, as planes have two, and at most the units; got "
            f"{components} of activity {list(activity.shape)}"
        )
    if conditions < 2 or times < 3:
        raise ValueError(
            "jpca: activity must have at least two conditions and three times, got "
            f"{conditions} and {times}"
        )
    free = (conditions - subtract_mean) * (times - 1)
    if free <= components:
        raise ValueError(
            f"jpca: activity of {conditions} conditions and {times} times leaves {free} changes of "
            f"state, too few for {components} components; take fewer"
        )


def _prepared(activity: jax.Array, soft: Any, subtract_mean: bool) -> jax.Array:
    if soft is not None:
        reach = jnp.ptp(activity, axis=(0, 1), keepdims=True) + soft
        activity = activity / jnp.where(reach > 0, reach, 1)
    return _without_mean(activity) if subtract_mean else activity


def _without_mean(activity: jax.Array) -> jax.Array:
    return activity - activity.mean(axis=0, keepdims=True)


@compiled(static_argnums=(4, 5))
def _analyzed(
    surrogate: Program,
    prepared: jax.Array,
    dt: jax.Array,
    keys: jax.Array,
    components: int,
    subtract_mean: bool,
) -> Rotations:
    found = pca(prepared, components)
    skew, best, fits = _fitted(found.scores)
    sample = surrogate.value(jax.lax.stop_gradient(prepared))

    def of_surrogate(key: jax.Array) -> Fits:
        drawn = sample(key)
        drawn = _without_mean(drawn) if subtract_mean else drawn
        return _fitted(_scores(drawn, components))[2]

    null = jax.lax.map(of_surrogate, keys)  # one at a time: each is as large as the activity
    p = jax.tree.map(lambda a, b: (1 + jnp.sum(b >= a)) / (1 + len(keys)), fits, null)
    speeds, axes = _planes(skew, found.scores[:, 0])
    projections = jnp.einsum("ctk,pkx->pctx", found.scores, axes)
    power = jnp.sum(projections**2, axis=(1, 2, 3))
    total = jnp.sum((prepared - found.mean[None, None]) ** 2)
    angles = 2 * jnp.arctan(speeds / 2)  # of a step, from the slope midway: exact for rotations
    return Rotations(
        fits=fits,
        null=null,
        p=p,
        skew=skew / dt,
        best=best / dt,
        frequencies=angles / (2 * jnp.pi * dt),
        variance=power / jnp.where(total > 0, total, 1),
        planes=jnp.einsum("kn,pkx->pnx", found.directions, axes),
        projections=projections,
    )


def _scores(activity: jax.Array, components: int) -> jax.Array:
    """Scores of `pca` up to signs, from the covariance, which is several times faster."""
    rows = activity.reshape(-1, activity.shape[-1])
    rows = rows - rows.mean(axis=0, keepdims=True)
    directions = jnp.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :components]
    return (rows @ directions).reshape(*activity.shape[:-1], components)


def _fitted(states: jax.Array) -> tuple[jax.Array, jax.Array, Fits]:
    """M per step, antisymmetric and any, and their fits to states [conditions, time, k]."""
    change = jnp.diff(states, axis=1).reshape(-1, states.shape[-1])
    middle = ((states[:, 1:] + states[:, :-1]) / 2).reshape(change.shape)
    skew, best = skew_fit(middle, change), linear_fit(middle, change)
    total = jnp.sum(change**2)

    def r2(matrix: jax.Array) -> jax.Array:
        error = jnp.sum((change - middle @ matrix.T) ** 2)
        return jnp.where(total > 0, 1 - error / jnp.where(total > 0, total, 1), 0)

    r2_skew, r2_best = r2(skew), r2(best)
    ratio = jnp.where(r2_best > 0, r2_skew / jnp.where(r2_best > 0, r2_best, 1), 0)
    return skew, best, Fits(r2_skew, r2_best, ratio)


def _planes(skew: jax.Array, first: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Angular speeds [planes] and axes [planes, k, 2]; `first` are the states [conditions, k]."""
    size = len(skew)
    # i M is Hermitian: if i M (a + i b) = w (a + i b), then M a = w b and M b = -w a.
    values, vectors = jnp.linalg.eigh(jax.lax.complex(jnp.zeros_like(skew), skew))
    speeds, vectors = values[::-1][: size // 2], vectors[:, ::-1][:, : size // 2]
    axes = jnp.sqrt(2.0).astype(skew.dtype) * jnp.stack([vectors.real, vectors.imag], axis=-1)
    # Planes of frequency 0 have no axes of their own: QR completes the basis.
    whole, upper = jnp.linalg.qr(axes.reshape(size, size))
    sign = jnp.where(jnp.diagonal(upper) < 0, -1.0, 1.0).astype(skew.dtype)
    axes = (whole * sign[None]).reshape(size, size // 2, 2).swapaxes(0, 1)
    return jnp.maximum(speeds, 0), jax.vmap(_spread_along_x, in_axes=(0, None))(axes, first)


def _spread_along_x(axes: jax.Array, first: jax.Array) -> jax.Array:
    """Rotate the axes [k, 2] of a plane so that the first states vary most along x."""
    where = (first - first.mean(axis=0, keepdims=True)) @ axes
    xx, yy, xy = jnp.sum(where[:, 0] ** 2), jnp.sum(where[:, 1] ** 2), jnp.prod(where, axis=1).sum()
    angle = jnp.arctan2(2 * xy, xx - yy) / 2
    c, s = jnp.cos(angle), jnp.sin(angle)
    turned = axes @ jnp.stack([jnp.stack([c, -s]), jnp.stack([s, c])])
    # The sign of x is free: its largest entry is made positive.
    largest = turned[jnp.argmax(jnp.abs(turned[:, 0])), 0]
    return turned * jnp.where(largest < 0, -1.0, 1.0).astype(axes.dtype)


def _rows(function: str, states: Any, changes: Any) -> tuple[jax.Array, jax.Array]:
    x = require_activity(function, "states", states, 2)
    dx = require_activity(function, "changes", changes, 2)
    if x.shape != dx.shape:
        raise ValueError(
            f"{function}: states and changes must have one shape [..., dimensions], got "
            f"{list(x.shape)} and {list(dx.shape)}"
        )
    return x.reshape(-1, x.shape[-1]), dx.astype(x.dtype).reshape(-1, x.shape[-1])
