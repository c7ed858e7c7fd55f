"""Whether a population's state turns: jPCA, with what chance would show."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxbrain.analysis.columns import columns
from jaxbrain.analysis.spaces import pca, require_activity
from jaxbrain.analysis.surrogates import Sampler, maximum_entropy
from jaxbrain.core.requirements import as_number, require_count, require_positive


class Fits(NamedTuple):
    """How well linear dynamics fit activity.

    Attributes:
      r2_skew: the share of the change of state that the best rotation explains.
      r2_best: the same of the best linear map of any kind.
      ratio: r2_skew / r2_best, of the linear dynamics the part that turns.
    """

    r2_skew: jax.Array
    r2_best: jax.Array
    ratio: jax.Array


class Rotations(NamedTuple):
    """What jPCA finds, beside what it finds in surrogates; ``print`` shows it.

    Planes come in the order of their frequencies, the highest first. In each the states turn
    counter-clockwise, and those of the first time spread along x.

    Attributes:
      fits: Fits of ``[]``.
      null: Fits of ``[surrogates]``.
      p: Fits of ``[]``: the share of surrogates, the activity among them, that do as well.
      skew: ``[components, components]``, M of dx/dt = M x in 1/s, antisymmetric.
      best: ``[components, components]``, the same without that constraint.
      frequencies: ``[planes]`` in Hz.
      variance: ``[planes]``, the share of the variance of all units.
      planes: ``[planes, units, 2]``, orthonormal axes x and y of each.
      projections: ``[planes, conditions, time, 2]``, the states there.
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


def jpca(
    activity: ArrayLike,
    *,
    dt: float | jax.Array,
    key: jax.Array,
    components: int = 6,
    soft_normalise: float | jax.Array | None = 5.0,
    subtract_mean: bool = True,
    surrogates: int = 50,
    surrogate: Callable[[jax.Array], Sampler] = maximum_entropy,
) -> Rotations:
    """The planes in which the state of a population turns, and how much of its change they hold.

    dx/dt = M x with M' = -M, least squares;  x: the first principal components of activity over
    (range + soft_normalise), less its mean over conditions

    Rotations are found in much that has none: any activity that is smooth in time and of few
    dimensions, any sequence of peaks. Hence each result has the same statistics of surrogates.
    Change is measured between neighbouring times and set against the state midway: a rotation is
    then exactly antisymmetric, and its frequency exact, however coarse the times are. (Churchland
    et al. set it against the earlier state; `skew_fit` takes any.)

    Args:
      activity: ``[conditions, time, units]``, of the times to look at, such as movement; the
        first of them is that of preparation.
      dt: between times, in seconds.
      key: of the surrogates.
      components: principal components, an even number.
      soft_normalise: added to the range of each unit by which it is divided, 5 for spikes/s; use a
        number that is small for an active unit. None: units are not normalised.
      subtract_mean: whether to leave out what is common to all conditions.
      surrogates: how many.
      surrogate: ``(activity) -> sample(key)``, of normalised activity (less its mean, as above):
        `maximum_entropy`, `condition_shuffle`, `condition_inversion` or one's own.

    Returns:
      Rotations.

    Raises:
      ValueError: if activity has not these axes, too few conditions, times or units, or a nan; if
        components is odd, or a number is out of range.

    Source: Churchland et al. 2012, doi 10.1038/nature11129; surrogates: Elsayed and Cunningham
    2017, doi 10.1038/nn.4617; Lebedev et al. 2019, doi 10.1038/s41598-019-54760-4.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> start, t = jnp.array([-2.0, -1.0, 0.0, 1.0, 2.0]), jnp.arange(0.0, 0.5, 0.02)
      >>> x, y = jnp.outer(start, jnp.cos(9 * t)), jnp.outer(start, jnp.sin(9 * t))
      >>> turning = jnp.stack([x, y], axis=-1)
      >>> found = jpca(turning, dt=0.02, key=jax.random.key(0), components=2, soft_normalise=None)
      >>> round(float(found.fits.r2_skew), 4), round(float(found.frequencies[0]), 4)
      (1.0, 1.4324)
    """
    activity = require_activity("activity", activity, 3)
    _require_size(activity, components, subtract_mean)
    require_positive("jpca", "dt", dt)
    require_count("jpca", "surrogates", surrogates)
    if soft_normalise is not None:
        require_positive("jpca", "soft_normalise", soft_normalise, zero=True)
        soft_normalise = as_number(soft_normalise, activity)
    prepared = _prepared(activity, soft_normalise, subtract_mean)
    keys = jax.random.split(key, surrogates)
    return _analysed(prepared, as_number(dt, activity), keys, components, subtract_mean, surrogate)


