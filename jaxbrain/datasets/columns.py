"""Columns of a table: chosen by name or index, and read as numbers."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from jaxbrain.core.free_memory import require_memory
from jaxbrain.core.suggestions import suggestion
from jaxbrain.datasets.numerals import LARGEST, feature, finding
from jaxbrain.datasets.rows import BadCell, Row
from jaxbrain.datasets.target import Target

_BLOCK = 2**15  # cells that are read at once


class Columns(NamedTuple):
    """Indices of the columns.

    Attributes:
      target: the column to predict.
      features: the columns to predict from.
      named: a column was chosen by name, so the first row is a header.
    """

    target: int
    features: list[int]
    named: bool


def choose(
    path: str, first: Row, target: int | str, without: Sequence[int | str], header: bool | None
) -> Columns:
    """The columns that the arguments of ``table`` name.

    Raises:
      ValueError: if there is no such column, or no feature is left.
    """
    names = [cell.strip() for cell in first.cells]
    found = [
        _column(path, names, column, argument, header)
        for argument, column in (("target", target), *(("without", column) for column in without))
    ]
    (predicted, _), *dropped = found
    out = {index for index, _ in dropped}
    if predicted in out:
        raise ValueError(
            f"{path}: the target is among the columns to leave out; choose another with target="
        )
    features = [i for i in range(len(names)) if i != predicted and i not in out]
    if not features:
        raise ValueError(f"{path}: no column is left to predict from; leave out fewer columns")
    named = any(by_name for _, by_name in found)
    if named and header is False:
        raise ValueError(
            f"{path}: without a header, columns have no names; give their numbers, from 0, or do"
            " not pass header=False"
        )
    return Columns(predicted, features, named)


def _column(
    path: str, names: list[str], column: Any, argument: str, header: bool | None
) -> tuple[int, bool]:
    """The index of a column, and if it was chosen by name."""
    if not isinstance(column, str) and -len(names) <= column < len(names):
        return int(column) % len(names), False
    name = str(column)  # a year is no index, but may be a name
    if not isinstance(column, str) and (name not in names or header is not True):
        hint = "; pass header=True to take it as a name" if name in names else ""
        raise ValueError(f"{path}: {argument} is column {column} of {len(names)} columns{hint}")
    if names.count(name) == 1:
        return names.index(name), True
    if name in names:
        raise ValueError(f"{path}: {argument} {name!r} is twice in the header; give its number")
    raise ValueError(f"{path}: {argument} {name!r} is not in the header; {suggestion(name, names)}")


def read(
    path: str, rows: Iterable[Row], features: Sequence[int], decimal: str, target: Target
) -> np.ndarray:
    """Features ``[examples, features]`` float32 of all rows; their targets go into ``target``.

    Cells are turned into numbers block by block, so that few are held as text.

    Raises:
      BadCell: for the first cell that is no number.
      ValueError: if the numbers need more memory than is free.
    """
    blocks, taken = [], 0
    pick = _picker(features)
    for block in _blocks(iter(rows), max(1, _BLOCK // len(features))):
        target.add(block)
        blocks.append(_numbers(block, features, pick, decimal))
        taken += blocks[-1].nbytes
        require_memory(taken, f"{path}: the table")  # joining the blocks takes as much again
    return np.concatenate(blocks) if blocks else np.empty([0, len(features)], np.float32)


def _blocks(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while block := list(islice(rows, size)):
        yield block


def _picker(columns: Sequence[int]) -> Callable[[list[str]], Sequence[str]]:
    if len(columns) == 1:
        (column,) = columns
        return lambda cells: cells[column : column + 1]
    return itemgetter(*columns)


def _numbers(block: list[Row], features: Sequence[int], pick: Callable, decimal: str) -> np.ndarray:
    cells = list(chain.from_iterable(pick(row.cells) for row in block))
    numbers = None
    if decimal == "." and "_" not in "".join(cells):  # Python takes 1_000 for a number
        with contextlib.suppress(ValueError):  # a word, or True and False
            numbers = np.array(list(map(float, cells)))
    if numbers is None or not np.all(np.abs(numbers) <= LARGEST):
        numbers = np.array([_number(row, i, decimal) for row in block for i in features])
    return numbers.astype(np.float32).reshape(len(block), len(features))


def _number(row: Row, column: int, decimal: str) -> float:
    cell = row.cells[column].strip()
    found = feature(cell, decimal)
    if found is None or not abs(found) <= LARGEST:
        raise BadCell(row.line, column, finding(cell, decimal))
    return found
