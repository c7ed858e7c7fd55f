"""Saving and resuming a training run."""

import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from jaxbrain.core.description import describe, difference
from jaxbrain.core.types import LearningRule
from jaxbrain.training import checkpoint

_SECONDS = 1.0
_SHARE = 0.05


def settings_of(
    programs: tuple[LearningRule, optax.GradientTransformation, Any, Any],
    data: Any,
    held_out: Any,
    batch_size: int | None,
    key: jax.Array,
    state: Any,
) -> dict[str, str]:
    """Everything that must be the same for a run to be continued, in words.

    Args:
      programs: the rule, the optimizer, the metrics and the record.
      data: of the training.
      held_out: validation data, or None.
      batch_size: examples a step.
      key: of the run.
      state: the state it was given to start from, or None.

    Raises:
      TypeError: if a part of programs cannot be described.
    """
    rule, optimizer, metrics, record = programs
    given = None if state is None else state._replace(key=_words(state.key))
    return {
        **describe(rule, "rule"),
        **describe(optimizer, "optimizer"),
        **describe(dict(metrics), "metrics"),
        **describe(record, "record"),
        "examples": str(len(jax.tree.leaves(data)[0])),
        "data": _crc(data),
        "validation data": _crc(held_out),
        "batch_size": str(batch_size),
        "key": str(_words(key).tolist()),
        "state": _crc(given),
    }


def _versions() -> str:
    from jaxbrain import __version__  # of the whole package, which imports this module

    return f"Python {'.'.join(map(str, sys.version_info[:2]))}, jaxbrain {__version__}"


def _words(key: jax.Array) -> np.ndarray:
    return np.asarray(jax.random.key_data(key))


def _crc(tree: Any) -> str:
    if tree is None:
        return "none"
    crc = 0
    for leaf in jax.tree.leaves(tree):
        crc = zlib.crc32(np.ascontiguousarray(leaf).view(np.uint8).data, crc)
    return f"{crc:08x}"


class Saver:
    """The checkpoint of one training, ``training.ckpt`` in a directory of its own.

    Saves at most once a second, and never for more than a twentieth of the time.
    """

    def __init__(self, directory: str | Path, settings: dict[str, str]):
        self.path: Path = Path(directory) / "training.ckpt"
        self.settings = settings
        self.saved_epoch: int = -1
        self.next_save: float = time.perf_counter() + _SECONDS
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"checkpoint must be a directory that can be made ({error.strerror})"
            raise type(error)(error.errno, message, str(self.path.parent)) from error

    def resume(self, info: Any, one_chunk: Callable[[], Any]) -> Any:
        """The last saved ChunkInfo, if there is one; one_chunk gives the shapes of a History.

        Raises:
          ValueError: if the checkpoint is of another training; nothing is overwritten.
        """
        if not checkpoint.exists(self.path):
            self.save(info)  # a directory that cannot be written is found now, not after an hour
            return info
        found = checkpoint.metadata(self.path)
        if "settings" not in (found or {}):
            raise ValueError(f"{self.path} was not written by fit; give another directory")
        self._require_same(found["settings"], found.get("versions"))
        done = found["epoch"]
        if done > info.epochs:
            raise ValueError(
                f"checkpoint {self.path} has {done} epochs, more than epochs={info.epochs}; give "
                "another directory"
            )
        shapes = jax.tree.map(lambda a: np.zeros((done, *a.shape[1:]), a.dtype), one_chunk())
        like = (info.state, shapes if done else info.history)
        state, history = checkpoint.restore(self.path, like)
        self.saved_epoch = done
        return info._replace(state=state, history=history, epoch=done)

    def save_when_due(self, info: Any) -> None:
        """Save, if the last save is long enough ago."""
        if time.perf_counter() >= self.next_save:
            self.save(info)

    def save(self, info: Any) -> None:
        """Save, if there is anything new."""
        if info.epoch == self.saved_epoch:
            return
        began = time.perf_counter()
        about = {"settings": self.settings, "versions": _versions(), "epoch": info.epoch}
        checkpoint.save(self.path, (info.state, info.history), metadata=about)
        now = time.perf_counter()
        self.saved_epoch = info.epoch
        self.next_save = now + max(_SECONDS, (now - began) / _SHARE)

    def _require_same(self, found: dict[str, str], versions: str | None) -> None:
        where = difference(found, self.settings)
        if where is None:
            return
        before, now = (s.get(where, "absent") for s in (found, self.settings))
        other = "" if versions == _versions() else f" (it was written with {versions})"
        raise ValueError(
            f"checkpoint {self.path} is of another training{other}: its {where} is {before!r}, now "
            f"it is {now!r}; give another directory, or delete this one to start again"
        )
