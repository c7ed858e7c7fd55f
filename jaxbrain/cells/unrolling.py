"""Cells over sequences. Time is the leading axis, as in ``jax.lax.scan``."""

from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.cells.stages import SequenceStep, with_params
from jaxbrain.core.annotations import Inputs, Key, Pytree
from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured, without_weights
from jaxbrain.core.eager import compiled_once
from jaxbrain.core.inits import plain_init
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.networks.parts import no_params


@checked
@compiled_once("cell", "block", "reverse")
def scan(
    cell: Cell,
    params: Params,
    carry: Pytree,
    xs: Inputs,
    *,
    key: Key | None = None,
    block: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """A cell over a sequence, from a given carry: (carry_t, y_t) = step(carry_{t-1}, x_t).

    For truncated back-propagation through a long stream, call it window by window, each time from
    ``jax.lax.stop_gradient`` of the last carry.

    Args:
      cell: the cell.
      params: its params.
      carry: before the first step; ``cell.carry(params, x)``.
      xs: ``[time, ...]``, an array or a pytree of arrays.
      key: for noise; each step gets its own key.
      block: number of steps that the backward pass recomputes at once. With about the square root
        of the length, memory grows as that root, for about a third more time. None stores all.
      reverse: run from the last step to the first; ys stay in the order of xs.

    Returns:
      The carry after the last step, and ys ``[time, ...]``.

    Raises:
      ValueError: if there is no step, the arrays of xs differ in length, or block is not positive.

    Source: recomputation, Chen et al. 2016, arXiv 1604.06174.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell, xs = jb.cells.elman(3), jax.numpy.ones((5, 2))
      >>> params = cell.init(jax.random.key(0), xs[0])
      >>> carry, ys = scan(cell, params, cell.carry(params, xs[0]), xs)
      >>> ys.shape, bool((carry == ys[-1]).all())
      ((5, 3), True)
    """
    length = require_time("scan", xs)
    if block is not None:
        require_count("scan", "block", block)
    if cell.project is not None:
        xs = cell.project(params, xs)
    step = cell.step
    if isinstance(step, SequenceStep) and length >= step.least and block is None and not reverse:
        return step.sequence(params, carry, xs)
    # the key of a step is made in the step: without noise it is never computed
    times = None if key is None else jnp.arange(length)

    def one(carry: Any, now: tuple[Any, Any]) -> tuple[Any, Any]:
        x, t = now
        k = None if key is None else jax.random.fold_in(key, t)
        return step(params, carry, x, key=k)

    if block is None or block >= length:
        return jax.lax.scan(one, carry, (xs, times), reverse=reverse)
    return _in_blocks(one, carry, (xs, times), length, block, reverse)


def _in_blocks(
    one: Callable, carry: Any, inputs: Any, length: int, block: int, reverse: bool
) -> tuple[Any, Any]:
    """The same scan; for the backward pass only the carry before each block is stored."""

    @jax.checkpoint
    def several(carry: Any, inputs: Any) -> tuple[Any, Any]:
        return jax.lax.scan(one, carry, inputs, reverse=reverse)

    whole = length - length % block
    blocks, rest = _split(inputs, whole)
    blocks = jax.tree.map(lambda a: a.reshape(-1, block, *a.shape[1:]), blocks)
    parts = []
    if reverse and whole < length:  # the incomplete block is at the end, which comes first
        carry, last = several(carry, rest)
        parts.append(last)
    carry, ys = jax.lax.scan(several, carry, blocks, reverse=reverse)
    parts.insert(0, jax.tree.map(lambda a: a.reshape(whole, *a.shape[2:]), ys))
    if not reverse and whole < length:
        carry, last = several(carry, rest)
        parts.append(last)
    return carry, jax.tree.map(lambda *a: jnp.concatenate(a), *parts)


def _split(tree: Any, at: int) -> tuple[Any, Any]:
    return jax.tree.map(lambda a: a[:at], tree), jax.tree.map(lambda a: a[at:], tree)


@configured
def unroll(cell: Cell, *, block: int | None = None, reverse: bool = False) -> Network:
    """A cell over a sequence as a network, which rules train and `fit` fits.

    Args:
      cell: the cell; its params are those of the network.
      block: number of steps that the backward pass recomputes at once; see `scan`.
      reverse: run from the last step to the first.

    Returns:
      A network ``[time, ...] -> [time, ...]`` of one sequence.

    Raises:
      TypeError: if cell is not a Cell.
      ValueError: if block is not positive; at trace time, if there is no step.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(unroll(jb.cells.elman(3)), last(), jb.dense(1))
      >>> params = net.init(jax.random.key(0), jax.numpy.ones((5, 2)))
      >>> net.apply(params, jax.numpy.ones((5, 2))).shape
      (1,)
    """
    if block is not None:
        require_count("unroll", "block", block)
    options = {"block": block, "reverse": reverse}
    shown = "".join(f", {name}={value}" for name, value in options.items() if value)
    name = f"unroll({cell}{shown})"

    def init(key: jax.Array, x: Any) -> Params:
        require_time(name, x)
        return plain_init(cell)(key, first(x))

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        require_time(name, x)
        carry = cell.carry(params, first(x))
        return scan(cell, params, carry, x, key=key, block=block, reverse=reverse)[1]

    return Network(init, apply)


@without_weights
@configured
def last() -> Network:
    """The last step of a sequence: ``[time, ...] -> [...]``.

    Examples:
      >>> import jax.numpy as jnp
      >>> last().apply((), jnp.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
      [3.0, 4.0]
    """

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        require_time("last()", x)
        return jax.tree.map(lambda a: a[-1], x)

    return Network(no_params, apply)


@configured
def learned_carry(cell: Cell) -> Cell:
    """A cell whose first carry is a parameter.

    Args:
      cell: any cell; its own first carry is the initial value of the parameter.

    Returns:
      A Cell with params ``{"cell", "carry"}``.

    Raises:
      TypeError: if cell is not a Cell.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell = learned_carry(jb.cells.elman(3))
      >>> params = cell.init(jax.random.key(0), jax.numpy.ones(2))
      >>> params["carry"].shape
      (3,)
    """

    def init(key: jax.Array, x: Any) -> Params:
        params = cell.init(key, x)
        return {"cell": params, "carry": cell.carry(params, x)}

    def carry(params: Params, x: Any) -> Any:
        return params["carry"]

    step = with_params(cell.step, lambda params: params["cell"])
    inner = cell.project
    project = None if inner is None else lambda params, xs: inner(params["cell"], xs)
    return Cell(init, carry, step, project)


@configured
def masked(cell: Cell) -> Cell:
    """A cell for padded sequences: a step that is not valid changes neither carry nor output.

    carry_t, y_t = step(carry_{t-1}, x_t) if valid_t, else carry_{t-1}, y_{t-1}

    Since the output is held, `last` gives the last valid one (zero before the first). The cell
    gets zeros in the place of the padding, which may be anything, such as nan.

    Args:
      cell: any cell without a projection.

    Returns:
      A Cell of ``(x, valid)``, valid a bool ``[]``: unrolled, of ``[time, ...]`` and ``[time]``.

    Raises:
      TypeError: if cell is not a Cell.
      ValueError: if it has a projection; at trace time, if valid is not a bool of shape ``[]``.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> net = jb.cells.unroll(masked(jb.cells.elman(3)))
      >>> xs, valid = jnp.ones((5, 2)), valid_steps(3, 5)
      >>> params = net.init(jax.random.key(0), (xs, valid))
      >>> ys = net.apply(params, (xs, valid))
      >>> bool(jnp.all(ys[2] == ys[4]))
      True
    """
    if cell.project is not None:
        raise ValueError(f"masked: {cell} has a projection, which would see the padding")
    name = f"masked({cell})"

    def init(key: jax.Array, x: Any) -> Params:
        return cell.init(key, x[0])

    def carry(params: Params, x: Any) -> Any:
        inner = cell.carry(params, x[0])
        y = jax.eval_shape(cell.step, params, inner, x[0])[1]
        return inner, jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), y)

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        x, valid = x
        if jnp.shape(valid) != () or jnp.result_type(valid) != jnp.bool_:
            raise ValueError(
                f"{name}: valid must be one bool a step, [time] in all, got shape "
                f"{jnp.shape(valid)} of {jnp.result_type(valid)}; from lengths: "
                "jb.cells.valid_steps(length, time)"
            )
        # the gradient of a step with nan would be nan, although its result is not taken
        x = jax.tree.map(lambda a: jnp.where(valid, a, jnp.zeros_like(a)), x)
        after = cell.step(params, carry[0], x, key=key)
        kept = jax.tree.map(lambda new, old: jnp.where(valid, new, old), after, carry)
        return kept, kept[1]

    return Cell(init, carry, step)


