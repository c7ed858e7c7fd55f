"""Readers of files: IDX images, text, and tables. They return NumPy arrays.

Sizes that a file claims are compared with what it holds before any memory is taken for them.
"""

import csv
import gzip
import io
import math
import os
import stat
import sys
import zlib
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

import numpy as np

__all__ = ["Table", "idx", "table", "text"]

_IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PIECE = 2**20
_LARGEST = float(np.finfo(np.float32).max)
_MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}


class Table(NamedTuple):
    """A data set read from a table.

    Attributes:
      x: ``[examples, features]`` float32.
      y: labels ``[examples]`` int32, or values ``[examples, 1]`` float32.
      features: names of the columns of x.
      classes: ``classes[y[i]]`` is the label of example i; empty for values.
    """

    x: np.ndarray
    y: np.ndarray
    features: tuple[str, ...]
    classes: tuple[str, ...]


def idx(path: str | os.PathLike[str]) -> np.ndarray:
    """An array from a file in the IDX format of MNIST, plain or gzipped.

    Args:
      path: the file; its content tells if it is gzipped.

    Returns:
      An array of rank 1 to 4 of uint8, int8, int16, int32, float32 or float64.

    Raises:
      ValueError: if the file has another format or is incomplete.

    Source: http://yann.lecun.com/exdb/mnist/ (the file format at its end).

    Examples:
      >>> import pathlib, tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "labels")
      >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
      >>> idx(path)
      array([7, 2, 1], dtype=uint8)
    """
    path = os.fsdecode(path)
    _check_regular(path)
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if zipped:
                with gzip.GzipFile(fileobj=file) as content:
                    return _read_idx(path, content, None)
            return _read_idx(path, file, size)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: the gzip file is truncated or damaged: {error}") from error


def _read_idx(path: str, file, held: int | None) -> np.ndarray:
    """Header and numbers: two zero bytes, type, rank, sizes of 4 bytes each, numbers; big-endian.

    The file holds so many bytes; None: an unknown number.
    """
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0":
        raise ValueError(f"{path}: not an IDX file: begins with {start!r}, expected two zero bytes")
    if start[2] not in _IDX_DTYPES:
        known = ", ".join(f"0x{code:02x}" for code in _IDX_DTYPES)
        raise ValueError(f"{path}: IDX type 0x{start[2]:02x} is unknown; expected one of {known}")
    dtype, rank = np.dtype(_IDX_DTYPES[start[2]]), start[3]
    if not 1 <= rank <= 4:
        raise ValueError(f"{path}: IDX rank {rank}; expected 1 to 4")
    sizes = file.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise ValueError(f"{path}: the IDX header ends after {4 + len(sizes)} bytes")
    shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, 4 * rank, 4))
    claimed, start_of_numbers = math.prod(shape) * dtype.itemsize, 4 + 4 * rank
    claim = f"{path}: the IDX header says {list(shape)} of {dtype.name}, {claimed} bytes"
    if held is not None and claimed != held - start_of_numbers:
        raise ValueError(f"{claim}; the file holds {held - start_of_numbers}")
    if dtype.itemsize * math.prod(max(size, 1) for size in shape) > sys.maxsize:
        raise ValueError(f"{claim}; these sizes are more than an array can be")
    content = _read_at_most(file, claimed + 1)
    if len(content) != claimed:
        more = "more" if len(content) > claimed else f"only {len(content)}"
        raise ValueError(f"{claim}; the file holds {more}")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read_at_most(file: BinaryIO, count: int) -> bytearray:
    """So many bytes or fewer; memory grows with those that are read, whatever a header claims."""
    content = bytearray()
    while piece := file.read(min(_PIECE, count - len(content))):
        content += piece
    return content


def text(path: str | os.PathLike[str]) -> tuple[np.ndarray, str]:
    """A UTF-8 text as a sequence of characters.

    Args:
      path: the file; a byte order mark at its beginning is left out.

    Returns:
      tokens ``[time]`` int32, and the vocabulary: the distinct characters in order, so that
      ``vocabulary[tokens[t]]`` is the character at t.

    Raises:
      ValueError: if the file is empty or not UTF-8.

    Examples:
      >>> import pathlib, tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "text")
      >>> _ = path.write_text("abba")
      >>> text(path)
      (array([0, 1, 1, 0], dtype=int32), 'ab')
    """
    content = _decoded(path)
    if not content:
        raise ValueError(f"{os.fsdecode(path)}: the text is empty")
    codes = np.frombuffer(content.encode("utf-32-le"), "<u4")
    distinct, tokens = np.unique(codes, return_inverse=True)
    return tokens.astype(np.int32), "".join(map(chr, distinct))


def table(
    path: str | os.PathLike[str],
    *,
    target: int | str = -1,
    delimiter: str = ",",
    regression: bool = False,
) -> Table:
    """A table of numbers with one column to predict, from a CSV file.

    The first row is a header if its features are words. A target of words or of whole numbers is a
    label, numbered in sorted order from 0; other numbers are values.

    Args:
      path: a UTF-8 file, one example a row.
      target: the column to predict, by its name in the header or its index.
      delimiter: the character between two columns.
      regression: take whole numbers in the target as values too.

    Raises:
      ValueError: if there are no examples or features, rows differ in length, or a cell is missing,
        not a number or not finite; the message names line and column.

    Examples:
      >>> import pathlib, tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "flowers.csv")
      >>> _ = path.write_text("length,width,kind\\n5.1,3.5,rose\\n4.9,3.0,lily\\n")
      >>> data = table(path, target="kind")
      >>> data.y, data.classes
      (array([1, 0], dtype=int32), ('lily', 'rose'))
    """
    rows = _rows(os.fsdecode(path), _decoded(path), delimiter)
    width = len(rows[0].cells)
    column = _target_column(rows[0], target)
    others = [i for i in range(width) if i != column]
    names = _header(rows[0], others, named=isinstance(target, str))
    rows = rows[1:] if names else rows
    if not rows:
        raise ValueError(f"{os.fsdecode(path)}: no examples after the header")
    names = names or [f"x{i}" for i in range(width)]
    x = np.stack([_numbers(row, others, names) for row in rows])
    y, classes = _targets(rows, column, names, regression)
    return Table(x, y, tuple(names[i] for i in others), classes)


