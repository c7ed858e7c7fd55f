"""Labels for forward-forward: draws of wrong labels, and labels drawn into the input."""

import jax
import jax.numpy as jnp

from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked

_IMAGE = 0.7  # part of the image in `overlay_label`


@checked
def likely_label(key: Key, logits: jax.Array, label: jax.Array) -> jax.Array:
    """A wrong label, with the probability that the readout gives it: hard negatives.

    Args:
      key: of the draw.
      logits: ``[classes]``, of the readout.
      label: the true label ``[]``, which is never returned.

    Source: Hinton 2022, arXiv 2212.13345, section 3.3.

    Examples:
      >>> logits = jnp.array([9.0, -30.0, 0.0])
      >>> int(likely_label(jax.random.key(0), logits, jnp.array(0)))
      2
    """
    true = jnp.arange(len(logits)) == label
    return jax.random.categorical(key, jnp.where(true, -jnp.inf, logits)).astype(label.dtype)


@checked
def any_label(key: Key, logits: jax.Array, label: jax.Array) -> jax.Array:
    """A wrong label, all with the same probability.

    Args:
      key: of the draw.
      logits: ``[classes]``; their values do not matter.
      label: the true label ``[]``, which is never returned.

    Examples:
      >>> int(any_label(jax.random.key(0), jnp.array([9.0, 0.0]), jnp.array(0)))
      1
    """
    return likely_label(key, jnp.zeros_like(logits), label)


@checked
def draw_label(x: jax.Array, label: jax.Array) -> jax.Array:
    """An input whose first entries are the label times max|x|.

    Args:
      x: ``[...]``, with more entries than there are classes.
      label: ``[classes]``: one-hot, or any distribution.

    Examples:
      >>> draw_label(jnp.array([1.0, 2.0, -3.0, 4.0]), jnp.array([0.0, 1.0])).tolist()
      [0.0, 4.0, -3.0, 4.0]
    """
    drawn = x.reshape(-1).at[: len(label)].set(jnp.max(jnp.abs(x)) * label)
    return drawn.reshape(x.shape)


@checked
def overlay_label(x: jax.Array, label: jax.Array) -> jax.Array:
    """An image with a plane wave for the label, which is visible everywhere: for convolutions.

    x' = 0.7 x + 0.3 max|x| sum_c label_c w_c,  w_c = cos(2 pi f_c (p cos a_c + q sin a_c))

    The wave of class c has the direction a_c = pi c / classes and f_c = 1 + c mod 3 periods; p and
    q in [0, 1) are the coordinates along height and width.

    Args:
      x: ``[height, width, ...]``; anything else raises a ValueError.
      label: ``[classes]``: one-hot, or any distribution.

    Source: Scodellaro et al. 2023, arXiv 2312.14924.

    Examples:
      >>> image = overlay_label(jnp.zeros((8, 8, 1)).at[0, 0].set(1.0), jax.nn.one_hot(2, 10))
      >>> image.shape, float(image.max())
      ((8, 8, 1), 1.0)
    """
    if x.ndim < 2:
        raise ValueError(f"overlay_label: x must be [height, width, ...], got shape {x.shape}")
    height, width = x.shape[:2]
    classes = jnp.arange(len(label), dtype=x.dtype)
    angle, periods = jnp.pi * classes / len(label), 1 + classes % 3
    p = (jnp.arange(height, dtype=x.dtype) / height)[:, None, None]
    q = (jnp.arange(width, dtype=x.dtype) / width)[None, :, None]
    path = p * jnp.cos(angle)[None, None] + q * jnp.sin(angle)[None, None]
    wave = jnp.cos(2 * jnp.pi * periods[None, None] * path) @ label
    wave = wave.reshape(height, width, *[1] * (x.ndim - 2))
    return _IMAGE * x + (1 - _IMAGE) * jnp.max(jnp.abs(x)) * wave
