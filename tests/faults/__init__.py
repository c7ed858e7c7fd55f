"""Planted faults: errors that the ordinary tests must notice.

Each fault names a file of the package, the right text in it, the wrong text, and the test file that
must fail. ``python -m tests.faults`` plants each in a copy of the repository and runs the tests.
"""

from typing import NamedTuple


class Fault(NamedTuple):
    """An error to plant.

    Attributes:
      name: what is wrong, in a few words.
      file: of the package, from the root of the repository.
      right: the text to replace; it stands exactly once in the file.
      wrong: the text to put in its place.
      tests: the file of ordinary tests that must fail, or one test, ``file::test``.
    """

    name: str
    file: str
    right: str
    wrong: str
    tests: str
