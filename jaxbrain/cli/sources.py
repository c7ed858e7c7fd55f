"""Sources of data for ``train``: built-in sets, tables and IDX images of the user."""

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxbrain import datasets
from jaxbrain.cli.errors import CommandError, in_command_line
from jaxbrain.cli.parser import DATA
from jaxbrain.cli.terminal import EXTRAS
from jaxbrain.core.suggestions import suggestion
from jaxbrain.datasets.clothes import CLOTHES
from jaxbrain.datasets.opened import beginning

_POINTS = 1000
_NAMES, _LETTERS = 8, 60  # names in a printed line, and the length of one
_OF_TABLES = ("target", "without", "delimiter", "decimal", "header", "regression")

Pair = tuple[np.ndarray, np.ndarray]


class Source(NamedTuple):
    """Data as read, before they are split and scaled.

    Attributes:
      x: ``[examples, features]``.
      y: labels ``[examples]``, or values ``[examples, 1]``.
      name: for the printed line about the data.
      classes: names of the classes; empty for values.
      scaling: shift and scale of the inputs; None takes them from the training rows.
      details: lines about how a file was understood, and options that say otherwise.
      train_rows: number of the first rows that are trained on by default; None: a random part.
    """

    x: np.ndarray
    y: np.ndarray
    name: str
    classes: tuple[str, ...]
    scaling: tuple[float, float] | None
    details: tuple[str, ...] = ()
    train_rows: int | None = None


def read(options: argparse.Namespace) -> Source:
    """The data of the options.

    Raises:
      CommandError: for mistakes in the options or the files.
    """
    name = options.data
    if name in DATA:
        _refuse(options, ("labels", *_OF_TABLES), f"--data {name}")
        return _built_in(name, options.seed)
    path = _existing("--data", name, DATA)
    if _file("--data", path, beginning)[:2] == b"\0\0":
        _refuse(options, _OF_TABLES, "an IDX file of images")
        return _images(path, options.labels)
    _refuse(options, ("labels",), "a CSV file")
    return _table(path, options)


def digits() -> Pair:
    """The digits of scikit-learn.

    Raises:
      CommandError: if scikit-learn is not installed.
    """
    try:
        return datasets.digits()
    except ImportError as error:
        raise CommandError(f"the digits come with scikit-learn: {EXTRAS}") from error


def listed(names: tuple[str, ...]) -> str:
    """The first names, separated by commas, and their number where there are more."""
    first = ", ".join(name[:_LETTERS] for name in names[:_NAMES])
    return first if len(names) <= _NAMES else f"{first}, ... ({len(names):,} in all)"


def _existing(option: str, name: str, others: tuple[str, ...] = ()) -> Path:
    """A file; a misspelled name is answered with those that are near."""
    path = Path(name)
    try:
        if path.exists():
            return path
        near = [str(path.parent / file.name) for file in path.parent.iterdir() if file.is_file()]
    except (OSError, ValueError):
        near = []
    hint = suggestion(name, [*others, *near])
    if not hint.startswith("did you mean"):
        hint = f"built in are {', '.join(others)}" if others else "give the path of a file"
    raise CommandError(f"{option} {name}: no such file; {hint}")


def _refuse(options: argparse.Namespace, names: tuple[str, ...], data: str) -> None:
    """Refuse options that would have no effect."""
    for name in names:
        value = getattr(options, name)
        if value not in (None, []):
            option = in_command_line(f"{name}={value}") if isinstance(value, bool) else f"--{name}"
            raise CommandError(f"{option} has no meaning for {data}")


def _built_in(name: str, seed: int) -> Source:
    if name == "digits":
        return Source(*digits(), "scikit-learn's digits", _numbers(10), (0.0, 1.0))
    if name == "mnist1d":
        x, y = map(np.asarray, datasets.mnist1d(jax.random.key(seed)))
        return Source(x, y, "MNIST-1D", _numbers(10), (0.0, 1.0), train_rows=4000)
    if name == "fashion_mnist":
        return _clothes()
    make = getattr(datasets, name)
    x, y = make() if name == "xor" else make(jax.random.key(seed), _POINTS)
    labels = np.asarray(y, np.int32).reshape(len(x))
    return Source(np.asarray(x), labels, name, _numbers(2), (0.0, 1.0))