def skew_fit(states: ArrayLike, changes: ArrayLike) -> jax.Array:
    """The antisymmetric M that best explains changes = M states, in closed form.

    min |dX - X M'|_F over M' = -M:  C A + A C = K,  C = X'X,  K = X'dX - dX'X,  M = A';
    in the basis of C's eigenvectors A_ij = K_ij / (l_i + l_j)

    Args:
      states: ``[..., dimensions]``, x.
      changes: ``[..., dimensions]``, dx of each, in any unit of time.

    Returns:
      ``[dimensions, dimensions]``; 0 between directions in which no state lies.

    Raises:
      ValueError: if the shapes differ or hold a nan.

    Source: Churchland et al. 2012, doi 10.1038/nature11129, who search for the minimum.

    Examples:
      >>> import jax.numpy as jnp
      >>> states = jnp.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
      >>> turn = jnp.array([[0.0, -3.0], [3.0, 0.0]])
      >>> (jnp.abs(skew_fit(states, states @ turn.T) - turn) < 1e-5).all().item()
      True
    """
    x, dx = _rows(states, changes)
    values, vectors = jnp.linalg.eigh(x.T @ x)
    product = vectors.T @ (x.T @ dx) @ vectors
    twist = product - product.T
    sums = values[:, None] + values[None, :]
    there = sums > 10 * len(values) * jnp.finfo(x.dtype).eps * values[-1]
    turn = jnp.where(there, twist / jnp.where(there, sums, 1), 0)
    fitted = vectors @ turn @ vectors.T
    return (fitted.T - fitted) / 2


def linear_fit(states: ArrayLike, changes: ArrayLike) -> jax.Array:
    """The M that best explains changes = M states.

    min |dX - X M'|_F

    Args:
      states: ``[..., dimensions]``, x.
      changes: ``[..., dimensions]``, dx of each.

    Returns:
      ``[dimensions, dimensions]``, of smallest norm where states leave it open.

    Raises:
      ValueError: if the shapes differ or hold a nan.

    Examples:
      >>> import jax.numpy as jnp
      >>> states = jnp.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
      >>> matrix = jnp.array([[3.0, 1.0], [4.0, 2.0]])
      >>> (jnp.abs(linear_fit(states, states @ matrix.T) - matrix) < 1e-5).all().item()
      True
    """
    x, dx = _rows(states, changes)
    return jnp.linalg.lstsq(x, dx)[0].T


def _require_size(activity: jax.Array, components: int, subtract_mean: bool) -> None:
    require_count("jpca", "components", components)
    if activity.ndim != 3:
        raise ValueError(
            f"activity must be [conditions, time, units], got shape {list(activity.shape)}"
        )
    conditions, times, units = activity.shape
    if components % 2 or components > units:
        raise ValueError(
            "jpca: components must be even, as planes have two, and at most the units; got "
            f"{components} of activity {list(activity.shape)}"
        )
    if conditions < 2 or times < 3:
        raise ValueError(
            "activity must be of two conditions and three times at least, got "
            f"{conditions} and {times}"
        )
    free = (conditions - subtract_mean) * (times - 1)
    if free <= components:
        raise ValueError(
            f"activity of {conditions} conditions and {times} times leaves {free} changes of "
            f"state, too few for {components} components; take fewer"
        )


def _prepared(activity: jax.Array, soft: Any, subtract_mean: bool) -> jax.Array:
    if soft is not None:
        reach = jnp.ptp(activity, axis=(0, 1), keepdims=True) + soft
        activity = activity / jnp.where(reach > 0, reach, 1)
    return _uncommon(activity) if subtract_mean else activity


def _uncommon(activity: jax.Array) -> jax.Array:
    return activity - activity.mean(axis=0, keepdims=True)