class _Row(NamedTuple):
    path: str
    line: int  # in the file, from 1
    cells: list[str]

    def fault(self, column: int, names: Sequence[str], what: str) -> ValueError:
        return ValueError(f"{self.path}, line {self.line}, column {names[column]!r}: {what}")


def _rows(path: str, content: str, delimiter: str) -> list[_Row]:
    """The rows that are not blank, all of one length, two at least."""
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [
            _Row(path, reader.line_num, [cell.strip() for cell in cells])
            for cells in reader
            if cells
        ]
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: not a valid table: {error}") from error
    if not rows:
        raise ValueError(f"{path}: the table is empty")
    width = len(rows[0].cells)
    if width < 2:
        raise ValueError(
            f"{path}: one column, expected a feature and the target at least;"
            f' are the columns divided by {delimiter!r}? If not, pass delimiter=";"'
        )
    for row in rows:
        if len(row.cells) != width:
            raise ValueError(f"{path}, line {row.line}: {len(row.cells)} cells, expected {width}")
    return rows


def _target_column(first: _Row, target: int | str) -> int:
    width = len(first.cells)
    if isinstance(target, str):
        if first.cells.count(target) != 1:
            found = "twice" if target in first.cells else "not"
            raise ValueError(
                f"{first.path}: target {target!r} is {found} in the header {first.cells}"
            )
        return first.cells.index(target)
    if isinstance(target, bool) or not isinstance(target, int):
        raise TypeError(f"target must be the name or the index of a column, got {target!r}")
    if not -width <= target < width:
        raise ValueError(f"{first.path}: target is column {target} of {width} columns")
    return target % width


def _header(first: _Row, features: list[int], *, named: bool) -> list[str]:
    """The names in the first row; [] if it is an example."""
    if named:
        return first.cells
    cells = [first.cells[i] for i in features]
    words = [cell for cell in cells if cell.lower() not in _MISSING and _number(cell) is None]
    if not words:
        return []
    if any(_number(cell) is not None for cell in cells):
        raise ValueError(
            f"{first.path}, line {first.line}: {words[0]!r} is not a number, but the line is no"
            " header either, for other cells are; name the target column if it is one"
        )
    return first.cells


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)  # Python takes 1_000 for a number
    except ValueError:
        return None


def _numbers(row: _Row, columns: list[int], names: Sequence[str]) -> np.ndarray:
    cells = [row.cells[i] for i in columns]
    try:
        numbers = np.array([float(cell) for cell in cells])
        sound = np.all(np.abs(numbers) <= _LARGEST) and "_" not in "".join(cells)
    except ValueError:
        sound, numbers = False, np.empty(0)
    if not sound:
        for column, cell in zip(columns, cells, strict=True):
            _check_cell(row, column, names, cell)
    return numbers.astype(np.float32)


def _check_cell(row: _Row, column: int, names: Sequence[str], cell: str) -> None:
    if cell.lower() in _MISSING:
        raise row.fault(column, names, f"a missing value ({cell!r}); fill it in or drop the row")
    number = _number(cell)
    if number is None:
        raise row.fault(column, names, f"{cell!r} is not a number")
    if not abs(number) <= _LARGEST:
        raise row.fault(column, names, f"{cell!r} is not a finite float32")


def _targets(
    rows: list[_Row], column: int, names: Sequence[str], regression: bool
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels ``[examples]`` with their names, or values ``[examples, 1]`` without."""
    cells = [row.cells[column] for row in rows]
    for row, cell in zip(rows, cells, strict=True):
        if cell.lower() in _MISSING:
            _check_cell(row, column, names, cell)
    parsed = [_number(cell) for cell in cells]
    if all(number is None for number in parsed) and not regression:
        classes = sorted(set(cells))
        order = {name: i for i, name in enumerate(classes)}
        return np.array([order[cell] for cell in cells], np.int32), tuple(classes)
    for row, number in zip(rows, parsed, strict=True):
        if number is None and not regression:
            raise row.fault(
                column,
                names,
                f"{row.cells[column]!r} among numbers; a label is a word in every row",
            )
    values = np.stack([_numbers(row, [column], names) for row in rows])
    exact = np.array(parsed, np.float64)
    if regression or np.any(exact != np.round(exact)):
        return values, ()
    distinct, labels = np.unique(exact, return_inverse=True)
    return labels.astype(np.int32), tuple(str(int(number)) for number in distinct)


def _decoded(path: str | os.PathLike[str]) -> str:
    path = os.fsdecode(path)
    _check_regular(path)
    with open(path, "rb") as file:
        content = file.read()
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}: byte {error.start} (line {line}) is not UTF-8: {error.reason}; save the file"
            " as UTF-8"
        ) from error


def _check_regular(path: str) -> None:
    """Refuse a pipe or a device, which would never end."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ValueError(f"{path}: not a regular file")
