"""Numbers, missing values and words in the cells of a table."""

import re

import numpy as np

LARGEST = float(np.finfo(np.float32).max)
_MISSING = {"", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "?"}
_TRUTH = {"true": 1.0, "false": 0.0}
_WHOLE = re.compile(r"[+-]?\d{1,300}", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d+([., '\u00a0\u202f]\d+)+", re.ASCII)


def is_missing(cell: str) -> bool:
    """A cell that stands for a missing value, such as NA or a question mark."""
    return cell.lower() in _MISSING


def number(cell: str, decimal: str = ".") -> float | None:
    """The number in a cell; None for a word. Thousands separators make it a word.

    Examples:
      >>> number("2.5e3"), number("2,5", decimal=","), number("2,500"), number("red")
      (2500.0, 2.5, None, None)
    """
    if decimal != ".":
        if "." in cell:
            return None  # 1.234 may mean 1234 here
        cell = cell.replace(decimal, ".")
    try:
        return None if "_" in cell else float(cell)  # Python takes 1_000 for a number
    except ValueError:
        return None


def feature(cell: str, decimal: str = ".") -> float | None:
    """The number in a cell, 1 for True and 0 for False; None for a word."""
    found = number(cell, decimal)
    return _TRUTH.get(cell.lower()) if found is None else found


def whole(cell: str, decimal: str = ".") -> int | None:
    """The whole number in a cell, exact beyond 2^53; None for others and for words."""
    if _WHOLE.fullmatch(cell):
        return int(cell)
    found = number(cell, decimal)
    return int(found) if found is not None and found.is_integer() else None


def is_word(cell: str, decimal: str = ".") -> bool:
    """A cell that is neither missing nor a number nor True or False."""
    return not is_missing(cell) and feature(cell, decimal) is None


def finding(cell: str, decimal: str = ".") -> str:
    """The reason why a cell is no number that can be computed with; "" if it is one."""
    if is_missing(cell):
        return f"a missing value ({cell!r}); fill it in or drop the row"
    found = feature(cell, decimal)
    if found is not None:
        return "" if abs(found) <= LARGEST else f"{cell!r} is not a finite float32"
    if not _GROUPED.fullmatch(cell):
        return f"{cell!r} is not a number"
    if decimal != "." or cell.count(",") != 1:
        point = f"the decimal point is {decimal!r}; " if decimal != "." else ""
        return f"{cell!r} is not a number; {point}take out separators of thousands"
    return (
        f'{cell!r} is not a number; if the comma is the decimal point, pass decimal=","; '
        "take out separators of thousands"
    )
