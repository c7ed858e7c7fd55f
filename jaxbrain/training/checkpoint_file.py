"""The checkpoint file: a checked header and raw arrays. Independent of JAX.

The file, numbers little-endian and unsigned:

    b"JAXBRAIN" | header length (8 bytes) | header (JSON) | CRC-32 (4 bytes) | arrays, end to end

The CRC-32 covers the header and its length. The header gives every array a name, dtype, shape,
offset, size and CRC-32, and the sizes must add up to the length of the file: no byte is unchecked.
"""

import errno
import json
import math
import os
import stat
import sys
import zlib
from collections.abc import Callable
from io import BufferedReader
from typing import Any, NamedTuple, TypeVar

import ml_dtypes
import numpy as np

from jaxbrain.core.notice import warn
from jaxbrain.training.atomic import previous_of

__all__ = ["DTYPES", "CheckpointError", "Damaged", "Entry"]

T = TypeVar("T")

MAGIC = b"JAXBRAIN"
VERSION = 1
HEADER_LIMIT = 16 * 2**20
PIECE = 2**20

# A closed list: np.dtype(text) would also make object and structured dtypes of a hostile header.
_NUMBERS = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64"
_EXTENDED = [
    t for t in vars(ml_dtypes).values() if isinstance(t, type) and issubclass(t, np.generic)
]
DTYPES = {
    np.dtype(t).name: np.dtype(t)
    for t in [*_NUMBERS.split(), "complex64", "complex128", *_EXTENDED]
}


class CheckpointError(ValueError):
    """No whole checkpoint: a file and the one before it are damaged, or of another version."""


class Damaged(Exception):
    """A fault in one file; its text follows the name of the file."""


class Entry(NamedTuple):
    """Description of one array in the header; `dtype` is `float32`, `key<rbg>` or `python int`."""

    name: str
    dtype: str
    shape: list[int]
    offset: int
    nbytes: int
    crc32: int


def as_bytes(array: np.ndarray) -> memoryview:
    """The bytes of a contiguous array, of any dtype (bfloat16 has no buffer of its own)."""
    return array.reshape(-1).view(np.uint8).data


