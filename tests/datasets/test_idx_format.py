"""Reader of IDX files: what was written is read, and mistakes are named without cost."""

import contextlib
import gzip
import struct
import tracemalloc

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis.extra import numpy as hnp

from jaxbrain import datasets
from jaxbrain.core import free_memory
from tests.conftest import shared

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def as_idx(array):
    head = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim])
    big = array.astype(array.dtype.newbyteorder(">"))
    return head + struct.pack(f">{array.ndim}I", *array.shape) + big.tobytes()


@hypothesis.settings(deadline=None, derandomize=True, max_examples=40)
@hypothesis.given(
    st.sampled_from(sorted(CODES)).flatmap(
        lambda name: hnp.arrays(name, hnp.array_shapes(max_dims=4, min_side=0))
    ),
    st.booleans(),
)
def test_idx_reads_what_was_written(tmp_path_factory, array, zipped):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(gzip.compress(as_idx(array)) if zipped else as_idx(array))
    back = datasets.idx(path)
    assert back.dtype == array.dtype and back.dtype.isnative and back.flags.writeable
    np.testing.assert_array_equal(back, array)


def test_idx_reads_mnist():
    images = datasets.idx(shared("t10k-images-idx3-ubyte.gz"))
    labels = datasets.idx(shared("t10k-labels-idx1-ubyte.gz"))
    assert images.shape == (10000, 28, 28) and images.dtype == np.uint8 and images.max() == 255
    np.testing.assert_array_equal(labels[:10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


GOOD = as_idx(np.arange(6, dtype=np.int32).reshape(2, 3))
HOSTILE = {
    "empty": (b"", "not an IDX file: is empty, expected two zero bytes"),
    "three bytes": (b"\0\0\x08", "not an IDX file"),
    "picture": (b"\x89PNG" + GOOD, "not an IDX file: begins with the bytes 89 50 4e 47, exp"),
    "type": (b"\0\0\x0a\x01" + bytes(4), "type 0x0a is unknown; expected one of 0x08, 0x09"),
    "rank 0": (b"\0\0\x08\0\0", "IDX rank 0; expected 1 to 4"),
    "rank 5": (b"\0\0\x08\x05" + bytes(20), "IDX rank 5"),
    "rank 255": (b"\0\0\x08\xff" + bytes(99), "IDX rank 255"),
    "short header": (GOOD[:9], "header ends after 9 bytes"),
    "short": (GOOD[:-1], r"says \[2, 3\] of int32, 24 bytes; the file holds"),
    "long": (GOOD + b"\0", r"says \[2, 3\] of int32, 24 bytes; the file holds"),
    "huge": (b"\0\0\x0e\x04" + b"\xff" * 16 + bytes(99), r"says \[4294967295, "),
    "huge and empty": (b"\0\0\x0e\x04" + bytes(4) + b"\xff" * 12, "more than an array can be"),
    "100 GB": (
        b"\0\0\x08\x01" + struct.pack(">I", 10**9) + bytes(99),
        "1000000000 bytes; the file",
    ),
}


@contextlib.contextmanager
def memory_below(limit):
    """At no moment within take as many bytes as the limit."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_idx_file_costs_no_memory(file, case, zipped):
    content, message = HOSTILE[case]
    path = file(gzip.compress(content) if zipped else content)
    with memory_below(5e6), pytest.raises(ValueError, match=f"data.bin: .*{message}"):
        datasets.idx(path)


def test_a_gzip_bomb_is_not_unpacked(file):
    bomb = gzip.compress(as_idx(np.zeros(100, np.uint8)) + bytes(10**8))
    message = r"says \[100\] of uint8, 100 bytes; the file holds more"
    with memory_below(5e6), pytest.raises(ValueError, match=message):
        datasets.idx(file(bomb))


def test_a_damaged_gzip_file(file):
    content = gzip.compress(as_idx(np.random.default_rng(0).integers(0, 9, 500, np.uint8)))
    wrong = [content[:-1], content[:-8], content[: len(content) // 2], content[:5]]
    wrong += [content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]]  # the CRC
    wrong += [content[:60] + bytes([content[60] ^ 255]) + content[61:], content + b"rest"]
    for other in wrong:
        with pytest.raises(ValueError, match=r"data\.bin: "):
            datasets.idx(file(other))
    assert datasets.idx(file(content)).shape == (500,)


def test_a_claim_is_compared_with_the_free_memory(file, monkeypatch):
    """A gzip file of 10 kB that claims 10 MB, and holds it."""
    claim = b"\0\0\x08\x01" + struct.pack(">I", 10**7)
    path = file(gzip.compress(claim + bytes(10**7)))
    monkeypatch.setattr(free_memory, "free_memory", lambda: 10**6)
    message = r"needs 10.0 MB of memory; 1.0 MB are free"
    with memory_below(3e5), pytest.raises(ValueError, match=message):
        datasets.idx(path)
    monkeypatch.setattr(free_memory, "free_memory", lambda: None)  # not known
    assert datasets.idx(path).shape == (10**7,)


def test_a_claim_is_compared_with_what_gzip_can_hold(file):
    path = file(gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 10**9) + bytes(99)))
    with pytest.raises(ValueError, match=r"1000000000 bytes; the file of 30 bytes cannot hold"):
        datasets.idx(path)
