"""Files of the user, plain or gzipped; files of other formats are named in the error."""

import contextlib
import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, cast

from jaxbrain.core.free_memory import in_words

_START = 4096  # bytes that tell the format
_GZIP = b"\x1f\x8b"
_LARGE, _RATIO = 2**30, 200  # bytes, and times the packed size: no more is unpacked
_BINARY = {
    b"\x93NUMPY": "a NumPy array (.npy)",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"FEA1": "a Feather file",
    b"\x89HDF": "an HDF5 file",
    b"MATLAB 5.0": "a MATLAB file (.mat)",
    b"SQLite format 3": "an SQLite data base",
    b"\xd0\xcf\x11\xe0": "an old Office file such as an Excel workbook (.xls)",
    b"BZh": "a file compressed by bzip2",
    b"\xfd7zXZ": "a file compressed by xz",
    b"\x28\xb5\x2f\xfd": "a file compressed by zstd",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF": "a PDF document",
    b"\x80\x02": "a Python pickle",
    b"\x80\x03": "a Python pickle",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
    b"\0\0": "a binary file, perhaps IDX images",
}


class Opened(NamedTuple):
    """A file that is open for reading.

    Attributes:
      file: the bytes, unpacked where the file is gzipped.
      size: bytes of the file on the disk.
      zipped: the file is gzipped.
    """

    file: BinaryIO
    size: int
    zipped: bool


@contextlib.contextmanager
def opened(path: str) -> Iterator[Opened]:
    """Open a regular file, gzipped or not; its content tells.

    Raises:
      ValueError: if it is a pipe or a device, which would never end, or its gzip data are damaged;
        in reading, if they unpack to more than 1 GiB and 200 times their size.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ValueError(f"{path}: not a regular file")
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if file.peek(2)[:2] != _GZIP:
                yield Opened(file, size, False)
                return
            with gzip.GzipFile(fileobj=file) as content:
                bounded = io.BufferedReader(_Bounded(path, content, size))
                yield Opened(cast(BinaryIO, bounded), size, True)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: the gzip file is truncated or damaged: {error}") from error


class _Bounded(io.RawIOBase):
    """The content of a gzip file, up to what an honest one may hold."""

    def __init__(self, path: str, content: gzip.GzipFile, size: int):
        self._path, self._content, self._size = path, content, size
        self._left = max(_LARGE, _RATIO * size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        count = self._content.readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise ValueError(
                f"{self._path}: {in_words(self._size)} of gzip data unpack to more than "
                f"{in_words(max(_LARGE, _RATIO * self._size))}, far more than a table, a text "
                "or images do; if you trust the file, unpack it with gunzip and read the result"
            )
        return count


def beginning(path: str) -> bytes:
    """The first bytes of a file, unpacked."""
    with opened(path) as source:
        return source.file.read(_START)


def require_text(path: str) -> None:
    """Refuse a file of a format that is known and no UTF-8 text.

    Raises:
      ValueError: with the name of the format.
    """
    start = beginning(path)
    name = next((name for mark, name in _BINARY.items() if start.startswith(mark)), None)
    if start.startswith(b"PK\x03\x04"):
        name = _archive(start)
    elif start[257:262] == b"ustar":
        name = "a tar archive"
    if name:
        raise ValueError(f"{path}: {name}, not a text; save it as text in UTF-8")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or _every_other_is_zero(start):
        raise ValueError(f"{path}: a text in UTF-16, not UTF-8; save it as UTF-8")


def _archive(start: bytes) -> str:
    if b".npy" in start:
        return "a NumPy archive (.npz)"
    if b"[Content_Types].xml" in start or b"xl/" in start:
        return "an Office file such as an Excel workbook (.xlsx)"
    return "a ZIP archive"


def _every_other_is_zero(start: bytes) -> bool:
    """UTF-16 of Latin letters without a byte order mark."""
    return len(start) > 3 and not any(start[1:64:2]) and all(start[0:64:2])
