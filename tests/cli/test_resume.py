"""Resuming a training that was stopped, interrupted, changed or damaged."""

import builtins
import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.cli import train as train_command
from jaxbrain.training import atomic, resuming
from jaxbrain.training.lock import Lock
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


def full_disk(monkeypatch, *names):
    """A disk on which these files cannot be written once a training has learned something."""

    def limited(path, mode="r"):
        saved = os.path.exists(os.path.join(os.path.dirname(path), "training.ckpt.previous"))
        if "x" in mode and saved and os.path.basename(path).startswith(names):
            raise OSError(errno.ENOSPC, "No space left on device")
        return builtins.open(path, mode)

    monkeypatch.setattr(atomic, "open", limited, raising=False)
    monkeypatch.setattr(resuming, "_SECONDS", 0.0)
    monkeypatch.setattr(resuming, "_SHARE", float("inf"))


@pytest.mark.parametrize("room_for_params", [True, False])
def test_on_a_full_disk_the_parameters_are_saved_if_they_fit(capsys, monkeypatch, room_for_params):
    words = ("--data", "xor", "--hidden", "4", "--epochs", 6)
    assert train(*words, out="whole") == 0
    with monkeypatch.context() as patch:
        full_disk(patch, "training.ckpt", *([] if room_for_params else ["params.ckpt"]))
        with pytest.warns(UserWarning, match=r"the training goes on, but epoch \d could not"):
            assert train(*words) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "epoch 6 cannot be resumed (save could not write here (No space left" in error
    assert "a save needs 0.0" in error and "MB are free" in error
    if room_for_params:
        assert "its parameters are in out/params.ckpt" in error
        found, whole = (Path(name, "params.ckpt").read_bytes() for name in ("out", "whole"))
        assert found == whole
    else:
        assert "its parameters could not be saved either: save could not write" in error
    assert train(*words) == 0
    assert Path("out/params.ckpt").read_bytes() == Path("whole/params.ckpt").read_bytes()


def test_a_running_training_is_left_alone(capsys):
    words = ("--data", "xor", "--hidden", "4", "--epochs", 2)
    assert train(*words) == 0
    with Lock("out"):
        before = {path: path.read_bytes() for path in Path("out").iterdir()}
        capsys.readouterr()
        for more in ((), ("--no-resume",), ("--learning-rate", 0.5, "--no-resume")):
            assert train(*words, *more) == 1
            said = capsys.readouterr()
            assert f"--out out: process {os.getpid()} on " in said.err and not said.out
            assert "trains in this directory now; wait for its end, or give another" in said.err
        assert {path: path.read_bytes() for path in Path("out").iterdir()} == before
    assert train(*words, "--no-resume") == 0


def test_results_are_written_where_the_directory_was_deleted(monkeypatch):
    update = Progress.update

    def deleting(self, done, **fields):
        update(self, done, **fields)
        shutil.rmtree("out", ignore_errors=True)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "update", deleting)
        assert train("--data", "xor", "--hidden", "4", "--epochs", 3) == 0
    names = {"params.ckpt", "history.csv", "run.json", "training.ckpt"}
    assert names <= set(os.listdir("out"))


def test_no_line_contradicts_another(capsys):
    words = ("--data", "xor", "--hidden", "4")
    for epochs in (2, 3):
        assert train(*words, "--epochs", epochs) == 0
    capsys.readouterr()
    assert train(*words, "--epochs", 2) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert train(*words, "--epochs", 4, "--seed", 1) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert train(*words, "--epochs", 3) == 0
    said = capsys.readouterr()
    assert said.out.count("already trained for 3 epochs") == 1 and "resuming" not in said.err
    path = Path("out/training.ckpt")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="the previous checkpoint") as told:
        assert train(*words, "--epochs", 4) == 0
    assert len(told) == 1
    said = capsys.readouterr()
    assert "already trained" not in said.out
    assert said.err.count("resuming after epoch 2 of 4") == 1


RUN = [None, [], 3, {"settings": None}, {"settings": [1]}, {"settings": "x"}, {}, "absent"]


@pytest.mark.parametrize("content", RUN)
def test_a_hostile_run_json_is_no_obstacle(content):
    words = ("--data", "xor", "--hidden", "4", "--epochs", 2)
    assert train(*words) == 0
    if content == "absent":
        Path("out/run.json").unlink()
    else:
        Path("out/run.json").write_text(json.dumps(content))
    assert train(*words) == 0
    assert json.loads(Path("out/run.json").read_text())["settings"]["rule"] == "backprop"
    net, params = jb.load_model("out/training.ckpt")  # the network comes with the checkpoint
    assert np.shape(net.apply(params, np.zeros(2, "float32"))) == (2,)


def test_settings_that_changed_are_words_of_the_command_line(capsys):
    write_csv("a.csv", [[i / 7, i % 2] for i in range(8)])
    words = ("--data", "a.csv", "--hidden", "none", "--epochs", 1)
    assert train(*words, "--seed", 1) == 0
    assert train(*words, "--seed", 0, "--no-header") == 2
    said = capsys.readouterr().err
    assert "--seed was 1, is 0" in said and "--header was not given, is no" in said
