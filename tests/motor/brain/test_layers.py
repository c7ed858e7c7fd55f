"""The wiring of cortical layers: published numbers, their consequences, random columns."""

from functools import partial

import jax
import numpy as np
import pytest

from jaxbrain.motor import MOTOR, SENSORY, cortical_layers, layer_activity
from jaxbrain.motor.brain import POTJANS_DIESMANN, POTJANS_DIESMANN_SIZES, WEILER

pytestmark = pytest.mark.x64
new_key = partial(jax.random.key, 0)
EXCITATORY = ("L2/3e", "L4e", "L5Ae", "L5Be", "L6e")


# ---- what was published


def test_the_tables_are_the_published_ones():
    names = list(POTJANS_DIESMANN_SIZES)
    to, of = names.index, names.index
    assert POTJANS_DIESMANN[to("L5e"), of("L5i")] == 0.3726
    assert POTJANS_DIESMANN[to("L2/3e"), of("L2/3i")] == 0.1689
    assert POTJANS_DIESMANN[to("L4i"), of("L6e")] == 0.1057
    assert POTJANS_DIESMANN[to("L6e"), of("L6i")] == 0.2252
    assert POTJANS_DIESMANN[to("L6i"), of("L4i")] == 0.0005
    np.testing.assert_allclose(POTJANS_DIESMANN[0].sum(), 0.4352)
    np.testing.assert_allclose(POTJANS_DIESMANN[4].sum(), 0.6949)
    assert sum(POTJANS_DIESMANN_SIZES.values()) == 77169
    size = np.array(list(POTJANS_DIESMANN_SIZES.values()), float)
    pairs = np.outer(size, size)
    synapses = np.log1p(-POTJANS_DIESMANN) / np.log1p(-1 / pairs)
    assert 0.29e9 < synapses.sum() < 0.31e9  # "about 0.3 billion synapses"
    assert WEILER.shape == (9, 9) and WEILER.max() == WEILER[0, 3] == 1.0
    assert (WEILER[0, 4], WEILER[3, 0], WEILER[6, 0]) == (0.4482, 0.1193, -0.0028)
    with pytest.raises(ValueError, match="read-only"):
        WEILER[0, 0] = 1.0


def test_layers_of_the_motor_cortex_are_means_over_weilers_depths():
    at = list(MOTOR.sizes).index
    chance = MOTOR.chances
    assert chance[at("L2/3e"), at("L5Ae")] == pytest.approx((1.0 + 0.2385) / 2)
    assert chance[at("L5Ae"), at("L2/3i")] == pytest.approx((0.1193 + 0.0668) / 2)
    assert chance[at("L4e"), at("L6e")] == pytest.approx((0.0112 - 0.0050) / 2)
    assert chance[at("L6e"), at("L5Be")] == pytest.approx(
        np.mean([0.0621, 0.1151, 0.1268, 0.0249, 0.0289, 0.0409])
    )
    assert not any(name == "L1e" for name in MOTOR.sizes)  # no excitatory neurons in layer 1


def spread(matrix, steps=10):
    """What activity at each level evokes, by p(n + 1) = p(n) W."""
    power, total = np.eye(len(matrix)), np.zeros(len(matrix))
    for _ in range(steps):
        power = power @ matrix
        total += power.sum(axis=1)
    return total


def test_input_to_upper_levels_evokes_more_than_input_to_lower_ones():
    at = [list(MOTOR.sizes).index(name) for name in EXCITATORY]
    for matrix in (WEILER, MOTOR.chances[np.ix_(at, at)]):
        evoked = spread(matrix)
        assert np.all(np.diff(evoked) < 0)  # the deeper the less
        assert evoked[0] > 5 * evoked[-1]
        other = spread(matrix.T)
        assert other[0] < other.max() / 2 and not np.all(np.diff(other) < 0)


# ---- the drawing


def deviations(layers, chances):
    """By how many standard errors the number of synapses misses the chance, for each pair."""
    found = []
    for i, rows in enumerate(layers.slices.values()):
        for j, columns in enumerate(layers.slices.values()):
            block = layers.mask[rows, columns]
            n, p = block.size - (len(block) if i == j else 0), chances[i, j]
            if n and 0 < p < 1:
                found.append((block.sum() - n * p) / np.sqrt(n * p * (1 - p)))
            else:
                assert p > 0 or block.sum() == 0
    return np.array(found)


