"""The lock of a directory in which a training saves: one process at a time.

The lock is one of the operating system, which ends with the process however it ends: what a killed
process or a reboot leaves is in nobody's way. The file also names the holder, for the message. On a
shared disk the lock counts for all hosts where the file system keeps locks (NFS 4, Lustre with
flock). Where it keeps none, or the system has no locks, a process of the same host is found by its
number, and one of another host is not found: a warning says so. Of two that begin at once the one
whose name was overwritten is refused.
"""

import contextlib
import errno
import json
import os
import sys
from typing import Any, BinaryIO, Self

from jaxbrain.core.notice import warn
from jaxbrain.training import processes

NAME = "training.lock"
_TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_BEYOND = 2**30  # on Windows a locked byte cannot be read: not one of the names


class Lock:
    """The lock of a directory, for a ``with`` statement.

    Args:
      directory: it must exist.

    Raises:
      BlockingIOError: on entering, where another training holds the lock; names its process.
    """

    def __init__(self, directory: str | os.PathLike[str]):
        self.path: str = os.path.join(os.path.realpath(directory), NAME)
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self.renew()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                if self._is_ours():
                    os.unlink(self.path)
            self._file.close()
            self._file = None

    def renew(self) -> None:
        """Take the lock, again where its file was deleted with the directory."""
        while not self._is_ours():
            if self._file is not None:
                self._file.close()
            try:
                self._file = open(self.path, "a+b")  # noqa: SIM115 (open as long as the lock)
            except OSError:  # where no file can be made, no training can save either
                self._file = None
                return
            self._take(self._file)

    def _take(self, file: BinaryIO) -> None:
        locked = True
        try:
            _lock(file)
        except OSError as error:
            locked = False
            if error.errno in _TAKEN:
                raise self._refused(_names(file)) from None
            self._require_free(_names(file))
        names = {"process": os.getpid(), "host": processes.host()}
        with contextlib.suppress(OSError):  # on a full disk the lock holds without the names
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), json.dumps(names).encode())
        if not locked and _names(file) != names:
            self._require_free(_names(file))

    def _require_free(self, holder: dict[str, Any]) -> None:
        """Refuse a holder that runs on this host; say that one of another host may run."""
        if _runs_elsewhere(holder):
            raise self._refused(holder)
        if holder.get("host", processes.host()) != processes.host():
            warn(
                f"cannot tell if process {holder.get('process')} on {holder['host']} trains in "
                f"{os.path.dirname(self.path)}: the file system there keeps no locks"
            )

    def _refused(self, holder: dict[str, Any]) -> BlockingIOError:
        if self._file is not None:
            self._file.close()
            self._file = None
        return BlockingIOError(errno.EAGAIN, _refusal(holder), self.path)

    def _is_ours(self) -> bool:
        """True if the locked file is the one in the directory."""
        if self._file is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), os.stat(self.path))
        except OSError:
            return False


def _lock(file: BinaryIO) -> None:
    """Lock the file, or raise OSError."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(_BEYOND)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        try:
            import fcntl
        except ImportError:
            raise OSError(errno.ENOTSUP, "this system has no locks") from None
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _names(file: BinaryIO) -> dict[str, Any]:
    """The holder in the file; empty where it cannot be read."""
    try:
        file.seek(0)
        names = json.loads(file.read(1000))
    except (OSError, ValueError, RecursionError):
        return {}
    return names if isinstance(names, dict) else {}


def _runs_elsewhere(holder: dict[str, Any]) -> bool:
    """True if the holder is another process of this host that runs."""
    process, host = holder.get("process"), holder.get("host")
    if host != processes.host() or type(process) is not int or process < 1:
        return False
    return processes.another_runs(process)


def _refusal(holder: dict[str, Any]) -> str:
    process, host = holder.get("process", "?"), holder.get("host", "?")
    return (
        f"process {process} on {host} trains in this directory now; wait for its end, or give "
        "another directory"
    )
