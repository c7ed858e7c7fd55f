"""What a lesion, a field or a dose does: one outcome, swept by one compiled ``jax.vmap``."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.requirements import as_number, require_count, require_positive

INTACT = "intact"


def lesion_sweep(
    outcome: Callable[[jax.Array], Any],
    groups: Mapping[str, Any],
    *,
    units: int,
    gain: float | jax.Array = 0.0,
    batch_size: int | None = None,
) -> dict[str, Any]:
    """An outcome without a lesion, and with each group of units lesioned: what breaks what.

    outcome(1, ..., 1), and outcome(g) with g_i = gain for the units i of a group, else 1

    Args:
      outcome: from the gains of all units ``[units]`` to anything; it builds the loop with
        ``perturbation=jaxbrain.motor.perturbations.set_gain(gains)``.
      groups: which units, by name: slices, numbers, or masks of bools ``[units]``.
      units: how many there are.
      gain: what lesioned units still pass on.
      batch_size: how many lesions at a time, where all at once need too much memory, or on a CPU
        come to more than some 300 trials, which are slower than fewer; None is all.

    Returns:
      The outcomes, ``"intact"`` first and then one for each group, in their order. (``jax.jit``
      sorts the keys of what it returns: jit the outcome and not the sweep to keep the order.)

    Raises:
      TypeError: if groups are not a mapping.
      ValueError: if a group is empty or out of range, is called "intact", or units or batch_size is
        not positive.

    Examples:
      >>> import jax.numpy as jnp
      >>> weights = jnp.array([1.0, 2.0, 3.0])
      >>> groups = {"first": slice(0, 1), "rest": [1, 2]}
      >>> found = lesion_sweep(lambda g: g @ weights, groups, units=3)
      >>> {name: float(value) for name, value in found.items()}
      {'intact': 6.0, 'first': 5.0, 'rest': 1.0}
    """
    if not isinstance(units, int) or units < 1:
        raise ValueError(f"lesion_sweep: units must be a positive integer, got {units!r}")
    hit = np.stack([np.zeros(units, bool), *_masks(groups, units)])
    intact = jnp.ones(hit.shape)
    gains = jnp.where(hit, as_number(gain, intact), intact)
    outcomes = _swept("lesion_sweep", outcome, gains, batch_size)
    return {
        name: jax.tree.map(lambda a, i=i: a[i], outcomes)
        for i, name in enumerate((INTACT, *groups))
    }


def field_sweep(
    outcome: Callable[[jax.Array], Any], strengths: Any, *, batch_size: int | None = None
) -> Any:
    """An outcome at each strength of a field, or at each of any dose.

    Args:
      outcome: from a strength to anything; it builds the loop with
        ``perturbation=jaxbrain.motor.perturbations.curl_field(strength)``.
      strengths: ``[n]``
      batch_size: how many at a time; None is all.

    Returns:
      The outcomes, ``[n, ...]`` each.

    Raises:
      ValueError: if strengths are not ``[n]`` with one at least, or batch_size is not positive.

    Examples:
      >>> field_sweep(lambda b: {"force": 2 * b}, [0.0, 1.0, 3.0])["force"].tolist()
      [0.0, 2.0, 6.0]
    """
    doses = jnp.asarray(strengths)
    if doses.ndim != 1 or not len(doses):
        raise ValueError(f"field_sweep: strengths must be [n], got shape {doses.shape}")
    if not jnp.issubdtype(doses.dtype, jnp.inexact):
        doses = doses.astype(float)
    return _swept("field_sweep", outcome, doses, batch_size)


def reach_time(
    position: jax.Array,
    target: Any,
    *,
    dt: float | jax.Array = 0.01,
    radius: float | jax.Array = 0.01,
    softness: float | jax.Array = 0.005,
) -> jax.Array:
    """When the hand arrives and stays: how long it is outside of the target, without a jump.

    integral of step((|position - target| - radius) / softness) dt,
    step(x) = s^3 (10 - 15 s + 6 s^2) where s = (x + 1) / 2 is in 0..1, else 0 or 1

    The trapezoid rule makes a smooth number of it, whose gradient reaches whatever moved the hand,
    such as dopamine; a hand that never arrives has the duration of the trial, and no gradient. For
    the time from a go cue on, give the path from there on.

    Args:
      position: of the hand, in m ``[time, 2]``.
      target: in m ``[2]``, or ``[time, 2]``.
      dt: time between samples, in s.
      radius: of the target, in m.
      softness: half the width of its border, in m: more than the hand moves there from sample to
        sample, or the gradient is rough.

    Returns:
      In s ``[]``.

    Raises:
      ValueError: if a shape is wrong or a number is not positive.

    Examples:
      >>> import jax.numpy as jnp
      >>> path = jnp.stack([jnp.linspace(0.0, 0.1, 101), jnp.zeros(101)], axis=1)  # 0.1 m/s
      >>> round(float(reach_time(path, jnp.array([0.1, 0.0]))), 2)
      0.9
    """
    if position.ndim != 2 or position.shape[1] != 2 or len(position) < 2:
        raise ValueError(f"reach_time: position must be [time, 2], got shape {position.shape}")
    if np.shape(target) not in ((2,), position.shape):
        raise ValueError(
            f"reach_time: target must be (2,) or {position.shape}, got {np.shape(target)}"
        )
    for name, value in (("dt", dt), ("radius", radius), ("softness", softness)):
        require_positive("reach_time", name, value)
    goal = jnp.broadcast_to(as_number(target, position), position.shape)
    square = jnp.sum((position - goal) ** 2, axis=1)
    # the root has no gradient at the target itself
    distance = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
    over = (distance - as_number(radius, distance)) / as_number(softness, distance)
    s = jnp.clip((over + 1) / 2, 0, 1)
    outside = s**3 * (10 - 15 * s + 6 * s**2)
    return as_number(dt, outside) * (jnp.sum(outside) - (outside[0] + outside[-1]) / 2)


def _swept(
    name: str, outcome: Callable[[jax.Array], Any], doses: jax.Array, batch_size: int | None
) -> Any:
    """The outcomes of all doses, side by side or so many at a time."""
    if batch_size is None:
        return jax.vmap(outcome)(doses)
    require_count(name, "batch_size", batch_size)
    return jax.lax.map(outcome, doses, batch_size=batch_size)


def _masks(groups: Any, units: int) -> list[np.ndarray]:
    """Which units each group has."""
    if not isinstance(groups, Mapping):
        raise TypeError(
            f"lesion_sweep: groups must be a mapping from names to units such as layers.slices, "
            f"got {type(groups).__name__}"
        )
    if INTACT in groups:
        raise ValueError(f'lesion_sweep: no group can be called "{INTACT}", it is the one without')
    masks = []
    for name, which in groups.items():
        mask = np.zeros(units, bool)
        try:
            mask[which if isinstance(which, slice) else np.asarray(which)] = True
        except IndexError as error:
            raise ValueError(f"lesion_sweep: group {name!r} of {units} units: {error}") from None
        if not mask.any() or (isinstance(which, slice) and (which.stop or 0) > units):
            raise ValueError(
                f"lesion_sweep: group {name!r} must have units from 0 to {units - 1}, got {which}"
            )
        masks.append(mask)
    return masks
