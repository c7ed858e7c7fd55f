"""Sources of `train`: built-in sets, tables and images, and mistakes reported in one line."""

import sys
from pathlib import Path

import numpy as np
import pytest

from jaxbrain.cli.data import load
from jaxbrain.cli.sources import read
from jaxbrain.datasets import clothes
from tests.command_line import assert_mistake, options, plane_csv, write_csv, write_idx

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_images_are_read_in_the_order_of_the_file():
    images, labels = np.random.default_rng(0).integers(0, 256, (10, 3, 2)), np.arange(10) % 3
    write_idx("images.idx", images)
    write_idx("labels.idx", labels)
    data = load(options("--data", "images.idx", "--labels", "labels.idx", "--train-rows", 7))
    np.testing.assert_array_equal(data.train[0], (images[:7].reshape(7, 6) / 255).astype("float32"))
    np.testing.assert_array_equal(data.train[1], labels[:7])
    np.testing.assert_array_equal(data.test[1], labels[7:])
    assert data.classes == ("0", "1", "2")


def test_words_are_labels_and_the_target_is_a_name_or_a_number():
    write_csv("kinds.csv", [["kind", "size"], *(["ab"[size > 9], size] for size in range(20))])
    data = load(options("--data", "kinds.csv", "--target", "kind", "--test-fraction", 0))
    assert data.classes == ("a", "b")
    np.testing.assert_array_equal(data.train[1], np.arange(20) > 9)
    write_csv("bare.csv", [[int(size > 9), size / 10] for size in range(20)])
    data = load(options("--data", "bare.csv", "--target", "0"))
    assert data.classes == ("0", "1") and data.train[0].shape == (15, 1)


@pytest.mark.parametrize("name", ["xor", "moons", "circles", "spirals"])
def test_built_in_points_have_labels_of_two_classes(name):
    data = load(options("--data", name))
    assert data.classes == ("0", "1") and (data.test is None) == (name == "xor")
    x, y = data.train
    assert x.shape == (len(y), 2) and y.dtype == np.int32 and set(y) == {0, 1}
    assert data.preparation == {"x_shift": 0.0, "x_scale": 1.0, "y_shift": 0.0, "y_scale": 1.0}


def test_mnist1d_is_split_as_in_its_paper_unless_told_otherwise():
    data = load(options("--data", "mnist1d"))
    assert data.test is not None and data.classes == tuple("0123456789")
    assert data.train[0].shape == (4000, 40) and data.test[0].shape == (1000, 40)
    part = load(options("--data", "mnist1d", "--test-fraction", 0.5))
    assert len(part.train[0]) == 2500
    other = load(options("--data", "mnist1d", "--seed", 1))
    assert not np.array_equal(other.train[0], data.train[0])