@checked
def valid_steps(length: jax.Array, time: int) -> jax.Array:
    """The validity of the steps of padded sequences, for `masked`: valid_t = t < length.

    Args:
      length: number of steps before the padding, integers ``[...]``.
      time: number of steps with the padding.

    Returns:
      ``[..., time]`` of bool.

    Raises:
      TypeError: if a length is not an integer.
      ValueError: if time is not positive, or a known length is not from 1 to time.

    Examples:
      >>> valid_steps(2, 3).tolist()
      [True, True, False]
    """
    require_count("valid_steps", "time", time)
    if not jnp.issubdtype(jnp.result_type(length), jnp.integer):
        raise TypeError(f"valid_steps: length must be of integers, got {length!r}")
    if not isinstance(length, jax.core.Tracer):
        wrong = [int(n) for n in np.ravel(np.asarray(length)) if not 1 <= n <= time]
        if wrong:
            raise ValueError(
                f"valid_steps: length must be from 1 to the {time} steps of the padded sequence, "
                f"got {wrong[:5]}"
            )
    length = jnp.asarray(length)
    return (
        jnp.arange(time, dtype=length.dtype).reshape((1,) * length.ndim + (time,))
        < length[..., None]
    )


def first(xs: Any) -> Any:
    """The first step of a sequence, of arrays or their ``jax.ShapeDtypeStruct``."""
    return jax.tree.map(
        lambda a: (
            jax.ShapeDtypeStruct(a.shape[1:], a.dtype)
            if isinstance(a, jax.ShapeDtypeStruct)
            else jnp.asarray(a)[0]
        ),
        xs,
    )


def require_time(name: str, xs: Any) -> int:
    """The number of steps; refuse an empty sequence, and arrays of different lengths."""
    shapes = [jnp.shape(a) for a in jax.tree.leaves(xs)]
    if not shapes or any(not shape for shape in shapes):
        raise ValueError(f"{name} needs a sequence [time, ...], got shapes {shapes}")
    lengths = {shape[0] for shape in shapes}
    if len(lengths) > 1:
        raise ValueError(
            f"{name}: all arrays must have the same number of steps, got shapes {shapes}"
        )
    (length,) = lengths
    if not length:
        raise ValueError(f"{name} needs one step at least, got an empty sequence {shapes}")
    return length
