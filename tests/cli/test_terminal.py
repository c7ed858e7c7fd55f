"""Output of the commands: directories, pictures, paths."""

import sys
from pathlib import Path

import pytest

from jaxbrain.cli import terminal
from tests.command_line import assert_mistake, train

pytestmark = pytest.mark.usefixtures("elsewhere", "draw")


def test_without_matplotlib_it_trains_and_names_the_package(capsys, monkeypatch, draw):
    draw()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert train("--data", "xor", "--hidden", "4", "--epochs", 1) == 0
    assert (
        'matplotlib is not installed; pip install "jaxbrain[viz,data]"' in capsys.readouterr().out
    )
    assert Path("out/params.ckpt").exists() and not Path("out/curves.png").exists()


def test_pictures_are_saved_under_their_names():
    paths = terminal.draw(Path(), {"a.png": lambda plt: plt.figure(figsize=(1, 1))})
    assert paths == [Path("a.png")] and Path("a.png").read_bytes()[1:4] == b"PNG"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--data", "xor", "--out", "file"], "cannot write there (File exists)"),
        (["demo", "--out", "file/below"], "cannot write there (Not a directory)"),
    ],
)
def test_a_directory_that_cannot_be_written(words, message, capsys):
    Path("file").touch()
    assert_mistake(words, message, capsys)


def test_paths_are_shown_as_one_would_type_them():
    assert terminal.shown(Path("out", "run.json")) == "./out/run.json"
    assert terminal.shown(Path.cwd().parent / "run.json") == str(Path.cwd().parent / "run.json")
