"""Reader of the IDX format of MNIST: arrays of numbers, plain or gzipped."""

import math
import os
import sys
from typing import BinaryIO

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.core.free_memory import in_words, require_memory
from jaxbrain.datasets.opened import Opened, opened

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PIECE = 2**20
_MOST = 1032  # bytes that one byte of gzip data can stand for


@checked
def idx(path: str | os.PathLike[str]) -> np.ndarray:
    """An array from a file in the IDX format of MNIST, plain or gzipped.

    The size that a header claims is compared with the file and with the free memory first.

    Args:
      path: the file; its content tells if it is gzipped.

    Returns:
      An array of rank 1 to 4 of uint8, int8, int16, int32, float32 or float64.

    Raises:
      ValueError: if the file has another format, is incomplete or larger than the free memory.

    Source: http://yann.lecun.com/exdb/mnist/ (the file format at its end).

    Examples:
      >>> import pathlib, tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "labels")
      >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
      >>> idx(path)
      array([7, 2, 1], dtype=uint8)
    """
    path = os.fsdecode(path)
    with opened(path) as source:
        dtype, shape = _header(path, source.file)
        start, claimed = 4 + 4 * len(shape), math.prod(shape) * dtype.itemsize
        claim = f"{path}: the IDX header says {list(shape)} of {dtype.name}, {claimed} bytes"
        _check_claim(claim, claimed, start, source)
        if dtype.itemsize * math.prod(max(size, 1) for size in shape) > sys.maxsize:
            raise ValueError(f"{claim}; these sizes are more than an array can be")
        content = _read_at_most(source.file, claimed + 1)
    if len(content) != claimed:
        more = "more" if len(content) > claimed else f"only {len(content)}"
        raise ValueError(f"{claim}; the file holds {more}")
    numbers = np.frombuffer(content, dtype).reshape(shape)
    if dtype.newbyteorder("=") != dtype:  # in place: a copy would take as much memory again
        numbers = numbers.byteswap(inplace=True).view(dtype.newbyteorder("="))
    return numbers


def _header(path: str, file: BinaryIO) -> tuple[np.dtype, tuple[int, ...]]:
    """Two zero bytes, type, rank, sizes of 4 bytes each, big-endian."""
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0":
        found = f"begins with the bytes {start.hex(' ')}" if start else "is empty"
        raise ValueError(f"{path}: not an IDX file: {found}, expected two zero bytes")
    if start[2] not in _DTYPES:
        known = ", ".join(f"0x{code:02x}" for code in _DTYPES)
        raise ValueError(f"{path}: IDX type 0x{start[2]:02x} is unknown; expected one of {known}")
    rank = start[3]
    if not 1 <= rank <= 4:
        raise ValueError(f"{path}: IDX rank {rank}; expected 1 to 4")
    sizes = file.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise ValueError(f"{path}: the IDX header ends after {4 + len(sizes)} bytes")
    shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, 4 * rank, 4))
    return np.dtype(_DTYPES[start[2]]), shape


def _check_claim(claim: str, claimed: int, start: int, source: Opened) -> None:
    """Refuse a claim that the file cannot hold, or that the memory cannot."""
    if not source.zipped and claimed != source.size - start:
        raise ValueError(f"{claim}; the file holds {source.size - start}")
    if source.zipped and claimed > _MOST * source.size:
        raise ValueError(f"{claim}; the file of {in_words(source.size)} cannot hold as much")
    require_memory(claimed, f"{claim}; to read it")


def _read_at_most(file: BinaryIO, count: int) -> bytearray:
    """So many bytes or fewer; memory grows with those that are read, whatever a header claims."""
    content = bytearray()
    while piece := file.read(min(_PIECE, count - len(content))):
        content += piece
    return content
