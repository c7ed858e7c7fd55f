"""Directional tuning of single units, and the population vector."""

from typing import NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.analysis.values import as_floats, require_activity, scaled
from jaxbrain.core.annotations import AsArray
from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import as_number, require_fraction


class Tuning(NamedTuple):
    """Cosine tuning of each unit; ``print`` summarizes the quality of the fits.

    Attributes:
      baseline: ``[units]``, b0, the mean rate over evenly spread directions.
      amplitude: ``[units]``, b, not negative.
      preferred: ``[units]``, the direction of the highest rate in radians, from -pi to pi.
      r2: ``[units]``, the fraction of a unit's variance that the cosine explains; 0 where the unit
        does not vary.
    """

    baseline: jax.Array
    amplitude: jax.Array
    preferred: jax.Array
    r2: jax.Array

    def __str__(self) -> str:
        active = self.amplitude > 1e-3 * jnp.max(self.amplitude)  # R2 of the others is noise
        r2 = self.r2[active]
        return (
            f"{len(r2)} of {len(active)} units vary, median R2 {jnp.median(r2):.2f}, "
            f"above 0.7 {jnp.mean(r2 > 0.7):.0%}"
        )

    @property
    def depth(self) -> jax.Array:
        """``[units]``: amplitude / baseline; inf where the baseline is 0."""
        return self.amplitude / self.baseline


@checked
def tuning(angles: AsArray, rates: AsArray) -> Tuning:
    """Cosine tuning of units to the direction of movement, by least squares.

    rate = b0 + b cos(angle - preferred) = b0 + b1 cos(angle) + b2 sin(angle)

    A cosine fits the mean rates of three directions exactly: judge R2 on single trials, or on more
    directions.

    Args:
      angles: ``[...]``, the direction of each movement in radians.
      rates: ``[..., units]``, the activity during it.

    Raises:
      ValueError: if there are fewer than three directions.

    Source: Georgopoulos et al. 1982, doi 10.1523/JNEUROSCI.02-11-01527.1982.

    Examples:
      >>> import jax.numpy as jnp
      >>> angles = jnp.linspace(0, 2 * jnp.pi, 8, endpoint=False)
      >>> found = tuning(angles, 10 + 4 * jnp.cos(angles - 1)[:, None])
      >>> [round(float(field[0]), 3) for field in found]
      [10.0, 4.0, 1.0, 1.0]
    """
    rates = require_activity("tuning", "rates", rates, 2)
    angles = require_activity("tuning", "angles", angles, 1)
    if angles.shape != rates.shape[:-1]:
        raise ValueError(
            "tuning: angles must be [...] and rates [..., units], one angle for each movement, got "
            f"shapes {list(angles.shape)} and {list(rates.shape)}"
        )
    _require_directions("tuning", angles)
    angles, rates = angles.astype(rates.dtype).reshape(-1), rates.reshape(-1, rates.shape[-1])
    # Centered, the constant is the mean and two equations remain.
    circle = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)
    middle, mean = circle.mean(axis=0), rates.mean(axis=0)
    swing, (change, scale) = circle - middle[None], scaled(rates - mean[None], axis=0)
    b1, b2 = jnp.linalg.lstsq(swing, change)[0]
    errors = jnp.sum((change - swing @ jnp.stack([b1, b2])) ** 2, axis=0)
    total = jnp.sum(change**2, axis=0)
    b1, b2 = b1 * scale[0], b2 * scale[0]
    return Tuning(
        baseline=mean - b1 * middle[0] - b2 * middle[1],
        amplitude=jnp.hypot(b1, b2),
        preferred=jnp.arctan2(b2, b1),
        r2=jnp.where(total > 0, 1 - errors / jnp.where(total > 0, total, 1), 0),
    )


