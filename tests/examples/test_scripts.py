"""Every example is short and plain, says how to run it, and is run by a test."""

import re
from pathlib import Path

import pytest

from tests.examples.conftest import FOLDER
from tests.test_documentation import ANYWHERE, FIRST

SCRIPTS = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_an_example_is_short_and_plain_and_says_how_to_run_it(script):
    text = script.read_text()
    assert len(text.splitlines()) < 120
    assert f"python examples/{script.name}" in text.split('"""')[1]
    assert not re.match(f'"""{FIRST}', text), "the first line is no noun phrase"
    assert [line for line in text.split("\n") if re.search(ANYWHERE, line)] == []


def test_every_example_is_run():
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    missing = [s.stem for s in SCRIPTS if f'example("{s.stem}"' not in tests]
    assert len(SCRIPTS) >= 6
    assert not missing
