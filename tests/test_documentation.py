"""Every public name stands in a table of the contract and is documented, in plain English."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import jaxbrain as jb
from tests.tables import (
    CELLS,
    DATASET_METRICS,
    EXEMPT,
    GENERATIVE,
    LOSSES,
    METRIC_PARTS,
    METRICS,
    NETWORKS,
    ONLINE,
    PROBABILITY_LOSSES,
    RULES,
)
from tests.tables.public import PUBLIC

PACKAGE = Path(jb.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# documented once, at the type or in the first lines of the package
EVERYWHERE = {
    "net", "loss", "cell", "readout", "units", "kernel_init", "recurrent_init", "bias_init", "ax",
}  # fmt: skip


def public(kind):
    return {
        f"{module}.{name}": value
        for module, names in PUBLIC.items()
        if not module.startswith("jaxbrain.viz")
        for name in names
        if kind(value := getattr(importlib.import_module(module), name))
    }


def test_every_public_name_is_in_a_table():
    tables = {name.split()[0] for name in NETWORKS} | set(CELLS) | set(RULES) | set(METRICS)
    own = {n for n in jb.__all__ if not inspect.ismodule(getattr(jb, n))}
    missing = own - tables - set(EXEMPT)
    assert not missing, f"in no table: {missing}"
    losses = {n for n in jb.losses.__all__ if inspect.isfunction(getattr(jb.losses, n))}
    assert losses - {"weighted"} == set(LOSSES) | set(PROBABILITY_LOSSES)
    metrics = set(METRICS) | DATASET_METRICS | METRIC_PARTS
    assert set(jb.metrics.__all__) - set(EXEMPT) == metrics
    rules = {n for n in jb.learning.__all__ if inspect.isfunction(getattr(jb.learning, n))}
    assert rules - GENERATIVE - ONLINE == set(RULES)
    gone = set(EXEMPT) - own
    assert not gone, f"exempt but not there: {gone}"


FUNCTIONS = public(inspect.isfunction)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_is_documented(name):
    function = FUNCTIONS[name]
    text = inspect.getdoc(function) or ""
    assert text, f"{name} has no docstring"
    assert "Examples:" in text and ">>>" in text, f"{name} has no example"
    assert text.splitlines()[0].rstrip().endswith((".", ":")), "the first line is no sentence"
    args = text.split("Args:")[1].split("\n\n")[0] if "Args:" in text else ""
    named = re.findall(r"^  (\w+(?:, \w+)*):", args.replace("*", ""), re.MULTILINE)
    missing = set(inspect.signature(function).parameters) - EVERYWHERE
    missing -= {parameter for line in named for parameter in line.split(", ")}
    assert not missing, f"{name}: not in Args: {missing}"
    hints = set(function.__annotations__) - {"return"}
    assert hints == set(inspect.signature(function).parameters), f"{name} lacks type hints"
    assert "return" in function.__annotations__


CLASSES = public(inspect.isclass)


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_type_is_documented(name):
    value = CLASSES[name]
    text = inspect.getdoc(value)
    assert text and not text.startswith(value.__name__ + "("), f"{name} has no docstring"
    for field in getattr(value, "_fields", ()):
        assert f"  {field}:" in text, f"{name}: {field} is not in Attributes"


# No headless clauses as first lines; no archaic words and no terms that the field does not use.
FIRST = r"(What|Who|Whom|Whose|Whether|Which|How|Where|When|Why|As|To)\b"
BRITISH = "optim initial normal penal recogn general linear organ minim maxim stabil regular"
ANYWHERE = "|".join((
    rf"({'|'.join(BRITISH.split())})is(e|ed|er|ers|es|ing|ation|ations)\b",
    r"\banew\b", r"\bbeside\b", r"\bas to\b", r"\bwhat is none\b", r"\bdear\b",
    r"\bspoil", r"\boracle", r"\bsettl(e|es|ed|ing)\b", r"\bdrown", r"\bcentre", r"\bcolour",
    r"behaviour", r"synchronis", r"neighbour", r"\bgrey\b", r"modell(ed|ing)",
))  # fmt: skip


def documented(tree):
    kinds = ast.Module | ast.FunctionDef | ast.ClassDef
    return [n for n in ast.walk(tree) if isinstance(n, kinds) and ast.get_docstring(n)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_first_lines_are_noun_phrases_and_words_are_plain(path):
    text = path.read_text()
    for node in documented(ast.parse(text)):
        first = (ast.get_docstring(node) or "").split("\n")[0]
        assert not re.match(FIRST, first), f"{path.name}: {first!r} is no noun phrase of the field"
    lines = [line.strip() for line in text.split("\n") if re.search(ANYWHERE, line)]
    assert not lines, f"{path.name}: {lines[0]!r}"


def test_docstrings_are_no_longer_than_the_code():
    """Lines of docstrings for each line of code, over all public functions; no blank lines."""
    words, code = 0, 0
    for function in {inspect.unwrap(f) for f in FUNCTIONS.values()}:
        lines = [line for line in inspect.getsource(function).split("\n") if line.strip()]
        said = [line for line in (inspect.getdoc(function) or "").split("\n") if line.strip()]
        words, code = words + len(said), code + len(lines) - len(said)
    assert words <= code, f"{words} lines of docstrings for {code} lines of code"
