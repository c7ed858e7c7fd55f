"""The command line: its help, and mistakes told in one line."""

from pathlib import Path

import numpy as np
import pytest

from jaxbrain.__main__ import main
from tests.command_line import plane_csv, write_csv, write_idx

pytestmark = pytest.mark.usefixtures("elsewhere", "draw")


def test_help(capsys):
    assert main([]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("demo", "train", "doctor"))
    for command in ("demo", "train", "doctor"):
        assert main([command, "--help"]) == 0
        assert f"python -m jaxbrain {command}" in capsys.readouterr().out


MISTAKES = [
    (["fly"], "invalid choice: 'fly'"),
    (["demo", "--speed", "3"], "unrecognized arguments"),
    (["train", "--rule", "hebb"], "'direct_feedback_alignment'"),
    (["train", "--optimizer", "lion"], "'adamw'"),
    (["train", "--activation", "step"], "'tanh'"),
    (["train", "--hidden", "12,x"], "sizes such as 128,64, or none, got '12,x'"),
    (["train", "--hidden", "0"], "sizes such as 128,64"),
    (["train", "--epochs", "0"], "a whole number from 1, got '0'"),
    (["train", "--batch-size", "all"], "a whole number from 1, or full, got 'all'"),
    (["train", "--learning-rate", "nan"], "a number above 0, got 'nan'"),
    (["train", "--test-fraction", "1"], "from 0 to below 1, got '1'"),
    (["train", "--seed", "-1"], "argument --seed"),
    (["train", "--test-fraction", "0.5", "--train-rows", "3"], "not allowed with"),
    (["train", "--data", "digitz"], "no such file, and none of digits, xor"),
    (["train", "--labels", "here.idx"], "--labels has no meaning for --data digits"),
    (["train", "--data", "ok.csv", "--labels", "here.idx"], "--labels has no meaning for a CSV"),
    (["train", "--data", "ok.csv", "--target", "zap"], "'zap' is not in the header"),
    (["train", "--data", "ok.csv", "--delimiter", "ab"], "--delimiter must be one character"),
    (["train", "--data", "holes.csv"], "line 3, column 'a': a missing value"),
    (["train", "--data", "many.csv"], "30 classes in 30 rows; if the target is a value, say"),
    (["train", "--data", "one.csv"], "the target is '7' in every row"),
    (["train", "--data", "ok.csv", "--train-rows", "60"], "there are 60 rows"),
    (["train", "--data", "ok.csv", "--test-fraction", "0.001"], "leaves 60 to train and 0"),
    (["train", "--data", "images.idx"], "--labels FILE"),
    (["train", "--data", "images.idx", "--labels", "nowhere"], "--labels nowhere: No such file"),
    (["train", "--data", "images.idx", "--labels", "images.idx"], "the wrong way round"),
    (["train", "--data", "images.idx", "--labels", "few.idx"], "6 images and --labels 2 labels"),
    (["train", "--data", "few.idx", "--labels", "few.idx"], "expected images"),
    (["train", "--data", "cut.idx", "--labels", "few.idx"], "the file holds"),
    (["train", "--data", "images.idx", "--regression"], "--regression has no meaning"),
    (["train", "--data", "xor", "--out", "ok.csv"], "cannot write there (File exists)"),
    (["demo", "--out", "ok.csv/below"], "cannot write there (Not a directory)"),
]


@pytest.mark.parametrize(
    ("words", "message"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES]
)
def test_mistakes_are_told_in_one_line(words, message, capsys):
    plane_csv("ok.csv")
    write_csv("holes.csv", [["a", "b", "y"], [1, 2, 0], ["", 3, 1]])
    write_csv("many.csv", [[i, i] for i in range(30)])
    write_csv("one.csv", [[i, 7] for i in range(30)])
    write_idx("images.idx", np.zeros((6, 2, 2)))
    write_idx("few.idx", np.zeros(2))
    Path("cut.idx").write_bytes(Path("images.idx").read_bytes()[:-3])
    words = words if words[0] == "fly" else [*words, "--no-cache"]
    assert main(words) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1 and "error: " in said.err and not said.out
    assert not Path("jaxbrain-train").exists()  # a mistake leaves nothing behind