@pytest.mark.parametrize("wiring", [MOTOR, SENSORY], ids=["motor", "sensory"])
def test_synapses_have_their_probabilities(wiring):
    layers = cortical_layers(jax.random.key(3), 900, wiring=wiring)
    found = deviations(layers, wiring.chances)
    assert np.abs(found).max() < 4.5 and 0.6 < found.std() < 1.5
    assert not layers.mask.diagonal().any()
    turned = np.where(wiring.chances > 0, np.maximum(wiring.chances.T, 1e-4), 0)
    assert np.abs(deviations(layers, turned)).max() > 10


def test_wiring_leads_from_rows_to_columns():
    for wiring, source, target, there, back in (
        (SENSORY, "L5i", "L5e", 0.3726, 0.0600),
        (SENSORY, "L4e", "L2/3e", 0.0437, 0.0077),
        (MOTOR, "L2/3e", "L5Ae", 0.61925, 0.09305),
    ):
        at = list(wiring.sizes).index
        assert wiring.chances[at(source), at(target)] == pytest.approx(there)
        assert wiring.chances[at(target), at(source)] == pytest.approx(back)
        layers = cortical_layers(new_key(), 600, wiring=wiring)
        rows, columns = layers.slices[source], layers.slices[target]
        assert layers.mask[rows, columns].mean() > 2 * layers.mask[columns, rows].mean()


def test_sizes_are_in_proportion():
    layers = cortical_layers(new_key(), 1000, wiring=SENSORY)
    counts = np.array([s.stop - s.start for s in layers.slices.values()])
    share = np.array(list(POTJANS_DIESMANN_SIZES.values())) / 77169 * 1000
    assert counts.sum() == 1000 and np.abs(counts - share).max() < 1
    least = cortical_layers(new_key(), len(MOTOR.sizes))
    assert all(s.stop - s.start == 1 for s in least.slices.values())
    assert sum(s.stop - s.start for s in cortical_layers(new_key(), 17).slices.values()) == 17
    wanted = {name: i + 1 for i, name in enumerate(MOTOR.sizes)}
    given = cortical_layers(new_key(), dict(reversed(wanted.items())))
    assert {n: s.stop - s.start for n, s in given.slices.items()} == wanted
    for name, where in given.slices.items():
        assert np.all(given.signs[where] == (1 if name.endswith("e") else -1))
        assert np.all(given.inputs[where] == (name in MOTOR.inputs))


def test_layer_activity_is_the_mean_of_each_population():
    layers = cortical_layers(new_key(), 44)
    rates = np.random.default_rng(1).normal(size=(5, 44))
    expected = [rates[:, s].mean(axis=1) for s in layers.slices.values()]
    np.testing.assert_allclose(layer_activity(layers, rates), np.transpose(expected), rtol=1e-12)
    with pytest.raises(ValueError, match=r"rates must be \[..., 44\]"):
        layer_activity(layers, rates.T)


def test_arguments_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="units must be at least 11"):
        cortical_layers(new_key(), 10)
    with pytest.raises(ValueError, match=r"units must be an integer, got 50\.0"):
        cortical_layers(new_key(), 50.0)
    with pytest.raises(ValueError, match="name each population"):
        cortical_layers(new_key(), {"L5Be": 10})
    with pytest.raises(ValueError, match=r"units\['L1i'\] must be a positive"):
        cortical_layers(new_key(), dict.fromkeys(MOTOR.sizes, 0))
    with pytest.raises(TypeError, match="wiring must be a Wiring"):
        cortical_layers(new_key(), 50, wiring=POTJANS_DIESMANN)
    for wrong, match in (
        ({"chances": MOTOR.chances[1:]}, r"chances must be \[11, 11\] from 0 to 1, got \(10, 11\)"),
        ({"chances": MOTOR.chances * 2}, "from 0 to 1, got .* to 1.23"),
        ({"sizes": {"L1": 1.0}}, 'end with "e"'),
        ({"inputs": ("L1e",)}, "must be populations"),
        ({"output": "L5Bi"}, "excitatory one"),
    ):
        with pytest.raises(ValueError, match=match):
            cortical_layers(new_key(), 50, wiring=MOTOR._replace(**wrong))
