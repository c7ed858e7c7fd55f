"""Saving and resuming a training run."""

import os
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import jax
import numpy as np
import optax

from jaxbrain.core.description import describe, difference
from jaxbrain.core.notice import warn
from jaxbrain.core.types import LearningRule
from jaxbrain.training import checkpoint, checkpoint_file, training_file
from jaxbrain.training.checkpoint_file import Damaged, Whole
from jaxbrain.training.lock import Lock
from jaxbrain.training.training_file import Model

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


class SaveError(OSError):
    """Error: the last save of a training failed; nothing that it learned is lost.

    Attributes:
      state: the TrainState that could not be saved.
      history: up to that state.
    """

    def __init__(self, message: str, state: Any, history: Any):
        super().__init__(message)
        self.state: Any = state
        self.history: Any = history


class Saver:
    """The checkpoint of one training, ``training.ckpt`` in a directory of its own.

    Saves at most once a second, and never for more than a twentieth of the time. Within a ``with``
    statement it holds the lock of the directory.

    Args:
      directory: made if it does not exist; the working directory may change afterwards.
      settings: of `settings_of`.
      model: the network, for readers of the file.
    """

    def __init__(self, directory: str | Path, settings: dict[str, str], model: Model):
        if not isinstance(directory, str | os.PathLike) or directory == "":
            raise TypeError(
                'fit: checkpoint must be a directory, such as "runs/first", got '
                f"{directory and type(directory).__name__!r}"
            )
        self.path: Path = Path(os.path.realpath(os.fsdecode(directory))) / training_file.NAME
        self.settings, self.model = settings, model
        self.saved_epoch: int = -1
        self.next_save: float = time.perf_counter() + _SECONDS
        self.warned: bool = False
        self._faulty: bool = False
        self._make_directory()
        self._lock = Lock(self.path.parent)

    def __enter__(self) -> Self:
        self._hold()
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.__exit__(*exception)

    def _hold(self) -> None:
        """Hold the lock; of the processes of one training on several hosts, only the first does."""
        if jax.process_index() == 0:
            self._lock.renew()

    def resume(self, info: Any, one_chunk: Callable[[], Any]) -> Any:
        """The last saved ChunkInfo, if there is one; one_chunk gives the shapes of a History.

        Raises:
          ValueError: if the checkpoint is of another training; nothing is overwritten.
        """
        if not checkpoint.exists(self.path):
            self._save(info)  # a directory that cannot be written is found now, not after an hour
            return info
        place = checkpoint.real_path(self.path)

        def use(whole: Whole) -> Any:
            done = training_file.check(whole)
            self._require_same(whole.metadata["settings"], whole.metadata.get("versions"))
            if done > info.epochs:
                raise ValueError(
                    f"checkpoint {self.path} has {done} epochs, more than epochs={info.epochs}; "
                    "give another directory"
                )
            one = one_chunk() if done else info.history
            shapes = jax.tree.map(lambda a: np.zeros((done, *a.shape[1:]), a.dtype), one)
            state, history = _read(whole, (info.state, shapes))
            self._faulty = whole.path != place
            self.saved_epoch = -1 if self._faulty else done
            return info._replace(state=state, history=history, epoch=done)

        return checkpoint_file.read_first_whole(place, use)

    def save_when_due(self, info: Any) -> None:
        """Save, if the last save is long enough ago; a save that fails is tried again later."""
        if time.perf_counter() < self.next_save:
            return
        began = time.perf_counter()
        try:
            self._save(info)
        except Exception as error:  # of any kind: the training in memory is worth more
            if not self.warned:
                warn(f"the training goes on, but epoch {info.epoch} could not be saved: {error}")
            self.warned = True
        now = time.perf_counter()
        self.next_save = now + max(_SECONDS, (now - began) / _SHARE)

    def save(self, info: Any) -> None:
        """The last save.

        Raises:
          SaveError: if it fails; holds what was learned.
        """
        try:
            self._save(info)
        except Exception as error:
            raise SaveError(
                f"epoch {info.epoch} could not be saved: {error}. It is kept in this error's "
                "`state` and `history`",
                info.state,
                info.history,
            ) from error

    def _save(self, info: Any) -> None:
        """Save, if there is anything new."""
        if info.epoch == self.saved_epoch:
            return
        self._make_directory()
        self._hold()
        if self._faulty:  # it must not push out the previous file, which is the one that was used
            self.path.unlink(missing_ok=True)
            self._faulty = False
        about = {
            "epoch": info.epoch,
            "settings": self.settings,
            "versions": _versions(),
            "model": self.model.trees,
        }
        tree = (info.state, info.history, self.model.arrays)
        checkpoint.save(self.path, tree, metadata=about)
        self.saved_epoch = info.epoch

    def _make_directory(self) -> None:
        """Make the directory, again where it was deleted."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"checkpoint must be a directory that can be made ({error.strerror})"
            raise type(error)(error.errno, message, str(self.path.parent)) from error

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


def _read(whole: Whole, like: tuple[Any, Any]) -> tuple[Any, Any]:
    """State and history; arrays that are not those of the settings are a fault of the file."""
    try:
        return checkpoint.read(whole, like, within=("[0]", "[1]"))
    except ValueError as error:
        first = str(error).split("\n")[1].strip()
        raise Damaged(f"does not hold the arrays of this training ({first})") from error
