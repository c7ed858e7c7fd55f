"""Files that cannot be opened, formats that are named, and gzipped files that are read."""

import gzip
import io
import os
import tarfile
import zipfile

import numpy as np
import pytest

from jaxbrain import datasets

READERS = [datasets.idx, datasets.text, datasets.table]


@pytest.mark.parametrize("read", READERS)
def test_files_that_cannot_be_opened(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe: not a regular file"):
        read(tmp_path / "pipe")


def saved(write):
    content = io.BytesIO()
    write(content)
    return content.getvalue()


def archive(name):
    def write(content):
        with zipfile.ZipFile(content, "w") as file:
            file.writestr(name, b"1,2\n")

    return saved(write)


FORMATS = {
    "a NumPy archive": saved(lambda file: np.savez(file, x=np.ones(3))),
    "a NumPy archive ": saved(lambda file: np.savez_compressed(file, x=np.ones(3))),
    "a NumPy array": saved(lambda file: np.save(file, np.ones(3))),
    r"an Excel workbook \(.xlsx\)": archive("[Content_Types].xml"),
    "a ZIP archive": archive("table.csv"),
    "a tar archive": tarfile.TarInfo("table.csv").tobuf(),
    "a Parquet file": b"PAR1\x15\x04",
    "an HDF5 file": b"\x89HDF\r\n\x1a\n",
    "a PNG image": b"\x89PNG\r\n",
    "a PDF document": b"%PDF-1.7\n1,2\n",
    "perhaps IDX images": b"\0\0\x08\x01\0\0\0\x01\x01",
    "a text in UTF-16": "a,b\n1,2\n".encode("utf-16"),
    "a text in UTF-16 ": "a,b\n1,2\n".encode("utf-16-le"),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", FORMATS)
def test_other_formats_are_named(file, name, zipped):
    content = FORMATS[name]
    path = file(gzip.compress(content) if zipped else content)
    for read in (datasets.text, datasets.table):
        with pytest.raises(ValueError, match=f"data.bin: .*{name.strip()}.*; save it as"):
            read(path)


@pytest.mark.parametrize(("start", "name"), [('{"a": 1}', "JSON"), ("<html>\n", "a web page")])
def test_texts_that_are_no_table(file, start, name):
    with pytest.raises(ValueError, match=f"it looks like {name}, not CSV"):
        datasets.table(file(start))


@pytest.mark.parametrize("read", [datasets.text, datasets.table])
def test_a_gzip_bomb_is_not_unpacked(file, read, monkeypatch):
    rows = b"1,2\n" * 50_000
    bomb = gzip.compress(rows)
    honest = "".join(f"{a},{b}\n" for a, b in np.random.default_rng(0).random((9000, 2)))
    monkeypatch.setattr("jaxbrain.datasets.opened._LARGE", len(rows))
    assert len(rows) > 200 * len(bomb)
    read(file(bomb))  # as large as allowed
    read(file(gzip.compress(honest.encode())))  # larger
    with pytest.raises(ValueError, match=r"data.bin: .* of gzip data unpack to more than .*gunzip"):
        read(file(gzip.compress(rows + b"1,2\n")))


def test_gzipped_tables_and_texts_are_read(file):
    content = b"a,b\n1,x\n2,y\n"
    data = datasets.table(file(gzip.compress(content)))
    np.testing.assert_array_equal(data.x, [[1], [2]])
    assert data.classes == ("x", "y")
    assert datasets.text(file(gzip.compress(b"abba")))[0].tolist() == [0, 1, 1, 0]
    cut = gzip.compress(os.urandom(5000).hex().encode())[:-9]
    for read in (datasets.text, datasets.table):
        with pytest.raises(ValueError, match=r"data.bin: the gzip file is truncated or damaged"):
            read(file(cut))