@checked
def population_vector(
    rates: AsArray, tuning: Tuning, *, least_r2: float | jax.Array = 0.0
) -> jax.Array:
    """Population vector: the sum of preferred directions, weighted by the units' activity.

    P = (2 / n) sum_i w_i [cos p_i, sin p_i],  w_i = (rate_i - b0_i) / b_i

    For cosine tuning and evenly spread preferred directions it is the direction of movement, of
    length 1. In general that direction is multiplied by (2 / n) sum_i p_i p_i', which turns it
    toward the directions that most units prefer.

    Args:
      rates: ``[..., units]``.
      tuning: of the units, fitted to other movements.
      least_r2: units with an R2 up to this are left out; w of untuned units is large noise.

    Returns:
      ``[..., 2]``; 0 if all units are left out.

    Source: Georgopoulos et al. 1986, doi 10.1126/science.3749885.

    Examples:
      >>> import jax.numpy as jnp
      >>> preferred = jnp.linspace(0, 2 * jnp.pi, 5, endpoint=False)
      >>> units = Tuning(jnp.full(5, 10.0), jnp.full(5, 2.0), preferred, jnp.ones(5))
      >>> vector = population_vector(10 + 2 * jnp.cos(0.7 - preferred), units)
      >>> round(float(jnp.arctan2(vector[1], vector[0])), 4)
      0.7
    """
    rates = require_activity("population_vector", "rates", rates, 1)
    require_fraction("population_vector", "least_r2", least_r2)
    fields = [
        as_floats("population_vector", f"tuning.{name}", field).astype(rates.dtype)
        for name, field in tuning._asdict().items()
    ]
    shapes = [list(field.shape) for field in fields]
    if any(shape != list(rates.shape[-1:]) for shape in shapes):
        raise ValueError(
            "population_vector: rates must be [..., units] of the units of tuning, each of its "
            f"fields [units]; got shape {list(rates.shape)}, and in tuning {shapes}"
        )
    baseline, amplitude, preferred, r2 = fields
    kept = (amplitude > 0) & (r2 > as_number(least_r2, r2))
    count = jnp.maximum(jnp.sum(kept), 1).astype(rates.dtype)
    directions = jnp.stack([jnp.cos(preferred), jnp.sin(preferred)], axis=1)
    weight = jnp.where(kept, 1 / jnp.where(kept, amplitude, 1), 0)
    flat = rates.reshape(-1, rates.shape[-1])
    vectors = 2 / count * ((flat - baseline[None]) * weight[None]) @ directions
    return vectors.reshape(*rates.shape[:-1], 2)


@checked
def held_out_error(angles: AsArray, rates: AsArray, *, least_r2: float = 0.5) -> jax.Array:
    """Angular error of the population vector on movements that were not used for the fit.

    The tuning is fitted to every second movement, starting with the first; the others are decoded.

    Args:
      angles: ``[movements]``, the direction of each in radians.
      rates: ``[movements, units]``, the activity during it.
      least_r2: of the units that are used, in the movements of the fit.

    Returns:
      ``[movements // 2]`` in radians, counter-clockwise, from -pi to pi.

    Raises:
      ValueError: if there are fewer than three directions in the movements of the fit.

    Examples:
      >>> import jax.numpy as jnp
      >>> angles, preferred = jnp.arange(16.0) * jnp.pi / 8, jnp.arange(5.0) * 2 * jnp.pi / 5
      >>> movements = angles.at[1::2].add(0.25)  # the rates of the test movements are turned
      >>> error = held_out_error(angles, 3 + jnp.cos(movements[:, None] - preferred[None]))
      >>> error.round(3).tolist()
      [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25]
    """
    angles = require_activity("held_out_error", "angles", angles, 1)
    rates = require_activity("held_out_error", "rates", rates, 2)
    if angles.ndim != 1 or rates.shape[:-1] != angles.shape:
        raise ValueError(
            "held_out_error: angles must be [movements] and rates [movements, units], got shapes "
            f"{list(angles.shape)} and {list(rates.shape)}"
        )
    fitted = tuning(angles[::2], rates[::2])
    x, y = population_vector(rates[1::2], fitted, least_r2=least_r2).T
    c, s = (part(angles[1::2]).astype(x.dtype) for part in (jnp.cos, jnp.sin))
    return jnp.arctan2(c * y - s * x, c * x + s * y)


def _require_directions(function: str, angles: jax.Array) -> None:
    """Refuse fewer than three different directions; traced angles are only counted."""
    count = angles.size
    if not isinstance(angles, jax.core.Tracer):
        circle = np.exp(1j * np.asarray(angles, float).reshape(-1))
        count = len(np.unique(np.round(circle, 5)))
    if count < 3:
        raise ValueError(f"{function}: angles must hold at least three directions, got {count}")
