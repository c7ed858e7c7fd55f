"""Atomic replacement: no moment loses both files."""

import errno
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from jaxbrain.training import atomic, checkpoint, processes


def whole_state(path):
    """What is there after a fault, without the clean-up of the failed save."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return checkpoint.restore(path, {"a": np.zeros(5, np.float32), "n": 0})["n"]


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("stop", range(12))
def test_a_stop_before_any_call_loses_nothing(two, monkeypatch, stop, links):
    """As by kill -9: no further system call is made, not even those that clean up."""
    path, tree = two
    calls = []

    class Killed(BaseException):
        pass

    def killing(function):
        def call(*args, **kwargs):
            if len(calls) >= stop:
                raise Killed
            calls.append(function)
            return function(*args, **kwargs)

        return call

    def no_link(*args):
        raise OSError(errno.EPERM, "no links here")

    with monkeypatch.context() as patch:
        for name in ("replace", "fsync", "link", "unlink"):
            patch.setattr(os, name, killing(getattr(os, name)))
        if not links:
            patch.setattr(os, "link", no_link)
        patch.setattr(atomic, "open", killing(open), raising=False)
        try:
            checkpoint.save(path, tree | {"n": 3})
            assert len(calls) > 5
        except Killed:
            assert len(calls) == stop
    atomic._writing.clear()  # as in the process that comes next
    done = calls.count(os.replace)
    assert whole_state(path) == (3 if done else 2)
    checkpoint.save(path, tree | {"n": 4})
    assert sorted(os.listdir(os.path.dirname(path))) == ["state.ckpt", "state.ckpt.previous"]
    assert whole_state(path) == 4
    os.unlink(path)
    assert whole_state(path) == (3 if done else 2)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_disk_keeps_what_was_there(two, monkeypatch, call):
    path, tree = two

    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(
            OSError, match=r"No space left.*what was saved before is kept.*state\.ckpt"
        ):
            checkpoint.save(path, tree | {"n": 3})
    assert checkpoint.restore(path, tree)["n"] == 2
    assert sorted(os.listdir(os.path.dirname(path))) == ["state.ckpt", "state.ckpt.previous"]


def test_a_directory_that_is_not_writable(path, monkeypatch):
    def fail(*args):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(atomic, "open", fail, raising=False)
    with pytest.raises(PermissionError, match=r"could not write here \(Permission denied\)"):
        checkpoint.save(path, {"a": 1})


def test_places_where_no_file_can_be(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"create it with os\.makedirs: .*/nowhere'"):
        checkpoint.save(tmp_path / "nowhere" / "state.ckpt", ())
    with pytest.raises(IsADirectoryError, match=r"needs a file, such as .*/state\.ckpt"):
        checkpoint.save(tmp_path, ())
    with pytest.raises(IsADirectoryError, match="expected the file that save wrote"):
        checkpoint.restore(tmp_path, ())
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(NotADirectoryError, match="needs a directory here"):
        checkpoint.save(file / "state.ckpt", ())
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="only regular files"):
        checkpoint.save(tmp_path / "pipe", ())
    with pytest.raises(checkpoint.CheckpointError, match="not a regular file"):
        checkpoint.metadata(tmp_path / "pipe")
    assert file.read_text() == "mine" and sorted(os.listdir(tmp_path)) == ["file", "pipe"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "latest.ckpt"
    link.symlink_to(tmp_path / "real" / "state.ckpt")
    for n in (1, 2):
        checkpoint.save(link, n)
    assert link.is_symlink() and checkpoint.restore(link, 0) == 2
    assert sorted(os.listdir(tmp_path / "real")) == ["state.ckpt", "state.ckpt.previous"]


HERE = processes.host()


def test_only_files_of_dead_writers_of_this_host_are_cleaned(path):
    dead = [f"{path}.{HERE}.{pid}-0123abcd.{kind}.tmp" for pid in (os.getpid(), 10**7, 10**30)
            for kind in ("new", "old")]  # fmt: skip
    kept = [
        f"{path}.{HERE}.{os.getppid()}-0123abcd.new.tmp", f"{path}.{HERE}.1-zz.new.tmp",
        f"{path}.elsewhere.{10**7}-0123abcd.new.tmp", f"{path}.{10**7}-0123abcd.new.tmp",
        f"{path}.tmp",
    ]  # fmt: skip
    for name in dead + kept:
        Path(name).write_text("")
    checkpoint.save(path, ())
    found = set(os.listdir(os.path.dirname(path)))
    assert found == {os.path.basename(name) for name in [path, *kept]}


KILLED = """
import json, os, random, signal, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from jaxbrain import checkpoint

kind, path, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
like = {"a": np.zeros(500_000), "step": np.zeros([], np.int64)}

def save(step):
    tree = {"a": np.full(500_000, float(step)), "step": np.int64(step)}
    checkpoint.save(path, tree) if kind == "ours" else np.savez(path, **tree)

def load():
    return checkpoint.restore(path, like) if kind == "ours" else dict(np.load(path))

save(0)
dice, lost, midway, step = random.Random(0), 0, 0, 0
for _ in range(kills):
    reader, writer = os.pipe()
    child = os.fork()  # a fresh interpreter for every kill would take a second
    if child == 0:
        while True:
            step += 1
            save(step)
            os.write(writer, step.to_bytes(8, "little"))
    os.close(writer)
    time.sleep(dice.uniform(0.005, 0.1))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as file:
        done = file.read()
    acknowledged = int.from_bytes(done[-8:], "little") if done else step
    midway += any(name.endswith(".tmp") for name in os.listdir(os.path.dirname(path)))
    try:
        found = load()
        step = int(found["step"])
        lost += not (step >= acknowledged and (found["a"] == step).all())
    except Exception:
        lost += 1
        step = acknowledged
        save(step)
print(json.dumps([lost, midway]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("kind", ["ours", "in place"])
def test_kill_9_in_the_middle_of_a_save(tmp_path, kind):
    """The control, a writer that overwrites in place, shows that the kills do land in a save."""
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run(
        [sys.executable, "-c", KILLED, kind, str(tmp_path / "state.npz"), "20"],
        cwd=root, capture_output=True, text=True, timeout=100,
        env=os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    lost, midway = json.loads(run.stdout.splitlines()[-1])
    if kind == "ours":
        assert lost == 0 and midway > 0
    else:
        assert lost > 0
