"""Gates of recurrent cells in hand-written JAX, with one slope kept for each of their arguments.

Automatic differentiation of the equations keeps every intermediate value for the backward pass;
these keep the derivative by each argument, computed forwards while the values are at hand.
"""

from typing import Any

import jax
import jax.numpy as jnp

sigmoid = jax.nn.sigmoid


def plain_gates(
    r: jax.Array, z: jax.Array, n: jax.Array, own: jax.Array, h: jax.Array
) -> jax.Array:
    """New state of a GRU from its pre-activations ``[batch, units]``."""
    z = sigmoid(z)
    return (1 - z) * jnp.tanh(n + sigmoid(r) * own) + z * h


@jax.custom_vjp
def kept_gates(r: jax.Array, z: jax.Array, n: jax.Array, own: jax.Array, h: jax.Array) -> jax.Array:
    """The same function, which keeps its slopes for the backward pass."""
    return plain_gates(r, z, n, own, h)


def _gates_and_slopes(
    r: jax.Array, z: jax.Array, n: jax.Array, own: jax.Array, h: jax.Array
) -> tuple[jax.Array, tuple]:
    r, z = sigmoid(r), sigmoid(z)
    n = jnp.tanh(n + r * own)
    to_n = (1 - z) * (1 - n * n)
    slopes = to_n * own * r * (1 - r), (h - n) * z * (1 - z), to_n, to_n * r, z
    return n + z * (h - n), slopes


kept_gates.defvjp(_gates_and_slopes, lambda slopes, d: tuple(d * s for s in slopes))


@jax.custom_vjp
def kept_lstm_gates(
    i: jax.Array, f: jax.Array, g: jax.Array, o: jax.Array, c: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """New output and memory of an LSTM from its pre-activations ``[batch, units]``."""
    return _lstm_gates_and_slopes(i, f, g, o, c)[0]


def _lstm_gates_and_slopes(
    i: jax.Array, f: jax.Array, g: jax.Array, o: jax.Array, c: jax.Array
) -> tuple[tuple[jax.Array, jax.Array], tuple]:
    i, f, g, o = sigmoid(i), sigmoid(f), jnp.tanh(g), sigmoid(o)
    new = f * c + i * g
    t = jnp.tanh(new)
    slopes = g * i * (1 - i), c * f * (1 - f), i * (1 - g * g), f, t * o * (1 - o), o * (1 - t * t)
    return (o * t, new), slopes


def _lstm_back(slopes: tuple, d: Any) -> tuple:
    to_i, to_f, to_g, to_c, to_o, through = slopes
    d_h, d_c = d
    d_c = d_c + d_h * through
    return d_c * to_i, d_c * to_f, d_c * to_g, d_h * to_o, d_c * to_c


kept_lstm_gates.defvjp(_lstm_gates_and_slopes, _lstm_back)
