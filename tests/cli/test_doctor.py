"""`jaxbrain doctor`: all well, and everything broken."""

import importlib.metadata

import jax
import pytest

from jaxbrain.__main__ import main
from jaxbrain.cli import doctor

pytestmark = pytest.mark.usefixtures("elsewhere", "draw")


@pytest.mark.slow
def test_doctor_finds_all_well(capsys):
    assert main(["doctor", "--no-cache"]) == 0
    lines = capsys.readouterr().out.splitlines()
    marks = {line[8:22].strip(): line[:7].strip() for line in lines[:-2]}
    for name in ("python", "jax", "jaxlib", "optax", "chex", "gradient", "training", "checkpoint"):
        assert marks[name] == "ok"
    assert lines[-1] == "all checks passed"


def test_doctor_finds_what_is_broken(capsys, monkeypatch):
    def wrong(path, like):
        return jax.tree.map(lambda a: a[::-1] if a.ndim else a, like)

    def version(name):
        if name == "matplotlib":
            raise importlib.metadata.PackageNotFoundError(name)
        return {"optax": "0.1.9"}.get(name, "99.0")

    def no_training(*args, **kwargs):
        raise RuntimeError("no\nsuch device")

    monkeypatch.setattr(doctor.jb.checkpoint, "restore", wrong)
    monkeypatch.setattr(doctor.jb, "fit", no_training)
    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    assert main(["doctor", "--no-cache"]) == 1
    lines = {line[8:22].strip(): line for line in capsys.readouterr().out.splitlines()}
    assert lines["optax"].startswith("failed") and 'pip install "optax>=0.2.8"' in lines["optax"]
    assert (
        lines["checkpoint"].startswith("failed")
        and "differ from those written" in lines["checkpoint"]
    )
    assert lines["training"].startswith("failed") and "no such device" in lines["training"]
    assert lines["matplotlib"].startswith("-") and "jaxbrain[viz]" in lines["matplotlib"]
    assert lines["gradient"].startswith("ok")
    assert "3 checks failed" in "".join(lines.values())