@partial(jax.jit, static_argnames=("components", "subtract_mean", "surrogate"))
def _analysed(
    prepared: jax.Array,
    dt: jax.Array,
    keys: jax.Array,
    components: int,
    subtract_mean: bool,
    surrogate: Callable[[jax.Array], Sampler],
) -> Rotations:
    found = pca(prepared, components)
    skew, best, fits = _fitted(found.scores)
    sample = surrogate(jax.lax.stop_gradient(prepared))  # what chance does has no gradient

    def chance(key: jax.Array) -> Fits:
        drawn = sample(key)
        drawn = _uncommon(drawn) if subtract_mean else drawn
        return _fitted(_scores(drawn, components))[2]

    null = jax.lax.map(chance, keys)  # one after another: each is as large as the activity
    p = jax.tree.map(lambda a, b: (1 + jnp.sum(b >= a)) / (1 + len(keys)), fits, null)
    speeds, axes = _planes(skew, found.scores[:, 0])
    projections = jnp.einsum("ctk,pkx->pctx", found.scores, axes)
    power = jnp.sum(projections**2, axis=(1, 2, 3))
    total = jnp.sum((prepared - found.mean[None, None]) ** 2)
    return Rotations(
        fits,
        null,
        p,
        skew / dt,
        best / dt,
        # From a slope at the midpoint to the angle of a step: exact for rotations.
        2 * jnp.arctan(speeds / 2) / (2 * jnp.pi * dt),
        power / jnp.where(total > 0, total, 1),
        jnp.einsum("kn,pkx->pnx", found.directions, axes),
        projections,
    )


def _scores(activity: jax.Array, components: int) -> jax.Array:
    """As of `pca`, but for signs; from the covariance, in a small part of the time."""
    rows = activity.reshape(-1, activity.shape[-1])
    rows = rows - rows.mean(axis=0, keepdims=True)
    directions = jnp.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :components]
    return (rows @ directions).reshape(*activity.shape[:-1], components)


def _fitted(states: jax.Array) -> tuple[jax.Array, jax.Array, Fits]:
    """M per step, antisymmetric and any, and how well they fit states [conditions, time, k]."""
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
    # i M is Hermitian: where i M (a + i b) = w (a + i b), M turns a to w b and b to -w a.
    values, vectors = jnp.linalg.eigh(jax.lax.complex(jnp.zeros_like(skew), skew))
    speeds, vectors = values[::-1][: size // 2], vectors[:, ::-1][:, : size // 2]
    axes = jnp.sqrt(2.0).astype(skew.dtype) * jnp.stack([vectors.real, vectors.imag], axis=-1)
    # Planes that do not turn have no axes of their own: they take what is left.
    whole, upper = jnp.linalg.qr(axes.reshape(size, size))
    sign = jnp.where(jnp.diagonal(upper) < 0, -1.0, 1.0).astype(skew.dtype)
    axes = (whole * sign[None]).reshape(size, size // 2, 2).swapaxes(0, 1)
    return jnp.maximum(speeds, 0), jax.vmap(_spread_along_x, in_axes=(0, None))(axes, first)


def _spread_along_x(axes: jax.Array, first: jax.Array) -> jax.Array:
    """Turn the axes [k, 2] of a plane so that the first states vary most along x."""
    where = (first - first.mean(axis=0, keepdims=True)) @ axes
    xx, yy, xy = jnp.sum(where[:, 0] ** 2), jnp.sum(where[:, 1] ** 2), jnp.prod(where, axis=1).sum()
    angle = jnp.arctan2(2 * xy, xx - yy) / 2
    c, s = jnp.cos(angle), jnp.sin(angle)
    turned = axes @ jnp.stack([jnp.stack([c, -s]), jnp.stack([s, c])])
    # Either end of x would do: the direction of the largest entry is positive.
    largest = turned[jnp.argmax(jnp.abs(turned[:, 0])), 0]
    return turned * jnp.where(largest < 0, -1.0, 1.0).astype(axes.dtype)


def _rows(states: Any, changes: Any) -> tuple[jax.Array, jax.Array]:
    x, dx = require_activity("states", states, 2), require_activity("changes", changes, 2)
    if x.shape != dx.shape:
        raise ValueError(
            "states and changes must have one shape [..., dimensions], got "
            f"{list(x.shape)} and {list(dx.shape)}"
        )
    return x.reshape(-1, x.shape[-1]), dx.astype(x.dtype).reshape(-1, x.shape[-1])
