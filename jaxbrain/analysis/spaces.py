"""Principal components and similarity of population activities: CKA, Procrustes, CCA, SVCCA."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.analysis.values import require_activity, require_in_range, scaled
from jaxbrain.core.annotations import AsArray
from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import require_count


class PrincipalComponents(NamedTuple):
    """Directions of largest variance.

    Attributes:
      mean: ``[units]``, of the samples.
      directions: ``[components, units]``, orthonormal rows.
      variance: ``[components]``, the largest first, with n - 1 degrees of freedom.
      explained: ``[components]``, the variance over that of all units.
      scores: ``[..., components]``, the samples minus their mean along the directions.
    """

    mean: jax.Array
    directions: jax.Array
    variance: jax.Array
    explained: jax.Array
    scores: jax.Array


class Alignment(NamedTuple):
    """Alignment of one set of activities with another by a rotation.

    Attributes:
      distance: ``[]``, from 0, the same shape, to sqrt(2).
      rotation: ``[units of b, units of a]``, of b onto a; reflections count as rotations.
    """

    distance: jax.Array
    rotation: jax.Array


@checked
def pca(data: AsArray, components: int) -> PrincipalComponents:
    """Principal components: the directions of largest variance.

    X - mean = U S V',  directions = V',  variance = S^2 / (n - 1)

    The entry of largest magnitude in each direction is positive.

    Args:
      data: ``[..., units]``; all leading axes are samples.
      components: number of directions, at most the units and the samples.

    Source: Pearson 1901, doi 10.1080/14786440109462720.

    Examples:
      >>> import jax.numpy as jnp
      >>> found = pca(jnp.array([[3.0, 4.0], [-3.0, -4.0], [0.0, 0.0]]), 1)
      >>> found.directions.round(3).tolist(), found.explained.round(3).tolist()
      ([[0.6..., 0.8...]], [1.0])
    """
    data = require_activity("pca", "data", data, 2)
    require_count("pca", "components", components)
    rows = data.reshape(-1, data.shape[-1])
    if components > min(rows.shape):
        raise ValueError(
            f"pca: components must be at most {min(rows.shape)}, the smaller number of samples and "
            f"units of data {list(data.shape)}; got {components}"
        )
    mean = rows.mean(axis=0)
    centered, scale = scaled(rows - mean[None])
    _, singular, directions = jnp.linalg.svd(centered, full_matrices=False)
    directions = directions[:components]
    largest = jnp.argmax(jnp.abs(directions), axis=1)[:, None]
    directions = directions * jnp.where(
        jnp.take_along_axis(directions, largest, axis=1) < 0, -1.0, 1.0
    ).astype(data.dtype)
    power = singular**2
    total = jnp.sum(power)
    variance = power[:components] * scale[0] ** 2 / max(len(rows) - 1, 1)
    require_in_range("pca", "data", variance)
    scores = (centered @ directions.T * scale).reshape(*data.shape[:-1], components)
    return PrincipalComponents(
        mean,
        directions,
        variance,
        power[:components] / jnp.where(total > 0, total, 1),
        scores,
    )


@checked
def cka(a: AsArray, b: AsArray) -> jax.Array:
    """Linear centered kernel alignment (CKA) of two populations.

    CKA = |B'A|_F^2 / (|A'A|_F |B'B|_F) = HSIC(AA', BB') / sqrt(HSIC(AA', AA') HSIC(BB', BB')),
    A and B centered

    It does not change under rotations and scaling of a population, but under other linear maps.
    With few samples and many units it is high for any two populations.

    Args:
      a: ``[samples, units]``.
      b: ``[samples, other units]``, of the same samples.

    Returns:
      ``[]``, from 0 to 1; 0 where one of them does not vary.

    Source: Kornblith et al. 2019, arXiv 1905.00414.

    Examples:
      >>> import jax.numpy as jnp
      >>> a = jnp.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
      >>> round(float(cka(a, 3 * a[:, ::-1])), 4), round(float(cka(a, a[:, :1])), 4)
      (1.0, 0.7906)
    """
    a, b = (_unit(rows) for rows in _pair("cka", a, b))
    samples = a.shape[0]
    if samples > a.shape[1] + b.shape[1]:
        together = jnp.sum((b.T @ a) ** 2)
        own = [jnp.sqrt(jnp.sum((rows.T @ rows) ** 2)) for rows in (a, b)]
    else:
        gram_a, gram_b = a @ a.T, b @ b.T
        together = jnp.sum(gram_a * gram_b)
        own = [jnp.sqrt(jnp.sum(gram**2)) for gram in (gram_a, gram_b)]
    scale = own[0] * own[1]
    return together / jnp.where(scale > 0, scale, 1)


@checked
def procrustes(a: AsArray, b: AsArray) -> Alignment:
    """Procrustes distance: the difference between two populations after the best rotation.

    distance = min_Q |A - B Q|_F over Q'Q = I,  A and B centered, of norm 1;
    Q = U V',  B'A = U S V' (SVD),  distance^2 = 2 - 2 tr S

    Args:
      a: ``[samples, units]``.
      b: ``[samples, other units]``, of the same samples; the smaller population is padded with
        silent units.

    Source: Schönemann 1966, doi 10.1007/BF02289451; Williams et al. 2021, arXiv 2110.14739.

    Examples:
      >>> import numpy as np
      >>> a = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, -1.0]])
      >>> rotation = np.asarray(procrustes(a, 3 * a[:, ::-1] + 1).rotation)  # a reflection
      >>> np.abs(rotation).round(3).tolist()
      [[0.0, 1.0], [1.0, 0.0]]
    """
    a, b = (_unit(rows) for rows in _pair("procrustes", a, b))
    units = (b.shape[1], a.shape[1])
    a, b = (jnp.pad(rows, ((0, 0), (0, max(units) - rows.shape[1]))) for rows in (a, b))
    left, _, right = jnp.linalg.svd(b.T @ a)
    rotation = left @ right
    # The root of 2 - 2 tr S would lose half of the digits near 0.
    distance = jnp.linalg.norm(a - b @ rotation)
    return Alignment(distance, rotation[: units[0], : units[1]])


@checked
def cca(a: AsArray, b: AsArray) -> jax.Array:
    """Canonical correlations of two populations.

    singular values of Q_a' Q_b,  Q an orthonormal basis of the centered columns

    They do not change under invertible linear maps. With as many units as samples all of them are
    1, whatever the activities: use `svcca`.

    Args:
      a: ``[samples, units]``, more samples than units.
      b: ``[samples, other units]``, of the same samples.

    Returns:
      ``[the fewer units]``, the largest first; 0 for directions in which nothing varies.

    Source: Hotelling 1936, doi 10.1093/biomet/28.3-4.321; Björck and Golub 1973,
    doi 10.1090/S0025-5718-1973-0348991-3.

    Examples:
      >>> import jax.numpy as jnp
      >>> a = jnp.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
      >>> cca(a, a @ jnp.array([[1.0, 5.0], [0.0, 2.0]])).round(4).tolist()
      [1.0, 1.0]
    """
    a, b = _pair("cca", a, b)
    for name, rows in {"a": a, "b": b}.items():
        if rows.shape[0] <= rows.shape[1]:
            raise ValueError(
                f"cca: {name} must have more samples than units, else every correlation is 1, got "
                f"{list(rows.shape)}; use svcca with fewer components"
            )
    correlations = jnp.linalg.svd(_basis(a).T @ _basis(b), compute_uv=False)
    return jnp.clip(correlations, 0, 1)


@checked
def svcca(a: AsArray, b: AsArray, components: int) -> jax.Array:
    """Singular vector canonical correlations (SVCCA): `cca` of the first principal components.

    Directions of little variance, which are noise, do not count.

    Args:
      a: ``[samples, units]``.
      b: ``[samples, other units]``, of the same samples.
      components: principal components of each, fewer than the samples.

    Returns:
      ``[components]``, the largest first; their mean is the SVCCA similarity.

    Source: Raghu et al. 2017, arXiv 1706.05806.

    Examples:
      >>> import jax
      >>> a = jax.random.normal(jax.random.key(0), (20, 3))
      >>> svcca(a, 2 * a[:, ::-1], 2).round(4).tolist()
      [1.0, 1.0]
    """
    a, b = _pair("svcca", a, b)
    return cca(pca(a, components).scores, pca(b, components).scores)


def _pair(function: str, a: Any, b: Any) -> tuple[jax.Array, jax.Array]:
    """Two sets of activities of the same samples, centered."""
    a, b = (require_activity(function, n, rows, 2) for n, rows in (("a", a), ("b", b)))
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[0] or a.shape[0] < 2:
        raise ValueError(
            f"{function}: a and b must be [samples, units] of the same samples, at least two, got "
            f"shapes {list(a.shape)} and {list(b.shape)}"
        )
    dtype = jnp.promote_types(a.dtype, b.dtype)
    a, b = a.astype(dtype), b.astype(dtype)
    return a - a.mean(axis=0, keepdims=True), b - b.mean(axis=0, keepdims=True)


def _unit(rows: jax.Array) -> jax.Array:
    """The rows scaled to a Frobenius norm of 1."""
    rows, _ = scaled(rows)
    norm = jnp.linalg.norm(rows)
    return rows / jnp.where(norm > 0, norm, 1)


def _basis(rows: jax.Array) -> jax.Array:
    """An orthonormal basis of the columns, with zeros for the missing dimensions."""
    left, singular, _ = jnp.linalg.svd(rows, full_matrices=False)
    least = singular[0] * max(rows.shape) * jnp.finfo(rows.dtype).eps
    return left * (singular > least).astype(rows.dtype)[None]
