"""The checkpoint file: every fault is noticed, and no moment loses both files."""

import errno
import json
import os
import pickle
import subprocess
import sys
import tracemalloc
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest

from jaxbrain.training import checkpoint, checkpoint_file


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state.ckpt")


@pytest.fixture
def two(path):
    """A file, the one before it, and what they hold: NumPy only, to be quick."""
    tree = {"a": np.arange(5, dtype=np.float32), "n": 1}
    checkpoint.save(path, tree, metadata={"epoch": 1})
    checkpoint.save(path, tree | {"n": 2}, metadata={"epoch": 2})
    return path, tree


# Damage -----------------------------------------------------------------------------------------


def restored_with_warning(path, like):
    with pytest.warns(UserWarning, match=r"state\.ckpt .*state\.ckpt\.previous, is used") as caught:
        back = checkpoint.restore(path, like)
        meta = checkpoint.metadata(path)
    assert len(caught) == 2 and {w.filename for w in caught} == {__file__}
    return back, meta


def damaged(content):
    """The content with each byte changed once, cut at each place, and lengthened."""
    for i in range(len(content)):
        yield content[:i] + bytes([content[i] ^ (1 << i % 8)]) + content[i + 1 :]
        yield content[:i]
    yield content + b"\0"
    yield content + content


def test_each_changed_byte_and_each_truncation_is_noticed(two):
    path, tree = two
    content = Path(path).read_bytes()
    for other in damaged(content):
        Path(path).write_bytes(other)
        back, meta = restored_with_warning(path, tree)
        assert back["n"] == 1 and meta == {"epoch": 1}
    Path(path).write_bytes(content)
    assert checkpoint.restore(path, tree)["n"] == 2 and checkpoint.metadata(path) == {"epoch": 2}


def test_the_warning_names_the_fault(two):
    path, tree = two
    with open(path, "rb+") as file:
        file.seek(-9, os.SEEK_END)
        file.write(b"\xff")
    with pytest.warns(UserWarning, match=r"state\.ckpt has a leaf \['a'\] that does not match its"):
        checkpoint.restore(path, {"a": tree["a"], "n": 0})
    os.unlink(path)
    assert checkpoint.exists(path)
    with pytest.warns(UserWarning, match=r"state\.ckpt does not exist; the previous"):
        checkpoint.restore(path, tree)


def test_no_whole_file_names_both(two):
    path, tree = two
    for name in (path, path + ".previous"):
        os.truncate(name, 30)
    for read in (checkpoint.metadata, lambda path: checkpoint.restore(path, tree)):
        with pytest.raises(checkpoint.CheckpointError, match=r"\.ckpt claims .*\.previous claims"):
            read(path)
    os.unlink(path + ".previous")
    with pytest.raises(
        checkpoint.CheckpointError, match=r"\.ckpt claims .*previous does not exist"
    ):
        checkpoint.restore(path, tree)
    os.unlink(path)
    assert not checkpoint.exists(path)
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        checkpoint.restore(path, tree)


def test_a_damaged_file_never_replaces_a_whole_previous(two):
    path, tree = two
    os.truncate(path, os.path.getsize(path) - 1)
    checkpoint.save(path, tree | {"n": 3})
    assert checkpoint.restore(path, tree)["n"] == 3
    os.truncate(path, 5)
    assert restored_with_warning(path, tree)[0]["n"] == 1


def write_raw(path, arrays, *, version=1, metadata=None, text=None, rest=b"\0" * 8):
    content = {"version": version, "byteorder": sys.byteorder, "metadata": metadata or {}}
    text = json.dumps(content | {"arrays": arrays}).encode() if text is None else text
    head = len(text).to_bytes(8, "little") + text
    crc32 = zlib.crc32(head).to_bytes(4, "little")
    Path(path).write_bytes(b"JAXBRAIN" + head + crc32 + rest)


ENTRY = {"name": "['a']", "dtype": "float32", "shape": [2], "offset": 0, "nbytes": 8,
         "crc32": zlib.crc32(bytes(8))}  # fmt: skip
