"""Target column of a table: labels or values."""

from array import array
from collections.abc import Sequence

import numpy as np

from jaxbrain.datasets.numerals import LARGEST, finding, is_missing, number, whole
from jaxbrain.datasets.rows import BadCell, Row

_KEPT = 2**12  # different numbers that are kept as they stand
_EXACT = 2.0**53  # above, different whole numbers are one in 64 bits
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
        self._as_cells = False  # a cell is a word, or a number that 64 bits do not hold

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
                value = number(cell, self.decimal)
                if value is not None or is_missing(cell):
                    self._finite(row)
                self._as_cells |= value is None or abs(value) > _EXACT
                order[cell], self.lines[cell] = len(order), row.line
            self._codes.append(order[cell])
        if len(order) > _KEPT and not self._as_cells:
            numbers = np.array(self._numbers(), np.float64)
            self._values.frombytes(numbers[self._codes].tobytes())
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
            numbers, labels = np.unique(self._values, return_inverse=True)
            if np.max(np.abs(numbers)) > _EXACT:
                raise ValueError(f"{len(numbers):,} classes: those above 2^53 cannot be told apart")
            return labels.astype(np.int32), tuple(f"{number:.17g}" for number in numbers)
        cells = list(self._order)
        keys: list = [whole(cell, self.decimal) for cell in cells]
        if None in keys:
            keys = self._numbers()
        if None in keys:
            keys = cells
        named = zip(keys[::-1], cells[::-1], strict=True)  # of equal numbers, the first one names
        names = {key: str(key) if isinstance(key, int) else cell for key, cell in named}
        order = {key: i for i, key in enumerate(sorted(names))}
        labels = np.array([order[key] for key in keys], np.int32)[self._codes]
        return labels, tuple(names[key] for key in order)

    def holds(self, cell: str) -> bool:
        """A row has this cell."""
        return cell in self._order

    def kind(self) -> str:
        """``"words"``, ``"whole numbers"`` or ``"fractions"``.

        Raises:
          BadCell: if some cells are words and others are numbers.
        """
        if self._values:
            values = np.frombuffer(self._values)
            parts = (values[i : i + _KEPT] for i in range(0, len(values), _KEPT))
            return "fractions" if any(map(_has_fractions, parts)) else "whole numbers"
        numbers = self._numbers()
        words = [cell for cell, found in zip(self._order, numbers, strict=True) if found is None]
        if 0 < len(words) < len(numbers):
            raise BadCell(
                self.lines[words[0]],
                self.column,
                f"{words[0]!r} among numbers; if all are names of classes, pass regression=False",
            )
        if words:
            return "words"
        return "fractions" if _has_fractions(np.array(numbers, np.float64)) else "whole numbers"


def _has_fractions(numbers: np.ndarray) -> bool:
    return bool(np.any(numbers != np.rint(numbers)))


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
    kind = "" if regression is False else target.kind()
    if kind == "fractions":
        return target.values(), ()
    labels, classes = target.labels()
    if kind:
        _check_classes(f"{path}: the target {name!r}", labels, classes, kind)
    return labels, classes


def _check_classes(where: str, labels: np.ndarray, classes: tuple[str, ...], kind: str) -> None:
    """Refuse words that are hardly classes, and whole numbers that may be values."""
    n, rows = len(classes), len(labels)
    holds = f"{where} holds {n:,} different {kind} in {rows:,} rows"
    if kind == "words" and n > max(_MANY_CLASSES, rows // 4):
        raise ValueError(
            f"{holds}; choose another column with target=, or pass regression=False for {n:,}"
            " classes"
        )
    rare = np.mean(np.bincount(labels) < _FEW_ROWS) >= 0.5
    if kind != "words" and (n > _MANY_CLASSES or (n >= _SOME_CLASSES and rare)):
        raise ValueError(
            f"{holds}: values or classes? Pass regression=True to predict values, or"
            f" regression=False for {n:,} classes"
        )
