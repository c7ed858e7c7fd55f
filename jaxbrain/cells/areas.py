"""Who connects to whom: masks, signs and delays, made once on the host, as NumPy arrays.

Everything is ``[units, units]`` from rows to columns: row = presynaptic unit.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.core
import numpy as np

from jaxbrain.core.requirements import require_count, require_fraction


class Areas(NamedTuple):
    """Who may connect to whom.

    Attributes:
      mask: 1 where there may be a synapse ``[units, units]``, else 0.
      signs: +1 of excitatory, -1 of inhibitory units ``[units]``.
      slices: from names to the units that have them.
    """

    mask: np.ndarray
    signs: np.ndarray
    slices: dict[str, slice]


class Packed(NamedTuple):
    """An array as a value that compares by its contents, so that cells with it do too."""

    data: bytes
    dtype: str
    shape: tuple[int, ...]


def dale(units: int, *, excitatory: float = 0.8) -> Areas:
    """One area of excitatory units, which come first, and inhibitory ones.

    Args:
      units: number of units.
      excitatory: which part of them is excitatory; rounded, but never none.

    Returns:
      A mask of all but from a unit to itself, the signs, and the slices "excitatory" and
      "inhibitory".

    Raises:
      ValueError: if units is not positive, or excitatory not from 0 to 1.

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


def modular(
    key: jax.Array,
    sizes: Mapping[str, int],
    *,
    within: float = 1.0,
    between: Any = 0.1,
    excitatory: float = 0.8,
) -> Areas:
    """Several areas: dense inside, sparse between, where only excitatory units reach out.

    Args:
      key: for which synapses there are.
      sizes: from the areas' names to their numbers of units.
      within: the chance of a synapse inside an area; none leads from a unit to itself.
      between: the chance of a synapse of an excitatory unit to another area; one number, or
        ``[areas, areas]`` from rows to columns, whose diagonal is not used.
      excitatory: which part of each area is excitatory; its first units.

    Returns:
      The mask, the signs, and a slice for each area.

    Raises:
      TypeError: if sizes is no mapping.
      ValueError: if a size is not positive, a chance is not from 0 to 1, or between has another
        shape.

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


def conduction_delays(slices: Mapping[str, slice], *, between: Any, within: int = 1) -> np.ndarray:
    """How many steps a spike or a rate takes from one unit to another.

    Args:
      slices: of the areas, as `modular` returns them.
      between: steps from one area to another; one number, or ``[areas, areas]`` from rows to
        columns, whose diagonal is not used.
      within: steps inside an area; 1 is the recurrence of every other cell.

    Returns:
      Whole numbers ``[units, units]``, for `excitatory_inhibitory`.

    Raises:
      ValueError: if a delay is no positive whole number, between has another shape, or the slices
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
    """An array as a value."""
    array = np.ascontiguousarray(array)
    return Packed(array.tobytes(), array.dtype.str, array.shape)


def unpack(packed: Packed) -> np.ndarray:
    """The array of a value."""
    return np.frombuffer(packed.data, packed.dtype).reshape(packed.shape)


def require_mask(name: str, units: int | None, mask: Any) -> Packed:
    """A mask of 0 and 1 as a value; refuse one that is not square, or of another size."""
    array = _known(name, "mask", mask)
    square = array.ndim == 2 and array.shape[0] == array.shape[1]
    if not square or (units is not None and len(array) != units):
        wanted = "square" if units is None else f"({units}, {units})"
        raise ValueError(f"{name}: mask must be {wanted}, from units to units, got {array.shape}")
    if not np.all((array == 0) | (array == 1)):
        raise ValueError(f"{name}: mask must be of 0 and 1, got {np.unique(array)[:5]}")
    return pack(array.astype(np.int8))


def require_signs(name: str, units: int, signs: Any) -> Packed:
    """Signs as a value; refuse what is not +1 or -1, or has no +1."""
    array = _known(name, "signs", signs)
    if array.shape != (units,) or not np.all(np.abs(array) == 1):
        raise ValueError(
            f"{name}: signs must be ({units},) of +1 and -1, got {array.shape} of "
            f"{np.unique(array)[:5]}"
        )
    if not np.any(array > 0):
        raise ValueError(f"{name}: signs must have a +1: only excitatory units project out")
    return pack(array.astype(np.int8))


def require_delays(name: str, units: int, delays: Any) -> Packed:
    """Delays as a value; refuse another shape, and what is no positive whole number."""
    array = _known(name, "delays", delays)
    if array.shape != (units, units):
        raise ValueError(f"{name}: delays must be ({units}, {units}), got {array.shape}")
    if not np.all((array >= 1) & (array == np.round(array))):
        raise ValueError(
            f"{name}: delays must be whole numbers of steps from 1 on, got {np.unique(array)[:5]}"
        )
    return pack(array.astype(np.int32))


def _known(name: str, argument: str, value: Any) -> np.ndarray:
    if isinstance(value, jax.core.Tracer):
        raise TypeError(
            f"{name}: {argument} is traced, but the structure of a cell must be known; to vary "
            "synapses, multiply the weights in params"
        )
    return np.asarray(value)


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
