"""Examples of learning rules and networks: they run, and their numbers are what they claim."""

import re

import pytest

from tests.printed import numbers, row

long = pytest.mark.example


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


@long
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
