"""Visible units of Boltzmann machines, binary or real, as functions of their bias and drive."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.annotations import Key
from jaxbrain.core.config import Config, configured, static
from jaxbrain.core.requirements import require_positive


@static
class Visible(NamedTuple):
    """A kind of visible units: functions of their bias b and their drive d = W h.

    p(v | h) = exp(v.d - e(v; b) - A(b, d))

    Attributes:
      energy: ``(bias, v) -> scalar``, e.
      log_partition: ``(bias, drive) -> scalar``, A = log of the sum over v of exp(v.d - e(v; b)).
      mean: ``(bias, drive) -> v``, the expectation, dA/dd.
      sample: ``(key, bias, drive) -> v``.
      config: the constructor and its arguments; None for units made by hand.
    """

    energy: Callable[[jax.Array, jax.Array], jax.Array]
    log_partition: Callable[[jax.Array, jax.Array], jax.Array]
    mean: Callable[[jax.Array, jax.Array], jax.Array]
    sample: Callable[[Key, jax.Array, jax.Array], jax.Array]
    config: Config | None = None


@configured
def bernoulli() -> Visible:
    """Binary visible units; data between 0 and 1 count as probabilities.

    e(v; b) = - b.v, p(v_i = 1 | h) = s(b_i + d_i); nan for data out of 0..1

    Examples:
      >>> bernoulli().mean(jnp.zeros(2), jnp.array([0.0, 100.0])).tolist()
      [0.5, 1.0]
    """

    def energy(bias: jax.Array, v: jax.Array) -> jax.Array:
        inside = jnp.all((v >= 0) & (v <= 1))
        return jnp.where(inside, -jnp.dot(v, bias), jnp.nan)

    def log_partition(bias: jax.Array, drive: jax.Array) -> jax.Array:
        return jnp.sum(jax.nn.softplus(bias + drive))

    def mean(bias: jax.Array, drive: jax.Array) -> jax.Array:
        return jax.nn.sigmoid(bias + drive)

    def sample(key: jax.Array, bias: jax.Array, drive: jax.Array) -> jax.Array:
        return bernoulli_draw(key, mean(bias, drive))

    return Visible(energy, log_partition, mean, sample)


@configured
def gaussian(std: float | jax.Array = 1.0) -> Visible:
    """Real visible units with Gaussian noise, for standardized data.

    e(v; b) = |v - b|^2 / (2 std^2), p(v | h) = N(b + std^2 d, std^2)

    Args:
      std: of the noise, one for all units; positive.

    Source: Welling, Rosen-Zvi and Hinton 2004, "Exponential family harmoniums", NIPS 17.

    Examples:
      >>> gaussian(0.5).mean(jnp.zeros(2), jnp.array([0.0, 4.0])).tolist()
      [0.0, 1.0]
    """
    require_positive("gaussian", "std", std)

    def energy(bias: jax.Array, v: jax.Array) -> jax.Array:
        return jnp.sum(jnp.square((v - bias) / std)) / 2

    def log_partition(bias: jax.Array, drive: jax.Array) -> jax.Array:
        constant = bias.size * (jnp.log(std) + np.log(2 * np.pi) / 2).astype(bias.dtype)
        return jnp.dot(bias, drive) + jnp.sum(jnp.square(std * drive)) / 2 + constant

    def mean(bias: jax.Array, drive: jax.Array) -> jax.Array:
        return bias + std**2 * drive

    def sample(key: jax.Array, bias: jax.Array, drive: jax.Array) -> jax.Array:
        return mean(bias, drive) + std * jax.random.normal(key, drive.shape, drive.dtype)

    return Visible(energy, log_partition, mean, sample)


def bernoulli_draw(key: jax.Array, p: jax.Array) -> jax.Array:
    """Binary states drawn with probabilities p, in their shape and dtype."""
    return jax.random.bernoulli(key, p).astype(p.dtype)
