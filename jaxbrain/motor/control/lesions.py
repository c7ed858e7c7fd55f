"""Edits of a controller: lesions and stimulation of its units, and any other change of its carry.

What is done to the carry stays there: a unit whose gain was set to zero is silent until it is set
again (`jaxbrain.motor.perturbations.during` with ``after``).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.cells.unrolling import require_cells
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number
from jaxbrain.core.types import Cell, Params
from jaxbrain.motor.control.loop import Perturbation, Signals


class WithGain(NamedTuple):
    """The carry of a cell in `with_gain`.

    Attributes:
      state: the carry of the cell ``[units]``.
      gain: how much of it each unit passes on ``[units]``.
    """

    state: jax.Array
    gain: jax.Array


@configured
def with_gain(cell: Cell) -> Cell:
    """A cell whose units can be silenced: what they say is multiplied with a gain in the carry.

    h_t, y_t = step(gain h_{t-1}, x_t),  output gain y_t

    With gains of 1 it is the cell. A unit with gain 0 is heard by no other and not at the output,
    if a state of zero is a rate of zero, as with tanh and relu.

    Args:
      cell: one whose carry is one array ``[units]``, as its output is, such as `gru`.

    Returns:
      A Cell with the params of cell, whose carry is a `WithGain`.

    Raises:
      TypeError: if cell is not a Cell; at trace time, if carry or output are not such arrays.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> cell, x = with_gain(jb.cells.gru(3)), jnp.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> carry = cell.carry(params, x)._replace(gain=jnp.array([1.0, 0.0, 1.0]))
      >>> (cell.step(params, carry, x)[1] == 0).tolist()
      [False, True, False]
    """
    require_cells("with_gain", cell)
    name = f"with_gain({cell})"

    def carry(params: Params, x: Any) -> WithGain:
        state = cell.carry(params, x)
        y = jax.eval_shape(cell.step, params, state, x)[1]
        one = isinstance(state, jax.Array) and isinstance(y, jax.ShapeDtypeStruct)
        if not one or state.shape != y.shape or state.ndim != 1:
            shapes = [a.shape for a in jax.tree.leaves((state, y))]
            raise TypeError(
                f"{name}: the carry of the cell and its output must be one array [units], got "
                f"{type(state).__name__} and shapes {shapes}"
            )
        return WithGain(state, jnp.ones_like(state))

    def step(params: Params, carry: WithGain, x: Any, *, key: jax.Array | None = None) -> Any:
        state, y = cell.step(params, carry.gain * carry.state, x, key=key)
        return WithGain(state, carry.gain), carry.gain * y

    return Cell(cell.init, carry, step, cell.project)


@configured
def on_controller(
    change: Callable[[Any], Any], *, part: tuple[str | int, ...] = ()
) -> Perturbation:
    """Anything that is done to the carry of the controller.

    c <- change(c)

    Args:
      change: from a carry, or the part of it, to another of the same shapes.
      part: the way to the part: names of fields or keys, numbers in a tuple; the carry of the
        second cell of a ``stack`` is ``(1,)``.

    Returns:
      A perturbation.

    Raises:
      TypeError: if change is not a function.
      ValueError: at trace time, if there is no such part.

    Examples:
      >>> import jax.numpy as jnp
      >>> depleted = on_controller(lambda loop: loop._replace(dopamine=jnp.array(0.1)))
    """
    if not callable(change):
        raise TypeError(f"on_controller: change must be a function, got {type(change).__name__}")

    def perturbation(t: jax.Array, signals: Signals) -> Signals:
        return signals._replace(controller=_changed(signals.controller, part, change))

    return perturbation


@configured
def set_gain(gain: Any, *, part: tuple[str | int, ...] = ()) -> Perturbation:
    """Set how much of its rate every unit passes on: 1 intact, 0 silent, at once and exactly.

    gain <- gain

    Args:
      gain: one number for all units, or ``[units]``.
      part: the way to the carry with a leaf ``gain``, that of `laminar_cortex` or of a cell in
        `with_gain`; see `on_controller`.

    Returns:
      A perturbation; `jaxbrain.analysis.lesion_sweep` takes outcomes of its gain.

    Raises:
      TypeError: at trace time, if the carry has no gain.
      ValueError: at trace time, if the shape is not that of the units.

    Examples:
      >>> import jax.numpy as jnp
      >>> without_the_last = set_gain(jnp.array([1.0, 1.0, 0.0]))
    """

    def change(carry: Any) -> Any:
        now = _gain("set_gain", carry)
        if np.shape(gain) not in ((), now.shape):
            raise ValueError(
                f"set_gain: gain must be one number or of shape {now.shape}, got {np.shape(gain)}"
            )
        return carry._replace(gain=jnp.broadcast_to(as_number(gain, now), now.shape))

    return on_controller(change, part=part)


@configured
def silence(
    units: Any, *, gain: float | jax.Array = 0.0, part: tuple[str | int, ...] = ()
) -> Perturbation:
    """Set the gain of some units, and leave the others as they are.

    gain_i <- gain for i in units

    Args:
      units: which: a slice, numbers, or a mask of bools ``[units]``.
      gain: what they still pass on; 0 is an exact lesion.
      part: the way to the carry with a leaf ``gain``; see `set_gain`.

    Returns:
      A perturbation.

    Raises:
      TypeError: at trace time, if the carry has no gain.

    Examples:
      >>> import jaxbrain as jb
      >>> network = with_gain(jb.cells.gru(8))
      >>> loop = jb.motor.closed_loop(
      ...     jb.cells.stack(network, jb.lift(jb.dense(2))),
      ...     jb.motor.point_mass(),
      ...     perturbation=silence(slice(0, 3), part=(0,)),
      ... )
    """

    def change(carry: Any) -> Any:
        now = _gain("silence", carry)
        return carry._replace(gain=now.at[units].set(as_number(gain, now)))

    return on_controller(change, part=part)


@configured
def stimulate(units: Any, current: Any, *, part: tuple[str | int, ...] = ()) -> Perturbation:
    """Add to the state of some units, at every step.

    x_i <- x_i + current for i in units

    Args:
      units: which: a slice, numbers, or a mask of bools ``[units]``.
      current: one number, or one for each of them.
      part: the way to the carry with the units: an array, or with such a field ``state``.

    Returns:
      A perturbation; a pulse of it is ``during(stimulate(...), start, stop)``.

    Raises:
      TypeError: at trace time, if the carry has no state and is not an array.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> pulse = jb.motor.perturbations.during(stimulate(jnp.array([2, 5]), 0.3), 20, 22)
    """

    def change(carry: Any) -> Any:
        if not isinstance(carry, jax.Array) and not hasattr(carry, "state"):
            raise TypeError(_no_leaf("stimulate", "a state, or be an array", carry))
        now = getattr(carry, "state", carry)
        after = now.at[units].add(as_number(current, now))
        return after if isinstance(carry, jax.Array) else carry._replace(state=after)

    return on_controller(change, part=part)


def _changed(carry: Any, part: tuple[str | int, ...], change: Callable[[Any], Any]) -> Any:
    """The carry, with the part at the end of the way changed."""
    if not part:
        return change(carry)
    here, rest = part[0], part[1:]
    names = getattr(carry, "_fields", ())
    if here in names:
        here = names.index(here)
    parts = dict(carry if isinstance(carry, dict) else enumerate(carry) if _many(carry) else ())
    if here not in parts:
        what = list(names or parts) or type(carry).__name__
        raise ValueError(f"part of a perturbation: {here!r} is not in the carry, which has {what}")
    parts[here] = _changed(parts[here], rest, change)
    if isinstance(carry, dict):
        return parts
    return type(carry)(*parts.values()) if names else type(carry)(parts.values())


def _many(carry: Any) -> bool:
    return isinstance(carry, tuple | list)


def _gain(perturbation: str, carry: Any) -> jax.Array:
    if not hasattr(carry, "gain"):
        fix = "; give it one: jb.motor.with_gain(cell)"
        raise TypeError(_no_leaf(perturbation, "a gain", carry) + fix)
    return carry.gain


def _no_leaf(perturbation: str, leaf: str, carry: Any) -> str:
    parts = carry if isinstance(carry, dict) else range(len(carry)) if _many(carry) else ()
    parts = list(getattr(carry, "_fields", parts))
    of = f"; if one of its parts {parts} has: {perturbation}(..., part=(...,))" if parts else ""
    return f"{perturbation}: the carry of the controller must have {leaf}, got {type(carry).__name__}{of}"
