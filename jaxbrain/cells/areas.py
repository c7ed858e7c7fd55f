"""Connectivity of areas: masks, signs and delays, as NumPy arrays.

Matrices are ``[units, units]``, from the presynaptic unit (row) to the postsynaptic one (column).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.core
import numpy as np

from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import require_count, require_fraction, shown


class Areas(NamedTuple):
    """Connectivity of one or several areas.

    Attributes:
      mask: 1 where a synapse is allowed ``[units, units]``, else 0.
      signs: +1 for excitatory, -1 for inhibitory units ``[units]``.
      slices: from the name of a population to its units.
    """

    mask: np.ndarray
    signs: np.ndarray
    slices: dict[str, slice]


class Packed(NamedTuple):
    """An array that compares by its contents, so that cells with equal arrays are equal."""

    data: bytes
    dtype: str
    shape: tuple[int, ...]


@checked
def dale(units: int, *, excitatory: float = 0.8) -> Areas:
    """Connectivity of one area under Dale's law, excitatory units first.

    Args:
      units: number of units.
      excitatory: part of the units that is excitatory, rounded, at least one unit.

    Returns:
      Areas with all synapses but those of a unit to itself, and the slices "excitatory" and
      "inhibitory".

    Raises:
      ValueError: if units is not positive or excitatory is not from 0 to 1.

    Source: Song, Yang and Wang 2016, doi 10.1371/journal.pcbi.1004792.

    Examples:
      >>> mask, signs, slices = dale(4, excitatory=0.75)
      >>> signs.tolist(), slices["inhibitory"]
      ([1, 1, 1, -1], slice(3, 4, None))
    """
    units = require_count("dale", "units", units)
    require_fraction("dale", "excitatory", excitatory)
    signs = _signs(units, excitatory)
    count = int((signs > 0).sum())
    slices = {"excitatory": slice(0, count), "inhibitory": slice(count, units)}
    return Areas(1 - np.eye(units, dtype=np.int8), signs, slices)


@checked
def modular(
    key: Key,
    sizes: Mapping[str, int],
    *,
    within: float = 1.0,
    between: float | jax.Array | np.ndarray | Sequence[Sequence[float]] = 0.1,
    excitatory: float = 0.8,
) -> Areas:
    """Random connectivity of several areas: dense within, sparse and excitatory between.

    Args:
      key: for the synapses.
      sizes: from the name of an area to its number of units.
      within: probability of a synapse within an area; no unit connects to itself.
      between: probability of a synapse of an excitatory unit to another area; one number, or
        ``[areas, areas]`` from rows to columns, whose diagonal is not used.
      excitatory: part of each area that is excitatory, its first units.

    Returns:
      Areas with a slice for each area.

    Raises:
      TypeError: if sizes is not a mapping.
      ValueError: if a size is not positive, a probability is not from 0 to 1, or between has
        another shape.

    Source: as in Michaels et al. 2020, doi 10.1073/pnas.2005087117.

    Examples:
      >>> import jax
      >>> mask, signs, slices = modular(jax.random.key(0), {"M1": 5, "S1": 5}, between=0.0)
      >>> int(mask[slices["M1"], slices["S1"]].sum()), int(mask.sum())
      (0, 40)
    """
    if not isinstance(sizes, Mapping) or not sizes:
        raise TypeError(f'modular: sizes must be a mapping such as {{"M1": 50}}, got {sizes!r}')
    counts = [require_count("modular", f"sizes[{n!r}]", size) for n, size in sizes.items()]
    require_fraction("modular", "within", within)
    require_fraction("modular", "excitatory", excitatory)
    chances = _table("between", between, len(counts)).astype(float)
    if not np.all((chances >= 0) & (chances <= 1)):
        raise ValueError(f"modular: between must be from 0 to 1, got {between!r}")
    np.fill_diagonal(chances, within)
    area = np.repeat(np.arange(len(counts)), counts)
    signs = np.concatenate([_signs(count, excitatory) for count in counts])
    chance = chances[np.ix_(area, area)]
    chance = np.where((signs[:, None] < 0) & (area[:, None] != area), 0.0, chance)
    mask = np.asarray(jax.random.uniform(key, chance.shape)) < chance
    np.fill_diagonal(mask, False)
    return Areas(mask.astype(np.int8), signs, _slices(sizes, counts))


@checked
def conduction_delays(
    slices: Mapping[str, slice],
    *,
    between: float | jax.Array | np.ndarray | Sequence[Sequence[float]],
    within: int = 1,
) -> np.ndarray:
    """Conduction delays between units, in time steps, for `excitatory_inhibitory`.

    Args:
      slices: of the areas, as `modular` returns them.
      between: steps from one area to another; one number, or ``[areas, areas]`` from rows to
        columns, whose diagonal is not used.
      within: steps within an area; 1 is the usual recurrence.

    Returns:
      Positive integers ``[units, units]``.

    Raises:
      ValueError: if a delay is not a positive integer, between has another shape, or the slices
        leave units out.

    Examples:
      >>> conduction_delays({"M1": slice(0, 1), "S1": slice(1, 3)}, between=5).tolist()
      [[1, 5, 5], [5, 1, 1], [5, 1, 1]]
    """
    steps = _table("between", between, len(slices)).copy()
    np.fill_diagonal(steps, within)
    units = max((s.stop for s in slices.values()), default=0)
    area = np.full(units, -1)
    for i, where in enumerate(slices.values()):
        area[where] = i
    if units == 0 or np.any(area < 0):
        raise ValueError(f"conduction_delays: slices must cover all units, got {dict(slices)}")
    return unpack(require_delays("conduction_delays", units, steps[np.ix_(area, area)]))


def pack(array: Any) -> Packed:
    """An array as a value that compares by its contents."""
    array = np.ascontiguousarray(array)
    return Packed(array.tobytes(), array.dtype.str, array.shape)


def unpack(packed: Packed) -> np.ndarray:
    """The array of a `Packed`."""
    return np.frombuffer(packed.data, packed.dtype).reshape(packed.shape)


def require_mask(name: str, units: int | None, mask: Any) -> Packed:
    """A mask of 0 and 1, packed; refuse one that is not square or has another size."""
    array = _known(name, "mask", mask)
    square = array.ndim == 2 and array.shape[0] == array.shape[1]
    if not square or (units is not None and len(array) != units):
        wanted = "square" if units is None else f"({units}, {units})"
        raise ValueError(f"{name}: mask must be {wanted}, from units to units, got {array.shape}")
    if not np.all((array == 0) | (array == 1)):
        raise ValueError(f"{name}: mask must be of 0 and 1, got {np.unique(array)[:5]}")
    return pack(array.astype(np.int8))


def require_signs(name: str, units: int, signs: Any) -> Packed:
    """Signs, packed; refuse numbers other than +1 and -1, and signs without a +1."""
    array = _known(name, "signs", signs)
    if array.shape != (units,) or not np.all(np.abs(array) == 1):
        raise ValueError(
            f"{name}: signs must be ({units},) of +1 and -1, got {array.shape} of "
            f"{np.unique(array)[:5]}"
        )
    if not np.any(array > 0):
        raise ValueError(f"{name}: signs must have a +1: only excitatory units have outputs")
    return pack(array.astype(np.int8))


def require_delays(name: str, units: int, delays: Any) -> Packed:
    """Delays, packed; refuse another shape and numbers that are not positive integers."""
    array = _known(name, "delays", delays)
    if array.shape != (units, units):
        raise ValueError(f"{name}: delays must be ({units}, {units}), got {array.shape}")
    if not np.all((array >= 1) & (array == np.round(array))):
        raise ValueError(
            f"{name}: delays must be positive integers, in steps, got {np.unique(array)[:5]}"
        )
    return pack(array.astype(np.int32))


def _known(name: str, argument: str, value: Any) -> np.ndarray:
    if isinstance(value, jax.core.Tracer):
        raise TypeError(
            f"{name}: {argument} is traced, but the structure of a cell must be constant; to vary "
            "synapses, multiply the weights in params"
        )
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or not np.all(np.isfinite(array)):
        raise TypeError(f"{name}: {argument} must be of numbers, got {shown(value)}")
    return array


def _signs(units: int, excitatory: float) -> np.ndarray:
    count = max(round(excitatory * units), 1)
    return np.where(np.arange(units) < count, 1, -1).astype(np.int8)


def _slices(names: Mapping[str, int], counts: list[int]) -> dict[str, slice]:
    ends = np.cumsum(counts).tolist()
    return {n: slice(end - c, end) for n, c, end in zip(names, counts, ends, strict=True)}


def _table(name: str, value: Any, areas: int) -> np.ndarray:
    """One number, or one for each pair of areas, as ``[areas, areas]``."""
    value = np.asarray(value)
    if value.shape not in ((), (areas, areas)):
        raise ValueError(
            f"{name} must be one number or of shape ({areas}, {areas}), got {value.shape}"
        )
    return np.broadcast_to(value, (areas, areas)).copy()
