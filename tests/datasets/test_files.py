"""Readers of files: what was written is read, and mistakes are named without cost."""

import gzip
import os
import struct
import tracemalloc
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis.extra import numpy as hnp

from jaxbrain import datasets

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

# IDX --------------------------------------------------------------------------------------------

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def as_idx(array):
    head = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim])
    big = array.astype(array.dtype.newbyteorder(">"))
    return head + struct.pack(f">{array.ndim}I", *array.shape) + big.tobytes()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data.bin"

    def write(content):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@hypothesis.settings(deadline=None, derandomize=True, max_examples=40)
@hypothesis.given(
    st.sampled_from(sorted(CODES)).flatmap(
        lambda name: hnp.arrays(name, hnp.array_shapes(max_dims=4, min_side=0))
    ),
    st.booleans(),
)
def test_idx_reads_what_was_written(tmp_path_factory, array, zipped):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(gzip.compress(as_idx(array)) if zipped else as_idx(array))
    back = datasets.idx(path)
    assert back.dtype == array.dtype and back.dtype.isnative and back.flags.writeable
    np.testing.assert_array_equal(back, array)


def test_idx_reads_mnist():
    if not DATA.exists():
        pytest.skip(f"no real data in {DATA}")
    images = datasets.idx(DATA / "t10k-images-idx3-ubyte.gz")
    labels = datasets.idx(DATA / "t10k-labels-idx1-ubyte.gz")
    assert images.shape == (10000, 28, 28) and images.dtype == np.uint8 and images.max() == 255
    np.testing.assert_array_equal(labels[:10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


GOOD = as_idx(np.arange(6, dtype=np.int32).reshape(2, 3))
HOSTILE = {
    "empty": (b"", "not an IDX file"),
    "three bytes": (b"\0\0\x08", "not an IDX file"),
    "picture": (b"\x89PNG" + GOOD, r"not an IDX file: begins with b'\\x89PNG'"),
    "type": (b"\0\0\x0a\x01" + bytes(4), "type 0x0a is unknown; expected one of 0x08, 0x09"),
    "rank 0": (b"\0\0\x08\0\0", "IDX rank 0; expected 1 to 4"),
    "rank 5": (b"\0\0\x08\x05" + bytes(20), "IDX rank 5"),
    "rank 255": (b"\0\0\x08\xff" + bytes(99), "IDX rank 255"),
    "short header": (GOOD[:9], "header ends after 9 bytes"),
    "short": (GOOD[:-1], r"says \[2, 3\] of int32, 24 bytes; the file holds"),
    "long": (GOOD + b"\0", r"says \[2, 3\] of int32, 24 bytes; the file holds"),
    "huge": (b"\0\0\x0e\x04" + b"\xff" * 16 + bytes(99), r"says \[4294967295, "),
    "huge and empty": (b"\0\0\x0e\x04" + bytes(4) + b"\xff" * 12, "more than an array can be"),
    "100 GB": (
        b"\0\0\x08\x01" + struct.pack(">I", 10**9) + bytes(99),
        "1000000000 bytes; the file",
    ),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_idx_file_costs_no_memory(file, case, zipped):
    content, message = HOSTILE[case]
    path = file(gzip.compress(content) if zipped else content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"data.bin: .*{message}"):
            datasets.idx(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_a_gzip_bomb_is_not_unpacked(file):
    bomb = gzip.compress(as_idx(np.zeros(100, np.uint8)) + bytes(10**8))
    tracemalloc.start()
    try:
        with pytest.raises(
            ValueError, match=r"says \[100\] of uint8, 100 bytes; the file holds more"
        ):
            datasets.idx(file(bomb))
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_a_damaged_gzip_file(file):
    content = gzip.compress(as_idx(np.random.default_rng(0).integers(0, 9, 500, np.uint8)))
    wrong = [content[:-1], content[:-8], content[: len(content) // 2], content[:5]]
    wrong += [content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]]  # the CRC
    wrong += [content[:60] + bytes([content[60] ^ 255]) + content[61:], content + b"rest"]
    for other in wrong:
        with pytest.raises(ValueError, match=r"data\.bin: "):
            datasets.idx(file(other))
    assert datasets.idx(file(content)).shape == (500,)


@pytest.mark.parametrize("read", [datasets.idx, datasets.text, datasets.table])
def test_files_that_cannot_be_opened(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe: not a regular file"):
        read(tmp_path / "pipe")


# Text -------------------------------------------------------------------------------------------


def test_text_comes_back(file):
    content = "größer, 😀\r\nzwei\n"
    tokens, vocabulary = datasets.text(file(content))
    assert tokens.dtype == np.int32 and tokens.shape == (len(content),)
    assert list(vocabulary) == sorted(set(content))
    assert "".join(vocabulary[token] for token in tokens) == content


def test_text_without_the_byte_order_mark(file):
    assert datasets.text(file("\ufeffab"))[1] == "ab"


def test_text_that_is_wrong(file):
    for nothing in ("", "\ufeff"):
        with pytest.raises(ValueError, match=r"data\.bin: the text is empty"):
            datasets.text(file(nothing))
    with pytest.raises(ValueError, match=r"data\.bin: byte 5 \(line 2\) is not UTF-8"):
        datasets.text(file(b"abc\nd\xff"))
    with pytest.raises(ValueError, match=r"byte 0 \(line 1\) is not UTF-8"):
        datasets.text(file("ab".encode("utf-16")))


def test_text_of_shakespeare():
    if not DATA.exists():
        pytest.skip(f"no real data in {DATA}")
    tokens, vocabulary = datasets.text(DATA / "tinyshakespeare.txt")
    assert tokens.shape == (1115394,) and len(vocabulary) == 65


# Tables -----------------------------------------------------------------------------------------

FLOWERS = "length, width, kind\n5.1,3.5,rose\n4.9,-3,lily\n\n1e-1,+.5,rose\n"


@pytest.mark.parametrize("target", [-1, 2, "kind"])
def test_table_of_words(file, target):
    data = datasets.table(file(FLOWERS), target=target)
    np.testing.assert_array_equal(data.x, np.array([[5.1, 3.5], [4.9, -3], [0.1, 0.5]], np.float32))
    np.testing.assert_array_equal(data.y, [1, 0, 1])
    assert data.x.dtype == np.float32 and data.y.dtype == np.int32
    assert data.features == ("length", "width") and data.classes == ("lily", "rose")


def test_table_without_a_header(file):
    data = datasets.table(file("10;1;2\n2;3;4\n10;5;6\n"), target=0, delimiter=";")
    np.testing.assert_array_equal(data.x, [[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(data.y, [1, 0, 1])  # in the order of the numbers, not the words
    assert data.features == ("x1", "x2") and data.classes == ("2", "10")


def test_table_of_values(file):
    data = datasets.table(file("a,b\n1,0.5\n2,3\n"))
    np.testing.assert_array_equal(data.y, np.array([[0.5], [3]], np.float32))
    assert data.y.dtype == np.float32 and data.classes == ()
    whole = file("a,b\n1,2.0\n2,300\n")
    assert datasets.table(whole).classes == ("2", "300")
    np.testing.assert_array_equal(datasets.table(whole, regression=True).y, [[2], [300]])


def test_table_of_quoted_cells_windows_lines_and_a_mark(file):
    data = datasets.table(file('\ufeff"a, first","b"\r\n"1","x,y"\r\n2,"z"\r\n'))
    assert data.features == ("a, first",) and data.classes == ("x,y", "z")


def test_a_header_of_numbers_by_name(file):
    data = datasets.table(file("0,1,label\n3,4,7\n5,6,8\n"), target="label")
    assert data.x.shape == (2, 2) and data.features == ("0", "1") and data.classes == ("7", "8")


@pytest.mark.parametrize(
    "content, settings, message",
    [
        ("", {}, "the table is empty"),
        ("\n\n", {}, "the table is empty"),
        ("a,b\n", {}, "no examples after the header"),
        ("a\n1\n", {}, 'one column, expected a feature and the target.*delimiter=";"'),
        ("a,b\n1,2\n1,2,3\n", {}, "line 3: 3 cells, expected 2"),
        ("a,b\n1,2\nx,2\n", {}, "line 3, column 'a': 'x' is not a number"),
        ("1,2\n1_0,2\n", {}, "line 2, column 'x0': '1_0' is not a number"),
        ("a,b\n,2\n", {}, "line 2, column 'a': a missing value"),
        ("a,b\n1,2\n\nNaN,2\n", {}, "line 4, column 'a': a missing value"),
        (",1,2\n3,4,5\n", {}, "line 1, column 'x0': a missing value"),
        ("a,b\n1,\n", {}, "line 2, column 'b': a missing value"),
        ("a,b\ninf,2\n", {}, "line 2, column 'a': 'inf' is not a finite float32"),
        ("a,b\n1e39,2\n", {}, "line 2, column 'a': '1e39' is not a finite float32"),
        ("a,b\n1,1e39\n", {}, "line 2, column 'b': '1e39' is not a finite float32"),
        ("a,b\n1,2\n1,l\n", {}, "line 3, column 'b': 'l' among numbers"),
        ("a,b\n1,x\n1,2\n", {}, "line 2, column 'b': 'x' among numbers"),
        ("a,b\n1,x\n", {"regression": True}, "line 2, column 'b': 'x' is not a number"),
        ("5.l,2,a\n1,2,b\n", {}, "line 1: '5.l' is not a number, but the line is no header"),
        ("a,b\n1,2\n", {"target": "c"}, r"target 'c' is not in the header \['a', 'b'\]"),
        ("a,a\n1,2\n", {"target": "a"}, "target 'a' is twice in the header"),
        ("1,2\n", {"target": 2}, "target is column 2 of 2 columns"),
        ("1,2\n", {"target": -3}, "target is column -3 of 2 columns"),
        ('a,b\n"1,2\n', {}, "line 2: not a valid table"),
        (b"a,b\n1,\xe9\n", {}, r"byte 6 \(line 2\) is not UTF-8"),
    ],
)
def test_wrong_tables(file, content, settings, message):
    with pytest.raises(ValueError, match=f"data.bin.*{message}"):
        datasets.table(file(content), **settings)


@pytest.mark.parametrize("target", [True, 1.0, None])
def test_a_target_of_another_type(file, target):
    with pytest.raises(TypeError, match="target must be the name or the index"):
        datasets.table(file("1,2\n"), target=target)
