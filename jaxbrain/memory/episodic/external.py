"""An external memory: rows of numbers that a network addresses by content and by place.

A neural Turing machine's memory without its controller, which is the user's: whatever computes the
input of `external_memory`. Its parts are functions of their own: `content_weights`, `shift`,
`sharpen` (together `address`), `write` and `read`. Weights ``[slots]`` are never negative and sum
to 1. Nothing divides by zero, and neither strength nor power can grow without bound.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal, zeros

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_positive
from jaxbrain.core.types import Cell, Params
from jaxbrain.memory.episodic.feature_maps import unit
from jaxbrain.networks import layers
from jaxbrain.networks.parts import align, as_float, require_features


class Head(NamedTuple):
    """Where one head is told to look.

    Attributes:
      key: what to look for, ``[..., width]``.
      strength: how sharply content decides, ``[...]``, positive.
      gate: from the place of the step before (0) to where the content is (1), ``[...]``.
      shift: probabilities of the moves from ``-shifts`` to ``shifts``, ``[..., 2 shifts + 1]``.
      power: how much the weights are sharpened, ``[...]``, 1 or more.
    """

    key: jax.Array
    strength: jax.Array
    gate: jax.Array
    shift: jax.Array
    power: jax.Array


class Interface(NamedTuple):
    """What the memory is told to do in a step.

    Attributes:
      write: the Head that writes.
      read: the Head that reads, after the write.
      write_gate: how much is written, 0 to 1, ``[...]``.
      erase: how much of each column is erased, 0 to 1, ``[..., width]``.
      add: what is added, ``[..., width]``.
    """

    write: Head
    read: Head
    write_gate: jax.Array
    erase: jax.Array
    add: jax.Array


class Tape(NamedTuple):
    """The state of the memory.

    Attributes:
      memory: ``[slots, width]``.
      write_weights: where the write head is, ``[slots]``, before its gate.
      read_weights: where the read head is, ``[slots]``.
    """

    memory: jax.Array
    write_weights: jax.Array
    read_weights: jax.Array


def content_weights(
    memory: jax.Array, key: jax.Array, strength: float | jax.Array, *, floor: float = 1e-3
) -> jax.Array:
    """How much of the attention each row gets for its likeness to a key.

    w = softmax_i(strength cos(M_i, k)), cos(a, b) = a . b / (max(|a|, floor) max(|b|, floor))

    With rows and a key of length 1 this is softmax attention. An empty row is unlike everything.

    Args:
      memory: M ``[slots, width]``.
      key: k ``[width]``.
      strength: a scalar; 0 attends to all rows alike.
      floor: the least length that is divided by; positive.

    Returns:
      ``[slots]``, which sums to 1.

    Source: Graves et al. 2014, arXiv 1410.5401, equations 5 and 6.

    Examples:
      >>> import jax.numpy as jnp
      >>> content_weights(jnp.eye(2), jnp.array([0.0, 3.0]), 100.0).round(3).tolist()
      [0.0, 1.0]
    """
    likeness = unit(memory, floor=floor) @ unit(key, floor=floor)
    return jax.nn.softmax(jnp.asarray(strength).astype(memory.dtype) * likeness)


def shift(weights: jax.Array, moves: jax.Array) -> jax.Array:
    """Move the weights along the rows, round the end: a circular convolution.

    w'_i = sum_m moves_m w_{i - m}, m = -s..s, indices mod slots

    Args:
      weights: w ``[slots]``.
      moves: ``[2 s + 1]``, the probability of each move, backwards first.

    Returns:
      ``[slots]``.

    Raises:
      ValueError: if moves has an even length, or more than one for each row.

    Source: Graves et al. 2014, arXiv 1410.5401, equation 8.

    Examples:
      >>> import jax.numpy as jnp
      >>> shift(jnp.array([0.0, 0.0, 1.0]), jnp.array([0.0, 0.25, 0.75])).tolist()
      [0.75, 0.0, 0.25]
    """
    (slots,), (n,) = weights.shape, moves.shape
    if n % 2 == 0 or n > slots:
        raise ValueError(
            f"shift: moves must be an odd number, -s to s, and at most the {slots} rows, got {n}"
        )
    source = (jnp.arange(slots)[None] - jnp.arange(-(n // 2), n // 2 + 1)[:, None]) % slots
    return moves @ weights[source]


def sharpen(weights: jax.Array, power: float | jax.Array) -> jax.Array:
    """Raise the weights to a power and let them sum to 1 again.

    w_i^power / sum_j w_j^power

    Args:
      weights: w ``[slots]``, none negative.
      power: a scalar, 1 or more.

    Returns:
      ``[slots]``, which sums to 1.

    Source: Graves et al. 2014, arXiv 1410.5401, equation 9.

    Examples:
      >>> import jax.numpy as jnp
      >>> sharpen(jnp.array([0.5, 0.25, 0.25]), 2.0).round(4).tolist()
      [0.666..., 0.166..., 0.166...]
    """
    # through logarithms: neither numerator nor sum can vanish, however large the power
    logs = jnp.log(jnp.maximum(weights, jnp.finfo(weights.dtype).tiny))
    return jax.nn.softmax(jnp.asarray(power).astype(weights.dtype) * logs)


def address(memory: jax.Array, before: jax.Array, head: Head, *, floor: float = 1e-3) -> jax.Array:
    """Where a head goes: to the content or from where it was, then a move, then sharper.

    w <- sharpen(shift(gate content_weights(M, k, strength) + (1 - gate) w, moves), power)

    Args:
      memory: M ``[slots, width]``.
      before: w ``[slots]`` of the step before.
      head: what to look for and how to move, of one step.
      floor: the least length that is divided by; positive.

    Returns:
      ``[slots]``, which sums to 1.

    Source: Graves et al. 2014, arXiv 1410.5401, figure 2.

    Examples:
      >>> import jax.numpy as jnp
      >>> one, on = jnp.array(1.0), jnp.array([0.0, 0.0, 1.0])
      >>> head = Head(jnp.ones(2), one, gate=0 * one, shift=on, power=one)
      >>> address(jnp.zeros((3, 2)), jnp.array([1.0, 0.0, 0.0]), head).tolist()
      [0.0, 1.0, 0.0]
    """
    content = content_weights(memory, head.key, head.strength, floor=floor)
    return sharpen(shift(head.gate * content + (1 - head.gate) * before, head.shift), head.power)


def write(memory: jax.Array, weights: jax.Array, erase: jax.Array, add: jax.Array) -> jax.Array:
    """Erase, then add, each row by its weight.

    M_i <- M_i (1 - w_i erase) + w_i add

    With all the weight on one row and erase = 1 that row becomes add, exactly.

    Args:
      memory: M ``[slots, width]``.
      weights: w ``[slots]``, at most 1 in sum.
      erase: ``[width]``, 0 to 1.
      add: ``[width]``.

    Returns:
      ``[slots, width]``.

    Source: Graves et al. 2014, arXiv 1410.5401, equations 3 and 4.

    Examples:
      >>> import jax.numpy as jnp
      >>> here, everything = jnp.array([0.0, 1.0]), jnp.ones(2)
      >>> write(jnp.ones((2, 2)), here, everything, jnp.array([5.0, 7.0])).tolist()
      [[1.0, 1.0], [5.0, 7.0]]
    """
    w = weights[:, None]
    return memory * (1 - w * erase[None]) + w * add[None]


def read(memory: jax.Array, weights: jax.Array) -> jax.Array:
    """The mean of the rows by their weights.

    y = sum_i w_i M_i

    Args:
      memory: M ``[slots, width]``.
      weights: w ``[slots]``.

    Returns:
      ``[width]``.

    Source: Graves et al. 2014, arXiv 1410.5401, equation 2.

    Examples:
      >>> import jax.numpy as jnp
      >>> read(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([0.5, 0.5])).tolist()
      [2.0, 3.0]
    """
    return weights @ memory


@configured
def external_memory(
    slots: int,
    width: int,
    *,
    shifts: int = 1,
    limit: float = 100.0,
    floor: float = 1e-3,
    kernel_init: Initializer = lecun_normal(),
) -> Cell:
    """A memory of rows with one head that writes and one that reads, told what to do by its input.

    M <- write(M, g w, erase, add), y = read(M, r): the weights w and r are where `address` puts
    the two heads, first the one that writes

    All that the heads are told, the `Interface`, is one linear map of the input: strengths by a
    softplus that levels off at the limit, 1 + that for powers, gates and erase by a sigmoid, moves
    by a softmax. Before the first step the memory is zero and both heads stand at row 0: from rows
    and weights that are all alike no step could ever tell one row from another.

    Args:
      slots: the number of rows.
      width: of a row, a key and the output.
      shifts: how far a head can move in a step.
      limit: the largest strength, and the largest power less 1; positive.
      floor: the least length that a cosine divides by; positive.
      kernel_init: initialiser of the linear map.

    Returns:
      A Cell ``[inputs] -> [width]`` with params ``{"kernel", "bias"}`` and a Tape as its carry. A
      step takes x or the Interface that `project` makes of it.

    Raises:
      ValueError: if a size is not positive, or the moves are more than the rows.

    Source: Graves et al. 2014, arXiv 1410.5401; the gate of the write: Graves et al. 2016, doi
    10.1038/nature20101.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> cell, xs = external_memory(8, 4), jnp.ones((5, 3))
      >>> params = cell.init(jax.random.key(0), xs[0])
      >>> tape, ys = jax.lax.scan(lambda c, x: cell.step(params, c, x),
      ...                         cell.carry(params, xs[0]), cell.project(params, xs))
      >>> tape.memory.shape, ys.shape
      ((8, 4), (5, 4))
    """
    slots, width = (
        require_count("external_memory", n, v) for n, v in (("slots", slots), ("width", width))
    )
    moves = 2 * _shifts(shifts, slots) + 1
    require_positive("external_memory", "limit", limit)
    require_positive("external_memory", "floor", floor)
    name = f"external_memory({slots}, {width})"
    sizes = (width, 1, 1, moves, 1) * 2 + (1, width, width)

    def init(key: jax.Array, x: Any) -> Params:
        if len(x.shape) != 1:
            raise ValueError(f"{name} needs the input [features] of one step, got shape {x.shape}")
        return layers.weights(key, (x.shape[0], sum(sizes)), x, kernel_init, zeros)

    def carry(params: Params, x: Any) -> Tape:
        start = jnp.zeros(slots, params["kernel"].dtype).at[0].set(1)
        return Tape(jnp.zeros((slots, width), start.dtype), start, start)

    def project(params: Params, xs: jax.Array) -> Interface:
        require_features(name, xs, params["kernel"].shape[0])
        made = as_float(xs, params["kernel"].dtype) @ params["kernel"]
        made = made + align(params["bias"], made)
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
        parts = jnp.split(made, ends, axis=-1)
        write_gate, erase = (jax.nn.sigmoid(part) for part in parts[10:12])
        heads = _head(parts[:5], limit), _head(parts[5:10], limit)
        return Interface(*heads, write_gate[..., 0], erase, parts[12])

    def step(
        params: Params, carry: Tape, x: Any, *, key: jax.Array | None = None
    ) -> tuple[Tape, jax.Array]:
        told = x if isinstance(x, Interface) else project(params, x)
        where = address(carry.memory, carry.write_weights, told.write, floor=floor)
        memory = write(carry.memory, told.write_gate * where, told.erase, told.add)
        looked = address(memory, carry.read_weights, told.read, floor=floor)
        return Tape(memory, where, looked), read(memory, looked)

    return Cell(init, carry, step, project)


def _head(parts: list[jax.Array], limit: float) -> Head:
    """What one head is told, out of its part of the linear map."""
    key, strength, gate, moves, power = parts
    return Head(
        key,
        _bounded(strength[..., 0], limit),
        jax.nn.sigmoid(gate[..., 0]),
        jax.nn.softmax(moves),
        1 + _bounded(power[..., 0], limit),
    )


def _bounded(x: jax.Array, limit: float) -> jax.Array:
    """Softplus, which levels off at a limit, so that no input makes it infinite."""
    return limit * jnp.tanh(jax.nn.softplus(x) / limit)


def _shifts(shifts: int, slots: int) -> int:
    whole = isinstance(shifts, int) and not isinstance(shifts, bool)
    if not whole or not 0 <= 2 * shifts < slots:
        raise ValueError(
            f"external_memory: shifts must be from 0 to {(slots - 1) // 2}, so that the moves -s to"
            f" s are no more than the {slots} slots, got {shifts!r}"
        )
    return shifts
