"""Weights of a Hopfield network as the factors of a product: for few patterns in many units.

Of P patterns in n units, a field takes 2 P n products instead of n^2, and the weights P n numbers.
`outer_product_factors` and `pseudo_inverse_factors` store patterns in this form.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxbrain.core.annotations import AsArrays
from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import as_number
from jaxbrain.memory.patterns import sign_or_stay

# Units that share one product in a sweep.
_BLOCK = 32


class Factors(NamedTuple):
    """Symmetric weights as a product, W = scale (F^T F - diag(removed)).

    Attributes:
      rows: F ``[patterns, n]``.
      squares: the diagonal of F^T F ``[n]``.
      removed: what the diagonal lacks ``[n]``.
      scale: a number.
    """

    rows: jax.Array
    squares: jax.Array
    removed: jax.Array
    scale: jax.Array

    @property
    def shape(self) -> tuple[int, int]:
        """That of the matrix."""
        n = self.rows.shape[-1]
        return n, n

    @property
    def dtype(self) -> Any:
        """That of the matrix."""
        return self.rows.dtype


Weights = jax.Array | Factors


@checked
def local_fields(weights: AsArrays, state: AsArrays) -> jax.Array:
    """The fields of all units, for weights in either form.

    h_i = sum_j w_ij s_j

    Args:
      weights: a symmetric matrix ``[n, n]``, or its `Factors`.
      state: s ``[n]``.

    Examples:
      >>> import jax.numpy as jnp
      >>> one, half = jnp.ones(2), jnp.array(0.5)
      >>> weights = Factors(jnp.array([[1.0, -1.0]]), squares=one, removed=one, scale=half)
      >>> local_fields(weights, jnp.array([1.0, 1.0])).tolist()
      [-0.5, -0.5]
    """
    if not isinstance(weights, Factors):
        return state @ weights  # a row vector: under vmap this is the faster matrix product
    # The scale comes last: of patterns of +1 and -1, all sums before it are whole numbers.
    sums = (state @ weights.rows.T) @ weights.rows - weights.removed * state
    return weights.scale * sums


def with_part_of_diagonal(weights: Factors, part: float | jax.Array) -> Factors:
    """Factors with a fraction of the diagonal of their matrix."""
    missing = (1 - as_number(part, weights.rows)) * (weights.squares - weights.removed)
    return weights._replace(removed=weights.removed + missing)


def rounding(weights: Weights) -> jax.Array:
    """The rounding error of a field of zero; taken for a sign, it could keep a recall going."""
    if isinstance(weights, Factors):
        # a row w_i of a matrix with eigenvalues of about 1 or less has a length below sqrt(w_ii)
        square = weights.scale * jnp.max(weights.squares)
        scale = jnp.sqrt(weights.shape[0] * square)
    else:
        scale = jnp.max(jnp.sum(jnp.abs(weights), axis=1))
    return 4 * float(jnp.finfo(weights.dtype).eps) * scale


class Blocks(NamedTuple):
    """Factors in blocks of units, the last one padded with zeros.

    Attributes:
      rows: the columns of F ``[blocks, size, patterns]``.
      removed: ``[blocks, size]``.
      within: F^T F - diag(removed) between the units of a block ``[blocks, size, size]``.
    """

    rows: jax.Array
    removed: jax.Array
    within: jax.Array


def in_blocks(weights: Factors) -> Blocks:
    """The blocks of a sweep; the scale is left out."""
    n = weights.rows.shape[1]
    size = min(_BLOCK, n)
    rows = jnp.pad(weights.rows.T, ((0, -n % size), (0, 0))).reshape(-1, size, len(weights.rows))
    removed = jnp.pad(weights.removed, (0, -n % size)).reshape(-1, size)
    within = rows @ jnp.swapaxes(rows, 1, 2) - jax.vmap(jnp.diag)(removed)
    return Blocks(rows, removed, within)


def sweep(
    blocks: Blocks, state: jax.Array, noise: jax.Array, tie: float | jax.Array = 0.0
) -> jax.Array:
    """One update of each unit, in the order of the index, to the sign of its field less the noise.

    The overlaps F s are kept up to date, block by block.

    Args:
      blocks: of the `Factors`.
      state: s ``[n]``.
      noise: ``[n]``, of fields without the scale.
      tie: a unit whose field is not larger keeps its state.
    """
    count, size, _ = blocks.rows.shape
    n = len(state)
    state, noise = (jnp.pad(a, (0, count * size - n)).reshape(count, size) for a in (state, noise))
    overlaps = jnp.einsum("bsp,bs->p", blocks.rows, state)

    def block(overlaps: jax.Array, part: tuple) -> tuple[jax.Array, jax.Array]:
        (rows, removed, within), state, noise = part
        new = _turns(rows @ overlaps - removed * state - noise, state, within, tie)
        return overlaps + (new - state) @ rows, new

    return lax.scan(block, overlaps, (blocks, state, noise))[1].reshape(-1)[:n]


def _turns(
    field: jax.Array, state: jax.Array, within: jax.Array, tie: float | jax.Array
) -> jax.Array:
    """The units of a block in turn. Most keep their state: go from change to change."""
    places = jnp.arange(len(state))

    def changing(carry: tuple) -> jax.Array:
        state, field, place = carry
        return (sign_or_stay(field, state, tie) != state) & (places > place)

    def change(carry: tuple) -> tuple:
        state, field, _ = carry
        here = jnp.argmax(changing(carry))
        new = jnp.sign(field[here])
        field = field + (new - state[here]) * within[here]
        return jnp.where(places == here, new, state), field, here

    start = state, field, jnp.full_like(places, -1, shape=())
    return lax.while_loop(lambda carry: jnp.any(changing(carry)), change, start)[0]
