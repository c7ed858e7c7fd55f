"""Readers of files on random content: a right answer, or one sentence that names the file."""

import csv
import gzip
import io
import re
import struct
import warnings

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from jaxbrain import datasets

READERS = {"idx": datasets.idx, "text": datasets.text, "table": datasets.table}
PIECES = [
    b"", b"\n", b"\r", b"\r\n", b",", b",,", b";", b"\t", b" ", b'"', b'""', b"#", b"\0", b"\xff",
    b"\xef\xbb\xbf", b"a", b"b", b"label", b"0", b"1", b"2", b"-1.5", b"1e400", b"nan", b"inf",
    b"True", b"NA", b"1_0", b"1,5", "ä".encode(), b"9007199254740993", b"\x1f\x8b", b"PK\x03\x04",
    b"0,1,2\n", b"a,b\n", b"1,2\n", b"3,x\n", b"\0\0\x08\x01", b"\0\0\0\x02",
]  # fmt: skip
CONTENT = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join) | st.binary(max_size=60)
IDX = st.builds(
    lambda code, rank, sizes, rest: (
        bytes([0, 0, code, rank]) + struct.pack(f">{len(sizes)}I", *sizes) + rest
    ),
    st.sampled_from([8, 9, 11, 12, 13, 14, 0, 255]),
    st.integers(0, 5),
    st.lists(st.sampled_from([0, 1, 2, 3, 2**31, 2**32 - 1]), max_size=4),
    st.binary(max_size=24),
)
CELL = st.floats(-1e6, 1e6, width=32).map(repr) | st.integers(-99, 99).map(str)


def short(test):
    return hypothesis.settings(deadline=None, derandomize=True, max_examples=80)(test)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "any.bin"


def answer(read, path, content, zipped=False, **settings):
    """The result of a reader; None after an error, which is one sentence about the file."""
    path.write_bytes(gzip.compress(content) if zipped else content)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = read(path, **settings)
        except ValueError as error:
            message = str(error)
            assert type(error) is ValueError and message.startswith(str(path)), repr(error)
            assert "Traceback" not in message and len(message) > len(str(path)) + 10
            return None
    assert all("header=" in str(warning.message) for warning in said)
    return found


def check_any_content(path, name, content, zipped):
    found = answer(READERS[name], path, content, zipped)
    if found is None:
        return
    if name == "text":
        tokens, vocabulary = found
        assert "".join(vocabulary[i] for i in tokens) == content.decode("utf-8-sig")
    elif name == "idx":
        assert content.endswith(found.astype(found.dtype.newbyteorder(">")).tobytes())
    else:
        assert len(found.x) == len(found.y) > 0 and np.isfinite(found.x).all()
        assert found.x.shape[1] == len(found.features) > 0
        if found.classes:
            assert found.y.min() >= 0 and found.y.max() < len(found.classes)
        else:
            assert np.isfinite(found.y).all()


given_content = hypothesis.given(st.sampled_from(sorted(READERS)), CONTENT | IDX, st.booleans())


@short
@given_content
def test_any_content(path, name, content, zipped):
    check_any_content(path, name, content, zipped)


@pytest.mark.slow
@hypothesis.settings(deadline=None, max_examples=6_000)
@given_content
def test_any_content_for_long(path, name, content, zipped):
    check_any_content(path, name, content, zipped)


@st.composite
def tables(draw):
    """Cells of a table, its header, and the text of its file in one of many forms."""
    columns, n = draw(st.integers(1, 4)), draw(st.integers(2, 8))
    cells = [draw(st.lists(CELL, min_size=columns, max_size=columns)) for _ in range(n)]
    labels = draw(st.lists(st.sampled_from(["red", "blue", "a b", "x,y"]), min_size=n, max_size=n))
    header = draw(st.booleans())
    names = [f"name {i}" for i in range(columns)] + ["kind"]
    end, delimiter = draw(st.sampled_from(["\n", "\r\n", "\r"])), draw(st.sampled_from(",;\t|"))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
    rows = [[*row, label] for row, label in zip(cells, labels, strict=True)]
    writer.writerows([names, *rows] if header else rows)
    above, below = draw(st.sampled_from(["", "\ufeff", end])), draw(st.sampled_from(["", end]))
    return cells, labels, header, delimiter, (above + file.getvalue() + below).encode()


def check_table(path, table, zipped):
    cells, labels, header, delimiter, content = table
    data = answer(datasets.table, path, content, zipped, delimiter=delimiter)
    assert data is not None and not (header and not data.header)
    if not header and data.header:  # taken for names with a warning
        assert any("taken as names" in note for note in data.notes) or _looks_counted(cells[0])
        data = answer(datasets.table, path, content, zipped, delimiter=delimiter, header=False)
    expected = np.array([[float(cell) for cell in row] for row in cells])
    np.testing.assert_array_equal(data.x, expected.astype(np.float32))
    assert [data.classes[i] for i in data.y] == labels


def _looks_counted(cells):
    return all(re.fullmatch(r"\d+", cell) for cell in cells)


@short
@hypothesis.given(tables(), st.booleans())
def test_what_was_written_is_read(path, table, zipped):
    check_table(path, table, zipped)


@pytest.mark.slow
@hypothesis.settings(deadline=None, max_examples=2_000)
@hypothesis.given(tables(), st.booleans())
def test_what_was_written_is_read_for_long(path, table, zipped):
    check_table(path, table, zipped)


@short
@hypothesis.given(st.integers(0, 19), st.integers(0, 2), st.sampled_from(
    ["", "x", "NA", "1_0", "nan", "1e39", "1,5", "--", "0x1", "1 2", "5%", "+", "1e", "½"]
))  # fmt: skip
def test_a_wrong_cell_is_named_by_line_and_column(path, row, column, junk):
    rows = [["a", "b", "c", "y"], *([f"{i}.5", f"{-i}", "7.25", "uv"[i % 2]] for i in range(20))]
    rows[row + 1][column] = junk
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    path.write_text(file.getvalue())
    with pytest.raises(ValueError, match=f"line {row + 2}, column '{'abc'[column]}': "):
        datasets.table(path)
