"""Reader of tables: CSV files of numbers with one column to predict."""

import os
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.core.notice import warn
from jaxbrain.datasets.columns import choose, read
from jaxbrain.datasets.header import Header, Top, decide
from jaxbrain.datasets.numerals import is_word
from jaxbrain.datasets.rows import BadCell, Row, advice, rows
from jaxbrain.datasets.target import Target, labels_or_values

_SAMPLE, _SAMPLE_CELLS = 100, 2**16  # rows by which the header is told


class Table(NamedTuple):
    """A data set read from a table, and how the table was understood.

    Attributes:
      x: ``[examples, features]`` float32.
      y: labels ``[examples]`` int32, or values ``[examples, 1]`` float32.
      features: names of the columns of x.
      classes: ``classes[y[i]]`` is the label of example i; empty for values.
      target: name of the column that y holds.
      header: line of the names in the file; 0 without a header.
      notes: what may have to be corrected, such as a feature that counts the rows; sentences.
    """

    x: np.ndarray
    y: np.ndarray
    features: tuple[str, ...]
    classes: tuple[str, ...]
    target: str
    header: int
    notes: tuple[str, ...]


@checked
def table(
    path: str | os.PathLike[str],
    *,
    target: int | str = -1,
    delimiter: str = ",",
    regression: bool | None = None,
    header: bool | None = None,
    decimal: str = ".",
    without: Sequence[int | str] = (),
) -> Table:
    """A table of numbers with one column to predict, from a CSV file, plain or gzipped.

    A target of words or of whole numbers is a label, numbered in sorted order from 0; other numbers
    are values. True and False among the features are 1 and 0. Lines that begin with # are comments.

    Args:
      path: a UTF-8 file, one example a row.
      target: the column to predict, by its name in the header or its index.
      delimiter: the character between two columns; a blank stands for any white space.
      regression: True takes the target as values, False as labels; None decides by its cells.
      header: True takes the first row as names, False as an example. None decides: words above
        numbers are names, and a word of the target that stands in no other row. A warning says
        where the rows leave it open.
      decimal: the decimal point, ``"."`` or ``","``.
      without: columns to leave out, by name or index.

    Raises:
      ValueError: if there are no examples or features, rows differ in length, a cell is missing,
        not a number or not finite (the message names line and column), or whole numbers may be
        values: more than 20 different ones, or 5 and more that are rare.

    Examples:
      >>> import pathlib, tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "flowers.csv")
      >>> _ = path.write_text("length,width,kind\\n5.1,3.5,rose\\n4.9,3.0,lily\\n")
      >>> data = table(path)
      >>> data.y, data.classes, data.target, data.header
      (array([1, 0], dtype=int32), ('lily', 'rose'), 'kind', 1)
    """
    path = os.fsdecode(path)
    _check_settings(delimiter, decimal)
    found = rows(path, delimiter)
    first = next(found, None)
    if first is None:
        raise ValueError(f"{path}: the table is empty")
    if len(first.cells) < 2:
        next(found, None)  # another length says more
        raise ValueError(
            f"{path}: one column, expected a feature and the target at least"
            f"{advice(path, delimiter) or _OTHER_DELIMITER}"
        )
    columns = choose(path, first, target, without, header)
    sample = list(islice(found, max(2, min(_SAMPLE, _SAMPLE_CELLS // len(first.cells)))))
    top = Top(first, sample, columns.target, columns.features, decimal)
    content = chain(sample, found)
    return _read(path, top, content, delimiter, regression, True if columns.named else header)


_OTHER_DELIMITER = '; if another character divides the columns, pass delimiter=";"'


def _read(
    path: str,
    top: Top,
    content: Iterator[Row],
    delimiter: str,
    regression: bool | None,
    header: bool | None,
) -> Table:
    """The table below its first row, and that row as the header or an example."""
    target = Target(top.target, top.decimal)
    try:
        x = read(path, content, top.features, top.decimal, target)
        decision = _decision(top, target, header)
        names = _names(top.first, decision.found)
        if not decision.found and not top.first.comment:
            x = np.concatenate([_example(top), x])
            target.add_first(top.first)
        if not len(x):
            raise ValueError(f"{path}: no examples after the header")
        y, classes = labels_or_values(path, target, regression, names[top.target])
    except BadCell as bad:
        names = _names(top.first, _decision(top, target, header).found)
        raise ValueError(
            f"{path}, line {bad.line}, column {names[bad.column]!r}: {bad.finding}"
            f"{_cure(path, top, bad, names, delimiter, header)}"
        ) from None
    doubt = _doubt(path, top.first, decision)
    for sentence in doubt:
        warn(sentence)
    notes = (*doubt, *_notes(x, classes, top, names, decision))
    line = top.first.line if decision.found else 0
    features = tuple(names[i] for i in top.features)
    return Table(x, y, features, classes, names[top.target], line, notes)


def _decision(top: Top, target: Target, header: bool | None) -> Header:
    if header is not None:
        return Header(header)
    cell = top.first.cells[top.target].strip()
    return decide(top, occurs=target.holds(cell), repeated=target.repeated)


def _names(first: Row, found: bool) -> list[str]:
    """Names of the columns; x0, x1, ... where the header has none."""
    cells = [cell.strip() for cell in first.cells]
    return [cell if cell and found else f"x{i}" for i, cell in enumerate(cells)]


def _example(top: Top) -> np.ndarray:
    """The features of the first row."""
    target = Target(top.target, top.decimal)
    return read("", [top.first], top.features, top.decimal, target)


def _cure(
    path: str, top: Top, bad: BadCell, names: list[str], delimiter: str, header: bool | None
) -> str:
    """The rest of the message about a word among numbers."""
    if not bad.finding.endswith("is not a number"):
        return ""
    if bad.line == top.first.line and header is False:
        return ", and header=False says that the line is an example"
    if bad.line == top.first.line:
        return (
            ", but the line is no header either, for other cells are numbers; pass header=True if"
            " it is one"
        )
    if any(mark in bad.finding for mark in (";", "|", "\\t")):
        return advice(path, delimiter)
    below = top.below(bad.column)
    if bad.column == top.target or not all(is_word(cell, top.decimal) for cell in below):
        return ""
    named = names[bad.column] in top.first.cells
    column = f'"{names[bad.column]}"' if named else bad.column
    return (
        f"; features must be numbers: leave the column out with without=[{column}], or predict it"
        f" with target={column}"
    )


def _doubt(path: str, first: Row, decision: Header) -> list[str]:
    if not decision.doubt:
        return []
    taken, other = ("names", "an example") if decision.found else ("an example", "names")
    return [
        f"{path}, line {first.line}: taken as {taken}, but may be {other}: pass"
        f" header={decision.found} to confirm, or header={not decision.found}"
    ]


def _notes(
    x: np.ndarray, classes: tuple[str, ...], top: Top, names: list[str], decision: Header
) -> list[str]:
    """Features that count the rows, names that stand twice, a single class."""
    notes = []
    for i in _counting(x):
        column = top.features[i]
        named = decision.found and top.first.cells[column].strip()
        given = f'"{names[column]}"' if named else column
        notes.append(
            f"the feature {names[column]!r} counts the rows from {x[0, i]:g} to {x[-1, i]:g};"
            f" without=[{given}] leaves it out"
        )
    twice = sorted({name for name in names if names.count(name) > 1}) if decision.found else []
    if twice:
        notes.append(f"columns have the same name: {', '.join(map(repr, twice))}")
    if len(classes) == 1:
        notes.append(f"the target is {classes[0]!r} in every row")
    return notes


def _counting(x: np.ndarray) -> list[int]:
    """Columns that are 0, 1, 2, ... or 1, 2, 3, ..."""
    n = len(x)
    if n < 3:
        return []
    ends = np.isin(x[0], (0, 1)) & (x[-1] - x[0] == n - 1)
    return [int(i) for i in np.flatnonzero(ends) if np.all(np.diff(x[:, i]) == 1)]


def _check_settings(delimiter: str, decimal: str) -> None:
    wrong = set('"\n\r\0#.+-_')
    if len(delimiter) != 1:
        raise ValueError(f"table: delimiter must be one character, got {delimiter!r}")
    if delimiter in wrong or delimiter.isalnum():
        raise ValueError(f"table: delimiter cannot be {delimiter!r}, which stands in cells")
    if decimal not in (".", ","):
        raise ValueError(f"table: decimal must be '.' or ',', got {decimal!r}")
    if decimal == delimiter:
        raise ValueError(
            'table: the comma cannot be decimal point and delimiter too; pass delimiter=";"'
        )
