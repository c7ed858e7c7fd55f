"""Target column of a table: labels or values."""

from array import array
from collections.abc import Sequence

import numpy as np

from jaxbrain.datasets.numerals import LARGEST, finding, is_missing, number, whole
from jaxbrain.datasets.rows import BadCell, Row

_KEPT = 2**16  # different cells that are kept as they stand
_MANY_CLASSES, _SOME_CLASSES, _FEW_ROWS = 20, 5, 5


class Target:
    """The cells of the target column in little memory.

    Args:
      column: its index.
      decimal: the decimal point.
    """

    def __init__(self, column: int, decimal: str):
        self.column, self.decimal = column, decimal
        self.lines: dict[str, int] = {}  # each different cell and the line where it stands first
        self._order: dict[str, int] = {}
        self._codes = array("i")
        self._values = array("d")  # instead of codes, once too many numbers are different

    @property
    def repeated(self) -> bool:
        """A cell stands in several rows."""
        return bool(self._values) or len(self._order) < len(self._codes)

    def add(self, rows: Sequence[Row]) -> None:
        """Take the cells of further rows.

        Raises:
          BadCell: for a missing value, or a number that is not finite.
        """
        if self._values:
            self._values.extend(self._finite(row) for row in rows)
            return
        order = self._order
        for row in rows:
            cell = row.cells[self.column].strip()
            if cell not in order:
                if is_missing(cell) or number(cell, self.decimal) is not None:
                    self._finite(row)
                order[cell], self.lines[cell] = len(order), row.line
            self._codes.append(order[cell])
        if len(order) > _KEPT and None not in (numbers := self._numbers()):
            self._values.frombytes(np.array(numbers, np.float64)[self._codes].tobytes())
            self._codes = array("i")

    def add_first(self, row: Row) -> None:
        """Take the cell of the row above all others."""
        self.add([row])
        if self._values:
            self._values.insert(0, self._values.pop())
        else:
            self._codes.insert(0, self._codes.pop())

    def _finite(self, row: Row) -> float:
        cell = row.cells[self.column].strip()
        value = number(cell, self.decimal)
        if value is None or not abs(value) <= LARGEST:
            raise BadCell(row.line, self.column, finding(cell, self.decimal))
        return value

    def _numbers(self) -> list[float | None]:
        return [number(cell, self.decimal) for cell in self._order]

    def values(self) -> np.ndarray:
        """Values ``[examples, 1]``; a word raises BadCell."""
        values = np.frombuffer(self._values)
        if not len(values):
            numbers = self._numbers()
            if None in numbers:
                cell = list(self._order)[numbers.index(None)]
                raise BadCell(self.lines[cell], self.column, finding(cell, self.decimal))
            values = np.array(numbers, np.float64)[self._codes]
        return values.astype(np.float32)[:, None]

    def labels(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Labels ``[examples]`` and the names of the classes: numbers by size, words by letters."""
        if self._values:
            labels, numbers = np.unique(self._values, return_inverse=True)[::-1]
            return labels.astype(np.int32), tuple(f"{n:.0f}" for n in numbers)
        cells = list(self._order)
        keys: list = [whole(cell, self.decimal) for cell in cells]
        if None in keys:
            keys = self._numbers()
        if None in keys:
            keys = cells
        named = zip(keys, cells, strict=True)
        names = {key: str(key) if isinstance(key, int) else cell for key, cell in named}
        order = {key: i for i, key in enumerate(sorted(names))}
        labels = np.array([order[key] for key in keys], np.int32)[self._codes]
        return labels, tuple(names[key] for key in order)

    def holds(self, cell: str) -> bool:
        """A row has this cell."""
        return cell in self._order

    def different_numbers(self) -> np.ndarray | None:
        """The numbers that the cells hold; None where one is a word.

        Raises:
          BadCell: if some cells are words and others are numbers.
        """
        if self._values:
            return np.unique(self._values)
        numbers = self._numbers()
        words = [cell for cell, found in zip(self._order, numbers, strict=True) if found is None]
        if 0 < len(words) < len(numbers):
            raise BadCell(
                self.lines[words[0]],
                self.column,
                f"{words[0]!r} among numbers; if all are names of classes, pass regression=False",
            )
        return None if words else np.array(numbers, np.float64)


def labels_or_values(
    path: str, target: Target, regression: bool | None, name: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels ``[examples]`` with the names of the classes, or values ``[examples, 1]`` without.

    Args:
      path: of the table.
      target: all cells.
      regression: True for values, False for labels, None to decide by the cells.
      name: of the column.

    Raises:
      ValueError: if it cannot be decided.
      BadCell: for a cell that is none of both.
    """
    if regression:
        return target.values(), ()
    numbers = target.different_numbers() if regression is None else None
    if numbers is not None and np.any(numbers != np.round(numbers)):
        return target.values(), ()
    labels, classes = target.labels()
    if regression is None:
        _check_classes(f"{path}: the target {name!r}", labels, classes, words=numbers is None)
    return labels, classes


def _check_classes(
    where: str, labels: np.ndarray, classes: tuple[str, ...], *, words: bool
) -> None:
    """Refuse words that are hardly classes, and whole numbers that may be values."""
    n, rows = len(classes), len(labels)
    holds = (
        f"{where} holds {n:,} different {'words' if words else 'whole numbers'} in {rows:,} rows"
    )
    if words and n > max(_MANY_CLASSES, rows // 4):
        raise ValueError(
            f"{holds}; choose another column with target=, or pass regression=False for {n:,}"
            " classes"
        )
    rare = np.mean(np.bincount(labels) < _FEW_ROWS) >= 0.5
    if not words and (n > _MANY_CLASSES or (n >= _SOME_CLASSES and rare)):
        raise ValueError(
            f"{holds}: values or classes? Pass regression=True to predict values, or"
            f" regression=False for {n:,} classes"
        )
