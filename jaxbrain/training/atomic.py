"""Atomic replacement of a file, with the one before it kept. Independent of JAX."""

import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import Callable, Sequence

from jaxbrain.training import processes

# The temporary files of saves that run now in this process. Others with its number were left by a
# process that was killed: containers hand the same number out again.
_writing: set[str] = set()


def previous_of(path: str) -> str:
    """The path of the file before the last one."""
    return path + ".previous"


def replace(
    path: str, pieces: Sequence[bytes | memoryview], is_whole: Callable[[str], bool]
) -> None:
    """Write the pieces to `path` and keep the file that was there as the previous one.

    The new file takes its place before the old one takes that of the previous: so at every moment
    one of the two is whole. A damaged file never pushes out a previous one.

    Args:
      path: the file.
      pieces: its content.
      is_whole: from the path of a file to True if it is not damaged.
    """
    _clean(path)
    ours = f"{path}.{processes.host()}.{os.getpid()}-{secrets.token_hex(4)}"
    new, old = f"{ours}.new.tmp", f"{ours}.old.tmp"
    _writing.update((new, old))
    try:
        with open(new, "xb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        exists = os.path.exists(path)
        keep = exists and (is_whole(path) or not os.path.exists(previous_of(path)))
        if keep:
            _link(path, old)
        os.replace(new, path)
        if keep:
            os.replace(old, previous_of(path))
        _sync_directory(os.path.dirname(path))
    finally:
        for name in (new, old):
            with contextlib.suppress(OSError):
                os.unlink(name)
        _writing.difference_update((new, old))


def _link(path: str, target: str) -> None:
    try:
        os.link(path, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, target)
        with open(target, "rb+") as file:
            os.fsync(file.fileno())


def _sync_directory(directory: str) -> None:
    if os.name != "posix":  # elsewhere a directory cannot be opened
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def _clean(path: str) -> None:
    """Remove the temporary files of writers of this host that were killed.

    Those of other hosts stay: a process there cannot be seen from here.
    """
    directory, name = os.path.split(path)
    ours = re.escape(f"{name}.{processes.host()}.")
    pattern = re.compile(ours + r"(\d+)-[0-9a-f]{8}\.(?:new|old)\.tmp")
    for entry in os.listdir(directory):
        found = pattern.fullmatch(entry)
        file = os.path.join(directory, entry)
        if found and file not in _writing and not processes.another_runs(int(found[1])):
            with contextlib.suppress(OSError):
                os.unlink(file)
