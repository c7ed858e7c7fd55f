"""Suggestions for misspelled names."""

import difflib
from collections.abc import Iterable

_SHOWN = 30  # names in a message


def suggestion(name: str, names: Iterable[str]) -> str:
    """The nearest name as a question, or all names where none is near.

    Examples:
      >>> suggestion("Adan", ["adam", "sgd"]), suggestion("lion", ["adam", "sgd"])
      ('did you mean adam?', 'choose one of adam, sgd')
    """
    known = list(names)
    by_lower = {other.lower(): other for other in reversed(known)}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    if near:
        return f"did you mean {by_lower[near[0]]}?"
    more = f", ... ({len(known)} in all)" if len(known) > _SHOWN else ""
    return f"choose one of {', '.join(known[:_SHOWN])}{more}"
