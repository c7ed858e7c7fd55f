"""Warnings at the user's line."""

from pathlib import Path

import pytest

import jaxbrain as jb
from jaxbrain.core import notice
from jaxbrain.core.notice import warn


def test_the_warning_names_the_line_outside_of_the_package(tmp_path):
    with pytest.warns(UserWarning, match="directly") as told:
        warn("directly")
    assert told[0].filename == __file__
    for n in (1, 2):
        jb.checkpoint.save(tmp_path / "state.ckpt", n)
    (tmp_path / "state.ckpt").unlink()
    with pytest.warns(UserWarning, match="does not exist") as told:
        jb.checkpoint.restore(tmp_path / "state.ckpt", 0)  # through several modules
    assert told[0].filename == __file__


def test_every_warning_of_the_package_is_one_of_these():
    """A level that is counted by hand is wrong as soon as a decorator is added."""
    package = Path(notice.__file__).parents[1]
    others = [p for p in package.rglob("*.py") if "warnings.warn(" in p.read_text()]
    assert others == [Path(notice.__file__)]
