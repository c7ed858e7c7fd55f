"""Every example runs, and its numbers and pictures are what it claims."""

import itertools
import re
import runpy
import sys
from pathlib import Path

import jax
import pytest

from tests.conftest import shared
from tests.pictures import overlaps
from tests.printed import every, numbers, row, row_of
from tests.test_documentation import ANYWHERE, FIRST

plt = pytest.importorskip("matplotlib.pyplot")

FOLDER = Path(__file__).resolve().parents[1] / "examples"
SCRIPTS = sorted(FOLDER.glob("*.py"))
long = pytest.mark.example


@pytest.fixture
def example(tmp_path, monkeypatch, capsys):
    """A function that runs a script in an empty folder and returns the lines that it printed."""

    def run(name, *arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
        monkeypatch.syspath_prepend(FOLDER)  # as for a script: one may import another
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
        picture = plt.imread(tmp_path / "pictures" / f"{name}.png")
        assert min(picture.shape[:2]) > 400
        assert picture[..., :3].std() > 0.05, "the picture is blank"
        assert [fault for i in plt.get_fignums() for fault in overlaps(plt.figure(i))] == []
        return capsys.readouterr().out.splitlines()

    yield run
    plt.close("all")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_an_example_is_short_and_plain_and_says_how_to_run_it(script):
    text = script.read_text()
    assert len(text.splitlines()) < 120
    assert f"python examples/{script.name}" in text.split('"""')[1]
    assert not re.match(f'"""{FIRST}', text), "the first line is no noun phrase"
    assert [word for word in ANYWHERE if re.search(word, text)] == []


def test_every_example_is_run_here():
    here = Path(__file__).read_text()
    missing = [s.stem for s in SCRIPTS if f'example("{s.stem}"' not in here]
    assert len(SCRIPTS) >= 6
    assert not missing


def test_xor_needs_the_hidden_layer(example):
    lines = example("xor")
    cases = [numbers(line) for line in lines if re.match(r" +[01] +[01] ", line)]
    assert [case[:3] for case in cases] == [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]
    for _, _, target, single, hidden in cases:
        assert abs(single - 0.5) < 0.01
        assert abs(hidden - target) < 0.1
    single, hidden = row(lines, "loss")
    assert single == pytest.approx(0.125, abs=1e-4)
    assert hidden < 0.005


def test_backprop_by_hand_is_jax_grad(example):
    lines = example("backprop_by_hand")
    weights = [line for line in lines if re.match(r"[Wb][12]\[", line)]
    assert len(weights) == 2 * 3 + 3 + 3 + 1
    differences = [numbers(line.split("]")[1])[-1] for line in weights]
    assert 0 <= max(differences) < 1e-6
    assert row(lines, "(the loss)")[-1] < 1e-6
    start = lines.index(next(line for line in lines if line.startswith("step")))
    losses = [numbers(line) for line in lines[start + 1 : start + 5]]
    assert [step for step, *_ in losses] == [1, 10, 100, 1000]
    for column in (1, 2):
        values = [loss[column] for loss in losses]
        assert values == sorted(values, reverse=True)
        assert values[-1] < 0.01 * values[0]
    assert row(lines, "Largest difference of a weight at the end:")[0] < 1e-5


def test_binary_classifier_learns_the_moons_with_sgd_and_adam(example):
    lines = example("binary_classifier")
    results = {name: row(lines, f"{name} ") for name in ("GD", "SGD", "Adam")}
    assert [int(result[0]) for result in results.values()] == [10, 250, 250]
    for _, loss, validation, test_loss, test in (results["SGD"], results["Adam"]):
        assert loss < 0.15
        assert test_loss < 0.15
        assert min(validation, test) > 0.95
    assert results["GD"][-1] < 0.9
    points = lines.index("Five test points") + 2
    for line in lines[points : points + 5]:
        *_, label, probability = numbers(line)
        assert abs(label - probability) < 0.5


@long
def test_see_a_network_turns_to_the_sources(example):
    lines = example("see_a_network")
    assert row(lines, "total")[0] == 20 * 32 + 32 + 32 + 1
    before, after = row(lines, "accuracy on 500 new examples")
    assert abs(before - 0.5) < 0.1
    assert after > 0.9
    before, after = row(lines, "share of the weights in the sources' plane")
    assert abs(before - 2 / 20) < 0.05
    assert after > 2 * before
    assert row(lines, "accuracy of the 2-32-1 network")[0] > 0.95


@long
def test_digits_every_rule_passes_the_floor(example):
    pytest.importorskip("sklearn")
    lines = example("digits")
    floor, _ = row(lines, "floor: hidden layers frozen")
    assert 0.7 < floor < 0.9
    for name in ("backprop ", "feedback alignment", "direct feedback", "predictive coding"):
        (line,) = [line for line in lines if line.startswith(name)]
        mean, _, *angles = numbers(line)
        assert mean > max(0.95, floor + 0.05)
        assert len(angles) == 3
        assert all(angle < 80 for angle in angles)
        assert (max(angles) == 0) == (name == "backprop ")


@long
def test_population_solves_xor_at_the_rates_in_the_middle(example):
    lines = example("population")
    start = lines.index(next(line for line in lines if line.startswith("learning rate")))
    rates = [numbers(line) for line in lines[start + 1 : start + 9]]
    assert sum(of for _, _, of, _ in rates) == 256
    solved = {rate: count for rate, count, _, _ in rates}
    assert min(solved[0.1], solved[1.0]) > 10
    assert max(solved[0.01], solved[30.0]) < 10
    alone = row(lines, "one after another: jax.jit(jb.run)")
    together = row(lines, "all at once: jax.vmap of jb.run")
    assert alone[1] > 0 and together[1] > 0  # how fast is no test's business
    assert together[2] == 1


@long
def test_your_model_is_taught_by_every_rule_or_refused(example):
    for library in ("sklearn", "equinox", "flax"):
        pytest.importorskip(library)
    lines = example("your_model")
    for name in ("eqx.nn.MLP", "linen.Sequential", "nnx.Sequential"):
        assert min(row(lines, name)[-3:]) > 0.9
    (gated,) = [line for line in lines if line.startswith("with your Gate")]
    assert min(numbers(gated)[:2]) > 0.9 and gated.endswith("refused")


@long
def test_three_rules_reach_the_first_of_64_blocks_and_predictive_coding_does_not(example):
    lines = example("deep")
    assert lines[0].startswith("Refused: predictive_coding: steps=20 is too few for 64 blocks")
    for name in ("error predictive", "Lagrangian predictive", "asymmetric equilibrium"):
        assert min(row(lines, name)[:3]) > 0.99
    cosines_and_sizes = row(lines, "predictive coding, 400 steps")[-6:]
    assert abs(cosines_and_sizes[0]) < 0.1 and cosines_and_sizes[3] < 1e-4


@long
def test_your_own_rule_is_proven_and_learns(example):
    pytest.importorskip("sklearn")
    lines = example("your_own_rule")
    assert "check_rule: passed" in lines
    assert "half the spikes: detected" in lines
    assert "built twice: traced 1 x; equal: True" in lines
    biased = [numbers(line)[2:4] for line in lines if line.startswith(("0 dense", "2 dense"))]
    assert len(biased) == 2  # bias relative to the norm of the mean, and in standard errors
    for bias, errors in biased:
        assert bias == pytest.approx(0.5, abs=0.05)
        assert errors > 4
    accuracy = {name: row(lines, name)[0] for name in ("backprop ", "spiking feedback (ours)")}
    floor, *_ = row(lines, "floor: last layer only")
    assert accuracy["backprop "] > accuracy["spiking feedback (ours)"] > max(0.93, floor + 0.05)


@long
def test_learning_rules_beat_the_floor_or_say_so(example):
    pytest.importorskip("sklearn")
    lines = example("learning_rules")
    start, end = (i for i, line in enumerate(lines) if line.startswith(("----", "accuracy: ")))
    table = [line for line in lines[start + 1 : end] if line]
    assert len(table) == 30
    floor, *_ = row(table, "floor: last layer only")
    weak = {line.split()[0] for line in lines if "does not beat the floor" in line}
    assert weak == {"forward_gradient", "weight_perturbation"}
    for line in table:
        name, accuracy = line.split()[0], numbers(line[35:])[0]
        assert (accuracy > floor + 0.05) == (name not in weak | {"floor:"}), line


@long
def test_receptive_fields_are_the_principal_components(example):
    lines = example("receptive_fields")
    assert row(lines, "Oja, length of the weights")[0] == pytest.approx(1, abs=1e-2)
    assert row(lines, "Oja, least |cos| to component 1")[0] > 0.999
    assert numbers(row_of(lines, "Sanger, least |cos|").split("1-16")[1])[0] > 0.999
    assert row(lines, "Sanger, median kurtosis of the units")[0] < 1
    assert row(lines, "BCM, median kurtosis of the units")[0] > 5


def test_spike_timing_reproduces_the_published_fit(example):
    lines = example("spike_timing")
    for label in ("window of pairs", "window of triplets"):
        assert numbers(row_of(lines, label).split(":")[1])[0] < 0.01
    for label, error in (("triplets, full", 0.34), ("triplets, minimal", 0.36)):
        assert row(lines, label)[0] == pytest.approx(error, abs=0.02)
    assert row(lines, "pairs, best fit")[0] > 5


@long
def test_dreams_come_nearer_to_the_digits(example):
    pytest.importorskip("sklearn")
    lines = example("dreaming")
    assert row(lines, "  reconstruction")[0] < 0.7 * row(lines, "  the mean digit")[0]
    noise, *dreams = (numbers(line)[-1] for line in lines if line.startswith("  dreams, "))
    assert dreams[-1] < dreams[0] < noise / 2
    assert len(set(re.findall(r"(\d): \d+", lines[-3]))) == 10


@long
def test_capacity_is_that_of_theory(example):
    lines = example("capacity")
    hebb, *one_step = every(lines, "  Hebb ")
    (storkey,), (inverse,) = every(lines, "  Storkey"), every(lines, "  pseudo-inverse")
    assert hebb[0] > 0.99 and hebb[-1] < 0.5
    assert hebb[3] < storkey[3] and storkey[-1] < inverse[-1]
    modern, cubic = every(lines, "  modern")[0], every(lines, "  dense, degree 3")
    assert min(modern) > 0.99 and cubic[0][1] > 0.99
    for measured, theory in zip([*one_step, cubic[1]], every(lines, "  theory"), strict=True):
        assert measured == pytest.approx(theory, rel=0.2, abs=5e-4)
    for name in ("bidirectional", "Willshaw", "holographic"):
        (share,) = every(lines, f"  {name}")
        assert share[0] == 1 and share[-1] < 0.9


@long
def test_digits_are_recalled_from_parts(example):
    pytest.importorskip("sklearn")
    lines = example("recall_digits")
    wrong = {n: every(lines, n) for n in ("Hebb  ", "Storkey", "pseudo-inverse", "modern", "Hebb,")}
    for half in (0, 1):
        hebb, storkey, inverse, modern, random = (rows[half] for rows in wrong.values())
        assert hebb[0] == 0 and max(modern) < 2
        assert modern[2] <= inverse[2] < storkey[2] < hebb[2]
        assert random[2] < hebb[2] / 2  # digits are harder, because they are alike


@long
def test_fast_weights_remember_what_a_recurrent_network_forgets(example):
    lines = example("remembering_network")
    delta, hebbian = every(lines, "delta fast weights"), every(lines, "Hebbian fast weights")
    for recurrent in every(lines, "recurrent network"):
        assert recurrent[0] > 0.95 and recurrent[-1] < 0.35
    assert min(delta[0] + delta[1] + hebbian[0]) > 0.95
    assert hebbian[1][-1] < 0.8  # a letter that comes again: the old pair is not replaced


@long
def test_tasks_are_kept_by_protection_and_replay(example):
    pytest.importorskip("sklearn")
    lines = example("continual")
    names = (
        "no protection",
        "elastic weights",
        "synaptic intelligence",
        "replay",
        "joint training",
    )
    none, elastic, synaptic, replay, joint = (every(lines, n)[0][-2] for n in names)
    assert min(elastic, synaptic) > none + 0.1
    assert joint > replay > joint - 0.06
    assert replay > max(elastic, synaptic) + 0.1


@long
def test_dreams_of_the_hippocampus_teach_the_cortex(example):
    pytest.importorskip("sklearn")
    lines = example("complementary_learning")
    forgets, dreams, everything = (
        every(lines, f"  then 5 to 9 {how}")[0]
        for how in ("alone", "and dreams", "and all the old")
    )
    assert forgets[0] < 0.1 and min(forgets[2], dreams[2], everything[2]) > 0.9
    assert everything[0] > dreams[0] > 0.8


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
