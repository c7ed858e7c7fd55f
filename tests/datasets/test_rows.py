"""Rows of a table: line ends, blanks, comments, quotes, delimiters, lengths."""

import numpy as np
import pytest

from jaxbrain import datasets

PLAIN = "a,b\n1,2\n3,4\n"


@pytest.mark.parametrize(
    ("content", "settings"),
    [
        (PLAIN, {}),
        (PLAIN.replace("\n", "\r\n"), {}),
        (PLAIN.replace("\n", "\r"), {}),
        (PLAIN[:-1], {}),
        ("\ufeff" + PLAIN, {}),
        (PLAIN + "   \n\n", {}),
        (PLAIN + ",\n , \n", {}),
        ("\n \n" + PLAIN.replace("\n", "\n\n"), {}),
        ("# made on Monday\n" + PLAIN, {}),
        ("a,b\n1,2\n# half\n3,4\n#, the, end\n", {}),
        (" a , b \n 1 , 2 \n 3 , 4 \n", {}),
        ('"a", "b"\n"1", "2"\n3,"4"\n', {}),
        (PLAIN.replace(",", ";"), {"delimiter": ";"}),
        (PLAIN.replace(",", "\t"), {"delimiter": "\t"}),
        (PLAIN.replace(",", "|"), {"delimiter": "|"}),
        ("a  b\n 1\t2 \n3   4\n", {"delimiter": " "}),
    ],
)
def test_the_same_table_in_other_forms(file, content, settings):
    data = datasets.table(file(content), **settings)
    np.testing.assert_array_equal(data.x, [[1], [3]])
    assert data.classes == ("2", "4") and data.features == ("a",) and data.target == "b"
    assert data.notes == ()


def test_a_quoted_cell_may_hold_the_delimiter_and_line_ends(file):
    data = datasets.table(file('a,b\n1,"x,\ny"\n2,"say ""z"""\n'))
    assert data.classes == ('say "z"', "x,\ny")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n,\n3,4\n", "line 3: all cells are empty; remove the line"),
        ("a,b\n1,2\n#3,4\n", "line 3: begins with # as comments do, and has 2 cells"),
        ("a,b\n1,2\n1,2,3\n", "line 3: 3 cells, expected 2$"),
        ("a,b\n1,2\n\n\n1\n", "line 5: 1 cells, expected 2$"),
        ("a,b\n1,2,\n", "line 2: 3 cells, expected 2"),
        ('a,b\n1,"x\n2,y\n', "line 3: not a valid table: .*; is a quote not closed?"),
        ('a,b\n1,"' + "x\n" * 200_000, "not a valid table: .*; is a quote not closed?"),
        ("a,b\n1,2\n\0,3\n", "line 3: a NUL byte"),
        ("a;b\n1;2\n", '; the columns seem to be divided otherwise: pass delimiter=";"'),
        ("a\tb\n1\t2\n", r'pass delimiter="\\t"'),
        ("a|b\n1|2\n", r'pass delimiter="\|"'),
        ("1.0  2.0 3\n 1.5 2.5  4\n", 'pass delimiter=" "'),
        ("a;b\n1,5;2\n1,7;3\n", 'line 2: 2 cells, expected 1; .* pass delimiter=";"'),
        ("a\n1\n", 'one column, .*; if another character divides the columns, pass delimiter=";"'),
        (",".join("1" * 100_001) + "\n", "line 1: 100,001 columns, expected 100,000 at most"),
        ("1" * 2**24, "line 1: longer than 16,777,216 characters"),
        ("# only\n# comments\n", "the table is empty"),
    ],
)  # fmt: skip
def test_rows_that_are_wrong(file, content, message):
    with pytest.raises(ValueError, match=f"(?s)data.bin.*{message}"):
        datasets.table(file(content))


@pytest.mark.parametrize("delimiter", ["", ",,", "x", "1", '"', "\n", ".", "-", "#"])
def test_a_delimiter_that_cannot_be(file, delimiter):
    with pytest.raises(ValueError, match=r"table: delimiter (must be one character|cannot be)"):
        datasets.table(file(PLAIN), delimiter=delimiter)
