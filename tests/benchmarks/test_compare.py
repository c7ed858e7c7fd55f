"""The comparison of two files of results: slower, faster, missing, and the exit status."""

import json

import pytest

from benchmarks.compare import compare, figures, main
from benchmarks.results import Table, write

LIMIT = "by hand (limit)"


def results(path, *, ours=2.0, hand=1.0, alone=5.0, **more):
    rows = {
        LIMIT: {"ms": 1e3 * hand, "ratio": 1.0, "first_s": 2.0 * hand},
        "ours": {"ms": 1e3 * ours, "ratio": ours / hand, "first_s": 3.0 * hand},
    }
    tables = [Table("digits", "an epoch", rows, LIMIT), Table("eager", "", {"call": {"ms": alone}})]
    tables += [Table(name, "", {"one": {"ms": 1.0}}) for name in more.pop("names", ())]
    write(path, {"machine": "one", "versions": {"jax": "1"}, **more}, tables)
    return path


@pytest.fixture
def old(tmp_path):
    return results(tmp_path / "old.json")


def test_equal_files_differ_in_nothing(old, capsys):
    assert main([str(old), str(old)]) == 0
    printed = capsys.readouterr().out
    assert "slower by more than 10 %: 0" in printed and "not compared" not in printed


def test_a_slower_machine_is_no_slower_program(old, tmp_path, capsys):
    """All times doubled: ratios to the reference row stay, only the table without one is slower."""
    new = results(tmp_path / "new.json", ours=4.0, hand=2.0)
    assert main([str(old), str(new)]) == 0
    assert "slower by more than 10 %: 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "status", "shown"),
    [({"ours": 2.18}, 0, "slower by more than 10 %: 0"),
     ({"ours": 2.22}, 1, "digits: ours: cpu ms, x reference: 2 -> 2.22, x 1.11"),
     ({"ours": 1.7}, 0, "digits: ours: cpu ms, x reference: 2 -> 1.7, x 0.85"),
     ({"alone": 6.0}, 1, "eager: call: cpu ms: 5 -> 6, x 1.20"),
     ({"names": ["gru"]}, 0, "not compared, gru: only in NEW"),
     ({"machine": "other"}, 0, "machine differ")],
)  # fmt: skip
def test_what_changed(old, tmp_path, capsys, change, status, shown):
    assert main([str(old), str(results(tmp_path / "new.json", **change))]) == status
    assert shown in capsys.readouterr().out


def test_the_threshold_is_an_argument(old, tmp_path):
    new = results(tmp_path / "new.json", ours=2.22)
    assert main([str(old), str(new), "--within", "20"]) == 0


def test_rows_and_figures_of_one_file_are_named():
    before = {"t": Table("t", "", {"a": {"ms": 1.0, "first_s": 2.0}, "b": {"ms": 1.0}})}
    after = {"t": Table("t", "", {"a": {"ms": 1.0}, "c": {"ms": float("nan")}})}
    changes, alone = compare(before, after)
    assert [change.place for change in changes] == ["t: a: cpu ms"]
    assert alone == ["t: a: first call cpu s: only in OLD", "t: b: cpu ms: only in OLD"]


def test_losses_are_not_compared():
    assert figures(Table("t", "", {"a": {"loss": 1.0, "ms": 2.0}})) == {("a", "cpu ms"): 2.0}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tables": [{"name": "a"}]}', "\x00"])
def test_another_file_is_refused(old, tmp_path, capsys, text):
    bad = tmp_path / "bad.json"
    bad.write_text(text)
    assert main([str(old), str(bad)]) == 2
    assert "holds no results of python -m benchmarks --json FILE" in capsys.readouterr().err


def test_a_missing_file_is_refused(old, tmp_path, capsys):
    assert main([str(tmp_path / "none.json"), str(old)]) == 2
    assert "cannot be read: No such file" in capsys.readouterr().err


def test_a_file_is_plain_json_with_its_conditions(old):
    found = json.loads(old.read_text())
    assert found["machine"] == "one" and found["tables"][0]["rows"]["ours"]["ratio"] == 2.0
