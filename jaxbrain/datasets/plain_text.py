"""Readers of UTF-8 text: lines of a table, characters of a sequence."""

import codecs
import io
import os
from collections.abc import Iterator

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.datasets.opened import opened, require_text

_LONGEST = 2**24  # characters of a line
_PIECE = 2**20


@checked
def text(path: str | os.PathLike[str]) -> tuple[np.ndarray, str]:
    """A UTF-8 text as a sequence of characters, from a file, plain or gzipped.

    Args:
      path: the file; a byte order mark at its beginning is left out.

    Returns:
      tokens ``[time]`` int32, and the vocabulary: the distinct characters in order, so that
      ``vocabulary[tokens[t]]`` is the character at t.

    Raises:
      ValueError: if the file is empty or not UTF-8.

    Examples:
      >>> import pathlib, tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "text")
      >>> _ = path.write_text("abba")
      >>> text(path)
      (array([0, 1, 1, 0], dtype=int32), 'ab')
    """
    path = os.fsdecode(path)
    require_text(path)
    with opened(path) as source:
        content = source.file.read()
    try:
        characters = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    if not characters:
        raise ValueError(f"{path}: the text is empty")
    codes = np.frombuffer(characters.encode("utf-32-le"), "<u4")
    distinct, tokens = np.unique(codes, return_inverse=True)
    return tokens.astype(np.int32), "".join(map(chr, distinct))


def lines(path: str) -> Iterator[str]:
    r"""The lines of a text, each with ``\n`` at its end, one after another in little memory.

    Raises:
      ValueError: if the file is of another format or not UTF-8, or a line is too long or holds a
        NUL byte.
    """
    require_text(path)
    with opened(path) as source, io.TextIOWrapper(source.file, "utf-8-sig") as content:
        number = 0
        try:
            while line := content.readline(_LONGEST):
                number += 1
                if "\0" in line:
                    raise ValueError(f"{path}, line {number}: a NUL byte; this is not a text")
                if len(line) == _LONGEST:
                    raise ValueError(
                        f"{path}, line {number}: longer than {_LONGEST:,} characters; one row of a"
                        " table stands on one line"
                    )
                yield line
        except UnicodeDecodeError as error:
            raise _not_utf8(path) from error


def _not_utf8(path: str) -> ValueError:
    """The error that names the first byte and line that are not UTF-8."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    line, before, end = 1, 0, False
    with opened(path) as source:
        while not end:
            piece = source.file.read(_PIECE)
            end = not piece
            try:
                decode(piece, end)
            except UnicodeDecodeError as error:
                start = before + len(piece) - len(error.object) + error.start
                line += error.object.count(b"\n", 0, error.start)
                return ValueError(
                    f"{path}: byte {start} (line {line}) is not UTF-8: {error.reason}; save the"
                    " file as UTF-8"
                )
            line, before = line + piece.count(b"\n"), before + len(piece)
    return ValueError(f"{path}: not UTF-8; save the file as UTF-8")
