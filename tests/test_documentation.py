"""Every public name stands in a table of the contract and is documented."""

import inspect

import pytest

import jaxbrain as jb
from tests.tables import CELLS, EXEMPT, GENERATIVE, LOSSES, METRICS, NETWORKS, ONLINE, RULES


def public(module):
    """Public names of a module that are its own."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "").startswith("jaxbrain")
    }


def test_every_public_name_is_in_a_table():
    tables = {name.split()[0] for name in NETWORKS} | set(CELLS) | set(RULES) | set(METRICS)
    missing = set(public(jb)) - tables - set(EXEMPT)
    assert not missing, f"in no table: {missing}"
    assert {n for n, v in public(jb.losses).items() if callable(v)} == set(LOSSES)
    assert set(public(jb.metrics)) - {"Closure", "Network", "require_pairs"} - set(EXEMPT) == set(
        METRICS
    )
    rules = {n for n in jb.learning.__all__ if inspect.isfunction(getattr(jb.learning, n))}
    assert rules - GENERATIVE - ONLINE == set(RULES)
    assert set(public(jb)) <= set(jb.__all__)
    assert all(hasattr(jb, name) for name in jb.__all__)
    gone = set(EXEMPT) - set(public(jb))
    assert not gone, f"exempt but not there: {gone}"


MODULES = (
    jb, jb.losses, jb.metrics, jb.learning, jb.analysis, jb.testing, jb.datasets, jb.checkpoint,
    jb.cells, jb.cells.surrogate, jb.memory, jb.motor, jb.motor.perturbations, jb.motor.tasks,
    jb.tasks,
    *(vars(jb.learning)[n] for n in jb.learning.__all__ if inspect.ismodule(vars(jb.learning)[n])),
    jb.learning.generative.belief, jb.learning.generative.boltzmann,
    jb.learning.generative.helmholtz, jb.motor.hill,
)  # fmt: skip
DOCUMENTED = {
    f"{module.__name__}.{name}": value
    for module in MODULES
    for name, value in public(module).items()
    if value.__module__.startswith(module.__name__)
    and inspect.isfunction(value)
    and name != "require_pairs"  # for the modules of training
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_public_function_is_documented(name):
    function = DOCUMENTED[name]
    text = inspect.getdoc(function) or ""
    assert text, f"{name} has no docstring"
    assert "Examples:" in text and ">>>" in text, f"{name} has no example"
    assert text.splitlines()[0].rstrip().endswith((".", ":")), "the first line is no sentence"
    args = text.split("Args:")[1].split("\n\n")[0] if "Args:" in text else ""
    for parameter in inspect.signature(function).parameters:
        assert f"  {parameter}:" in args.replace("*", ""), f"{name}: {parameter} is not in Args"
    hints = set(function.__annotations__) - {"return"}
    assert hints == set(inspect.signature(function).parameters), f"{name} lacks type hints"
    assert "return" in function.__annotations__


def test_every_public_type_is_documented():
    for name, value in public(jb).items():
        if inspect.isclass(value):
            text = inspect.getdoc(value)
            assert text and not text.startswith(name + "("), f"{name} has no docstring"
            for field in getattr(value, "_fields", ()):
                assert f"  {field}:" in text, f"{name}: {field} is not in Attributes"
