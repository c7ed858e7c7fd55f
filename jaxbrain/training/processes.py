"""Names of processes in files: the host and the process id."""

import os
import re
import socket


def host() -> str:
    """The name of this host, of letters that a file name may hold."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", socket.gethostname())[:64] or "unknown"


def another_runs(process: int) -> bool:
    """True if a process of this number, other than this one, runs on this host."""
    return process != os.getpid() and runs(process)


def runs(process: int) -> bool:
    """True if a process of this number runs on this host, or where that cannot be known."""
    if os.name != "posix":  # there os.kill would end the process
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
