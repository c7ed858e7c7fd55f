"""Decision if the first row of a table holds names or an example."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from jaxbrain.datasets.numerals import feature, is_missing, is_word, number
from jaxbrain.datasets.rows import Row

_YEARS = range(1900, 2101)


class Header(NamedTuple):
    """The decision.

    Attributes:
      found: the first row holds names.
      doubt: the row could as well be the other.
    """

    found: bool
    doubt: bool = False


class Top(NamedTuple):
    """The first rows of a table, and its columns.

    Attributes:
      first: the row in question.
      sample: rows below it.
      target: index of the column to predict.
      features: indices of the columns to predict from.
      decimal: the decimal point.
    """

    first: Row
    sample: list[Row]
    target: int
    features: Sequence[int]
    decimal: str

    def head(self, columns: Sequence[int]) -> list[str]:
        """Cells of the first row."""
        return [self.first.cells[i].strip() for i in columns]

    def below(self, column: int) -> list[str]:
        """The cells under the first row that are not missing."""
        cells = (row.cells[column].strip() for row in self.sample)
        return [cell for cell in cells if not is_missing(cell)]


def decide(top: Top, *, occurs: bool, repeated: bool) -> Header:
    """The decision from words above numbers, numbers above words, and words that stand once.

    Args:
      top: of the table.
      occurs: the target's cell in the first row stands in a row below too.
      repeated: a target of the rows below stands in several of them.
    """
    if top.first.comment:
        return Header(True)
    if _is_nameless_index(top):
        return Header(True)
    words = [i for i in top.features if is_word(top.first.cells[i].strip(), top.decimal)]
    if words:
        return _by_words(top, words, occurs)
    if not top.sample:
        return Header(False)
    if _is_above_numbers(top, top.target):
        return Header(True)
    return _by_labels(top, occurs, repeated) or _by_numbers(top)


def _by_words(top: Top, words: list[int], occurs: bool) -> Header:
    """The decision where features of the first row are words: names, or misspelled numbers."""
    names = [i for i in words if top.first.cells[i].strip()[:1] not in set("0123456789.+-")]
    if any(_is_above_numbers(top, i) for i in (*names, top.target)):
        return Header(True)
    if len(words) < len(top.features):
        numbers = [i for i in range(len(top.first.cells)) if i not in words]
        return Header(bool(names) and _in_steps(top.head(numbers)))
    return Header(True) if names else Header(not occurs, doubt=not occurs and bool(top.sample))


def _by_labels(top: Top, occurs: bool, repeated: bool) -> Header | None:
    """The decision by labels below, where the features of the first row are numbers."""
    (cell,), below = top.head([top.target]), top.below(top.target)
    if not below or any(number(label, top.decimal) is not None for label in below):
        return None
    if is_missing(cell):
        return None
    counted, fractions = _counts(top, top.features), _fractions_below(top)
    if number(cell, top.decimal) is not None:
        return Header(True, doubt=len(below) < 2 and not counted)
    if occurs:
        return Header(False)
    if counted:
        return Header(True, doubt=not fractions and len(top.features) < 3)
    if any(not _is_count(name) for name in top.head(top.features)):
        return Header(False, doubt=repeated)
    return Header(repeated, doubt=repeated or fractions)


def _by_numbers(top: Top) -> Header:
    """The decision where neither words nor labels tell."""
    columns = range(len(top.first.cells))
    if not _in_steps(top.head(columns)) or _in_steps(top.sample[0].cells):
        return Header(False)
    counted, fractions = _counts(top, columns), _fractions_below(top)
    if len(columns) < 3:
        return Header(False, doubt=counted and fractions)
    return Header(counted and fractions, doubt=counted or fractions or len(columns) > 3)


def _counts(top: Top, columns: Sequence[int]) -> bool:
    """Cells that look as if they were made by counting, as 0, 1, 2 or years; unlike those below."""
    cells = top.head(columns)
    if not _in_steps(cells) or _in_steps([top.sample[0].cells[i] for i in columns]):
        return False
    return int(cells[0]) == 0 or int(cells[0]) in _YEARS


def _in_steps(cells: Sequence[str]) -> bool:
    """Two or more whole numbers that grow by equal steps."""
    if len(cells) < 2 or not all(map(_is_count, cells)):
        return False
    numbers = [int(cell) for cell in cells]
    step = numbers[1] - numbers[0]
    return step > 0 and all(b - a == step for a, b in pairwise(numbers))


def _is_count(cell: str) -> bool:
    return cell.isascii() and cell.strip().isdecimal() and len(cell) < 19


def _is_above_numbers(top: Top, column: int) -> bool:
    """A word in the first row over numbers only."""
    (cell,), below = top.head([column]), top.below(column)
    numbers = bool(below) and all(feature(other, top.decimal) is not None for other in below)
    return numbers and is_word(cell, top.decimal)


def _fractions_below(top: Top) -> bool:
    """A column with fractions."""
    cells = [cell for i in (*top.features, top.target) for cell in top.below(i)]
    numbers = [number(cell, top.decimal) for cell in cells]
    return any(found is not None and not found.is_integer() for found in numbers)


def _is_nameless_index(top: Top) -> bool:
    """An empty cell above 0, 1, 2, ...: the index that pandas writes."""
    first, *others = top.features
    below = top.below(first)
    counted = len(below) > 1 and below == [str(i) for i in range(len(below))]
    return counted and bool(others) and top.head([first]) == [""]
