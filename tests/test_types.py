"""The contracts are types: right uses are clean under pyright strict, every misuse is found."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tables.public import PUBLIC

FOLDER = Path(__file__).parent / "typing"
MISUSES = (FOLDER / "misuses.py").read_text().split("\n")
WRONG = [i for i, line in enumerate(MISUSES) if line.endswith("# wrong")]


def pyright(path):
    """The errors that pyright finds; expressions without a use are no errors."""
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, path],
        capture_output=True, text=True, cwd=FOLDER.parents[1], check=False,
    )  # fmt: skip
    errors = [e for e in json.loads(done.stdout)["generalDiagnostics"] if e["severity"] == "error"]
    return [error for error in errors if error.get("rule") != "reportUnusedExpression"]


@pytest.fixture(scope="module")
def errors():
    """The lines of errors that pyright finds, by file; expressions without a use are no errors."""
    pytest.importorskip("pyright")
    found = {"uses.py": {}, "misuses.py": {}}
    for error in pyright(FOLDER):
        lines = found[Path(error["file"]).name]
        lines.setdefault(error["range"]["start"]["line"], []).append(error["message"])
    return found


def test_every_public_name_has_a_known_type(tmp_path):
    """A user who checks strictly is not told that a type of jaxbrain is partially unknown."""
    pytest.importorskip("pyright")
    names = [f"{module}.{name}" for module, names in PUBLIC.items() for name in names]
    imports = [f"import {module}" for module in PUBLIC]
    (tmp_path / "names.py").write_text("\n".join(["# pyright: strict", *imports, *names]))
    found = [e for e in pyright(tmp_path / "names.py") if "known" in e.get("rule", "")]
    assert [
        (names[e["range"]["start"]["line"] - 1 - len(imports)], e["message"]) for e in found
    ] == []


def test_right_uses_are_clean(errors):
    assert errors["uses.py"] == {}


@pytest.mark.parametrize("line", WRONG, ids=lambda line: MISUSES[line].split("  #")[0])
def test_a_misuse_is_found(errors, line):
    assert line in errors["misuses.py"]


def test_only_misuses_are_found(errors):
    others = {MISUSES[i]: m for i, m in errors["misuses.py"].items() if i not in WRONG}
    assert others == {}
