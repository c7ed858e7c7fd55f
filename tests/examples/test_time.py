"""Examples of recurrent networks and movement: they run, and their numbers are what they claim."""

import itertools

import pytest

from tests.conftest import shared
from tests.printed import every, row

long = pytest.mark.example


@long
def test_flip_flop_is_a_cube(example):
    lines = example("flip_flop")
    assert row(lines, "stable points") == [8]
    assert row(lines, "sign patterns of their readouts") == [8]
    (saddles,) = row(lines, "saddles with one unstable direction")
    assert saddles >= 3
    assert row(lines, "of these with one readout near 0") == [saddles]
    assert row(lines, "of these between corners that differ in one bit") == [saddles]


@long
def test_force_learns_to_generate_its_targets(example):
    lines = example("force")
    for label in ("four sines", "twenty outputs"):
        force, full, silence, _ = row(lines, label)
        assert max(force, full) < 0.05 < 0.9 < silence


@long
def test_spikes_name_digits(example):
    pytest.importorskip("sklearn")
    lines = example("spikes")
    cells = ("no recurrence", "recurrent   ", "recurrent, adaptive threshold")
    accuracies = [every(lines, cell)[0][0] for cell in cells]
    floor = every(lines, "floor: hidden weights frozen")[0][0]
    assert min(accuracies) > 0.93 > floor


@long
def test_characters_are_guessed_better_than_by_pairs(example):
    shared("tinyshakespeare.txt")
    lines = example("characters")
    unigrams, bigrams, network = (
        every(lines, f"  {name}")[0][0] for name in ("unigrams", "bigrams", "GRU")
    )
    assert network < 2.9 < bigrams < unigrams


@long
def test_online_rules_carry_the_same_amount_at_any_length(example):
    lines = example("online_learning")
    found = {name: row(lines, name) for name in ("BPTT", "RTRL", "SnAp-1", "RFLO", "UORO")}
    for name, (loss, angle, short, long_) in found.items():
        assert long_ > 10 * short if name == "BPTT" else long_ == short
        # before the weights align with it, a random feedback points to either side of 90
        most = {"BPTT": 1e-2, "RTRL": 1e-2, "RFLO": 180}.get(name, 60)
        assert angle < most and (angle > 1) == (most > 1)
        assert loss < 1 / 6


@long
def test_reaches_are_decoded_better_by_recurrent_decoders(example):
    shared("m1_reaching.npz")
    lines = example("decode_reaches")
    (ridge,), (gru,), (laminar,) = (every(lines, n) for n in ("ridge", "GRU", "laminar"))
    assert ridge == pytest.approx([0.708, 0.819], abs=0.01)
    assert gru[0] > 0.85
    assert gru[2] > 0.88
    assert laminar[0] > ridge[0] + 0.05
    assert laminar[2] > ridge[1]
    assert row(lines, "tuned:")[0] > 30
    assert row(lines, "R2 of any map")[-1] < 0.05 < row(lines, "ratio  ")[-1]


@long
def test_networks_that_generate_muscle_activity_turn(example):
    lines = example("emg")
    for seed in (1, 2, 3):
        fit, turns, _, chance, p = row(lines, f"simple {seed}")
        assert fit > 0.98
        assert turns > max(0.7, chance)
        assert p < 0.05
    assert row(lines, "muscles")[0] < 0.3
    assert row(lines, "sequence")[0] > 0.5  # the caution: no dynamics, and yet


@long
def test_lesions_say_what_each_part_does(example):
    lines = example("lesions")
    names = ("intact", "L2/3e", "L5Be", "L5Bi", "GPi held at go")
    error = {name: row(lines, f"{name} ")[0] for name in names}
    assert error["intact"] < 6
    assert error["GPi held at go"] < 20
    assert abs(row(lines, "GPi held at go ")[1] - 1) < 0.2
    assert min(error["L2/3e"], error["L5Be"], error["L5Bi"]) > 60
    assert abs(row(lines, "L5Be ")[1]) < 0.01  # the ends do not follow the targets
    for layer in ("L2/3", "L4", "L5A", "L5B", "L6"):
        assert row(lines, f"{layer} ") == row(lines, f"{layer}e ")
    levels = [row(lines, f"{i / 10:.1f} ") for i in range(11)]
    assert all(abs(d[6] - d[7]) < 0.05 * abs(d[7]) + 0.02 for d in levels)  # grad, differences
    assert all(a[0] > b[0] for a, b in itertools.pairwise(levels))  # GPi falls with dopamine
    assert min(levels, key=lambda d: d[2]) is levels[2]  # as in training: the least error


@long
def test_a_motor_cortex_reaches_and_adapts_to_a_field(example, tmp_path):
    lines = example("reach", "--quick")
    assert row(lines, "correlation with minimum jerk")[0] > 0.9
    assert row(lines, "distance from the target, mm")[0] < 10
    for when in ("delay", "movement"):
        *_, median, _, share = row(lines, f"layer 5B, {when}:")
        assert median > 0.8
        assert share > 50
    said = [line for line in lines if line.startswith("A rotation explains")]
    r2, ratio = every(lines, "R2 of a rotation"), every(lines, "ratio")
    assert len(said) == len(r2) == len(ratio) == 2
    for line, a, b in zip(said, r2, ratio, strict=True):
        assert ("explains more" in line) == (a[-1] < 0.05)
        assert ("and more" in line) == (b[-1] < 0.05)
    names = ("null", "first exposure", "after practice", "after-effect", "washout")
    null, exposure, adapted, after, washout = (row(lines, name)[0] for name in names)
    assert exposure < 0 < after
    assert min(-exposure, after) > 5 * abs(null)
    assert max(abs(adapted), abs(washout)) < 0.3 * after
    film = (tmp_path / "pictures" / "reach.gif").read_bytes()
    assert film[:6] == b"GIF89a"
    assert len(film) < 1e6
