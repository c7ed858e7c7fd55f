"""Fashion-MNIST, from the files of its authors or of a Debian package."""

import os
from pathlib import Path

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.datasets.idx_format import idx

CLOTHES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"
)  # fmt: skip
DEBIAN = "/usr/share/datasets/fashion-mnist"
_SIDE = 28

Pair = tuple[np.ndarray, np.ndarray]


@checked
def fashion_mnist(folder: str | os.PathLike[str] | None = None) -> tuple[Pair, Pair]:
    """Fashion-MNIST: 60,000 images of clothes to train and 10,000 to test, in ten classes.

    Nothing is downloaded. On Debian and Ubuntu, ``apt-get install dataset-fashion-mnist`` brings
    the files.

    Args:
      folder: holds the four IDX files, gzipped or not, under the names that the authors gave them;
        None: where the Debian package puts them.

    Returns:
      ``(x_train, y_train), (x_test, y_test)``: x ``[examples, 784]`` float32 from 0 to 1, the rows
      of the image one after the other, and labels y ``[examples]`` int32.

    Raises:
      FileNotFoundError: if a file is absent; the message names the command that brings it.
      ValueError: if a file holds something else than images 28 x 28 or labels from 0 to 9.

    Source: Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747.

    Examples:
      >>> fashion_mnist("/nowhere")
      Traceback (most recent call last):
      ...
      FileNotFoundError: fashion_mnist: there is no train-images-idx3-ubyte.gz in /nowhere; ...
    """
    place = Path(DEBIAN if folder is None else folder)
    files = [
        (_file(place, f"{part}-images-idx3-ubyte"), _file(place, f"{part}-labels-idx1-ubyte"))
        for part in ("train", "t10k")
    ]
    train, test = (_pair(images, labels) for images, labels in files)
    return train, test


def _file(folder: Path, name: str) -> Path:
    """A file, gzipped or not."""
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"fashion_mnist: there is no {name}.gz in {folder}; on Debian or Ubuntu run apt-get install"
        " dataset-fashion-mnist, elsewhere give the folder of the four files of"
        " https://github.com/zalandoresearch/fashion-mnist: fashion_mnist(folder)"
    )


def _pair(images: Path, labels: Path) -> Pair:
    x, y = idx(images), idx(labels)
    if x.dtype != np.uint8 or x.ndim != 3 or x.shape[1:] != (_SIDE, _SIDE):
        raise ValueError(
            f"fashion_mnist: {images} must hold images [examples, 28, 28] of uint8, got {x.dtype} "
            f"{list(x.shape)}"
        )
    if y.dtype != np.uint8 or y.shape != x.shape[:1] or np.any(y >= len(CLOTHES)):
        raise ValueError(
            f"fashion_mnist: {labels} must hold a label from 0 to 9 for each of {len(x)} images, "
            f"got {y.dtype} {list(y.shape)}" + (f" up to {y.max()}" if y.size else "")
        )
    return np.divide(x.reshape(len(x), -1), 255, dtype=np.float32), y.astype(np.int32)
