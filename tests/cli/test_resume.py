"""Resuming a training that was stopped, interrupted, changed or damaged."""

from pathlib import Path

import pytest

from jaxbrain.cli import train as train_command
from jaxbrain.training.progress import Progress
from tests.command_line import train, write_csv

pytestmark = pytest.mark.usefixtures("elsewhere", "draw")


def test_a_resumed_training_equals_one_that_never_stopped(capsys):
    words = ("--data", "xor", "--hidden", "4", "--activation", "tanh")
    assert train(*words, "--epochs", 5, out="whole") == 0
    assert train(*words, "--epochs", 2) == 0
    assert train(*words, "--epochs", 5) == 0
    assert "resuming after epoch 2 of 5" in capsys.readouterr().err
    assert Path("out/params.ckpt").read_bytes() == Path("whole/params.ckpt").read_bytes()
    assert train(*words, "--epochs", 5) == 0
    assert "already trained for 5 epochs; a larger --epochs continues" in capsys.readouterr().out
    assert train(*words, "--epochs", 4) == 2
    assert "is trained for 5 epochs already; give a larger --epochs" in capsys.readouterr().err
    # other settings are another training: refused, unless it may replace the old one
    assert train(*words, "--epochs", 5, "--learning-rate", 0.5) == 2
    assert "--learning-rate was 0.001, is 0.5" in capsys.readouterr().err
    assert train(*words, "--epochs", 3, "--learning-rate", 0.5, "--no-resume") == 0
    assert len(Path("out/history.csv").read_text().splitlines()) == 4


def test_another_file_of_the_same_name_is_another_training(capsys):
    write_csv("a.csv", [[i, i % 2] for i in range(8)])
    words = ("--data", "a.csv", "--hidden", "none", "--epochs", 2)
    assert train(*words) == 0
    write_csv("a.csv", [[i, 1 - i % 2] for i in range(8)])
    assert train(*words) == 2
    said = capsys.readouterr().err
    assert "holds another training (the rows of --data a.csv changed)" in said
    assert said.endswith("; give another --out, or replace it with --no-resume\n")


def test_a_renamed_copy_of_the_file_is_the_same_training(capsys):
    rows = [[i, i % 2] for i in range(8)]
    for name in ("a.csv", "b.csv"):
        write_csv(name, rows)
    words = ("--hidden", "none", "--seed", 1)
    assert train(*words, "--data", "a.csv", "--epochs", 2) == 0
    assert train(*words, "--data", "b.csv", "--epochs", 3) == 0
    assert "resuming after epoch 2 of 3" in capsys.readouterr().err
    write_csv("c.csv", [[-i, i // 4] for i in range(8)])
    assert train(*words, "--data", "c.csv", "--epochs", 4) == 2
    assert "--data was b.csv, is c.csv" in capsys.readouterr().err


def test_ctrl_c_keeps_the_epochs_so_far(capsys, monkeypatch):
    words = ("--data", "xor", "--hidden", "4", "--epochs", 6)
    update = Progress.update

    def interrupted(self, done, **fields):
        update(self, done, **fields)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "update", interrupted)
        assert train(*words) == 130
    said = capsys.readouterr().out
    assert "interrupted after epoch 1 of 6; the same command resumes from there" in said
    assert len(Path("out/history.csv").read_text().splitlines()) == 2
    assert train(*words) == 0
    assert train(*words, out="whole") == 0
    assert Path("out/params.ckpt").read_bytes() == Path("whole/params.ckpt").read_bytes()


def test_ctrl_c_before_the_first_epoch(capsys, monkeypatch):
    def interrupt(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_command, "load", interrupt)
    assert train("--data", "xor") == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_a_damaged_checkpoint_is_reported(capsys):
    words = ("--data", "xor", "--hidden", "4", "--epochs", 2)
    assert train(*words) == 0
    for path in Path("out").glob("training.ckpt*"):
        path.write_bytes(b"no checkpoint")
    assert train(*words) == 1
    assert "--no-resume starts again" in capsys.readouterr().err.splitlines()[-1]
    assert train(*words, "--no-resume") == 0
