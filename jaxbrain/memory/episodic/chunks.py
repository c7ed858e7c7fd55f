"""Fast weights over a sequence in chunks: a few matrix products in place of many small steps.

The steps of a chunk read and write at once, from the fast weights W before the chunk. The forward
pass step by step is as fast, but its derivative stores W after each step; in chunks, after each
chunk. So `derived_in_chunks` gives a scan this derivative.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import solve_triangular

CHUNK = 32  # steps; 16 and 64 are about as fast

Sequence = Callable[[Any, Any, Any], tuple[Any, Any]]  # (number, carry, xs) -> (carry, ys)


def derived_in_chunks(step: Sequence, chunked: Sequence) -> Sequence:
    """A scan of a step ``(number, carry, x) -> (carry, y)`` with the derivative of a chunked form.

    Args:
      step: with a number, such as a hyperparameter, that a derivative may be taken of.
      chunked: the same over a whole sequence.
    """

    @jax.custom_jvp
    def sequence(number: Any, carry: Any, xs: Any) -> tuple[Any, Any]:
        return lax.scan(lambda carry, x: step(number, carry, x), carry, xs)

    @sequence.defjvp
    def derivative(primals: Any, tangents: Any) -> Any:
        return jax.jvp(chunked, primals, tangents)

    return sequence


def hebbian_chunks(
    retention: jax.Array, fast: jax.Array, query: jax.Array, key: jax.Array, value: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Hebbian writes over a sequence: chunks of linear attention.

    y_t = r^(t+1) q_t W + sum_{s <= t} r^(t-s) (q_t . k_s) v_s, t from 0 in each chunk

    Args:
      retention: r.
      fast: W ``[features, value]`` before the sequence.
      query: q ``[time, features]``.
      key: k ``[time, features]``.
      value: v ``[time, value]``.

    Returns:
      W after the sequence, and y ``[time, value]``.

    Source: Yang et al. 2023, arXiv 2312.06635.
    """

    def prepare(q: jax.Array, k: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        ages = jnp.arange(len(q), dtype=q.dtype)
        kept = retention**ages
        apart = jnp.tril(ages[:, None] - ages[None])
        within = jnp.tril(q @ k.T * retention**apart) @ v
        return retention * kept[:, None] * q, within, kept[::-1, None] * k, v

    def turn(fast: jax.Array, now: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
        q, within, k, v = now
        return retention ** len(q) * fast + k.T @ v, q @ fast + within

    return _over_chunks(prepare, turn, fast, (query, key, value))


def delta_chunks(
    fast: jax.Array, query: jax.Array, key: jax.Array, value: jax.Array, rate: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Writes by the delta rule over a sequence: the WY representation of a chunk.

    u = (I + tril(b k k^T, -1))^-1 b (v - k W),  y_t = q_t W + sum_{s <= t} (q_t . k_s) u_s

    u_t is what step t writes to its key: W <- W + k^T u after the chunk.

    Args:
      fast: W ``[features, value]`` before the sequence.
      query: q ``[time, features]``.
      key: k ``[time, features]``.
      value: v ``[time, value]``.
      rate: b ``[time]``.

    Returns:
      W after the sequence, and y ``[time, value]``.

    Source: Yang et al. 2024, arXiv 2406.06484.
    """

    def prepare(q: jax.Array, k: jax.Array, v: jax.Array, b: jax.Array) -> tuple[jax.Array, ...]:
        among = jnp.tril(b[:, None] * (k @ k.T), -1) + jnp.eye(len(k), dtype=k.dtype)
        given = b[:, None] * jnp.concatenate([v, k], axis=1)
        solved = solve_triangular(among, given, lower=True, unit_diagonal=True)
        u, w = jnp.split(solved, [v.shape[1]], axis=1)
        return q, jnp.tril(q @ k.T), k, u, w

    def turn(fast: jax.Array, now: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
        q, scores, k, u, w = now
        written = u - w @ fast
        return fast + k.T @ written, q @ fast + scores @ written

    return _over_chunks(prepare, turn, fast, (query, key, value, rate))


def _over_chunks(prepare: Callable, turn: Callable, fast: jax.Array, xs: tuple) -> tuple:
    """The whole chunks in a scan, then the rest; all that needs no fast weights is made at once."""
    whole = len(xs[0]) - len(xs[0]) % CHUNK
    chunks = (a[:whole].reshape(-1, CHUNK, *a.shape[1:]) for a in xs)
    fast, ys = lax.scan(turn, fast, jax.vmap(prepare)(*chunks))
    ys = ys.reshape(whole, *ys.shape[2:])
    if whole == len(xs[0]):
        return fast, ys
    fast, last = turn(fast, prepare(*(a[whole:] for a in xs)))
    return fast, jnp.concatenate([ys, last])
