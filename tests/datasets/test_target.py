"""Target of a table: labels, values, or a question."""

import numpy as np
import pytest

from jaxbrain import datasets
from jaxbrain.datasets import target as target_module


def column(*cells):
    return "x,y\n" + "".join(f"{i}.5,{cell}\n" for i, cell in enumerate(cells))


def whole(n, rows):
    return [(11 * i) % n for i in range(rows)]


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["b", "a", "b"], ("a", "b")),
        (["10", "9", "10"], ("9", "10")),
        (["1.0", "2", "1e0"], ("1", "2")),
        (["True", "False", "True"], ("False", "True")),
        (["-1", "1", "-1"], ("-1", "1")),
        (whole(20, 200), tuple(map(str, range(20)))),
        (whole(4, 8), ("0", "1", "2", "3")),
        (whole(3, 6), ("0", "1", "2")),
        (["9007199254740993", "9007199254740992"], ("9007199254740992", "9007199254740993")),
    ],
)
def test_labels(file, cells, classes):
    data = datasets.table(file(column(*cells)))
    assert data.classes == classes and data.y.dtype == np.int32
    np.testing.assert_array_equal(
        [float(classes[i]) if classes[0][-1].isdigit() else classes[i] for i in data.y],
        [float(cell) if classes[0][-1].isdigit() else cell for cell in cells],
    )


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (whole(21, 600), "'y' holds 21 different whole numbers in 600 rows: values or classes"),
        (whole(146, 600), "146 different whole numbers in 600 rows: values or classes"),
        (whole(10, 30), "10 different whole numbers in 30 rows"),
        ([str(c) + ".0" for c in whole(30, 60)], "30 different whole numbers in 60 rows"),
        ([f"name{i}" for i in range(60)], "60 different words in 60 rows; choose another column"),
        (whole(9000, 9000), "9,000 different whole numbers in 9,000 rows"),
    ],
)
def test_what_may_be_values_or_classes_is_asked(file, cells, message):
    path = file(column(*cells))
    with pytest.raises(ValueError, match=f"data.bin: the target .*{message}"):
        datasets.table(path)
    many = datasets.table(path, regression=False)
    assert len(many.classes) == len(set(cells))
    assert [many.classes[i] for i in many.y] == [str(cell).removesuffix(".0") for cell in cells]
    if isinstance(cells[0], int):
        values = datasets.table(path, regression=True)
        np.testing.assert_array_equal(values.y[:, 0], cells)
        assert values.classes == ()


def test_rare_values_of_a_regression(file):
    """146 whole numbers of a line in 600 rows."""
    x = np.random.default_rng(0).normal(size=(600, 2))
    y = np.round(10 * x @ [2.0, -1.0]).astype(int)
    path = file("a,b,y\n" + "".join(f"{a},{b},{c}\n" for (a, b), c in zip(x, y, strict=True)))
    with pytest.raises(ValueError, match="Pass regression=True to predict values"):
        datasets.table(path)


def test_numbers_with_fractions_as_classes(file):
    data = datasets.table(file(column("0.5", "1.50", ".5", "1.5")), regression=False)
    assert data.classes == ("0.5", "1.50") and data.y.tolist() == [0, 1, 0, 1]


def test_words_among_numbers_as_classes(file):
    path = file(column("1", "A", "2", "A"))
    with pytest.raises(ValueError, match="line 3, column 'y': 'A' among numbers; if all are names"):
        datasets.table(path)
    assert datasets.table(path, regression=False).classes == ("1", "2", "A")


def test_many_values_are_read_as_few(file, monkeypatch):
    """Beyond a number of different cells the column is kept as numbers: nothing else changes."""
    cells = [f"{(i * i) % 89 / 8}" for i in range(300)]
    first = datasets.table(file(column(*cells)))
    monkeypatch.setattr(target_module, "_KEPT", 20)
    monkeypatch.setattr("jaxbrain.datasets.columns._BLOCK", 50)
    again = datasets.table(file(column(*cells)))
    np.testing.assert_array_equal(first.y, again.y)
    np.testing.assert_array_equal(again.y[:, 0], np.array(cells, np.float32))
    for wrong, message in (
        ("x", "'x' is not a number"),
        ("", "a missing value"),
        ("inf", "finite"),
    ):
        with pytest.raises(ValueError, match=f"line 302, column 'y': .*{message}"):
            datasets.table(file(column(*cells, wrong)))
    no_header = "".join(column(*cells).splitlines(keepends=True)[1:])
    assert datasets.table(file(no_header)).y[0, 0] == float(cells[0])


def test_one_class_is_noted(file):
    assert datasets.table(file(column("a", "a"))).notes[-1] == "the target is 'a' in every row"
