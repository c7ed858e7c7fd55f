"""Data of ``train``, split into rows to train and to test, and scaled for a network."""

import argparse
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxbrain import datasets
from jaxbrain.cli.errors import CommandError
from jaxbrain.cli.sources import Pair, Source, listed, read

_ROWS = 4096  # that are scaled at once


class Data(NamedTuple):
    """Data for training and testing, as a network sees them.

    Attributes:
      train: inputs ``[examples, features]`` and labels ``[examples]`` or values ``[examples, 1]``.
      test: the same, or None.
      name: for the printed line about the data.
      classes: names of the classes; empty for values.
      preparation: the network sees ``(x - x_shift) / x_scale``, and its output stands for
        ``output * y_scale + y_shift``; numbers or lists of one number per column.
      details: lines about how a file was understood.
    """

    train: Pair
    test: Pair | None
    name: str
    classes: tuple[str, ...]
    preparation: dict[str, Any]
    details: tuple[str, ...]


def load(options: argparse.Namespace) -> Data:
    """Read, split and scale the data of the options.

    Raises:
      CommandError: for mistakes in the options or the files.
    """
    source = read(options)
    train, test = _split(source, options)
    notes = _without_examples(train[1], source.classes)
    x_shift, x_scale = source.scaling or _standard(train[0])
    y_shift, y_scale = (0.0, 1.0) if source.classes else _standard(train[1])

    def prepare(pair: Pair) -> Pair:
        x, y = pair
        return _scaled(x, x_shift, x_scale), y if source.classes else _scaled(y, y_shift, y_scale)

    scaling = {"x_shift": x_shift, "x_scale": x_scale, "y_shift": y_shift, "y_scale": y_scale}
    preparation = {name: np.asarray(value).tolist() for name, value in scaling.items()}
    tested = None if test is None else prepare(test)
    details = source.details + notes
    return Data(prepare(train), tested, source.name, source.classes, preparation, details)


def _split(source: Source, options: argparse.Namespace) -> tuple[Pair, Pair | None]:
    pair, n = (source.x, source.y), len(source.x)
    rows, fraction = options.train_rows, options.test_fraction
    if rows is None and fraction is None:
        rows = source.train_rows
    if rows is not None:
        if rows >= n:
            raise CommandError(f"--train-rows {rows}: there are {n:,} rows; leave some to test")
        return (source.x[:rows], source.y[:rows]), (source.x[rows:], source.y[rows:])
    if fraction is None:
        fraction = 0.0 if options.data == "xor" else 0.25
    if fraction == 0:
        return pair, None
    tested = round(n * fraction)
    least = max(len(source.classes), 1)
    if tested < 1 or n - tested < least:
        raise CommandError(
            f"--test-fraction {fraction:g} of {n:,} rows leaves {n - tested:,} to train and "
            f"{tested:,} to test; {least:,} and 1 are needed at least (--test-fraction 0 tests on "
            "none)"
        )
    return datasets.train_test_split(
        jax.random.key(options.seed),
        *pair,
        test_fraction=fraction,
        stratify=source.y if source.classes else None,
    )


def _without_examples(labels: np.ndarray, classes: tuple[str, ...]) -> tuple[str, ...]:
    """A note about classes that no row to train has.

    Raises:
      CommandError: if all rows have the same class.
    """
    if not classes:
        return ()
    rows = np.bincount(labels, minlength=len(classes))
    if np.count_nonzero(rows) == 1:
        raise CommandError(
            f"all rows to train are of the class {classes[rows.argmax()]!r}; is the file sorted? "
            "Mix its rows, or give --test-fraction instead of --train-rows"
        )
    absent = tuple(name for name, n in zip(classes, rows, strict=True) if not n)
    if not absent:
        return ()
    return (
        f"note: no row to train is of the class {listed(absent)}: it cannot be learned; is the file"
        " sorted? Mix its rows, or give --test-fraction instead of --train-rows",
    )


def _standard(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column; 1 for a constant column."""
    shift, scale = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    return shift, np.where(scale > 0, scale, 1.0)


def _scaled(values: np.ndarray, shift: Any, scale: Any) -> np.ndarray:
    """``(values - shift) / scale`` in 64 bits, few rows at once, as float32."""
    result = np.empty(values.shape, np.float32)
    for i in range(0, len(values), _ROWS):
        result[i : i + _ROWS] = (values[i : i + _ROWS] - shift) / scale
    return result
