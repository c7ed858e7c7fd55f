"""Resuming the training that an earlier run of ``train`` left in its directory."""

import argparse
import contextlib
import json
import os
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxbrain.cli.data import Data
from jaxbrain.cli.errors import CommandError
from jaxbrain.training import training_file
from jaxbrain.training.atomic import previous_of
from jaxbrain.training.lock import Lock

_CHECKPOINTS = (training_file.NAME, previous_of(training_file.NAME))
_NOT_SETTINGS = {"command", "out", "resume", "no_cache", "epochs"}
_FILES = ("data", "labels")


def settings_of(options: argparse.Namespace, data: Data) -> dict[str, Any]:
    """The options in which two different trainings differ, as read back from JSON.

    The rows of the data are among them, as a checksum.
    """
    settings = {name: value for name, value in vars(options).items() if name not in _NOT_SETTINGS}
    for name in _FILES:  # a file may move: its rows count
        settings[name] = settings[name] and os.path.basename(settings[name])
    rows = 0
    for array in jax.tree.leaves((data.train, data.test)):
        rows = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data, rows)
    return json.loads(json.dumps({**settings, "rows": f"{rows:08x}"}))


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """The directory for this command alone.

    Raises:
      CommandError: if a training runs in it now.
    """
    lock = Lock(directory)
    try:
        lock.renew()
    except BlockingIOError as error:
        raise in_use(directory, error) from error
    with lock:
        yield


def in_use(directory: Path, error: BlockingIOError) -> CommandError:
    """The error of a directory in which another training runs."""
    return CommandError(f"--out {directory}: {error.strerror}", code=1)


def epochs_before(directory: Path, settings: dict[str, Any], resume: bool) -> int:
    """The epochs of the training in the directory; 0 if it holds none.

    Args:
      directory: of the results.
      settings: of the training to resume.
      resume: False removes an earlier training.

    Raises:
      CommandError: if the directory holds a training with other settings.
    """
    if not resume:
        forget(directory)
    if not any((directory / name).exists() for name in _CHECKPOINTS):
        return 0
    before = _settings_before(directory) or settings
    changes = _changes(before, settings)
    if changes:
        raise CommandError(
            f"{directory} holds another training ({'; '.join(changes)}); give another --out, or "
            "replace it with --no-resume"
        )
    return epochs_saved(directory)


def epochs_saved(directory: Path) -> int:
    """The epochs of the checkpoint in the directory; 0 without one that can be read."""
    try:
        with warnings.catch_warnings():  # `fit` reports a damaged checkpoint
            warnings.simplefilter("ignore")
            return training_file.epochs_done(directory / training_file.NAME)
    except (OSError, ValueError):
        return 0


def forget(directory: Path) -> None:
    """Remove the checkpoints from the directory."""
    for name in _CHECKPOINTS:
        (directory / name).unlink(missing_ok=True)


def _settings_before(directory: Path) -> dict[str, Any]:
    try:
        settings = json.loads((directory / "run.json").read_text())["settings"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) else {}


def _changes(before: dict[str, Any], settings: dict[str, Any]) -> list[str]:
    """The options that differ, in words; a file may be renamed."""
    same_rows = before.get("rows", settings["rows"]) == settings["rows"]
    ignored = {"rows", *(_FILES if same_rows else ())}
    changes = [
        f"--{name.replace('_', '-')} was {_word(before.get(name))}, is {_word(settings[name])}"
        for name in settings
        if name not in ignored and before.get(name) != settings[name]
    ]
    return changes or ([] if same_rows else [f"the rows of --data {settings['data']} changed"])


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not given" if value is None else str(value)
