"""The shape of the package: tiers, file sizes, what an import does, what no file may contain."""

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "jaxbrain"
MODULES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = ("jaxbrain", "tests", "examples", "benchmarks")
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]

# Imports go down or sideways, never up. A folder stands for all it holds.
TIERS = (
    {"core", "losses"},
    {"networks", "datasets", "cells", "tasks"},
    {"learning", "memory", "motor"},
    {"training"},
    {"analysis", "testing"},
    {"viz", "web"},
    {"public", "cli", "__main__"},
)
TIER = {name: tier for tier, names in enumerate(TIERS) for name in names}
LAZY = {"matplotlib", "sklearn", "orbax", "IPython", "tensorboardX"}


def name_of(path):
    """jaxbrain/learning/chain.py is learning.chain; jaxbrain/__init__.py is ''."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path, top_level=False):
    """Modules imported, the package's own without its name."""
    tree = ast.parse(path.read_text())
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            yield module
            if module == "jaxbrain" or (PACKAGE.parent / module.replace(".", "/")).is_dir():
                yield from (f"{module}.{alias.name}" for alias in node.names)


def own(path, top_level=False):
    for module in imports(path, top_level):
        if module.startswith("jaxbrain."):
            yield module.removeprefix("jaxbrain.")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_down(path):
    name = name_of(path)
    if not name:
        return
    part = name.split(".")[0]
    assert part in TIER, f"{part} has no tier: give it one in TIERS"
    for other in own(path):
        target = other.split(".")[0]
        if target in TIER:  # else a name that the package itself exports
            assert TIER[target] <= TIER[part], f"{name} must not import {other}: it is above"


def test_no_circle_of_imports():
    known = {name_of(path): path for path in MODULES}
    graph = {
        name: {other for other in own(path, top_level=True) if other in known and other != name}
        for name, path in known.items()
        if name
    }
    done: set[str] = set()

    def visit(name, trail):
        assert name not in trail, " imports ".join([*trail, name])
        if name not in done:
            for other in graph[name]:
                if not name.startswith(other + ".") and not other.startswith(name + "."):
                    visit(other, [*trail, name])
            done.add(name)

    for name in graph:
        visit(name, [])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_is_one_concept(path):
    text = path.read_text()
    lines = text.count("\n")
    assert lines <= 400, f"{path.name} has {lines} lines: it holds two concepts"
    assert ast.get_docstring(ast.parse(text)), f"{path.name} does not say what it is for"


FORBIDDEN = {
    r"jax\._src|from jax import _src": "private parts of jax change without notice",
    r"\bpickle\b(?!\.)|import pickle|allow_pickle\s*=\s*True": "a file must not run code",
    r"\bTODO\b|\bFIXME\b|\bXXX\b": "an issue is the place for it",
    r"jax\.config\.update|config\.jax_\w+\s*=": "the settings of jax are the user's",
    r"rcParams\[.*\]\s*=|rcParams\.update|basicConfig": "global settings are the user's",
    r"^\s*assert\b": "an error that names the argument",
    r"\beval\(|\bexec\(|shell=True": "no code from data",
}


def code(path):
    """The source without its strings and comments."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.unparse(tree)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_what_no_file_contains(path):
    text = code(path)
    for pattern, why in FORBIDDEN.items():
        if "config" in pattern and TIER.get(name_of(path).split(".")[0]) == len(TIERS) - 1:
            continue  # a command owns its process
        found = re.search(pattern, text, re.MULTILINE)
        assert not found, f"{path.name}: {found.group()!r}: {why}"
    assert not re.search(r"\b(TODO|FIXME)\b", path.read_text())


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_functions_are_short_and_take_few_arguments(path):
    tree = ast.parse(path.read_text())
    public = [f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name[0] != "_"]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            args = node.args
            where = f"{path.name}:{node.lineno} {node.name}"
            if node in public:
                assert args.kwarg is None, f"{where}: **{args.kwarg.arg} swallows mistakes"
            text = ast.get_docstring(node, clean=False) or ""
            lines = node.end_lineno - node.lineno - text.count("\n")
            assert lines <= 60, f"{where} has {lines} lines without its docstring"
            assert len(args.posonlyargs) + len(args.args) <= 7, f"{where} takes too many by place"


def python(code):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=False,
    )  # fmt: skip


def test_an_import_changes_nothing():
    done = python(f"""
        import logging, random, sys, threading, warnings
        import chex, jax, numpy, optax  # what jaxbrain stands on
        def now():
            return dict(jax.config.values), len(logging.root.handlers), len(warnings.filters)
        before = now()
        state, threads = random.getstate(), threading.active_count()
        import jaxbrain
        from jaxbrain import *  # all that is loaded when it is used
        assert now() == before
        assert random.getstate() == state and threading.active_count() == threads
        assert not jaxbrain.__doc__.startswith("\\n")
        loaded = {{name.split(".")[0] for name in sys.modules}}
        assert not loaded & {LAZY!r}, loaded & {LAZY!r}
        from jax.extend import backend
        import jax._src.xla_bridge as bridge
        assert not bridge._backends, "importing started a device"
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""


def test_a_name_loads_what_it_needs_and_help_does_not_wait_for_jax():
    done = python("""
        import sys
        import jaxbrain.__main__
        assert jaxbrain.__main__.main(["--version"]) == 0
        assert "jax" not in sys.modules
        jaxbrain.fit
        folders = {"analysis", "datasets", "memory", "motor", "tasks", "testing", "viz"}
        loaded = {f for f in folders if f"jaxbrain.{f}" in sys.modules}
        assert not loaded, loaded
        assert folders <= set(dir(jaxbrain)) and all(getattr(jaxbrain, f) for f in folders)
        for name in ("hopfield", "__path_hooks__", "public_name"):
            assert not hasattr(jaxbrain, name), name
    """)
    assert done.returncode == 0, done.stderr


def test_any_part_of_the_package_may_be_imported_first():
    parts = sorted({name_of(path).split(".")[0] for path in MODULES} - {"", "__init__", "__main__"})
    assert {"learning", "losses", "networks"} <= set(parts)
    done = python(f"""
        import importlib, os, sys, warnings
        import jax, optax, chex  # once for all
        warnings.simplefilter("ignore")  # of a fork
        for part in {parts}:
            if (child := os.fork()) == 0:
                importlib.import_module("jaxbrain." + part)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0, part
    """)
    assert done.returncode == 0, done.stderr


def test_lazy_imports_are_inside_functions():
    for path in MODULES:
        if name_of(path).startswith("viz"):
            continue
        for module in imports(path, top_level=True):
            assert module.split(".")[0] not in LAZY, f"{path.name} imports {module} at the top"
