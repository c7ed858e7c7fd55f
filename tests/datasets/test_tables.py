"""Reader of tables: what was written is read, and mistakes are named."""

import numpy as np
import pytest

from jaxbrain import datasets

FLOWERS = "length, width, kind\n5.1,3.5,rose\n4.9,-3,lily\n\n1e-1,+.5,rose\n"


@pytest.mark.parametrize("target", [-1, 2, "kind"])
def test_table_of_words(file, target):
    data = datasets.table(file(FLOWERS), target=target)
    np.testing.assert_array_equal(data.x, np.array([[5.1, 3.5], [4.9, -3], [0.1, 0.5]], np.float32))
    np.testing.assert_array_equal(data.y, [1, 0, 1])
    assert data.x.dtype == np.float32 and data.y.dtype == np.int32
    assert data.features == ("length", "width") and data.classes == ("lily", "rose")


def test_table_without_a_header(file):
    data = datasets.table(file("10;1;2\n2;3;4\n10;5;6\n"), target=0, delimiter=";")
    np.testing.assert_array_equal(data.x, [[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(data.y, [1, 0, 1])  # in the order of the numbers, not the words
    assert data.features == ("x1", "x2") and data.classes == ("2", "10")


def test_table_of_values(file):
    data = datasets.table(file("a,b\n1,0.5\n2,3\n"))
    np.testing.assert_array_equal(data.y, np.array([[0.5], [3]], np.float32))
    assert data.y.dtype == np.float32 and data.classes == ()
    whole = file("a,b\n1,2.0\n2,300\n")
    assert datasets.table(whole).classes == ("2", "300")
    np.testing.assert_array_equal(datasets.table(whole, regression=True).y, [[2], [300]])


def test_table_of_quoted_cells_windows_lines_and_a_mark(file):
    data = datasets.table(file('\ufeff"a, first","b"\r\n"1","x,y"\r\n2,"z"\r\n'))
    assert data.features == ("a, first",) and data.classes == ("x,y", "z")


def test_a_header_of_numbers_by_name(file):
    data = datasets.table(file("0,1,label\n3,4,7\n5,6,8\n"), target="label")
    assert data.x.shape == (2, 2) and data.features == ("0", "1") and data.classes == ("7", "8")


@pytest.mark.parametrize(
    "content, settings, message",
    [
        ("", {}, "the table is empty"),
        ("\n\n", {}, "the table is empty"),
        ("a,b\n", {}, "no examples after the header"),
        ("a\n1\n", {}, 'one column, expected a feature and the target.*delimiter=";"'),
        ("a,b\n1,2\n1,2,3\n", {}, "line 3: 3 cells, expected 2"),
        ("a,b\n1,2\nx,2\n", {}, "line 3, column 'a': 'x' is not a number"),
        ("1,2\n1_0,2\n", {}, "line 2, column 'x0': '1_0' is not a number"),
        ("a,b\n,2\n", {}, "line 2, column 'a': a missing value"),
        ("a,b\n1,2\n\nNaN,2\n", {}, "line 4, column 'a': a missing value"),
        (",1,2\n3,4,5\n", {}, "line 1, column 'x0': a missing value"),
        ("a,b\n1,\n", {}, "line 2, column 'b': a missing value"),
        ("a,b\ninf,2\n", {}, "line 2, column 'a': 'inf' is not a finite float32"),
        ("a,b\n1e39,2\n", {}, "line 2, column 'a': '1e39' is not a finite float32"),
        ("a,b\n1,1e39\n", {}, "line 2, column 'b': '1e39' is not a finite float32"),
        ("a,b\n1,2\n1,l\n", {}, "line 3, column 'b': 'l' among numbers"),
        ("a,b\n1,x\n1,2\n", {}, "line 2, column 'b': 'x' among numbers"),
        ("a,b\n1,x\n", {"regression": True}, "line 2, column 'b': 'x' is not a number"),
        ("5.l,2,a\n1,2,b\n", {}, "line 1, column 'x0': '5.l' is not a number, but the line is no"),
        ("a,b\n1,2\n", {"target": "c"}, "target 'c' is not in the header; choose one of a, b"),
        ("a,a\n1,2\n", {"target": "a"}, "target 'a' is twice in the header"),
        ("1,2\n", {"target": 2}, "target is column 2 of 2 columns"),
        ("1,2\n", {"target": -3}, "target is column -3 of 2 columns"),
        ('a,b\n"1,2\n', {}, "line 2: not a valid table"),
        (b"a,b\n1,\xe9\n", {}, r"byte 6 \(line 2\) is not UTF-8"),
    ],
)
def test_wrong_tables(file, content, settings, message):
    with pytest.raises(ValueError, match=f"data.bin.*{message}"):
        datasets.table(file(content), **settings)


@pytest.mark.parametrize("target", [True, 1.0, None])
def test_a_target_of_another_type(file, target):
    with pytest.raises(TypeError, match="table: target must be a name or an index"):
        datasets.table(file("1,2\n"), target=target)
