"""Files of the user, written for the readers."""

import pytest


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data.bin"

    def write(content):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