def encode_header(entries: list[Entry], metadata: dict[str, Any] | None) -> bytes:
    """Everything before the arrays.

    Raises:
      TypeError: metadata that JSON does not give back as it was.
      ValueError: a header above the limit.
    """
    metadata = {} if metadata is None else metadata
    try:
        held = json.loads(json.dumps(metadata, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"metadata must be a dict that JSON can hold: {error}") from error
    if type(held) is not dict or held != metadata:
        raise TypeError(
            "metadata must be a dict that JSON gives back as it was: string keys, lists and no"
            f" tuples, finite numbers; got {metadata!r}"
        )
    content = {
        "version": VERSION,
        "byteorder": sys.byteorder,
        "metadata": metadata,
        "arrays": [entry._asdict() for entry in entries],
    }
    text = json.dumps(content).encode()
    if len(text) > HEADER_LIMIT:
        raise ValueError(
            f"names and metadata take {len(text)} bytes, at most {HEADER_LIMIT};"
            " put arrays into the tree, not into metadata"
        )
    head = len(text).to_bytes(8, "little") + text
    return MAGIC + head + zlib.crc32(head).to_bytes(4, "little")


def read_header(file: BufferedReader) -> tuple[dict[str, Any], list[Entry], int]:
    """Metadata, entries, and the offset of the arrays; reads nothing beyond the size of the file.

    Raises:
      Damaged: a byte or a number that cannot be right.
      CheckpointError: a whole file of another version.
    """
    size = os.fstat(file.fileno()).st_size
    start = file.read(16)
    if len(start) < 16 or start[:8] != MAGIC:
        raise Damaged("does not begin as a checkpoint does" if start else "is empty")
    length = int.from_bytes(start[8:], "little")
    if length > min(size - 20, HEADER_LIMIT):
        raise Damaged(f"claims a header of {length} bytes and has {size} bytes in all")
    text, crc32 = file.read(length), file.read(4)
    if zlib.crc32(start[8:] + text) != int.from_bytes(crc32, "little"):
        raise Damaged("has a header that does not match its checksum")
    try:
        content = json.loads(text)
        version = (content["version"], content["byteorder"])
        metadata, arrays = content["metadata"], content["arrays"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise Damaged(f"has a header that is not valid ({type(error).__name__})") from error
    if type(version[0]) is not int or version[1] not in ("little", "big"):
        raise Damaged("has a header without a valid version and byte order")
    if version != (VERSION, sys.byteorder):
        raise CheckpointError(
            f"{file.name} has format version and byte order {version}; this reads"
            f" {(VERSION, sys.byteorder)}: use the jaxbrain that wrote it"
        )
    return metadata, _entries(arrays, metadata, size - 20 - length), 20 + length


def _entries(arrays: Any, metadata: Any, available: int) -> list[Entry]:
    """Types, sizes that follow from the shapes, offsets without gap or overlap up to the end."""
    try:
        entries = [Entry(**array) for array in arrays]
    except TypeError as error:
        raise Damaged("has a header that is not valid (entries)") from error
    end = 0
    for name, dtype, shape, *numbers in entries:
        if type(name) is not str or type(dtype) is not str or type(shape) is not list:
            raise Damaged("has a header that is not valid (types)")
        if len(shape) > 64 or any(type(n) is not int or n < 0 for n in [*shape, *numbers]):
            raise Damaged(f"has a header with numbers of {name} that are not valid")
        offset, nbytes, _ = numbers
        if dtype in DTYPES and nbytes != math.prod(shape) * DTYPES[dtype].itemsize:
            raise Damaged(f"has a header in which the size of {name} is not that of its shape")
        if offset != end:
            raise Damaged(f"has a header in which {name} is not at its place")
        end += nbytes
    if type(metadata) is not dict or len({entry.name for entry in entries}) < len(entries):
        raise Damaged("has a header that is not valid (metadata or names)")
    if end != available:
        raise Damaged(f"holds {available} bytes of arrays where its header says {end}")
    return entries


class Whole(NamedTuple):
    """A checkpoint file, open, in which every byte has been compared with its checksum.

    Attributes:
      path: of the file.
      metadata: given to `save`.
      entries: by name.
      file: from which the arrays are read.
      start: offset of the arrays.
    """

    path: str
    metadata: dict[str, Any]
    entries: dict[str, Entry]
    file: BufferedReader
    start: int

    def array(self, name: str, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        """One array; the caller has compared the dtype and the shape with the entry."""
        array, entry = np.empty(shape, dtype), self.entries[name]
        content = as_bytes(array)
        self.file.seek(self.start + entry.offset)
        if self.file.readinto(content) < entry.nbytes or zlib.crc32(content) != entry.crc32:
            raise Damaged(f"has a leaf {entry.name} that does not match its checksum")
        return array

    def plain(self, name: str) -> np.ndarray:
        """One array as the header describes it.

        Raises:
          Damaged: if there is none of that name, or it holds no plain numbers.
        """
        entry = self.entries.get(name)
        if entry is None or entry.dtype not in DTYPES:
            raise Damaged(f"holds no array {name}")
        return self.array(name, DTYPES[entry.dtype], tuple(entry.shape))


def verify(path: str, file: BufferedReader) -> Whole:
    """A look at every byte of the file, in constant memory.

    Raises:
      Damaged: a byte that does not match its checksum, or a number that cannot be right.
      CheckpointError: a whole file of another version.
    """
    metadata, entries, start = read_header(file)
    for entry in entries:
        crc32, left = 0, entry.nbytes
        while piece := file.read(min(left, PIECE)):
            crc32, left = zlib.crc32(piece, crc32), left - len(piece)
        if left or crc32 != entry.crc32:
            raise Damaged(f"has a leaf {entry.name} that does not match its checksum")
    return Whole(path, metadata, {entry.name: entry for entry in entries}, file, start)


def read_first_whole(path: str, use: Callable[[Whole], T]) -> T:
    """The result of `use` for the file or, with one warning, for the one before it.

    Everything that is read of a checkpoint is read here: metadata and arrays are of one file, and
    of a file in which no byte has changed.

    Args:
      path: the file.
      use: may raise Damaged too, for content that cannot be right.

    Raises:
      FileNotFoundError: neither exists.
      CheckpointError: neither is whole.
    """
    previous = previous_of(path)
    if not (os.path.exists(path) or os.path.exists(previous)):
        raise FileNotFoundError(errno.ENOENT, "there is no checkpoint", path)
    try:
        return _open(path, use)
    except Damaged as fault:
        first = fault
    try:
        result = _open(previous, use)
    except Damaged as second:
        raise CheckpointError(
            f"no whole checkpoint: {path} {first}; {previous} {second}"
        ) from second
    warn(f"{path} {first}; the previous checkpoint, {previous}, is used")
    return result


def _open(path: str, use: Callable[[Whole], T]) -> T:
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, "expected the file that save wrote", path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would block
            raise Damaged("is not a regular file")
        with open(path, "rb") as file:
            return use(verify(path, file))
    except FileNotFoundError:
        raise Damaged("does not exist") from None
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        raise Damaged("could not be read from the disk") from error


def is_whole(path: str) -> bool:
    """True if no byte of the file has changed."""
    try:
        _open(path, lambda whole: None)
    except (Damaged, CheckpointError, OSError):
        return False
    return True
