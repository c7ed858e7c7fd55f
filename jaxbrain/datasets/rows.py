"""Rows of a table, read one after another: blank lines, comments, quotes and lengths."""

import csv
import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from jaxbrain.datasets.numerals import is_missing, number
from jaxbrain.datasets.plain_text import lines

_MOST_COLUMNS = 100_000
_DELIMITERS = (",", ";", "\t", "|", " ")
_TRIED = 20  # lines from which a delimiter is guessed


class Row(NamedTuple):
    """Cells of one example.

    Attributes:
      line: in the file, from 1.
      cells: as they stand there; white space at their ends does not count.
      comment: a line that begins with #; it can only be the header.
    """

    line: int
    cells: list[str]
    comment: bool = False


class BadCell(Exception):
    """A cell that cannot be used.

    Attributes:
      line: in the file, from 1.
      column: its index.
      finding: the reason.
    """

    def __init__(self, line: int, column: int, finding: str):
        super().__init__(finding)
        self.line, self.column, self.finding = line, column, finding


def rows(path: str, delimiter: str) -> Iterator[Row]:
    """The rows that are not blank, all of one length.

    Lines that begin with # are left out, but the last one above the first row comes first if it
    has a name for each column.

    Raises:
      ValueError: if rows differ in length, one is empty, or a quote is not closed.
    """
    width, comment, empty = 0, None, None
    for row in _all_rows(path, delimiter):
        start = row.cells[0].strip()
        if start.startswith("#") and not is_missing(start):
            if width == len(row.cells):
                raise ValueError(
                    f"{path}, line {row.line}: begins with # as comments do, and has {width} cells"
                    " as the examples do; remove the line or the #"
                )
            comment = row
            continue
        if not start and not "".join(row.cells).strip():
            empty = empty or (row if width else None)
            continue
        if empty and len(empty.cells) > 1:
            raise ValueError(f"{path}, line {empty.line}: all cells are empty; remove the line")
        if not width:
            width = len(row.cells)
            numbers = any(number(cell.strip()) is not None for cell in row.cells)
            if comment and len(comment.cells) == width and numbers:
                names = [comment.cells[0].strip().lstrip("#"), *comment.cells[1:]]
                yield Row(comment.line, names, comment=True)
        if len(row.cells) != width:
            raise ValueError(
                f"{path}, line {row.line}: {len(row.cells)} cells, expected {width}"
                f"{advice(path, delimiter)}"
            )
        empty = None
        yield row


def _all_rows(path: str, delimiter: str) -> Iterator[Row]:
    reader = _reader(_narrow(path, delimiter), delimiter)
    try:
        for cells in reader:
            if cells:
                yield Row(reader.line_num, cells)
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {reader.line_num}: not a valid table: {error}; is a quote not closed?"
        ) from error


def _reader(content: Iterable[str], delimiter: str):
    if delimiter == " ":  # any white space between two cells
        content = (line.replace("\t", " ").strip() for line in content)
    return csv.reader(content, delimiter=delimiter, strict=True, skipinitialspace=True)


def _narrow(path: str, delimiter: str) -> Iterator[str]:
    """The lines; one of very many columns is refused before it is split."""
    for i, line in enumerate(lines(path)):
        if len(line) > _MOST_COLUMNS and line.count(delimiter) >= _MOST_COLUMNS:
            raise ValueError(
                f"{path}, line {i + 1}: {line.count(delimiter) + 1:,} columns, expected"
                f" {_MOST_COLUMNS:,} at most; is each row on a line of its own?"
            )
        yield line


def advice(path: str, delimiter: str) -> str:
    """The probable reason why lines have no columns, as a sentence; "" if none is seen."""
    try:
        top = [line for line in itertools.islice(lines(path), _TRIED) if line.strip()]
    except ValueError:
        return ""
    if top and top[0].lstrip().startswith(("{", "[{", "<")):
        return f"; it looks like {'a web page' if top[0].lstrip()[0] == '<' else 'JSON'}, not CSV"
    for other in _DELIMITERS:
        if other == delimiter:
            continue
        try:
            widths = {len(cells) for cells in _reader(top, other)}
        except csv.Error:
            continue
        if len(widths) == 1 and widths.pop() > 1:
            shown = "\\t" if other == "\t" else other
            return f'; the columns seem to be divided otherwise: pass delimiter="{shown}"'
    return ""
