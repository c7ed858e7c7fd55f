"""Files that cannot be opened, and formats that are named."""

import os

import pytest

from jaxbrain import datasets


@pytest.mark.parametrize("read", [datasets.idx, datasets.text, datasets.table])
def test_files_that_cannot_be_opened(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe: not a regular file"):
        read(tmp_path / "pipe")
