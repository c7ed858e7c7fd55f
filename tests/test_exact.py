"""Each row of the tables has an exact test of its equation that the ordinary run does not skip."""

import ast
from functools import cache
from pathlib import Path

import pytest

from jaxbrain.core.config import label
from tests.contracts.test_config import MAKE
from tests.tables.exact import EXACT

ROOT = Path(__file__).resolve().parents[1]
TESTS = [(f, test) for files in EXACT.values() for f, tests in files.items() for test in tests]


def rows(group: str) -> set[str]:
    """The constructors of a group of rows, such as "cell"."""
    return {label(make()) for row, make in MAKE.items() if row.split(" ")[0] == group}


def test_the_groups_are_those_of_the_tables():
    assert set(EXACT) == {row.split(" ")[0] for row in MAKE}


@pytest.mark.parametrize("group", EXACT)
def test_every_row_has_an_exact_test(group):
    tests = [test for tests in EXACT[group].values() for test in tests.items()]
    proven = {name for _, names in tests for name in names.split()}
    assert sorted(rows(group) - proven) == []
    assert sorted(proven - rows(group)) == []


@cache
def ordinary_tests(file: str) -> set[str]:
    """The names of the tests in a file that the ordinary run does not skip."""
    tree = ast.parse((ROOT / file).read_text())
    assigned = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign)]
    marks = [line for line in assigned if line.startswith("pytestmark")]
    assert not any("mark.slow" in mark for mark in marks), f"{file} is slow as a whole"
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    slow = [any("mark.slow" in ast.unparse(d) for d in f.decorator_list) for f in functions]
    return {f.name for f, skipped in zip(functions, slow, strict=True) if not skipped}


@pytest.mark.parametrize(("file", "test"), sorted(set(TESTS)))
def test_an_exact_test_is_an_ordinary_one(file, test):
    assert test in ordinary_tests(file), f"{file} has no test {test} without the marker slow"
