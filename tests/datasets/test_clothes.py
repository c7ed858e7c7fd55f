"""Fashion-MNIST from small files in its format, and from the real ones where they are."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from jaxbrain import datasets
from jaxbrain.datasets import clothes
from tests.command_line import write_idx

REAL = Path(__file__).resolve().parents[3] / "shared/data/fashion_mnist"
RNG = np.random.default_rng(0)
IMAGES = {part: RNG.integers(0, 256, (n, 28, 28)) for part, n in (("train", 12), ("t10k", 5))}
LABELS = {part: np.arange(len(images)) % 10 for part, images in IMAGES.items()}


@pytest.fixture
def folder(tmp_path):
    for part in IMAGES:
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", IMAGES[part])
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", LABELS[part])
    return tmp_path


@pytest.mark.parametrize("zipped", [False, True])
def test_images_and_labels_of_both_parts(folder, zipped):
    for path in folder.iterdir() if zipped else ():
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    for (x, y), part in zip(datasets.fashion_mnist(folder), ("train", "t10k"), strict=True):
        assert x.dtype == np.float32 and y.dtype == np.int32
        np.testing.assert_allclose(x.reshape(-1, 28, 28) * 255, IMAGES[part], rtol=1e-6)
        np.testing.assert_array_equal(y, LABELS[part])


def test_without_a_folder_it_looks_where_debian_puts_it(folder, monkeypatch):
    assert clothes.DEBIAN == "/usr/share/datasets/fashion-mnist"
    monkeypatch.setattr(clothes, "DEBIAN", str(folder))
    assert len(datasets.fashion_mnist()[1][0]) == 5


def test_absent_files_name_the_command_that_brings_them(folder, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(clothes, "DEBIAN", str(tmp_path_factory.mktemp("empty")))
    with pytest.raises(FileNotFoundError, match="apt-get install dataset-fashion-mnist"):
        datasets.fashion_mnist()
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=f"no t10k-labels-idx1-ubyte.gz in {folder}"):
        datasets.fashion_mnist(folder)


@pytest.mark.parametrize(
    "name, array, message",
    [
        ("train-images-idx3-ubyte", np.zeros((12, 784)), r"28, 28\] of uint8, got uint8 \[12, 784"),
        ("train-images-idx3-ubyte", np.zeros((12, 8, 8)), r"got uint8 \[12, 8, 8\]"),
        ("t10k-labels-idx1-ubyte", np.zeros(4), r"each of 5 images, got uint8 \[4\]"),
        ("t10k-labels-idx1-ubyte", np.full(5, 10), r"got uint8 \[5\] up to 10"),
        ("t10k-labels-idx1-ubyte", np.zeros((5, 1)), r"got uint8 \[5, 1\]"),
    ],
)
def test_files_of_something_else(folder, name, array, message):
    write_idx(folder / name, array)
    with pytest.raises(ValueError, match=f"fashion_mnist: .*{name} must hold .*{message}"):
        datasets.fashion_mnist(folder)


@pytest.mark.slow
def test_the_real_files():
    if not REAL.exists():
        pytest.skip(f"no Fashion-MNIST in {REAL}")
    (x, y), (x_test, y_test) = datasets.fashion_mnist(REAL)
    assert x.shape == (60_000, 784) and x_test.shape == (10_000, 784)
    assert np.all(np.bincount(y) == 6_000) and np.all(np.bincount(y_test) == 1_000)
    assert x.min() == 0 and x.max() == 1 and abs(x.mean() - 0.2860) < 1e-4
    assert y[:3].tolist() == [9, 0, 0]  # boot, T-shirt, T-shirt
