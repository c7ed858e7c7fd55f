"""Data of `train`: reading, splitting, scaling, and mistakes reported in one line."""

import sys
from pathlib import Path

import numpy as np
import pytest

from jaxbrain.cli.data import load
from tests.command_line import assert_mistake, options, plane_csv, write_csv, write_idx

pytestmark = pytest.mark.usefixtures("elsewhere")


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_values_and_targets_are_scaled_by_the_training_rows():
    x, y = plane_csv("plane.csv")
    data = load(options("--data", "plane.csv", "--train-rows", 45))
    assert data.classes == ()
    shift, scale = x[:45].mean(axis=0), x[:45].std(axis=0)
    close(data.train[0], (x[:45] - shift) / scale)
    close(data.test[0], (x[45:] - shift) / scale)
    assert not np.allclose(data.test[0].std(axis=0), 1)  # not scaled by themselves
    for part, rows in ((data.train, y[:45]), (data.test, y[45:])):
        recovered = part[1][:, 0] * data.preparation["y_scale"] + data.preparation["y_shift"]
        close(recovered, rows)
    close(data.preparation["x_shift"], shift)
    close(data.preparation["x_scale"], scale)


def test_a_constant_column_is_shifted_only():
    write_csv("constant.csv", [[7, i, i % 2] for i in range(8)])
    data = load(options("--data", "constant.csv", "--test-fraction", 0))
    assert data.test is None
    np.testing.assert_array_equal(data.train[0][:, 0], 0)


def test_a_random_split_uses_every_row_once_and_the_seed():
    write_csv("rows.csv", [[i, i % 2] for i in range(40)])

    def split(seed):
        data = load(options("--data", "rows.csv", "--seed", seed))
        parts = [part[0][:, 0] * data.preparation["x_scale"][0] for part in (data.train, data.test)]
        return [np.round(part + data.preparation["x_shift"][0]).astype(int) for part in parts]

    train, test = split(0)
    assert len(test) == 10
    assert sorted([*train, *test]) == list(range(40))
    np.testing.assert_array_equal(split(0)[1], test)
    assert set(split(1)[1]) != set(test)


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


def test_a_file_with_the_name_of_a_built_in_set_is_a_file():
    write_csv("xor", [[i, i % 2] for i in range(8)])
    data = load(options("--data", "./xor"))
    assert len(data.train[0]) == 6 and data.test is not None and len(data.test[0]) == 2


MISTAKES = [
    (["--data", "digitz"], "no such file; built in are digits, xor"),
    (["--labels", "here.idx"], "--labels has no meaning for --data digits"),
    (["--data", "ok.csv", "--labels", "here.idx"], "--labels has no meaning for a CSV"),
    (["--data", "ok.csv", "--target", "zap"], "'zap' is not in the header"),
    (["--data", "ok.csv", "--delimiter", "ab"], "--delimiter must be one character"),
    (["--data", "holes.csv"], "line 3, column 'a': a missing value"),
    (["--data", "many.csv"], "30 classes in 30 rows; if the target is a value, give --regression"),
    (["--data", "one.csv"], "the target is '7' in every row"),
    (["--data", "ok.csv", "--train-rows", "60"], "there are 60 rows"),
    (["--data", "ok.csv", "--test-fraction", "0.001"], "leaves 60 to train and 0"),
    (["--data", "images.idx"], "--labels FILE"),
    (["--data", "images.idx", "--labels", "nowhere"], "--labels nowhere: No such file"),
    (["--data", "images.idx", "--labels", "images.idx"], "are the two files swapped?"),
    (["--data", "images.idx", "--labels", "few.idx"], "6 images and --labels 2 labels"),
    (["--data", "few.idx", "--labels", "few.idx"], "expected images"),
    (["--data", "cut.idx", "--labels", "few.idx"], "the file holds"),
    (["--data", "images.idx", "--regression"], "--regression has no meaning"),
]


@pytest.mark.parametrize(
    ("words", "message"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES]
)
def test_a_mistake_is_reported_in_one_line(words, message, capsys):
    plane_csv("ok.csv")
    write_csv("holes.csv", [["a", "b", "y"], [1, 2, 0], ["", 3, 1]])
    write_csv("many.csv", [[i, i] for i in range(30)])
    write_csv("one.csv", [[i, 7] for i in range(30)])
    write_idx("images.idx", np.zeros((6, 2, 2)))
    write_idx("few.idx", np.zeros(2))
    Path("cut.idx").write_bytes(Path("images.idx").read_bytes()[:-3])
    assert_mistake(["train", *words], message, capsys)


@pytest.mark.parametrize("command", ["demo", "train"])
def test_without_scikit_learn_there_are_no_digits(command, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert_mistake([command], 'scikit-learn: pip install "jaxbrain[viz,data]"', capsys)
