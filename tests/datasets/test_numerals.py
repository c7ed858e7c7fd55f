"""Numbers in the cells of a table: which are read, and the reason why others are not."""

import numpy as np
import pytest

from jaxbrain import datasets


def one(file, cell, **settings):
    """The number that a quoted cell becomes."""
    return datasets.table(file(f'a;b\n"{cell}";0\n1;1\n'), delimiter=";", **settings).x[0, 0]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1", 1), (" -2.5 ", -2.5), ("+.5", 0.5), ("1e3", 1000), ("5E-1", 0.5), ("007", 7),
     ("True", 1), ("false", 0), ("TRUE", 1)],
)  # fmt: skip
def test_numbers(file, cell, value):
    assert one(file, cell) == value


@pytest.mark.parametrize(("cell", "value"), [("1,5", 1.5), ("-,5", -0.5), ("2", 2), ("1,5e2", 150)])
def test_a_decimal_comma(file, cell, value):
    assert one(file, cell, decimal=",") == value
    data = datasets.table(file("a;b\n1,5;2,5\n2,5;3,25\n"), delimiter=";", decimal=",")
    np.testing.assert_array_equal(data.y, [[2.5], [3.25]])


@pytest.mark.parametrize("cell", ["", "NA", "n/a", "NaN", "nan", "null", "None", "?", "#N/A"])
def test_missing_values_are_named(file, cell):
    with pytest.raises(ValueError, match="line 2, column 'a': a missing value"):
        one(file, cell)
    with pytest.raises(ValueError, match="line 3, column 'b': a missing value"):
        datasets.table(file(f'a,b\n1,x\n2,"{cell}"\n'))


@pytest.mark.parametrize(
    ("cell", "settings", "message"),
    [
        ("1_000", {}, "'1_000' is not a number"),
        ("1,234", {}, "'1,234' is not a number; if the comma is the decimal point, pass decimal="),
        ("1,234,567", {}, "'1,234,567' is not a number; take out separators of thousands"),
        ("1 234", {}, "'1 234' is not a number; take out separators of thousands"),
        ("1'234", {}, "take out separators of thousands"),
        ("1.234,5", {"decimal": ","}, "the decimal point is ','; take out separators of thousands"),
        ("1.234", {"decimal": ","}, "the decimal point is ','; take out separators of thousands"),
        ("inf", {}, "'inf' is not a finite float32"),
        ("-1e39", {}, "'-1e39' is not a finite float32"),
        ("5 kg", {}, "'5 kg' is not a number"),
        ("0x10", {}, "'0x10' is not a number"),
        ("50%", {}, "'50%' is not a number"),
    ],
)
def test_other_cells_are_named(file, cell, settings, message):
    with pytest.raises(ValueError, match=f"line 2, column 'a': .*{message}"):
        one(file, cell, **settings)


@pytest.mark.parametrize("decimal", ["", ";", "x"])
def test_a_decimal_point_that_cannot_be(file, decimal):
    with pytest.raises(ValueError, match=r"table: decimal must be '\.' or ','"):
        one(file, "1", decimal=decimal)
    with pytest.raises(ValueError, match="comma cannot be decimal point and delimiter"):
        datasets.table(file("a,b\n1,2\n"), decimal=",")
