"""The lock of a directory: one training at a time, and nothing left by the dead is in the way."""

import errno
import json
import os
import signal
import subprocess
import sys
import types

import pytest

from jaxbrain.training import lock, processes
from jaxbrain.training.lock import Lock

# Without jaxbrain, which takes seconds to import.
HOLDER = """
import fcntl, json, os, sys, time
file = open(sys.argv[1], "wb", buffering=0)
fcntl.flock(file, fcntl.LOCK_EX)
file.write(json.dumps({"process": os.getpid(), "host": sys.argv[2]}).encode())
print("held", flush=True)
time.sleep(100)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of tmp_path."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / lock.NAME), processes.host()]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None and child.stdout.readline() == "held\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def refused(directory):
    with (
        pytest.raises(BlockingIOError, match="trains in this directory now") as caught,
        Lock(directory),
    ):
        pass
    return str(caught.value)


def test_another_process_is_named_and_kill_9_frees_the_lock(tmp_path, holder):
    said = refused(tmp_path)
    assert f"process {holder.pid} on {processes.host()} " in said and str(tmp_path) in said
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / lock.NAME).exists()
    with Lock(tmp_path):
        names = json.loads((tmp_path / lock.NAME).read_text())
    assert names == {"process": os.getpid(), "host": processes.host()}
    assert not os.listdir(tmp_path)


def test_within_one_process_too(tmp_path):
    with Lock(tmp_path):
        assert f"process {os.getpid()} on " in refused(tmp_path)
        assert "wait" in refused(tmp_path)  # the refusal did not end the lock
    with Lock(tmp_path):
        pass


LEFT = [
    '{"process": 99999999, "host": "HERE"}',
    f'{{"process": {os.getpid()}, "host": "HERE"}}',  # the number was handed out again
    f'{{"process": {os.getppid()}, "host": "HERE"}}',
    '{"process": 1, "host": "elsewhere"}',
    "",
    "[]",
    "null",
    '{"process": null}',
    '{"process": -1, "host": "HERE"}',
    "[" * 900,
    "\udcff",
]


@pytest.mark.parametrize("left", LEFT, ids=range(len(LEFT)))
def test_what_was_left_is_no_obstacle(tmp_path, left):
    content = left.replace("HERE", processes.host()).encode(errors="surrogateescape")
    (tmp_path / lock.NAME).write_bytes(content)
    with Lock(tmp_path):
        refused(tmp_path)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("left", LEFT, ids=range(len(LEFT)))
def test_without_locks_of_the_system_the_names_count(tmp_path, left, monkeypatch):
    def none(file):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_lock", none)
    content = left.replace("HERE", processes.host()).encode(errors="surrogateescape")
    (tmp_path / lock.NAME).write_bytes(content)
    if str(os.getppid()) in left:
        assert f"process {os.getppid()} on" in refused(tmp_path)
    elif "elsewhere" in left:
        with pytest.warns(UserWarning, match=r"process 1 on elsewhere.*keeps no locks"):
            Lock(tmp_path).__enter__().__exit__()
    else:
        Lock(tmp_path).__enter__().__exit__()


def without_flock(error):
    def patch(monkeypatch):
        def flock(file, how):
            raise OSError(error, os.strerror(error))

        monkeypatch.setattr("fcntl.flock", flock)

    return patch


def without_fcntl(monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)


def on_windows(monkeypatch):
    def locking(file, how, count):
        raise OSError(errno.EINVAL, "of a disk without locks")

    msvcrt = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    monkeypatch.setattr(sys, "platform", "win32")


WITHOUT = {
    "ENOLCK": without_flock(errno.ENOLCK),
    "ENOTSUP": without_flock(errno.ENOTSUP),
    "ENOSYS": without_flock(errno.ENOSYS),
    "no fcntl": without_fcntl,
    "windows": on_windows,
}


@pytest.mark.parametrize("system", WITHOUT)
def test_without_locks_a_second_process_is_refused_by_its_name(
    tmp_path, holder, system, monkeypatch
):
    WITHOUT[system](monkeypatch)
    assert f"process {holder.pid} on {processes.host()} " in refused(tmp_path)
    holder.kill()
    holder.wait()
    with Lock(tmp_path):
        pass
    assert not os.listdir(tmp_path)


def test_without_locks_one_of_two_that_begin_at_once_is_refused(tmp_path, monkeypatch):
    """The other wrote its name after this one."""
    without_fcntl(monkeypatch)
    other = {"process": os.getppid(), "host": processes.host()}
    write = os.write

    def both(file, text):
        write(file, text)
        os.ftruncate(file, 0)
        return write(file, json.dumps(other).encode())

    monkeypatch.setattr(os, "write", both)
    assert f"process {os.getppid()} on {processes.host()}" in refused(tmp_path)


def test_windows_locks_are_asked_for(tmp_path, monkeypatch):
    on_windows(monkeypatch)
    asked = []
    sys.modules["msvcrt"].locking = lambda *how: asked.append(how[1:])
    with Lock(tmp_path):
        assert asked == [(2, 1)]

    def taken(*how):
        raise PermissionError(errno.EACCES, "Permission denied")

    sys.modules["msvcrt"].locking = taken
    refused(tmp_path)


def test_a_deleted_directory_is_locked_again_unless_another_was_first(tmp_path):
    directory = tmp_path / "out"
    directory.mkdir()
    with Lock(directory) as held:
        (directory / lock.NAME).unlink()
        held.renew()
        refused(directory)
        (directory / lock.NAME).unlink()
        with Lock(directory):
            with pytest.raises(BlockingIOError):
                held.renew()
            refused(directory)  # the failed renewal took nothing away
    assert not os.listdir(directory)


def test_the_lock_of_another_is_never_deleted(tmp_path):
    with Lock(tmp_path):
        (tmp_path / lock.NAME).unlink()
        second = Lock(tmp_path).__enter__()
    refused(tmp_path)
    assert (tmp_path / lock.NAME).exists()
    second.__exit__()
    assert not os.listdir(tmp_path)


def test_where_no_file_can_be_made_there_is_no_lock(tmp_path):
    with Lock(tmp_path / "nowhere"):
        pass
    assert not os.listdir(tmp_path)
