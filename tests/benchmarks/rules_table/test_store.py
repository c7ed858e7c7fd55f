"""Finished cells survive a kill, and the same command continues with those that are open."""

import json
import os

import pytest

from benchmarks.rules_table import __main__ as command
from benchmarks.rules_table import cells, columns, store

CELL = {"accuracy": [0.5, 0.7], "rate": 0.01, "processor_seconds": 1.0, "multiplications": 10}
NAMES = ("backprop", "feedback_alignment", "pepita")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The command without training: ``run(stop_at)`` returns the names that it began."""
    monkeypatch.setattr(columns, "splits", lambda *given: None)

    def run(*extra, stop_at=None):
        begun = []

        def measured(name, problem, most):
            begun.append(name)
            if name == stop_at:
                raise KeyboardInterrupt
            return dict(CELL)

        monkeypatch.setattr(cells, "measured", measured)
        words = ["--data", "mnist1d", "--networks", "mlp", "--only", *NAMES]
        command.main([*words, "--results", str(tmp_path / "r.json"), *extra])
        return begun

    return run


def test_a_killed_run_continues_with_the_open_cells(run, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(stop_at="feedback_alignment")
    kept = json.loads((tmp_path / "r.json").read_text())["columns"]["mnist1d/mlp"]["cells"]
    assert list(kept) == ["backprop"]
    assert run() == ["feedback_alignment", "pepita"]
    assert run() == []
    assert run("--again") == list(NAMES)


def test_no_cell_begins_after_the_time(run):
    assert run("--minutes", "0") == []


def test_the_page_has_the_finished_cells_and_names_the_open_ones(run, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(stop_at="pepita")
    run("--minutes", "0", "--write", str(tmp_path / "rules.md"))
    text = (tmp_path / "rules.md").read_text()
    assert "| `feedback_alignment` | 60.00 ± 14.14 | +0.00 [+0.00, +0.00] |" in text
    assert "Open: `direct_feedback_alignment`" in text
    assert f"2 of {len(cells.NAMES) * 6} cells are finished" in text


def test_an_interrupted_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "r.json"
    store.save(path, {"a": {"protocol": {}, "cells": {}}})

    def killed(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        store.save(path, {})
    assert set(store.load(path)) == {"a"}


def test_cells_of_another_protocol_or_network_are_not_mixed(monkeypatch):
    found = {}
    column = store.column_of(found, "mnist1d", "mlp")
    assert store.column_of(found, "mnist1d", "mlp") is column is found["mnist1d/mlp"]
    network = columns.NETWORKS["mlp"]._replace(layers="one layer")
    with monkeypatch.context() as other:
        other.setitem(columns.NETWORKS, "mlp", network)
        with pytest.raises(ValueError, match=r"network two hidden .* this run has one layer"):
            store.column_of(found, "mnist1d", "mlp")
    protocol = columns.PROTOCOLS["mnist1d"]
    monkeypatch.setitem(columns.PROTOCOLS, "mnist1d", protocol._replace(epochs=7))
    with pytest.raises(ValueError, match=f"have epochs {protocol.epochs}, this run has 7"):
        store.column_of(found, "mnist1d", "mlp")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"columns": {"a": {}}}', '{"columns": 3}'])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="holds no cells of python"):
        store.load(path)
    assert store.load(tmp_path / "none.json") == {}