def _clothes() -> Source:
    try:
        train, test = datasets.fashion_mnist()
    except FileNotFoundError as error:
        raise CommandError(
            "--data fashion_mnist: the files are absent; on Debian or Ubuntu run apt-get install "
            "dataset-fashion-mnist, elsewhere give --data train-images-idx3-ubyte.gz and --labels "
            "train-labels-idx1-ubyte.gz of https://github.com/zalandoresearch/fashion-mnist"
        ) from error
    except (OSError, ValueError) as error:
        raise CommandError(f"--data {error}") from error
    x, y = (np.concatenate(parts) for parts in zip(train, test, strict=True))
    return Source(x, y, "Fashion-MNIST", CLOTHES, (0.0, 1.0), train_rows=len(train[0]))


def _numbers(n: int) -> tuple[str, ...]:
    return tuple(map(str, range(n)))


def _images(path: Path, labels: str | None) -> Source:
    if labels is None:
        raise CommandError(f"--data {path} holds images; give their labels with --labels FILE")
    x = _file("--data", path, datasets.idx)
    y = _file("--labels", _existing("--labels", labels), datasets.idx)
    if x.ndim < 2:
        raise CommandError(f"--data {path}: expected images, found a list of {x.size:,} numbers")
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise CommandError(
            f"--labels {labels}: expected one whole number for each image, found "
            f"{' x '.join(map(str, y.shape))} numbers; are the two files swapped?"
        )
    if len(x) != len(y) or not len(x):
        raise CommandError(f"--data has {len(x):,} images and --labels {len(y):,} labels")
    found, y = np.unique(y, return_inverse=True)
    if len(found) == 1:
        raise CommandError(f"--labels {labels}: the label is {found[0]} for every image")
    if len(found) > max(20, len(y) // 4):
        raise CommandError(
            f"--labels {labels}: {len(found):,} different labels of {len(y):,} images are no "
            "classes; give another file"
        )
    # bytes range from 0 to 255; the range of other numbers is not known
    scaling = (0.0, 255.0) if x.dtype == np.uint8 else None
    classes = tuple(map(str, found))
    details = (f"labels: {listed(classes)}",)
    return Source(x.reshape(len(x), -1), y.astype(np.int32), path.name, classes, scaling, details)


def _table(path: Path, options: argparse.Namespace) -> Source:
    settings = {name: getattr(options, name) for name in _OF_TABLES}
    given = {name: value for name, value in settings.items() if value not in (None, [])}

    def read(path: Path) -> datasets.Table:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # printed as a note
            return datasets.table(path, **given)

    found = _file("--data", path, read)
    if len(found.classes) == 1:
        raise CommandError(f"--data {path}: the target is {found.classes[0]!r} in every row")
    return Source(found.x, found.y, path.name, found.classes, None, _understood(found))


def _understood(found: datasets.Table) -> tuple[str, ...]:
    """Lines about a table: header, features and target, with the options that change them."""
    header = (
        f"header: line {found.header} (--no-header takes it as an example)"
        if found.header
        else "header: none (--header takes the first line as names)"
    )
    numeric = all(name.lstrip("-").isdecimal() for name in found.classes)
    other = {
        (True, True): "; --regression predicts values",
        (False, True): "; --classification predicts classes",
    }.get((bool(found.classes), numeric), "")
    kind = f"{len(found.classes)} classes: {listed(found.classes)}" if found.classes else "values"
    return (
        header,
        f"features: {listed(found.features)} (--without COLUMN leaves one out)",
        f"target: {found.target}, {kind} (--target COLUMN chooses another{other})",
        *(f"note: {in_command_line(note)}" for note in found.notes),
    )


def _file(option: str, path: Path, read: Callable[[Any], Any]) -> Any:
    try:
        return read(str(path))
    except OSError as error:
        raise CommandError(f"{option} {path}: {error.strerror or error}") from error
    except ValueError as error:
        message = in_command_line(str(error))
        place = "" if message.startswith("--") else f"{option} "
        raise CommandError(f"{place}{message}") from error
