"""Suggestions for misspelled names."""

import difflib
from collections.abc import Iterable

_SHOWN = 30  # names in a message


def nearest(name: str, names: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The nearest name, in any case; None where none is near.

    Args:
      name: as it was written.
      names: those that exist; the first of several that differ in case alone.
      likeness: the least ratio of ``difflib.SequenceMatcher``, from 0 to 1.

    Examples:
      >>> nearest("epoch", ["key", "epochs"]), nearest("lr", ["key", "epochs"])
      ('epochs', None)
    """
    by_lower = {other.lower(): other for other in reversed(list(names))}
    near = difflib.get_close_matches(name.lower(), by_lower, 1, likeness)
    return by_lower[near[0]] if near else None


def suggestion(name: str, names: Iterable[str]) -> str:
    """The nearest name as a question, or all names where none is near.

    Examples:
      >>> suggestion("Adan", ["adam", "sgd"]), suggestion("lion", ["adam", "sgd"])
      ('did you mean adam?', 'choose one of adam, sgd')
    """
    known = list(names)
    near = nearest(name, known)
    if near:
        return f"did you mean {near}?"
    more = f", ... ({len(known)} in all)" if len(known) > _SHOWN else ""
    return f"choose one of {', '.join(known[:_SHOWN])}{more}"
