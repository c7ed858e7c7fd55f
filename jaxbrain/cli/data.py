"""The data of ``train``: built in or the user's files, prepared for a network."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxbrain import datasets
from jaxbrain.cli.faults import Fault
from jaxbrain.cli.parser import DATA, TOYS
from jaxbrain.cli.terminal import EXTRAS

_POINTS = 1000
_GZIP, _IDX = b"\x1f\x8b", b"\0\0"

Pair = tuple[np.ndarray, np.ndarray]


class Source(NamedTuple):
    """What was read, as it was read."""

    x: np.ndarray  # [examples, features]
    y: np.ndarray  # [examples] labels, or [examples, 1] values
    name: str
    classes: tuple[str, ...]  # (): values
    shift: Any  # (x - shift) / scale goes into the network; None: of the training rows
    scale: Any


class Data(NamedTuple):
    """What a network learns from and is tested with, prepared.

    Attributes:
      train: x ``[examples, features]`` and y, ``[examples]`` labels or ``[examples, 1]`` values.
      test: the same; None: there is none.
      name: in words.
      classes: their names; (): values are predicted.
      preparation: ``(x - x_shift) / x_scale`` is what the network sees, and
        ``y * y_scale + y_shift`` what its answer means; lists or numbers.
    """

    train: Pair
    test: Pair | None
    name: str
    classes: tuple[str, ...]
    preparation: dict[str, Any]


def load(options: argparse.Namespace) -> Data:
    """Read, divide and scale the data that the options name.

    Raises:
      Fault: telling what is wrong with the options or the files.
    """
    source = _read(options)
    train, test = _divide(source, options)
    shift, scale = source.shift, source.scale
    if shift is None:
        shift, scale = _standard(train[0])
    y_shift, y_scale = (0.0, 1.0) if source.classes else _standard(train[1])
    preparation = {"x_shift": shift, "x_scale": scale, "y_shift": y_shift, "y_scale": y_scale}

    def prepare(pair: Pair) -> Pair:
        x, y = pair
        x = ((x - shift) / scale).astype(np.float32)
        return x, y if source.classes else ((y - y_shift) / y_scale).astype(np.float32)

    plain = {name: np.asarray(value).tolist() for name, value in preparation.items()}
    tested = None if test is None else prepare(test)
    return Data(prepare(train), tested, source.name, source.classes, plain)


def _read(options: argparse.Namespace) -> Source:
    name = options.data
    if name in DATA:
        _refuse(options, ("labels", "target", "delimiter", "regression"), f"--data {name}")
        return _digits() if name == "digits" else _toy(name, options.seed)
    path = Path(name)
    if not path.is_file():
        raise Fault(f"--data {name}: no such file, and none of {', '.join(DATA)}")
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError as error:
        raise Fault(f"--data {name}: {error.strerror}") from error
    if start in (_GZIP, _IDX):
        _refuse(options, ("target", "delimiter", "regression"), "an IDX file of images")
        return _images(path, options.labels)
    _refuse(options, ("labels",), "a CSV file")
    return _table(path, options)


def _refuse(options: argparse.Namespace, names: tuple[str, ...], what: str) -> None:
    """An option that would have no effect is a mistake."""
    for name in names:
        if getattr(options, name) not in (None, False):
            raise Fault(f"--{name} has no meaning for {what}")


def _digits() -> Source:
    try:
        x, y = datasets.digits()
    except ImportError as error:
        raise Fault(f"the digits come with scikit-learn: {EXTRAS}") from error
    return Source(x, y, "scikit-learn's digits", _numbers(10), 0.0, 1.0)


def _toy(name: str, seed: int) -> Source:
    if name == "xor":
        x, y = datasets.xor()
        return Source(np.asarray(x), np.asarray(y, np.int32)[:, 0], name, _numbers(2), 0.0, 1.0)
    x, y = getattr(datasets, name)(jax.random.key(seed), _POINTS)
    return Source(np.asarray(x), np.asarray(y), name, _numbers(2), 0.0, 1.0)


def _images(path: Path, labels: str | None) -> Source:
    if labels is None:
        raise Fault(f"--data {path} holds images: give their labels, too, with --labels FILE")
    x = _file("--data", path, datasets.idx)
    y = _file("--labels", Path(labels), datasets.idx)
    if x.ndim < 2:
        raise Fault(f"--data {path}: expected images [examples, ...], got shape {list(x.shape)}")
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise Fault(f"--labels {labels}: expected whole numbers [examples], got {y.dtype} "
                    f"{list(y.shape)}; are the files the wrong way round?")  # fmt: skip
    if len(x) != len(y) or not len(x):
        raise Fault(f"--data has {len(x)} images and --labels {len(y)} labels")
    if y.min() < 0:
        raise Fault(f"--labels {labels}: labels count from 0, found {y.min()}")
    classes = _numbers(int(y.max()) + 1)
    # bytes are 0..255; other numbers say nothing of their range
    shift, scale = (0.0, 255.0) if x.dtype == np.uint8 else (None, None)
    return Source(x.reshape(len(x), -1), y.astype(np.int32), path.name, classes, shift, scale)


def _table(path: Path, options: argparse.Namespace) -> Source:
    target = -1 if options.target is None else options.target
    delimiter = options.delimiter or ","
    if len(delimiter) != 1:
        raise Fault(f"--delimiter must be one character, got {delimiter!r}")
    found = _file(
        "--data",
        path,
        lambda p: datasets.table(
            p, target=target, delimiter=delimiter, regression=options.regression
        ),
    )
    if len(found.classes) == 1:
        raise Fault(f"--data {path}: the target is {found.classes[0]!r} in every row")
    if len(found.classes) > max(20, len(found.y) // 4):
        raise Fault(
            f"--data {path}: {len(found.classes)} classes in {len(found.y)} rows; if the target "
            "is a value, say --regression, else choose another column with --target"
        )
    return Source(found.x, found.y, path.name, found.classes, None, None)


def _file(option: str, path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(path)
    except OSError as error:
        raise Fault(f"{option} {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise Fault(f"{option} {error}") from error


def _divide(source: Source, options: argparse.Namespace) -> tuple[Pair, Pair | None]:
    pair, n = (source.x, source.y), len(source.x)
    rows = options.train_rows
    if rows is not None:
        if rows >= n:
            raise Fault(f"--train-rows {rows}: there are {n:,} rows; leave some to test with")
        return (source.x[:rows], source.y[:rows]), (source.x[rows:], source.y[rows:])
    fraction = options.test_fraction
    if fraction is None:
        fraction = 0.0 if source.name == TOYS[0] else 0.25
    if fraction == 0:
        return pair, None
    try:
        return datasets.train_test_split(
            *pair, key=jax.random.key(options.seed), test_fraction=fraction
        )
    except ValueError as error:
        raise Fault(f"--test-fraction {fraction:g}: {error}") from error


def _standard(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column; 1 for a column that never changes."""
    shift, scale = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    return shift, np.where(scale > 0, scale, 1.0)


def _numbers(n: int) -> tuple[str, ...]:
    return tuple(map(str, range(n)))
