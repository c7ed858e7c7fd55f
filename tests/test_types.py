"""The contracts are types: right uses are clean under pyright strict, every misuse is found."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "typing"
MISUSES = (FOLDER / "misuses.py").read_text().split("\n")
WRONG = [i for i, line in enumerate(MISUSES) if line.endswith("# wrong")]


@pytest.fixture(scope="module")
def errors():
    """The lines of errors that pyright finds, by file; expressions without a use are no errors."""
    pytest.importorskip("pyright")
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, FOLDER],
        capture_output=True, text=True, cwd=FOLDER.parents[1], check=False,
    )  # fmt: skip
    found = {"uses.py": {}, "misuses.py": {}}
    for error in json.loads(done.stdout)["generalDiagnostics"]:
        if error["severity"] == "error" and error.get("rule") != "reportUnusedExpression":
            lines = found[Path(error["file"]).name]
            lines.setdefault(error["range"]["start"]["line"], []).append(error["message"])
    return found


def test_right_uses_are_clean(errors):
    assert errors["uses.py"] == {}


@pytest.mark.parametrize("line", WRONG, ids=lambda line: MISUSES[line].split("  #")[0])
def test_a_misuse_is_found(errors, line):
    assert line in errors["misuses.py"]


def test_only_misuses_are_found(errors):
    others = {MISUSES[i]: m for i, m in errors["misuses.py"].items() if i not in WRONG}
    assert others == {}