def test_fashion_mnist_is_split_as_by_its_authors(monkeypatch, tmp_path):
    monkeypatch.setattr(clothes, "DEBIAN", str(tmp_path))
    for part, n in (("train", 30), ("t10k", 10)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", np.full((n, 28, 28), n))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.arange(n) % 10)
    data = load(options("--data", "fashion_mnist"))
    assert data.test is not None and data.classes[:2] == ("T-shirt", "trouser")
    np.testing.assert_allclose(data.train[0], np.full((30, 784), 30 / 255), rtol=1e-6)
    np.testing.assert_allclose(data.test[0], np.full((10, 784), 10 / 255), rtol=1e-6)


def test_without_its_files_the_command_that_brings_fashion_mnist(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(clothes, "DEBIAN", str(tmp_path))
    words = ["train", "--data", "fashion_mnist"]
    assert_mistake(words, "run apt-get install dataset-fashion-mnist, elsewhere give", capsys)
    for part, n in (("train", 30), ("t10k", 10)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", np.zeros((n, 28, 28)))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.zeros(3))
    assert_mistake(words, "--data fashion_mnist: ", capsys)


def test_a_file_with_the_name_of_a_built_in_set_is_a_file():
    write_csv("xor", [[i, i % 2] for i in range(8)])
    data = load(options("--data", "./xor"))
    assert len(data.train[0]) == 6 and data.test is not None and len(data.test[0]) == 2


def details(*words):
    return read(options("--data", "table.csv", *words)).details


def test_it_says_how_a_table_was_understood():
    rows = [[i, i / 7, "ab"[i % 2]] for i in range(20)]
    write_csv("table.csv", [["id", "size", "kind"], *rows])
    assert details() == (
        "header: line 1 (--no-header takes it as an example)",
        "features: id, size (--without COLUMN leaves one out)",
        "target: kind, 2 classes: a, b (--target COLUMN chooses another)",
        "note: the feature 'id' counts the rows from 0 to 19; --without \"id\" leaves it out",
    )
    write_csv("table.csv", [[i / 3, i % 2] for i in range(20)])
    header, features, target = details()
    assert header == "header: none (--header takes the first line as names)"
    assert features.startswith("features: x0 (")
    assert target.startswith("target: x1, 2 classes: 0, 1 (--target COLUMN chooses another; --reg")
    assert (
        "target: x1, values (--target COLUMN chooses another; --class" in details("--regression")[2]
    )


def test_a_doubtful_header_is_a_note():
    write_csv("table.csv", [[0, 1, 2, 3], [0.5, 1.5, 2, 0], [3.5, 1, 4, 1]])
    *_, note = details()
    assert "line 1: taken as names, but may be an example: give --header to confirm, or" in note
    assert len(details("--no-header")) == 3


def test_labels_need_not_count_from_zero():
    write_idx("images.idx", np.zeros((12, 2, 2)))
    write_idx("labels.idx", np.arange(12) % 3 + 1)
    found = read(options("--data", "images.idx", "--labels", "labels.idx"))
    assert found.classes == ("1", "2", "3") and found.details == ("labels: 1, 2, 3",)
    np.testing.assert_array_equal(found.y, np.arange(12) % 3)


def test_the_options_of_a_table_reach_its_reader():
    Path("table.csv").write_text("a\tb\tc\n1,5\t2\t7\n2,5\t3\t8\n")
    words = (
        "--delimiter",
        "\\t",
        "--decimal",
        ",",
        "--without",
        "b",
        "--target",
        2,
        "--regression",
    )
    found = read(options("--data", "table.csv", *words))
    np.testing.assert_array_equal(found.x, [[1.5], [2.5]])
    np.testing.assert_array_equal(found.y, [[7], [8]])


MISTAKES = [
    (["--data", "digitz"], "no such file; did you mean digits?"),
    (["--data", "zzz"], "no such file; built in are digits, mnist1d"),
    (["--data", "okk.csv"], "--data okk.csv: no such file; did you mean ok.csv?"),
    (["--data", "."], "--data .: Is a directory"),
    (["--data", "a" * 5000], "no such file"),
    (["--labels", "here.idx"], "--labels has no meaning for --data digits"),
    (["--data", "ok.csv", "--labels", "here.idx"], "--labels has no meaning for a CSV"),
    (["--data", "ok.csv", "--target", "zap"], "'zap' is not in the header"),
    (["--data", "ok.csv", "--delimiter", "ab"], "expected one character"),
    (["--data", "holes.csv"], "line 3, column 'a': a missing value"),
    (
        ["--data", "many.csv"],
        "30 rows: values or classes? Give --regression to predict values, or"
        " --classification for 30 classes",
    ),
    (["--data", "ok.csv", "--delimiter", "x"], "--delimiter cannot be 'x'"),
    (["--data", "ok.csv", "--decimal", ","], 'give --delimiter ";"'),
    (["--data", "ok.csv", "--without", "zap"], "without 'zap' is not in the header"),
    (["--data", "semi.csv"], 'divided otherwise: give --delimiter ";"'),
    (["--data", "words.csv"], 'must be numbers: leave the column out with --without "color"'),
    (["--data", "images.idx", "--no-header"], "--no-header has no meaning for an IDX"),
    (["--data", "xor", "--classification"], "--classification has no meaning for --data xor"),
    (["--data", "xor", "--without", "a"], "--without has no meaning for --data xor"),
    (["--data", "images.idx", "--labels", "zeros.idx"], "the label is 0 for every image"),
    (["--data", "one.csv"], "the target is '7' in every row"),
    (["--data", "ok.csv", "--train-rows", "60"], "there are 60 rows"),
    (["--data", "ok.csv", "--test-fraction", "0.001"], "leaves 60 to train and 0"),
    (["--data", "images.idx"], "--labels FILE"),
    (["--data", "images.idx", "--labels", "nowhere"], "--labels nowhere: no such file"),
    (["--data", "images.idx", "--labels", "images.idx"], "are the two files swapped?"),
    (["--data", "images.idx", "--labels", "few.idx"], "6 images and --labels 2 labels"),
    (["--data", "few.idx", "--labels", "few.idx"], "expected images"),
    (["--data", "cut.idx", "--labels", "few.idx"], "the file holds"),
    (["--data", "images.idx", "--regression"], "--regression has no meaning"),
]


@pytest.mark.parametrize(
    ("words", "message"), MISTAKES, ids=[" ".join(words)[:60] for words, _ in MISTAKES]
)
def test_a_mistake_is_reported_in_one_line(words, message, capsys):
    plane_csv("ok.csv")
    write_csv("holes.csv", [["a", "b", "y"], [1, 2, 0], ["", 3, 1]])
    write_csv("many.csv", [[i, i] for i in range(30)])
    write_csv("one.csv", [[i, 7] for i in range(30)])
    write_idx("images.idx", np.zeros((6, 2, 2)))
    write_idx("few.idx", np.zeros(2))
    write_idx("zeros.idx", np.zeros(6))
    write_csv("words.csv", [["color", "y"], ["red", 1], ["blue", 0]])
    Path("semi.csv").write_text("a;b\n1;2\n3;4\n")
    Path("cut.idx").write_bytes(Path("images.idx").read_bytes()[:-3])
    assert_mistake(["train", *words], message, capsys)


@pytest.mark.parametrize("command", ["demo", "train"])
def test_without_scikit_learn_there_are_no_digits(command, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert_mistake([command], 'scikit-learn: pip install "jaxbrain[viz,data]"', capsys)
