"""One table says what is public; nothing else is shown, and nothing hides behind another name."""

import ast
import importlib
import pkgutil
import types
from pathlib import Path

import pytest

import jaxbrain
from jaxbrain.core.names import public_name
from tests.tables.public import PUBLIC

modules = pytest.mark.parametrize("name", PUBLIC)
MODULES = [m.name for m in pkgutil.walk_packages(jaxbrain.__path__, "jaxbrain.")]


@modules
def test_a_public_module_shows_its_public_names_only(name):
    module = importlib.import_module(name)
    assert sorted(module.__all__) == sorted(PUBLIC[name]), "add the name to tests/tables/public.py"
    assert dir(module) == sorted(PUBLIC[name])
    assert all(hasattr(module, public) for public in PUBLIC[name])


def test_every_module_that_is_reached_by_a_public_name_is_in_the_table():
    reached, waiting = set(), ["jaxbrain"]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        values = [getattr(importlib.import_module(name), public) for public in PUBLIC[name]]
        found = {v.__name__ for v in values if isinstance(v, types.ModuleType)}
        waiting += sorted(found - reached)
    packages = {"jaxbrain.core", "jaxbrain.networks", "jaxbrain.training"}  # names at the root
    assert reached | packages == set(PUBLIC)


@pytest.mark.parametrize("name", MODULES)
def test_no_module_is_hidden_by_another_name(name):
    if name.endswith("__main__"):
        return
    module = importlib.import_module(name)
    package, _, own = name.rpartition(".")
    assert getattr(importlib.import_module(package), own) is module


def test_public_functions_and_classes_are_those_of_the_package():
    for name, public in PUBLIC.items():
        for attribute in public:
            value = getattr(importlib.import_module(name), attribute)
            if callable(value):
                assert value.__module__.startswith("jaxbrain"), f"{name}.{attribute}"


@modules
def test_a_public_function_prints_by_a_public_name(name):
    for attribute in PUBLIC[name]:
        value = getattr(importlib.import_module(name), attribute)
        if isinstance(value, types.FunctionType):
            module, _, own = public_name(value).rpartition(".")
            assert own in PUBLIC[module], f"{name}.{attribute} prints as {public_name(value)}"


def test_editors_read_the_names_that_are_loaded():
    tree = ast.parse(Path(jaxbrain.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {name.asname: node.module for node in block.body for name in node.names}
    places = {n: f"jaxbrain.{place}".rstrip(".") for n, place in jaxbrain._PLACES.items()}
    assert seen == places and sorted(seen) == dir(jaxbrain)
