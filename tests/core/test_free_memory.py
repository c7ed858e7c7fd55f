"""Free memory, of the machine and of a container."""

import pytest

from jaxbrain.core import free_memory


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of 8 GB that is free, in a container or not."""
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    8000000 kB\n")
    monkeypatch.setattr(free_memory, "_MACHINE", tmp_path / "meminfo")
    monkeypatch.setattr(free_memory, "_CONTAINER", tmp_path)
    return tmp_path


def test_the_smaller_of_machine_and_container(machine):
    assert free_memory.free_memory() == 8_192_000_000
    (machine / "memory.current").write_text("600\n")
    (machine / "memory.max").write_text("max\n")
    assert free_memory.free_memory() == 8_192_000_000
    (machine / "memory.max").write_text("1000\n")
    assert free_memory.free_memory() == 400
    (machine / "meminfo").unlink()
    assert free_memory.free_memory() == 400
    (machine / "memory.max").unlink()
    assert free_memory.free_memory() is None


def test_more_than_is_free_is_refused(machine):
    free_memory.require_memory(8_192_000_000, "the table")
    with pytest.raises(ValueError, match=r"the table needs 8.2 GB of memory; 8.2 GB are free"):
        free_memory.require_memory(8_192_000_001, "the table")
    (machine / "meminfo").unlink()
    free_memory.require_memory(10**18, "the table")  # not known
