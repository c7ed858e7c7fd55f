"""Lagrangians: scalar functions of the states of a layer whose gradient is its activation.

A Lagrangian is a convex ``L(x) -> scalar``. Its gradient ``jax.grad(L)`` is the activation g, and
x.g - L(x) is the part of the layer in the energy of a `jaxbrain.memory.hierarchy`. States may have
any shape. Lagrangians that grow at most linearly never overflow. Options are set by
``functools.partial(softmax, beta=8.0)``.

Source: Krotov and Hopfield 2021, arXiv 2008.06996; Krotov 2021, arXiv 2107.06446.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxbrain.core.arguments import checked

__all__ = [
    "identity",
    "normalized",
    "relu",
    "repu",
    "sigmoid",
    "softmax",
    "spherical",
    "tanh",
]


def __dir__() -> list[str]:
    return __all__


Lagrangian = Callable[[jax.Array], jax.Array]


@checked
def identity(x: jax.Array) -> jax.Array:
    """Linear units.

    L = sum_i x_i^2 / 2,  g = x

    Args:
      x: states.

    Examples:
      >>> import jax
      >>> jax.grad(identity)(jax.numpy.array([-1.0, 2.0])).tolist()
      [-1.0, 2.0]
    """
    return jnp.sum(x**2) / 2


@checked
def relu(x: jax.Array) -> jax.Array:
    """Rectified linear units.

    L = sum_i max(x_i, 0)^2 / 2,  g = max(x, 0)

    Args:
      x: states.

    Examples:
      >>> import jax
      >>> jax.grad(relu)(jax.numpy.array([-1.0, 2.0])).tolist()
      [0.0, 2.0]
    """
    return jnp.sum(jax.nn.relu(x) ** 2) / 2


@checked
def repu(x: jax.Array, *, degree: int = 3) -> jax.Array:
    """Rectified power units: the polynomial dense associative memory.

    L = sum_i max(x_i, 0)^degree / degree,  g = max(x, 0)^(degree - 1)

    Args:
      x: states.
      degree: 2 or more.

    Examples:
      >>> import jax
      >>> jax.grad(repu)(jax.numpy.array([-1.0, 3.0])).tolist()
      [0.0, 9.0]
    """
    return jnp.sum(jax.nn.relu(x) ** degree) / degree


@checked
def sigmoid(x: jax.Array) -> jax.Array:
    """Units between 0 and 1.

    L = sum_i ln(1 + exp(x_i)),  g = 1 / (1 + exp(-x))

    Args:
      x: states.

    Examples:
      >>> import jax
      >>> jax.grad(sigmoid)(jax.numpy.array([-1000.0, 0.0])).tolist()
      [0.0, 0.5]
    """
    return jnp.sum(jax.nn.softplus(x))


@checked
def tanh(x: jax.Array) -> jax.Array:
    """Units between -1 and 1.

    L = sum_i ln cosh(x_i),  g = tanh(x)

    Args:
      x: states.

    Examples:
      >>> import jax
      >>> jax.grad(tanh)(jax.numpy.array([-1000.0, 0.0])).tolist()
      [-1.0, 0.0]
    """
    # not abs(x) + ...: its second derivative at 0 would be 0
    return jnp.sum(jnp.logaddexp(x, -x) - jnp.log(jnp.asarray(2, x.dtype)))


@checked
def softmax(x: jax.Array, *, beta: float | jax.Array = 1.0) -> jax.Array:
    """Competing units: the activations of a layer sum to one.

    L = ln(sum_i exp(beta x_i)) / beta,  g = softmax(beta x)

    Args:
      x: states; all units of the layer compete.
      beta: inverse temperature, positive.

    Examples:
      >>> import jax
      >>> jax.grad(softmax)(jax.numpy.array([1000.0, 0.0])).tolist()
      [1.0, 0.0]
    """
    sharpness = jnp.asarray(beta).astype(x.dtype)
    return jax.nn.logsumexp(sharpness * x) / sharpness


@checked
def spherical(x: jax.Array, *, epsilon: float = 1e-12) -> jax.Array:
    """Units whose activation vector has length one.

    L = sqrt(sum_i x_i^2 + epsilon),  g = x / sqrt(sum_i x_i^2 + epsilon)

    Args:
      x: states.
      epsilon: positive; it keeps the gradient at zero finite.

    Examples:
      >>> import jax
      >>> jax.grad(spherical)(jax.numpy.array([3.0, 4.0])).round(3).tolist()
      [0.60..., 0.80...]
    """
    return _length(x, epsilon)


@checked
def normalized(x: jax.Array, *, epsilon: float = 1e-5) -> jax.Array:
    """Layer normalization: activations of mean 0 and variance 1.

    L = n sqrt(var(x) + epsilon),  g = (x - mean(x)) / sqrt(var(x) + epsilon)

    Args:
      x: states of n units.
      epsilon: positive; it keeps the gradient of a constant layer finite.

    Examples:
      >>> import jax
      >>> jax.grad(normalized)(jax.numpy.array([1.0, 3.0])).round(3).tolist()
      [-1.0, 1.0]
    """
    return x.size**0.5 * _length(x - jnp.mean(x), epsilon * x.size)


def _length(x: jax.Array, epsilon: float) -> jax.Array:
    """sqrt(sum x^2 + epsilon), in units of the largest x: no square overflows."""
    scale = jax.lax.stop_gradient(jnp.maximum(jnp.max(jnp.abs(x)), epsilon**0.5))
    ratio = jnp.asarray(epsilon**0.5, x.dtype) / scale
    return scale * jnp.sqrt(jnp.sum((x / scale) ** 2) + ratio**2)
