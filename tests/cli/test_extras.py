"""The command line without matplotlib or scikit-learn."""

import sys
from pathlib import Path

import pytest

from jaxbrain.__main__ import main
from tests.command_line import train

pytestmark = pytest.mark.usefixtures("elsewhere", "draw")


def test_without_matplotlib_it_trains_and_says_what_is_missing(capsys, monkeypatch, draw):
    draw()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert train("--data", "xor", "--hidden", "4", "--epochs", 1) == 0
    assert (
        'matplotlib is not installed; pip install "jaxbrain[viz,data]"' in capsys.readouterr().out
    )
    assert Path("out/params.ckpt").exists() and not Path("out/curves.png").exists()


@pytest.mark.parametrize("command", ["demo", "train"])
def test_without_scikit_learn_there_are_no_digits(command, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main([command, "--no-cache"]) == 2
    said = capsys.readouterr().err
    assert 'scikit-learn: pip install "jaxbrain[viz,data]"' in said and said.count("\n") == 1
