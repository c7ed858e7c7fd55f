"""Names of processes."""

import os
import subprocess
import sys

import pytest

from jaxbrain.training import processes


@pytest.mark.parametrize("name", ["box", "a.b/c:d", "größe", "", "x" * 500])
def test_a_host_name_fits_a_file_name(tmp_path, monkeypatch, name):
    monkeypatch.setattr("socket.gethostname", lambda: name)
    found = processes.host()
    (tmp_path / f"file.{found}.tmp").touch()
    assert found and found.isascii() and "." not in found
    assert name != "box" or found == "box"


def test_a_process_runs_until_it_ends():
    assert processes.runs(os.getpid()) and processes.runs(os.getppid())
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert processes.runs(child.pid)
    child.communicate(b"\n")
    assert not processes.runs(child.pid)
    assert not processes.runs(10**30)
