"""The depth table: what is silent, and what a page of it says."""

from benchmarks import depth
from benchmarks.depth import Cell

NUMBER, REPORTED, SILENT = (Cell(0.5, 2.0, good, said) for good, said in ((1, 0), (0, 1), (0, 0)))


def test_noise_is_silent_unless_it_is_reported():
    assert [cell.silent for cell in (NUMBER, REPORTED, SILENT)] == [False, False, True]


def test_a_page_counts_silent_cells_and_names_refusals():
    done = {
        "tanh 64 backprop": ((NUMBER, NUMBER, SILENT), 1.0),
        "tanh 3 gait_propagation": ((REPORTED, NUMBER, NUMBER), 1.0),
        "tanh 64 predictive_coding": ("predictive_coding: steps=20 is too few", 1.0),
    }
    lines = list(depth.page(done))
    assert "\nSilent cells: **1** of 6; 1 refusals." in lines
    assert lines.index("\n## tanh, 3 blocks\n") < lines.index("\n## tanh, 64 blocks\n")
    assert "| predictive_coding | refused (1) | | | |" not in lines
    assert "| predictive_coding | refused (1) | | |" in lines
    assert lines[-1] == "1. predictive_coding: steps=20 is too few"


def test_rows_that_are_done_are_not_measured_again(tmp_path, monkeypatch):
    calls = []

    def cells(name, *parts):
        calls.append(name)
        return (NUMBER,) * 3

    monkeypatch.setattr(depth, "cells", cells)
    monkeypatch.setattr(depth, "problem", lambda network, n: (None,))
    path, wanted = tmp_path / "rows.json", [("tanh", 3, "backprop"), ("tanh", 3, "pepita")]
    depth.measure(path, depth.load(path), wanted[:1])
    done = depth.load(path)
    depth.measure(path, done, wanted)
    assert calls == ["backprop", "pepita"]
    assert depth.load(path)["tanh 3 pepita"][0] == (NUMBER,) * 3
