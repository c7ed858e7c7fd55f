"""Reader of text: the characters come back, and bytes that are none are named."""

import numpy as np
import pytest

from jaxbrain import datasets
from tests.conftest import shared


def test_text_comes_back(file):
    content = "größer, 😀\r\nzwei\n"
    tokens, vocabulary = datasets.text(file(content))
    assert tokens.dtype == np.int32 and tokens.shape == (len(content),)
    assert list(vocabulary) == sorted(set(content))
    assert "".join(vocabulary[token] for token in tokens) == content


def test_text_without_the_byte_order_mark(file):
    assert datasets.text(file("\ufeffab"))[1] == "ab"


def test_text_that_is_wrong(file):
    for nothing in ("", "\ufeff"):
        with pytest.raises(ValueError, match=r"data\.bin: the text is empty"):
            datasets.text(file(nothing))
    with pytest.raises(ValueError, match=r"data\.bin: byte 5 \(line 2\) is not UTF-8"):
        datasets.text(file(b"abc\nd\xff"))


def test_text_of_shakespeare():
    tokens, vocabulary = datasets.text(shared("tinyshakespeare.txt"))
    assert tokens.shape == (1115394,) and len(vocabulary) == 65


def test_a_byte_far_in_the_file_is_named(file, monkeypatch):
    """Beyond the piece that is decoded at once, and between two of them."""
    monkeypatch.setattr("jaxbrain.datasets.plain_text._PIECE", 64)
    for start in (63, 64, 200, 399):
        content = bytearray("1,ä\n".encode() * 80)
        content[start] = 0xFF
        with pytest.raises(UnicodeDecodeError) as found:
            content.decode()
        place, line = found.value.start, 1 + content[: found.value.start].count(b"\n")
        for read in (datasets.text, datasets.table):
            with pytest.raises(ValueError, match=rf"byte {place} \(line {line}\) is not UTF-8"):
                read(file(bytes(content)))
