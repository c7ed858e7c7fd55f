"""Data of `train`, split and scaled."""

import numpy as np
import pytest

from jaxbrain.cli.data import load
from tests.command_line import assert_mistake, options, plane_csv, write_csv

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


def labels(*words):
    data = load(options("--data", "sorted.csv", *words))
    return data, *(np.bincount(part[1], minlength=4).tolist() for part in (data.train, data.test))


def test_random_parts_hold_each_class_in_its_proportion():
    write_csv("sorted.csv", [[i / 7, "abcd"[i // 20]] for i in range(80)])
    for seed in range(3):
        assert labels("--seed", seed)[1:] == ([15] * 4, [5] * 4)


def test_a_class_without_a_row_to_train_is_named(capsys):
    write_csv("sorted.csv", [[i / 7, "abcd"[i // 20]] for i in range(80)])
    data, train, test = labels("--train-rows", 45)
    assert train == [20, 20, 5, 0] and test == [0, 0, 15, 20]
    assert any("no row to train is of the class d: it cannot be learned" in s for s in data.details)
    assert not any("no row" in line for line in labels("--train-rows", 61)[0].details)
    words = ["train", "--data", "sorted.csv", "--train-rows", "20"]
    assert_mistake(words, "all rows to train are of the class 'a'; is the file sorted?", capsys)


@pytest.mark.parametrize("fraction", ["0.001", "0.99"])
def test_a_part_that_would_be_too_small(fraction, capsys):
    write_csv("sorted.csv", [[i / 7, "abcd"[i // 20]] for i in range(80)])
    words = ["train", "--data", "sorted.csv", "--test-fraction", fraction]
    assert_mistake(words, f"--test-fraction {fraction} of 80 rows leaves", capsys)
