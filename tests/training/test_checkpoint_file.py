"""The checkpoint file: every fault is noticed, and no moment loses both files."""

import json
import os
import pickle
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from jaxbrain.training import checkpoint, checkpoint_file

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
    write_raw(path, [ENTRY | {"shape": [0, HUGE, HUGE], "nbytes": 0, "crc32": 0}], rest=b"")
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


@pytest.mark.parametrize(
    "change", [{"version": v} for v in (None, "1", 1.0, True, [1])]
    + [{"byteorder": b} for b in (None, 1, "middle", ["little"])], ids=str,
)  # fmt: skip
def test_a_version_that_is_none_gives_way_to_the_previous_file(two, change):
    path, tree = two
    content = {"version": 1, "byteorder": sys.byteorder, "metadata": {}, "arrays": []} | change
    write_raw(path, [], text=json.dumps(content).encode(), rest=b"")
    assert restored_with_warning(path, tree)[1] == {"epoch": 1}


def test_nothing_is_pickled():
    for module in (checkpoint, checkpoint_file):
        source = Path(str(module.__file__)).read_text()
        assert "import pickle" not in source and "np.load" not in source and "eval(" not in source
