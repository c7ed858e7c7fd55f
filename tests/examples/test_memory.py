"""Examples of memories and plasticity: they run, and their numbers are what they claim."""

import re

import pytest

from tests.printed import every, numbers, row, row_of

long = pytest.mark.example


@long
def test_receptive_fields_are_the_principal_components(example):
    lines = example("receptive_fields")
    assert row(lines, "Oja, length of the weights")[0] == pytest.approx(1, abs=1e-2)
    assert row(lines, "Oja, least |cos| to component 1")[0] > 0.999
    assert numbers(row_of(lines, "Sanger, least |cos|").split("1-16")[1])[0] > 0.999
    assert row(lines, "Sanger, median kurtosis of the units")[0] < 1
    assert row(lines, "BCM, median kurtosis of the units")[0] > 5


@long
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
