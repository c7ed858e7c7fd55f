"""Layers of cortex: populations, their sizes and their connections.

Probabilities, masks and weights lead from rows to columns: row = presynaptic. Populations are named
after their layer, with an "e" if they excite and an "i" if they inhibit.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np

from jaxbrain.core.annotations import AsArray, Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import require_count


class Wiring(NamedTuple):
    """Anatomy of a column of cortex of any size.

    Attributes:
      sizes: from the names of the populations to their relative numbers of neurons.
      chances: probabilities of a synapse ``[populations, populations]``, from rows to columns.
      inputs: the populations that receive external input.
      output: the population that projects to the spinal cord, or to other areas.
    """

    sizes: Mapping[str, float]
    chances: np.ndarray
    inputs: tuple[str, ...]
    output: str


class Layers(NamedTuple):
    """A sampled column of cortex: its units and their possible connections.

    Attributes:
      mask: 1 where there is a synapse ``[units, units]``, else 0.
      signs: +1 of excitatory, -1 of inhibitory units ``[units]``.
      slices: from the names of the populations to their units.
      inputs: 1 of units that may receive external input ``[units]``, else 0.
      output: the name of the population that projects out.
    """

    mask: np.ndarray
    signs: np.ndarray
    slices: dict[str, slice]
    inputs: np.ndarray
    output: str


def _fixed(rows: list) -> np.ndarray:
    table = np.array(rows, float)
    table.setflags(write=False)
    return table


# Potjans and Diesmann 2014, doi 10.1093/cercor/bhs358, table 5: sensory cortex of cat and rat.
# From columns to rows, as printed; the order of rows and columns is that of the sizes.
POTJANS_DIESMANN_SIZES = {
    "L2/3e": 20683, "L2/3i": 5834, "L4e": 21915, "L4i": 5479,
    "L5e": 4850, "L5i": 1065, "L6e": 14395, "L6i": 2948,
}  # fmt: skip
POTJANS_DIESMANN = _fixed(
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000],
        [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
    ]
)

# Weiler et al. 2008, doi 10.1038/nn2049, as their model (ModelDB 114655) has it: how strongly
# pyramidal neurons of one depth drive those of another in mouse motor cortex, relative to the
# strongest path, from rows to columns. Depths are tenths of the cortex, 0.1 to 0.2 the first.
WEILER = _fixed(
    [
        [0.1720, 0.1036, 0.2159, 1.0000, 0.4482, 0.0710, 0.0312, 0.0147, 0.0044],
        [0.0885, 0.0937, 0.1043, 0.2385, 0.2511, 0.0431, 0.0227, -0.0003, 0.0016],
        [0.1181, 0.1545, 0.0659, 0.0768, 0.1320, 0.0442, 0.0463, 0.0112, -0.0050],
        [0.1193, 0.0668, 0.0520, 0.1136, 0.1011, 0.0636, 0.0574, 0.0283, 0.0039],
        [0.0344, 0.0407, 0.0347, 0.0764, 0.1104, 0.0834, 0.1087, 0.0434, 0.0053],
        [0.0021, 0.0186, 0.0142, 0.0428, 0.1195, 0.1198, 0.1328, 0.0591, 0.0113],
        [-0.0028, 0.0028, 0.0182, 0.0266, 0.1068, 0.1327, 0.1074, 0.0599, 0.0247],
        [0.0007, 0.0013, 0.0198, 0.0204, 0.0621, 0.1151, 0.1268, 0.0673, 0.0321],
        [0.0067, 0.0031, 0.0071, 0.0061, 0.0249, 0.0289, 0.0409, 0.0502, 0.0384],
    ]
)

# The layer of each depth: borders of the layers at 0.1, 0.29, 0.37, 0.47 and 0.8 of the cortex.
_DEPTHS = {"L2/3": (0, 1), "L4": (2,), "L5A": (3,), "L5B": (4, 5, 6), "L6": (7, 8)}

# Neurons per mm^3 in mouse motor cortex (Tsai et al. 2009, doi 10.1523/JNEUROSCI.3287-09.2009),
# the part of them that inhibits (Lefort et al. 2009, doi 10.1016/j.neuron.2008.12.020), and how
# thick the layer is, as a part of the cortex; collected for the model of Dura-Bernal et al. 2023,
# doi 10.1016/j.celrep.2023.112574. Layer 1 is not among them: its 1.5 percent are a choice.
_NEURONS = {
    "L2/3": (114858, 0.1515, 0.19),
    "L4": (105269, 0.09, 0.08),
    "L5A": (84396, 0.21, 0.10),
    "L5B": (122616, 0.21, 0.33),
    "L6": (148408, 0.10, 0.20),
}


def _motor() -> Wiring:
    """The motor cortex; layer 1 and inhibition, which no table gives, are chosen here."""
    sizes = {"L1i": 1600.0}  # few, and none of them excitatory
    for layer, (density, inhibitory, thickness) in _NEURONS.items():
        sizes[f"{layer}e"] = density * thickness * (1 - inhibitory)
        sizes[f"{layer}i"] = density * thickness * inhibitory
    at = {name: i for i, name in enumerate(sizes)}
    chances = np.zeros((len(sizes), len(sizes)))
    for source, rows in _DEPTHS.items():
        for target, columns in _DEPTHS.items():
            strength = max(WEILER[np.ix_(rows, columns)].mean(), 0.0)
            for kind in "ei":  # inhibitory units of a layer receive what its excitatory ones do
                chances[at[f"{source}e"], at[f"{target}{kind}"]] = strength
        for kind in "ei":  # inhibition is dense, and stays in its layer
            chances[at[f"{source}i"], at[f"{source}{kind}"]] = 0.4
    chances[at["L2/3e"], at["L1i"]] = 0.1
    for target in ("L1i", "L2/3e", "L2/3i"):
        chances[at["L1i"], at[target]] = 0.4
    for target in ("L5Ae", "L5Be"):  # by the tufts of their dendrites
        chances[at["L1i"], at[target]] = 0.1
    inputs = ("L1i", "L2/3e", "L2/3i", "L5Ae", "L5Ai")
    return Wiring(sizes, _fixed(chances.tolist()), inputs, "L5Be")


MOTOR = _motor()
SENSORY = Wiring(
    POTJANS_DIESMANN_SIZES,
    _fixed(POTJANS_DIESMANN.T.tolist()),
    ("L4e", "L4i", "L6e", "L6i"),
    "L5e",
)


@checked
def cortical_layers(key: Key, units: int | Mapping[str, int], *, wiring: Wiring = MOTOR) -> Layers:
    """A random column of cortex: populations in proportion, synapses with given probabilities.

    ``MOTOR`` has excitatory pathways after Weiler et al. 2008: measured strengths, relative to the
    strongest, averaged over the depths of each layer and taken as probabilities. So layer 2/3
    drives layers 5A and 5B, which drive little in return. Layer 1 has inhibitory units only.
    Thalamic input reaches layers 1, 2/3 and 5A; ``"L5Be"`` projects to the spinal cord, ``"L5Ae"``
    to the striatum, ``"L6e"`` to the thalamus. Inhibition was not measured: here it is local and
    dense, with probability 0.4.

    ``SENSORY`` is the column of Potjans and Diesmann 2014, with input to layers 4 and 6.

    Args:
      key: for the choice of synapses.
      units: their total number, divided in the published proportions, at least one a population;
        or the number of each.
      wiring: the anatomy.

    Returns:
      The Layers; no unit has a synapse onto itself.

    Source: Weiler et al. 2008, doi 10.1038/nn2049; Potjans and Diesmann 2014, doi
      10.1093/cercor/bhs358.

    Examples:
      >>> import jax
      >>> layers = cortical_layers(jax.random.key(0), 100)
      >>> layers.slices["L5Be"], layers.mask.shape
      (slice(36, 65, None), (100, 100))
      >>> upper, output = layers.slices["L2/3e"], layers.slices["L5Ae"]
      >>> int(layers.mask[upper, output].sum()), int(layers.mask[output, upper].sum())
      (58, 10)
    """
    _check(wiring)
    counts = _counts(units, wiring.sizes)
    total = sum(counts.values())
    population = np.repeat(np.arange(len(counts)), list(counts.values()))
    chance = wiring.chances[np.ix_(population, population)]
    mask = np.asarray(jax.random.uniform(key, (total, total))) < chance
    np.fill_diagonal(mask, False)
    kinds = np.array([1 if name.endswith("e") else -1 for name in counts], np.int8)
    reached = np.array([name in wiring.inputs for name in counts], np.int8)
    ends = np.cumsum(list(counts.values())).tolist()
    slices = {n: slice(end - c, end) for (n, c), end in zip(counts.items(), ends, strict=True)}
    signs, inputs = kinds[population], reached[population]
    return Layers(mask.astype(np.int8), signs, slices, inputs, wiring.output)


@checked
def layer_activity(layers: Layers, rates: AsArray) -> jax.Array:
    """The mean rate of each population.

    Args:
      layers: the layers of the units.
      rates: of all units ``[..., units]``, such as ``[time, units]``.

    Returns:
      Means ``[..., populations]``, in the order of ``layers.slices``.

    Examples:
      >>> import jax
      >>> layers = cortical_layers(jax.random.key(0), 100)
      >>> layer_activity(layers, jax.numpy.ones((5, 100))).shape
      (5, 11)
    """
    rates = jax.numpy.asarray(rates)
    if rates.ndim < 1 or rates.shape[-1] != len(layers.signs):
        raise ValueError(
            f"rates must be [..., {len(layers.signs)}], a rate of each unit, got {rates.shape}"
        )
    means = [rates[..., where].mean(axis=-1) for where in layers.slices.values()]
    return jax.numpy.stack(means, axis=-1)


def _check(wiring: Wiring) -> None:
    """Refuse a wiring that does not fit together."""
    if not isinstance(wiring, Wiring):
        raise TypeError(
            f"cortical_layers: wiring must be a Wiring, such as MOTOR, got {type(wiring).__name__}"
        )
    names = list(wiring.sizes)
    wrong = [name for name in names if not name.endswith(("e", "i"))]
    if wrong or not all(size > 0 for size in wiring.sizes.values()):
        raise ValueError(
            'cortical_layers: wiring.sizes must have positive sizes and names that end with "e" '
            f'(excitatory) or "i" (inhibitory), got {dict(wiring.sizes)}'
        )
    chances = np.asarray(wiring.chances)
    if chances.shape != (len(names), len(names)) or not np.all((chances >= 0) & (chances <= 1)):
        raise ValueError(
            f"cortical_layers: wiring.chances must be [{len(names)}, {len(names)}] from 0 to 1, "
            f"got {chances.shape} from {chances.min():g} to {chances.max():g}"
        )
    strange = [name for name in (*wiring.inputs, wiring.output) if name not in names]
    if strange or not wiring.output.endswith("e"):
        raise ValueError(
            "cortical_layers: wiring.inputs and wiring.output must be populations, the output an "
            f"excitatory one, got {wiring.inputs} and {wiring.output!r} of {names}"
        )


def _counts(units: int | Mapping[str, int], sizes: Mapping[str, float]) -> dict[str, int]:
    """The number of units of each population."""
    if isinstance(units, Mapping):
        if set(units) != set(sizes):
            raise ValueError(
                f"cortical_layers: units must be of {list(sizes)}, got {list(units)}; name each "
                "population, or give their total number"
            )
        return {n: require_count("cortical_layers", f"units[{n!r}]", units[n]) for n in sizes}
    total = require_count("cortical_layers", "units", units)
    if total < len(sizes):
        raise ValueError(
            f"cortical_layers: units must be at least {len(sizes)}, one of each population, "
            f"got {units!r}"
        )
    share = np.array(list(sizes.values()), float)
    share *= total / share.sum()
    counts = np.maximum(np.floor(share), 1)
    while counts.sum() != total:  # the rest from rounding goes to the largest remainders
        missed = share - counts
        if counts.sum() < total:
            counts[np.argmax(missed)] += 1
        else:
            counts[np.argmin(np.where(counts > 1, missed, np.inf))] -= 1
    return {name: int(count) for name, count in zip(sizes, counts, strict=True)}
