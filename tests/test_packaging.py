"""What is published: the files of the wheel and of the source distribution."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason='the build backend; pip install -e ".[test]" has it')

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("jaxbrain", "tests", "examples", "benchmarks", "docs")
ROOT_FILES = ("conftest.py", "pyproject.toml", "README.md", "CONTRIBUTING.md", "LICENSE")
STRAY = (
    "jaxbrain/notes.md", "jaxbrain/cells/weights.npz", "jaxbrain/core/config.py.bak",
    "jaxbrain/cells/__pycache__/old.pyc", "jaxbrain/.ipynb_checkpoints/a-checkpoint.py",
    "jaxbrain/tests.ipynb", "tests/data.csv", "examples/pictures/a.png", "secret.env",
)  # fmt: skip
BUILD = """
from hatchling.build import build_sdist, build_wheel
build_sdist("dist")
build_wheel("dist")
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The names in the source distribution and in the wheel of a folder with stray files."""
    folder = tmp_path_factory.mktemp("source")
    hidden = shutil.ignore_patterns("__pycache__", ".*")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=hidden)
    for name in ROOT_FILES:
        shutil.copy(ROOT / name, folder / name)
    for name in STRAY:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("stray = 1\n")
    done = subprocess.run(
        [sys.executable, "-c", BUILD], cwd=folder, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (source,), (wheel,) = (folder / "dist").glob("*.tar.gz"), (folder / "dist").glob("*.whl")
    with tarfile.open(source) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    return inside, set(zipfile.ZipFile(wheel).namelist())


def files(*folders, kinds):
    """The files of these kinds in the repository."""
    return {
        str(path.relative_to(ROOT))
        for folder in folders
        for kind in kinds
        for path in (ROOT / folder).rglob(f"*{kind}")
    }


def test_stray_files_are_not_published(built):
    for names in built:
        assert not names & set(STRAY)
        assert not {name for name in names if "stray" in name or name.endswith((".pyc", ".bak"))}


def test_the_source_distribution_has_all_that_the_tests_need(built):
    needed = files(*FOLDERS, kinds=(".py", ".typed")) | files("docs", kinds=(".md", ".png"))
    missing = (needed | set(ROOT_FILES) | {"benchmarks/README.md"}) - built[0]
    assert not missing
    assert built[0] - needed - set(ROOT_FILES) == {"benchmarks/README.md", "PKG-INFO"}


def test_the_wheel_is_the_package_alone(built):
    inside = {name for name in built[1] if ".dist-info/" not in name}
    assert inside == files("jaxbrain", kinds=(".py", ".typed"))
