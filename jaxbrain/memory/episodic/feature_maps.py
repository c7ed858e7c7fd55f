"""Feature maps of keys and queries: they determine which keys interfere."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxbrain.core.arguments import checked

FeatureMap = Callable[[jax.Array], jax.Array]


def unit(x: jax.Array, *, floor: float = 1e-3) -> jax.Array:
    """Normalization to length 1; shorter vectors than the floor stay shorter.

    x / max(|x|, floor)

    The floor keeps the value and the gradient of a zero vector finite.

    Args:
      x: ``[..., n]``.
      floor: smallest divisor, positive.

    Examples:
      >>> import jax.numpy as jnp
      >>> unit(jnp.array([[3.0, 4.0], [0.0, 0.0]])).round(4).tolist()
      [[0.5999..., 0.7999...], [0.0, 0.0]]
    """
    square = jnp.sum(jnp.square(x), axis=-1, keepdims=True)
    return x / jnp.sqrt(jnp.maximum(square, floor**2))  # the gradient of sqrt at 0 is infinite


@checked
def elu_plus_one(x: jax.Array) -> jax.Array:
    """The feature map of linear attention: positive, so that its sums are divisors.

    phi(x) = x + 1 for x > 0, else exp(x)

    Args:
      x: ``[...]``.

    Source: Katharopoulos et al. 2020, arXiv 2006.16236.

    Examples:
      >>> import jax.numpy as jnp
      >>> elu_plus_one(jnp.array([1.0, 0.0, -1.0])).round(4).tolist()
      [2.0, 1.0, 0.367...]
    """
    # elu(x) + 1 would round exp(x) to 0 below x = -17
    return jnp.where(x > 0, x + 1, jnp.exp(jnp.minimum(x, 0)))


@checked
def dpfp(x: jax.Array, *, nu: int = 1) -> jax.Array:
    """Deterministic parameter-free projection: more units, more orthogonal keys.

    phi_{i + 2 n j}(x) = r_i r_{i - j - 1},  r = relu([x, -x]),  i < 2 n, j < nu, indices mod 2 n

    Args:
      x: ``[..., n]``; the result is ``[..., 2 n nu]``.
      nu: products of each unit with others, 1 to 2 n - 1.

    Source: Schlag et al. 2021, arXiv 2102.11174.

    Examples:
      >>> import jax.numpy as jnp
      >>> dpfp(jnp.array([1.0, 2.0, -3.0])).tolist()
      [3.0, 2.0, 0.0, 0.0, 0.0, 0.0]
    """
    if isinstance(nu, bool) or not isinstance(nu, int) or not 1 <= nu < 2 * x.shape[-1]:
        raise ValueError(f"dpfp: nu must be from 1 to {2 * x.shape[-1] - 1}, got {nu!r}")
    r = jax.nn.relu(jnp.concatenate([x, -x], axis=-1))
    return jnp.concatenate([r * jnp.roll(r, j + 1, axis=-1) for j in range(nu)], axis=-1)
