"""Sweeps over lesions and field strengths: one outcome at many doses, in one compiled ``vmap``."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import on_device
from jaxbrain.core.eager import compiled_once
from jaxbrain.core.requirements import as_number, require_count

INTACT = "intact"


@checked
def lesion_sweep(
    outcome: Callable[[jax.Array], Any],
    groups: Mapping[str, Any],
    *,
    units: int,
    gain: float | jax.Array = 0.0,
    batch_size: int | None = None,
) -> dict[str, Any]:
    """Outcomes without a lesion, and with each group of units lesioned in turn.

    outcome(1, ..., 1), and outcome(g) with g_i = gain for the units i of a group, else 1

    Args:
      outcome: from the gains of all units ``[units]`` to any pytree; it builds the loop with
        ``perturbation=jaxbrain.motor.perturbations.set_gain(gains)``. With ``jax.jit(outcome)``
        a second sweep compiles nothing.
      groups: the units of each group by name: slices, indices, or masks of bools ``[units]``.
      units: number of all units.
      gain: the fraction of their output that lesioned units keep.
      batch_size: lesions computed together; None: all. On a CPU, more than about 300 trials
        together are slower than fewer.

    Returns:
      The outcomes by name, ``"intact"`` first, then the groups in their order. (``jax.jit`` sorts
      the keys of a dict: to keep the order, compile the outcome and not the sweep.)

    Raises:
      TypeError: if groups are not a mapping.
      ValueError: if a group is empty, out of range or called "intact".

    Examples:
      >>> import jax.numpy as jnp
      >>> weights, groups = jnp.array([1.0, 2.0, 3.0]), {"first": slice(0, 1), "rest": [1, 2]}
      >>> found = lesion_sweep(lambda g: g @ weights, groups, units=3)
      >>> {name: float(value) for name, value in found.items()}
      {'intact': 6.0, 'first': 5.0, 'rest': 1.0}
    """
    require_count("lesion_sweep", "units", units)
    lesioned = np.stack([np.zeros(units, bool), *_masks(groups, units)])
    intact = jnp.ones(lesioned.shape)
    gains = jnp.where(lesioned, as_number(gain, intact), intact)
    outcomes = _swept("lesion_sweep", outcome, gains, batch_size)
    return {
        name: jax.tree.map(lambda a, i=i: a[i], outcomes)
        for i, name in enumerate((INTACT, *groups))
    }


@checked
def field_sweep(
    outcome: Callable[[jax.Array], Any], strengths: jax.Array, *, batch_size: int | None = None
) -> Any:
    """Outcomes at each strength of a field, or of any other dose.

    Args:
      outcome: from a strength to any pytree; it builds the loop with
        ``perturbation=jaxbrain.motor.perturbations.curl_field(strength)``.
      strengths: ``[n]``, at least one.
      batch_size: strengths computed together; None: all.

    Returns:
      The outcomes, each ``[n, ...]``.

    Examples:
      >>> field_sweep(lambda b: {"force": 2 * b}, [0.0, 1.0, 3.0])["force"].tolist()
      [0.0, 2.0, 6.0]
    """
    doses = on_device("field_sweep", "strengths", strengths)
    if doses.ndim != 1 or not len(doses):
        raise ValueError(f"field_sweep: strengths must be [n], got shape {doses.shape}")
    if not jnp.issubdtype(doses.dtype, jnp.inexact):
        doses = doses.astype(float)
    return _swept("field_sweep", outcome, doses, batch_size)


@compiled_once("name", "outcome", "batch_size")
def _swept(
    name: str, outcome: Callable[[jax.Array], Any], doses: jax.Array, batch_size: int | None
) -> Any:
    """The outcomes of all doses, all together or in batches."""
    if batch_size is None:
        return jax.vmap(outcome)(doses)
    require_count(name, "batch_size", batch_size)
    return jax.lax.map(outcome, doses, batch_size=batch_size)


def _masks(groups: Mapping[str, Any], units: int) -> list[np.ndarray]:
    """``[units]`` of each group, True for its units."""
    if INTACT in groups:
        raise ValueError(f'lesion_sweep: no group may be called "{INTACT}", the name of no lesion')
    masks = []
    for name, members in groups.items():
        mask = np.zeros(units, bool)
        try:
            mask[members if isinstance(members, slice) else np.asarray(members)] = True
        except IndexError as error:
            raise ValueError(f"lesion_sweep: group {name!r} of {units} units: {error}") from None
        if not mask.any() or (isinstance(members, slice) and (members.stop or 0) > units):
            raise ValueError(
                f"lesion_sweep: group {name!r} must have units from 0 to {units - 1}, got {members}"
            )
        masks.append(mask)
    return masks
