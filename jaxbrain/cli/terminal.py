"""Output of the commands: versions and devices, the directory of the results, pictures."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jaxbrain import __version__
from jaxbrain.cli.errors import CommandError

EXTRAS = 'pip install "jaxbrain[viz,data]"'


def versions() -> str:
    """Versions of jaxbrain, Python, jax and optax, in one line."""
    parts = [f"{name} {importlib.metadata.version(name)}" for name in ("jax", "optax")]
    return ", ".join([f"jaxbrain {__version__}", f"Python {platform.python_version()}", *parts])


def devices() -> str:
    """The devices on which JAX computes, in one line."""
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
    """The directory of the results, made if it does not exist.

    Raises:
      CommandError: if it cannot be made or written to.
    """
    directory = Path(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        why = error.strerror or error
        raise CommandError(
            f"--out {path}: cannot write there ({why}); give another directory"
        ) from error
    return directory


def outlive_terminal() -> None:
    """Let output go nowhere if the terminal was closed: to write there would be an error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.write("\n")
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def draw(directory: Path, pictures: dict[str, Callable[[Any], Any]]) -> list[Path]:
    """Draw and save pictures; without matplotlib, say how to install it and go on.

    Args:
      directory: for the files.
      pictures: from the name of each file to a function of pyplot that makes the figure.

    Returns:
      The files.
    """
    try:
        import matplotlib

        matplotlib.use("agg")  # needs no screen
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
    """A path as the user would type it: relative where it is below the working directory.

    Examples:
      >>> shown(Path.cwd() / "out" / "run.json"), shown(Path("/data"))
      ('./out/run.json', '/data')
    """
    try:
        return f"./{path.resolve().relative_to(Path.cwd())}"
    except ValueError:
        return str(path)
