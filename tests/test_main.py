"""Exit codes of `python -m jaxbrain`."""

import argparse
import warnings

import pytest

from jaxbrain import __version__
from jaxbrain.__main__ import main
from jaxbrain.cli import doctor
from jaxbrain.cli.errors import CommandError


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"jaxbrain {__version__}\n"


FULL = "the memory is full; take a smaller network, fewer examples or a smaller --batch-size"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CommandError("a mistake"), 2, "jaxbrain doctor: error: a mistake\n"),
        (CommandError("a failure", code=1), 1, "jaxbrain doctor: error: a failure\n"),
        (OSError("disk full"), 1, "jaxbrain doctor: error: disk full\n"),
        (
            OSError(28, "No space left", "a.csv"),
            1,
            "jaxbrain doctor: error: a.csv: No space left\n",
        ),
        (OSError(28, "No space left"), 1, "jaxbrain doctor: error: No space left\n"),
        (MemoryError(), 1, f"jaxbrain doctor: error: {FULL}\n"),
        (RuntimeError("INTERNAL: Out of memory"), 1, f"jaxbrain doctor: error: {FULL}\n"),
        (KeyboardInterrupt(), 130, "\ninterrupted\n"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(error, code, said, capsys, monkeypatch):
    def fail(options: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(doctor, "main", fail)
    assert main(["doctor"]) == code
    found = capsys.readouterr()
    assert found.err == said and not found.out


@pytest.mark.parametrize("error", [ZeroDivisionError, RuntimeError("another")])
def test_other_errors_are_not_hidden(error, monkeypatch):
    def fail(options: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(doctor, "main", fail)
    with pytest.raises((ZeroDivisionError, RuntimeError)):
        main(["doctor"])


def test_a_warning_is_one_line(monkeypatch):
    said = []

    def warn(options: argparse.Namespace) -> int:
        said.append(warnings.formatwarning("two\nlines", UserWarning, "place.py", 7))
        return 0

    monkeypatch.setattr(doctor, "main", warn)
    before = warnings.formatwarning
    assert main(["doctor"]) == 0 and warnings.formatwarning is before
    assert said == ["jaxbrain doctor: warning: two lines\n"]
