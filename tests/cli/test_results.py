"""Results of `jaxbrain train`: files, printed scores, and the lines of Python."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.cli.data import load
from jaxbrain.cli.results import write_history
from tests.command_line import options, results, train, write_csv

pytestmark = pytest.mark.usefixtures("elsewhere", "draw")


def test_train_saves_what_it_prints(capsys, digits, draw):
    draw()
    assert train("--epochs", 3, "--hidden", "16", "--learning-rate", 0.01) == 0
    said = capsys.readouterr()
    assert "dense(16)" in said.out and "100 %" in said.err
    names = ["curves.png", "history.csv", "params.ckpt", "run.json", "training.ckpt"]
    assert set(names) <= set(os.listdir("out"))
    with open("out/history.csv") as file:
        history = list(csv.DictReader(file))
    assert [row["epoch"] for row in history] == ["1", "2", "3"]
    assert float(history[-1]["test_accuracy"]) == pytest.approx(results()["test"]["accuracy"])
    assert f"{results()['test']['accuracy']:.4f}" in said.out
    # the lines of Python run, and give the accuracy that is printed
    lines = said.out.split("In Python:\n")[1]
    x, y = load(options()).test
    space = {"x": x}
    exec("\n".join(line.strip() for line in lines.splitlines()), space)
    accuracy = np.mean(np.argmax(space["outputs"], axis=1) == y)
    assert accuracy == pytest.approx(results()["test"]["accuracy"])
    assert 0.5 < accuracy < 1


def test_the_lines_of_python_apply_the_network_of_the_rule(capsys):
    """That of forward-forward puts each label on the input in turn."""
    assert train("--rule", "forward_forward", "--epochs", 2, "--hidden", "8") == 0
    lines = capsys.readouterr().out.split("In Python:\n")[1]
    x, y = load(options()).test
    space = {"x": x}
    exec("\n".join(line.strip() for line in lines.splitlines()), space)
    accuracy = np.mean(np.argmax(space["outputs"], axis=1) == y)
    assert accuracy == pytest.approx(results()["test"]["accuracy"])


def test_history_has_a_row_for_each_epoch_in_full_precision():
    losses = np.array([0.1, 1 / 3], np.float32)
    history = jb.History(losses, losses[:, None], {"accuracy": np.array([0.5, 0.75])}, None)
    write_history(Path("history.csv"), history)
    head, *rows = csv.reader(Path("history.csv").read_text().splitlines())
    assert head == ["epoch", "loss", "accuracy"]
    assert [int(row[0]) for row in rows] == [1, 2]
    np.testing.assert_array_equal(np.float32([row[1] for row in rows]), losses)


def test_run_holds_the_settings_and_the_scaling(capsys):
    write_csv("rows.csv", [[i, i % 2] for i in range(8)])
    words = ("--data", "rows.csv", "--hidden", "none", "--test-fraction", 0, "--epochs", 1)
    assert train(*words, "--learning-rate", 0.25) == 0
    run = json.loads(Path("out/run.json").read_text())
    assert run["settings"]["learning_rate"] == 0.25 and run["settings"]["seed"] == 0
    assert run["preparation"]["x_shift"] == [3.5]
    assert set(run["results"]) == {"train"} and run["results"]["train"]["rows"] == 8
    assert "scaled as in run.json" in capsys.readouterr().out
