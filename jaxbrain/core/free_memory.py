"""Free memory of the machine, and a check before much of it is taken."""

from pathlib import Path

_MACHINE = Path("/proc/meminfo")
_CONTAINER = Path("/sys/fs/cgroup")


def free_memory() -> int | None:
    """Bytes that can still be taken, in the machine and in the container; None if not known."""
    known = [free for free in (_of_machine(), _of_container()) if free is not None]
    return min(known, default=None)


def require_memory(needed: int, purpose: str) -> None:
    """Refuse to take more memory than is free.

    Args:
      needed: bytes.
      purpose: the subject of the message.

    Raises:
      ValueError: if fewer bytes are known to be free.
    """
    free = free_memory()
    if free is not None and needed > free:
        raise ValueError(f"{purpose} needs {in_words(needed)} of memory; {in_words(free)} are free")


def in_words(size: int) -> str:
    """A number of bytes with a unit.

    Examples:
      >>> in_words(812), in_words(25_500_000_000)
      ('812 bytes', '25.5 GB')
    """
    for factor, unit in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB")):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size:,} bytes"


def _of_machine() -> int | None:
    try:
        for line in _MACHINE.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return None


def _of_container() -> int | None:
    try:
        limit = int((_CONTAINER / "memory.max").read_text())
        return max(limit - int((_CONTAINER / "memory.current").read_text()), 0)
    except (OSError, ValueError):  # no container, or no limit ("max")
        return None
