"""Data of ``train``: built-in sets or the user's files, split and scaled for a network."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxbrain import datasets
from jaxbrain.cli.errors import CommandError
from jaxbrain.cli.parser import DATA
from jaxbrain.cli.terminal import EXTRAS

_POINTS = 1000
_GZIP, _IDX = b"\x1f\x8b", b"\0\0"

Pair = tuple[np.ndarray, np.ndarray]


class Source(NamedTuple):
    """Data as read, before they are split and scaled.

    Attributes:
      x: ``[examples, features]``.
      y: labels ``[examples]``, or values ``[examples, 1]``.
      name: for the printed line about the data.
      classes: names of the classes; empty for values.
      scaling: shift and scale of the inputs; None takes them from the training rows.
    """

    x: np.ndarray
    y: np.ndarray
    name: str
    classes: tuple[str, ...]
    scaling: tuple[float, float] | None


class Data(NamedTuple):
    """Data for training and testing, as a network sees them.

    Attributes:
      train: inputs ``[examples, features]`` and labels ``[examples]`` or values ``[examples, 1]``.
      test: the same, or None.
      name: for the printed line about the data.
      classes: names of the classes; empty for values.
      preparation: the network sees ``(x - x_shift) / x_scale``, and its output stands for
        ``output * y_scale + y_shift``; numbers or lists of one number per column.
    """

    train: Pair
    test: Pair | None
    name: str
    classes: tuple[str, ...]
    preparation: dict[str, Any]


def load(options: argparse.Namespace) -> Data:
    """Read, split and scale the data of the options.

    Raises:
      CommandError: for mistakes in the options or the files.
    """
    source = _read(options)
    train, test = _split(source, options)
    x_shift, x_scale = source.scaling or _standard(train[0])
    y_shift, y_scale = (0.0, 1.0) if source.classes else _standard(train[1])

    def prepare(pair: Pair) -> Pair:
        x, y = pair
        x = ((x - x_shift) / x_scale).astype(np.float32)
        return x, y if source.classes else ((y - y_shift) / y_scale).astype(np.float32)

    scaling = {"x_shift": x_shift, "x_scale": x_scale, "y_shift": y_shift, "y_scale": y_scale}
    preparation = {name: np.asarray(value).tolist() for name, value in scaling.items()}
    tested = None if test is None else prepare(test)
    return Data(prepare(train), tested, source.name, source.classes, preparation)


def digits() -> Pair:
    """The digits of scikit-learn.

    Raises:
      CommandError: if scikit-learn is not installed.
    """
    try:
        return datasets.digits()
    except ImportError as error:
        raise CommandError(f"the digits come with scikit-learn: {EXTRAS}") from error


def _read(options: argparse.Namespace) -> Source:
    name = options.data
    if name in DATA:
        _refuse(options, ("labels", "target", "delimiter", "regression"), f"--data {name}")
        return _built_in(name, options.seed)
    path = Path(name)
    if not path.is_file():
        raise CommandError(f"--data {name}: no such file; built in are {', '.join(DATA)}")
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError as error:
        raise CommandError(f"--data {name}: {error.strerror}") from error
    if start in (_GZIP, _IDX):
        _refuse(options, ("target", "delimiter", "regression"), "an IDX file of images")
        return _images(path, options.labels)
    _refuse(options, ("labels",), "a CSV file")
    return _table(path, options)


def _refuse(options: argparse.Namespace, names: tuple[str, ...], data: str) -> None:
    """Refuse options that would have no effect."""
    for name in names:
        if getattr(options, name) not in (None, False):
            raise CommandError(f"--{name} has no meaning for {data}")


def _built_in(name: str, seed: int) -> Source:
    if name == "digits":
        return Source(*digits(), "scikit-learn's digits", _numbers(10), (0.0, 1.0))
    make = getattr(datasets, name)
    x, y = make() if name == "xor" else make(jax.random.key(seed), _POINTS)
    labels = np.asarray(y, np.int32).reshape(len(x))
    return Source(np.asarray(x), labels, name, _numbers(2), (0.0, 1.0))


def _images(path: Path, labels: str | None) -> Source:
    if labels is None:
        raise CommandError(f"--data {path} holds images; give their labels with --labels FILE")
    x = _file("--data", path, datasets.idx)
    y = _file("--labels", Path(labels), datasets.idx)
    if x.ndim < 2:
        raise CommandError(
            f"--data {path}: expected images [examples, ...], got shape {list(x.shape)}"
        )
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise CommandError(
            f"--labels {labels}: expected whole numbers [examples], got {y.dtype} "
            f"{list(y.shape)}; are the two files swapped?"
        )
    if len(x) != len(y) or not len(x):
        raise CommandError(f"--data has {len(x)} images and --labels {len(y)} labels")
    if y.min() < 0:
        raise CommandError(f"--labels {labels}: labels count from 0, found {y.min()}")
    # bytes range from 0 to 255; the range of other numbers is not known
    scaling = (0.0, 255.0) if x.dtype == np.uint8 else None
    classes = _numbers(int(y.max()) + 1)
    return Source(x.reshape(len(x), -1), y.astype(np.int32), path.name, classes, scaling)


def _table(path: Path, options: argparse.Namespace) -> Source:
    target = -1 if options.target is None else options.target
    delimiter = options.delimiter or ","
    if len(delimiter) != 1:
        raise CommandError(f"--delimiter must be one character, got {delimiter!r}")

    def read(path: Path) -> datasets.Table:
        columns = {"target": target, "delimiter": delimiter}
        return datasets.table(path, **columns, regression=options.regression)

    found = _file("--data", path, read)
    if len(found.classes) == 1:
        raise CommandError(f"--data {path}: the target is {found.classes[0]!r} in every row")
    if len(found.classes) > max(20, len(found.y) // 4):
        raise CommandError(
            f"--data {path}: {len(found.classes)} classes in {len(found.y)} rows; if the target "
            "is a value, give --regression, else choose another column with --target"
        )
    return Source(found.x, found.y, path.name, found.classes, None)


def _file(option: str, path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(path)
    except OSError as error:
        raise CommandError(f"{option} {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise CommandError(f"{option} {error}") from error


def _split(source: Source, options: argparse.Namespace) -> tuple[Pair, Pair | None]:
    pair, n = (source.x, source.y), len(source.x)
    rows = options.train_rows
    if rows is not None:
        if rows >= n:
            raise CommandError(f"--train-rows {rows}: there are {n:,} rows; leave some to test")
        return (source.x[:rows], source.y[:rows]), (source.x[rows:], source.y[rows:])
    fraction = options.test_fraction
    if fraction is None:
        fraction = 0.0 if options.data == "xor" else 0.25
    if fraction == 0:
        return pair, None
    try:
        return datasets.train_test_split(
            jax.random.key(options.seed), *pair, test_fraction=fraction
        )
    except ValueError as error:
        raise CommandError(f"--test-fraction {fraction:g}: {error}") from error


def _standard(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column; 1 for a constant column."""
    shift, scale = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    return shift, np.where(scale > 0, scale, 1.0)


def _numbers(n: int) -> tuple[str, ...]:
    return tuple(map(str, range(n)))
