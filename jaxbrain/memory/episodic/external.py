"""External memory of a neural Turing machine: rows that are addressed by content and by place.

The controller is any network that computes the input of `external_memory`. The steps are functions
of their own: `content_weights`, `shift`, `sharpen` (together `address`), `write` and `read`.
Weights ``[slots]`` are not negative and sum to 1. Nothing divides by zero; strength and power are
bounded.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal, zeros

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_positive
from jaxbrain.core.types import Cell, Params
from jaxbrain.memory.episodic.feature_maps import unit
from jaxbrain.networks.parts import align, as_real, require_features
from jaxbrain.networks.parts import weights as initial_weights


class Head(NamedTuple):
    """Addressing parameters of one head.

    Attributes:
      key: content to look for ``[..., width]``.
      strength: inverse temperature of the content weights ``[...]``, positive.
      gate: from the place of the step before (0) to the content (1), ``[...]``.
      shift: probabilities of the moves from ``-shifts`` to ``shifts``, ``[..., 2 shifts + 1]``.
      power: exponent that sharpens the weights ``[...]``, 1 or more.
    """

    key: jax.Array
    strength: jax.Array
    gate: jax.Array
    shift: jax.Array
    power: jax.Array


class Interface(NamedTuple):
    """Interface parameters of a step: all that the controller tells the memory.

    Attributes:
      write: `Head` that writes.
      read: `Head` that reads, after the write.
      write_gate: strength of the write ``[...]``, 0 to 1.
      erase: fraction of each column that is erased ``[..., width]``, 0 to 1.
      add: values that are added ``[..., width]``.
    """

    write: Head
    read: Head
    write_gate: jax.Array
    erase: jax.Array
    add: jax.Array


class Tape(NamedTuple):
    """State of the memory.

    Attributes:
      memory: ``[slots, width]``.
      write_weights: address of the write head ``[slots]``, before its gate.
      read_weights: address of the read head ``[slots]``.
    """

    memory: jax.Array
    write_weights: jax.Array
    read_weights: jax.Array


def content_weights(
    memory: jax.Array, key: jax.Array, strength: float | jax.Array, *, floor: float = 1e-3
) -> jax.Array:
    """Content-based addressing: attention by the cosine of key and row.

    w = softmax_i(strength cos(M_i, k)),  cos(a, b) = a . b / (max(|a|, floor) max(|b|, floor))

    For rows and keys of length 1 this is softmax attention. The cosine of an empty row is 0.

    Args:
      memory: M ``[slots, width]``.
      key: k ``[width]``.
      strength: a scalar; with 0 all rows have the same weight.
      floor: smallest length that is divided by, positive.

    Source: Graves et al. 2014, arXiv 1410.5401, equations 5 and 6.

    Examples:
      >>> import jax.numpy as jnp
      >>> content_weights(jnp.eye(2), jnp.array([0.0, 3.0]), 100.0).round(3).tolist()
      [0.0, 1.0]
    """
    cosines = unit(memory, floor=floor) @ unit(key, floor=floor)
    return jax.nn.softmax(jnp.asarray(strength).astype(memory.dtype) * cosines)


def shift(weights: jax.Array, moves: jax.Array) -> jax.Array:
    """Location-based addressing: circular convolution of the weights with the moves.

    w'_i = sum_m moves_m w_{i - m},  m = -s..s, indices mod slots

    Args:
      weights: w ``[slots]``.
      moves: probability of each move ``[2 s + 1]``, backwards first; an odd number, at most slots.

    Source: Graves et al. 2014, arXiv 1410.5401, equation 8.

    Examples:
      >>> import jax.numpy as jnp
      >>> shift(jnp.array([0.0, 0.0, 1.0]), jnp.array([0.0, 0.25, 0.75])).tolist()
      [0.75, 0.0, 0.25]
    """
    (slots,), (n,) = weights.shape, moves.shape
    if n % 2 == 0 or n > slots:
        raise ValueError(
            f"shift: moves must be an odd number, -s to s, at most one per row ({slots}), got {n}"
        )
    source = (jnp.arange(slots)[None] - jnp.arange(-(n // 2), n // 2 + 1)[:, None]) % slots
    return moves @ weights[source]


def sharpen(weights: jax.Array, power: float | jax.Array) -> jax.Array:
    """Sharpening of weights by a power, normalized to the sum 1.

    w_i^power / sum_j w_j^power

    Args:
      weights: w ``[slots]``, not negative.
      power: a scalar, 1 or more.

    Source: Graves et al. 2014, arXiv 1410.5401, equation 9.

    Examples:
      >>> import jax.numpy as jnp
      >>> sharpen(jnp.array([0.5, 0.25, 0.25]), 2.0).round(4).tolist()
      [0.666..., 0.166..., 0.166...]
    """
    # logarithms, so that no power underflows
    logs = jnp.log(jnp.maximum(weights, jnp.finfo(weights.dtype).tiny))
    return jax.nn.softmax(jnp.asarray(power).astype(weights.dtype) * logs)


def address(memory: jax.Array, before: jax.Array, head: Head, *, floor: float = 1e-3) -> jax.Array:
    """The address of a head: content or previous place, then a move, then sharpening.

    w <- sharpen(shift(gate content_weights(M, k, strength) + (1 - gate) w, moves), power)

    Args:
      memory: M ``[slots, width]``.
      before: w ``[slots]`` of the step before.
      head: parameters of one step.
      floor: smallest length that is divided by, positive.

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
    """The memory after a write: each row is erased, then added to, by its weight.

    M_i <- M_i (1 - w_i erase) + w_i add

    With all weight on one row and erase = 1 that row becomes add, exactly.

    Args:
      memory: M ``[slots, width]``.
      weights: w ``[slots]``, of a sum up to 1.
      erase: ``[width]``, 0 to 1.
      add: ``[width]``.

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
    """The mean of the rows, weighted by the address.

    y = sum_i w_i M_i

    Args:
      memory: M ``[slots, width]``.
      weights: w ``[slots]``.

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
    """External memory with a write head and a read head that its input controls.

    M <- write(M, g w, erase, add),  y = read(M, r)

    w and r are the `address` of the heads; the read head is addressed after the write. The
    `Interface` is one linear map of the input, with a bounded softplus for strengths and, plus 1,
    for powers, a sigmoid for gates and erase, a softmax for moves. At the start the memory is zero
    and both heads are at row 0: from uniform weights all rows would stay equal forever.

    params are ``{"kernel", "bias"}``, the carry is a `Tape`. A step takes x or its `Interface`.

    Args:
      slots: number of rows.
      width: of a row, a key and the output.
      shifts: largest move of a head in a step.
      limit: largest strength, and largest power less 1; positive.
      floor: smallest length that is divided by, positive.

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

    def one_step(x: Any) -> Any:
        if len(x.shape) != 1:
            raise ValueError(f"{name} needs the input [features] of one step, got shape {x.shape}")
        return x

    def init(key: jax.Array, x: Any) -> Params:
        x = one_step(x)
        return initial_weights(key, (x.shape[0], sum(sizes)), x, kernel_init, zeros)

    def carry(params: Params, x: Any) -> Tape:
        start = jnp.zeros(slots, params["kernel"].dtype).at[0].set(1)
        return Tape(jnp.zeros((slots, width), start.dtype), start, start)

    def project(params: Params, xs: jax.Array) -> Interface:
        require_features(name, xs, params["kernel"].shape[0])
        made = as_real(name, xs, params["kernel"].dtype) @ params["kernel"]
        made = made + align(params["bias"], made)
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
        parts = jnp.split(made, ends, axis=-1)
        write_gate, erase = (jax.nn.sigmoid(part) for part in parts[10:12])
        heads = _head(parts[:5], limit), _head(parts[5:10], limit)
        return Interface(*heads, write_gate[..., 0], erase, parts[12])

    def step(
        params: Params, carry: Tape, x: Any, *, key: jax.Array | None = None
    ) -> tuple[Tape, jax.Array]:
        now = x if isinstance(x, Interface) else project(params, one_step(x))
        written = address(carry.memory, carry.write_weights, now.write, floor=floor)
        memory = write(carry.memory, now.write_gate * written, now.erase, now.add)
        looked = address(memory, carry.read_weights, now.read, floor=floor)
        return Tape(memory, written, looked), read(memory, looked)

    return Cell(init, carry, step, project)


def _head(parts: list[jax.Array], limit: float) -> Head:
    """The parameters of one head from its part of the linear map."""
    key, strength, gate, moves, power = parts
    return Head(
        key,
        _bounded(strength[..., 0], limit),
        jax.nn.sigmoid(gate[..., 0]),
        jax.nn.softmax(moves),
        1 + _bounded(power[..., 0], limit),
    )


def _bounded(x: jax.Array, limit: float) -> jax.Array:
    """Softplus that saturates at a limit: finite for all inputs."""
    return limit * jnp.tanh(jax.nn.softplus(x) / limit)


def _shifts(shifts: int, slots: int) -> int:
    if not 0 <= 2 * shifts < slots:
        raise ValueError(
            f"external_memory: shifts must be from 0 to {(slots - 1) // 2}, as the moves -s to s "
            f"are at most one per row, got {shifts!r} for {slots} slots"
        )
    return shifts
