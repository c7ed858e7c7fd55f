"""Resuming the training that an earlier run of ``train`` left in its directory."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import jaxbrain as jb
from jaxbrain.cli.errors import CommandError

_CHECKPOINTS = ("training.ckpt", "training.ckpt.previous")
_NOT_SETTINGS = {"command", "out", "resume", "no_cache", "epochs"}


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """The options in which two different trainings differ, as read back from JSON."""
    settings = {name: value for name, value in vars(options).items() if name not in _NOT_SETTINGS}
    for name in ("data", "labels"):  # a file may move: its contents count
        settings[name] = settings[name] and os.path.basename(settings[name])
    return json.loads(json.dumps(settings))


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
    changed = [name for name in settings if before.get(name) != settings[name]]
    if changed:
        options = "; ".join(
            f"--{name.replace('_', '-')} was {_word(before.get(name))}, is {_word(settings[name])}"
            for name in changed
        )
        raise CommandError(
            f"{directory} holds another training ({options}); give another --out, or replace it "
            "with --no-resume"
        )
    return epochs_saved(directory)


def epochs_saved(directory: Path) -> int:
    """The epochs of the checkpoint in the directory; 0 without one that can be read."""
    try:
        return int(jb.checkpoint.metadata(directory / _CHECKPOINTS[0])["epoch"])
    except (OSError, ValueError, KeyError):
        return 0  # `fit` reports a damaged checkpoint


def forget(directory: Path) -> None:
    """Remove the checkpoints from the directory."""
    for name in _CHECKPOINTS:
        (directory / name).unlink(missing_ok=True)


def _settings_before(directory: Path) -> dict[str, Any]:
    try:
        return json.loads((directory / "run.json").read_text())["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    return "not given" if value is None else str(value)
