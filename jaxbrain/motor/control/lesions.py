"""Perturbations of a controller: lesions and stimulation of its units, changes of its carry.

A change of the carry stays: a unit whose gain was set to zero is silent until the gain is set
again (`jaxbrain.motor.perturbations.during` with ``after``).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, shown
from jaxbrain.core.types import Cell, Numbers, Params
from jaxbrain.motor.control.loop import Perturbation, Signals

Part = tuple[str | int, ...]


class WithGain(NamedTuple):
    """The carry of a cell in `with_gain`.

    Attributes:
      state: the carry of the cell ``[units]``.
      gain: factor of the output of each unit: 1 is intact, 0 a lesion ``[units]``.
    """

    state: jax.Array
    gain: jax.Array


@configured
def with_gain(cell: Cell) -> Cell:
    """A cell whose units can be silenced: a gain in the carry multiplies their outputs.

    h_t, y_t = step(gain h_{t-1}, x_t),  output gain y_t

    A unit with gain 0 reaches no other unit and not the output, if a state of zero is a rate of
    zero, as with tanh and relu.

    Args:
      cell: its carry and its output are one array ``[units]``, as those of `gru`.

    Returns:
      A Cell with the params of cell, whose carry is a ``WithGain(state, gain)``.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> cell, x = with_gain(jb.cells.gru(3)), jnp.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> carry = cell.carry(params, x)._replace(gain=jnp.array([1.0, 0.0, 1.0]))
      >>> (cell.step(params, carry, x)[1] == 0).tolist()
      [False, True, False]
    """
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
def on_controller(change: Callable[[Any], Any], *, part: Part = ()) -> Perturbation:
    """Any change of the carry of the controller: c <- change(c).

    Args:
      change: from a carry, or the part of it, to another of the same shapes.
      part: the path to the part: names of fields or keys, numbers in a tuple; the carry of the
        second cell of a ``stack`` is ``(1,)``.

    Examples:
      >>> import jax.numpy as jnp
      >>> depleted = on_controller(lambda loop: loop._replace(dopamine=jnp.array(0.1)))
    """

    def perturbation(t: jax.Array, signals: Signals) -> Signals:
        return signals._replace(controller=_changed(signals.controller, part, change))

    return perturbation


@configured
def set_gain(gain: Numbers, *, part: Part = ()) -> Perturbation:
    """Gains of all units: 1 is intact, 0 silent.

    Args:
      gain: one number for all units, or ``[units]``.
      part: the path to the carry with a leaf ``gain``, that of `laminar_cortex` or of a cell in
        `with_gain`; see `on_controller`.

    Returns:
      A perturbation; `jaxbrain.analysis.lesion_sweep` takes outcomes of its gain.

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
def silence(units: Any, *, gain: float | jax.Array = 0.0, part: Part = ()) -> Perturbation:
    """A lesion: the gain of some units; the others keep theirs.

    Args:
      units: a slice, numbers, or a mask of bools ``[units]``.
      gain: 0 is a complete lesion.
      part: the path to the carry with a leaf ``gain``; see `set_gain`.

    Examples:
      >>> import jaxbrain as jb
      >>> controller = jb.cells.stack(with_gain(jb.cells.gru(8)), jb.lift(jb.dense(2)))
      >>> lesion = silence(slice(0, 3), part=(0,))  # of the first cell of the stack
      >>> loop = jb.motor.closed_loop(controller, jb.motor.point_mass(), perturbation=lesion)
    """

    def change(carry: Any) -> Any:
        now = _gain("silence", carry)
        _require_units("silence", units, now)
        return carry._replace(gain=now.at[units].set(as_number(gain, now)))

    return on_controller(change, part=part)


@configured
def stimulate(units: Any, current: Numbers, *, part: Part = ()) -> Perturbation:
    """Stimulation: a current is added to the state of some units at every step.

    Args:
      units: a slice, numbers, or a mask of bools ``[units]``.
      current: one number, or one for each of them.
      part: the path to the carry with the units: an array, or with such a field ``state``.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> pulse = jb.motor.perturbations.during(stimulate(jnp.array([2, 5]), 0.3), 20, 22)
    """

    def change(carry: Any) -> Any:
        if not isinstance(carry, jax.Array) and not hasattr(carry, "state"):
            raise TypeError(_no_leaf("stimulate", "a state, or be an array", carry))
        now = getattr(carry, "state", carry)
        _require_units("stimulate", units, now)
        after = now.at[units].add(as_number(current, now))
        return after if isinstance(carry, jax.Array) else carry._replace(state=after)

    return on_controller(change, part=part)


def _changed(carry: Any, part: Part, change: Callable[[Any], Any]) -> Any:
    """The carry with one part changed."""
    if not part:
        return change(carry)
    here, rest = part[0], part[1:]
    names = getattr(carry, "_fields", ())
    if here in names:
        here = names.index(here)
    parts = dict(carry if isinstance(carry, dict) else enumerate(carry) if _many(carry) else ())
    if here not in parts:
        known = list(names or parts) or type(carry).__name__
        raise ValueError(f"part of a perturbation: {here!r} is not in the carry, which has {known}")
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


def _require_units(perturbation: str, units: Any, now: jax.Array) -> None:
    """Refuse units that the carry does not have: JAX would pass over them."""
    if isinstance(units, jax.core.Tracer):
        return
    every, index = np.arange(len(now)), units if isinstance(units, slice) else np.asarray(units)
    try:
        chosen = every[index]
        found = chosen.ndim < 2 and (chosen.size > 0 or not isinstance(units, slice))
    except IndexError:
        found = False
    if not found:
        raise ValueError(
            f"{perturbation}: units must be a slice, numbers or a mask of the {len(now)} units, "
            f"got {shown(units)}"
        )


def _no_leaf(perturbation: str, leaf: str, carry: Any) -> str:
    parts = carry if isinstance(carry, dict) else range(len(carry)) if _many(carry) else ()
    parts = list(getattr(carry, "_fields", parts))
    inside = f"; if one of its parts {parts} has: {perturbation}(..., part=(...,))" if parts else ""
    kind = type(carry).__name__
    return f"{perturbation}: the carry of the controller must have {leaf}, got {kind}{inside}"
