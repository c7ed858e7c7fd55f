"""The function that runs an example."""

import runpy
import sys
from pathlib import Path

import jax
import pytest

from tests.pictures import overlaps

FOLDER = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def example(tmp_path, monkeypatch, capsys):
    """A function that runs a script in an empty folder and returns the lines that it printed."""

    plt = pytest.importorskip("matplotlib.pyplot")

    def run(name, *arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
        monkeypatch.syspath_prepend(FOLDER)  # as for a script: one may import another
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
        picture = plt.imread(tmp_path / "pictures" / f"{name}.png")
        assert min(picture.shape[:2]) > 400
        assert picture[..., :3].std() > 0.05, "the picture is blank"
        assert [fault for i in plt.get_fignums() for fault in overlaps(plt.figure(i))] == []
        return capsys.readouterr().out.splitlines()

    yield run
    plt.close("all")