HUGE = 2**60
HOSTILE = {
    "shape beyond the file": [ENTRY | {"shape": [HUGE], "nbytes": 4 * HUGE}],
    "huge shape": [ENTRY | {"shape": [HUGE, HUGE]}],
    "many dimensions": [ENTRY | {"shape": [HUGE] * 10000}],
    "negative dimensions": [ENTRY | {"shape": [-2, -1]}],
    "fraction in shape": [ENTRY | {"shape": [2.0]}],
    "bool in shape": [ENTRY | {"shape": [True, 2]}],
    "text as shape": [ENTRY | {"shape": "2"}],
    "negative offset": [ENTRY | {"offset": -8}],
    "offset beyond the file": [ENTRY | {"offset": 10**9}],
    "overlap in a file of the right size": [
        ENTRY | {"shape": [1], "nbytes": 4, "crc32": zlib.crc32(bytes(4)), "name": name}
        for name in ("['a']", "['b']")
    ],
    "overlap": [ENTRY, ENTRY | {"name": "['b']"}],
    "gap": [ENTRY | {"offset": 4, "shape": [1], "nbytes": 4}],
    "negative size": [ENTRY | {"dtype": "key<rbg>", "nbytes": -8}],
    "not all of the file": [ENTRY | {"shape": [1], "nbytes": 4}],
    "name twice": [ENTRY | {"shape": [1], "nbytes": 4},
                   ENTRY | {"shape": [1], "nbytes": 4, "offset": 4}],
    "no name": [ENTRY | {"name": None}],
    "no dtype": [{k: v for k, v in ENTRY.items() if k != "dtype"}],
    "more fields": [ENTRY | {"pickle": "cos"}],
    "arrays as dict": {"a": ENTRY},
    "arrays as number": 3,
    "array as number": [3],
}  # fmt: skip
HOSTILE_TEXT = {
    "no JSON": b"{",
    "not UTF-8": b'{"\xff": 1}',
    "a list": b"[]",
    "a number": b"1",
    "deep": b"[" * 100000,
    "long number": b'{"version": ' + b"9" * 100000 + b"}",
    "empty": b"",
    "no arrays": json.dumps({"version": 1, "byteorder": sys.byteorder, "metadata": {}}).encode(),
}


def assert_damaged_without_memory(path):
    tracemalloc.start()
    try:
        with pytest.raises(checkpoint.CheckpointError, match=r"no whole checkpoint: .*state\.ckpt"):
            checkpoint.restore(path, {"a": np.zeros(2, np.float32)})
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_entry_is_refused(path, case):
    write_raw(path, HOSTILE[case])
    assert_damaged_without_memory(path)


@pytest.mark.parametrize("case", HOSTILE_TEXT)
def test_a_hostile_header_is_refused(path, case):
    write_raw(path, [], text=HOSTILE_TEXT[case])
    assert_damaged_without_memory(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"J", b"JAXBRAIN", b"JAXBRAIN" + b"\xff" * 8, b"JAXBRAIN" + b"\xff" * 5 + bytes(99),
     pickle.dumps({"a": 1}), b"PK\x03\x04" + bytes(99)],
)  # fmt: skip
def test_another_kind_of_file_is_refused(path, content):
    Path(path).write_bytes(content)
    assert_damaged_without_memory(path)


def test_the_handmade_file_is_right_but_for_the_fault(path):
    write_raw(path, [ENTRY])
    assert not checkpoint.restore(path, {"a": np.ones(2, np.float32)})["a"].any()


def test_a_whole_file_with_a_huge_shape_is_compared_before_reading(path):
    write_raw(path, [ENTRY | {"shape": [0, HUGE, HUGE], "nbytes": 0}], rest=b"")
    with pytest.raises(ValueError, match=r"expected float32\[2\], found float32\[0,1152"):
        checkpoint.restore(path, {"a": np.zeros(2, np.float32)})


@pytest.mark.parametrize("dtype", ["object", "O", "<U3", "datetime64[s]", "python str", "float32 "])
def test_a_dtype_out_of_the_list_is_never_made(path, dtype):
    write_raw(path, [ENTRY | {"dtype": dtype}])
    with pytest.raises(ValueError, match="expected float32"):
        checkpoint.restore(path, {"a": np.zeros(2, np.float32)})


def test_another_version_is_no_damage(two):
    path, tree = two
    write_raw(path, [ENTRY], version=2)
    with pytest.raises(
        checkpoint.CheckpointError, match=r"version .*use the jaxbrain that wrote it"
    ):
        checkpoint.restore(path, tree)


def test_nothing_is_pickled():
    for module in (checkpoint, checkpoint_file):
        source = Path(str(module.__file__)).read_text()
        assert "import pickle" not in source and "np.load" not in source and "eval(" not in source


# The file system --------------------------------------------------------------------------------


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
        patch.setattr(checkpoint_file, "open", killing(open), raising=False)
        try:
            checkpoint.save(path, tree | {"n": 3})
            assert len(calls) > 5
        except Killed:
            assert len(calls) == stop
    checkpoint_file._writing.clear()  # as in the process that comes next
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

    monkeypatch.setattr(checkpoint_file, "open", fail, raising=False)
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


def test_only_files_of_dead_writers_are_cleaned(path):
    dead = [f"{path}.{pid}-0123abcd.{kind}.tmp" for pid in (os.getpid(), 10**7, 10**30)
            for kind in ("new", "old")]  # fmt: skip
    kept = [f"{path}.{os.getppid()}-0123abcd.new.tmp", f"{path}.1-zz.new.tmp", f"{path}.tmp"]
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
