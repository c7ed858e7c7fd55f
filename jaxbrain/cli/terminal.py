"""What the commands share: versions, tables, pictures, the cache of compiled programs."""

import importlib.metadata
import os
import platform
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jaxbrain import __version__
from jaxbrain.cli.faults import Fault

EXTRAS = 'pip install "jaxbrain[viz,data]"'


def use_compile_cache(wanted: bool) -> Path | None:
    """Keep compiled programs in the user's cache directory, so that the next run starts at once.

    JAX trusts what it finds there, so the directory must belong to the user alone. What the user
    has set by ``JAX_COMPILATION_CACHE_DIR`` and its like goes first.

    Returns:
      The directory; None: there is none.
    """
    chosen = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    if not wanted:
        if chosen:
            jax.config.update("jax_enable_compilation_cache", False)
        return None
    enabled = jax.config.jax_enable_compilation_cache  # pyright: ignore[reportAttributeAccessIssue]
    if not enabled:
        return None
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    if chosen:
        return Path(chosen)
    directory = _private_directory()
    if directory is not None:
        jax.config.update("jax_compilation_cache_dir", str(directory))
    return directory


def _private_directory() -> Path | None:
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # the specification says to ignore a relative path
        root = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
        directory = root / "jaxbrain"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        found = directory.stat()
        mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
        closed = os.name == "nt" or stat.S_IMODE(found.st_mode) == 0o700
    except (OSError, RuntimeError):
        return None
    return directory if mine and closed and os.access(directory, os.W_OK) else None


def versions() -> str:
    """One line: of jaxbrain and what it stands on."""
    parts = [f"{name} {importlib.metadata.version(name)}" for name in ("jax", "optax")]
    return ", ".join([f"jaxbrain {__version__}", f"Python {platform.python_version()}", *parts])


def devices() -> str:
    """One line: what JAX computes on."""
    found = [
        d.platform if d.device_kind == d.platform else f"{d.platform} ({d.device_kind})"
        for d in jax.devices()
    ]
    names = [
        f"{found.count(name)} x {name}" if found.count(name) > 1 else name
        for name in dict.fromkeys(found)
    ]
    cores = f", {os.cpu_count()} cores" if jax.default_backend() == "cpu" else ""
    return ", ".join(names) + cores


def make_directory(path: str) -> Path:
    """The directory for the results, made if need be.

    Raises:
      Fault: if it cannot be made or written to.
    """
    directory = Path(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        why = error.strerror or error
        raise Fault(f"--out {path}: cannot write there ({why}); give another directory") from error
    return directory


def draw(directory: Path, pictures: dict[str, Callable[[Any], Any]]) -> list[Path]:
    """Draw and save pictures; without matplotlib say how to get it and go on.

    Args:
      directory: where to.
      pictures: from a file's name to what makes the figure, given pyplot.

    Returns:
      The files.
    """
    try:
        import matplotlib

        matplotlib.use("agg")  # to files only: needs no screen
        import matplotlib.pyplot as plt
    except ImportError:
        print(f"no pictures: matplotlib is not installed; {EXTRAS}")
        return []
    paths = []
    for name, make in pictures.items():
        figure = make(plt)
        paths.append(directory / name)
        figure.savefig(paths[-1], dpi=120)
        plt.close(figure)
    return paths


def shown(path: Path) -> str:
    """A path as the user would type it: relative where it lies below the working directory."""
    try:
        return f"./{path.resolve().relative_to(Path.cwd())}"
    except ValueError:
        return str(path)
