"""Header or example: many small files, each with the line of its names, or a warning."""

import warnings

import numpy as np
import pytest

from jaxbrain import datasets

# name: (file, line of the header, examples, the reader warns)
FILES = {
    "no header, words": ("5.1,3.5,a\n4.9,3.0,b\n4.7,3.2,a\n", 0, 3, False),
    "no header, numbers": ("5.1,3.5,0\n4.9,3.0,1\n4.7,3.2,1\n", 0, 3, False),
    "no header, values": ("5.1,3.5,0.5\n4.9,3.0,1.5\n", 0, 2, False),
    "no header, every word once": ("5.1,3.5,a\n4.9,3.0,b\n", 0, 2, False),
    "no header, truth": ("True,False,yes\nFalse,True,no\nTrue,True,yes\n", 0, 3, False),
    "no header, truth to predict": ("5.1,3.5,True\n4.9,3.0,False\n4.7,3,True\n", 0, 3, False),
    "no header, large steps": ("0,1,999999999999999\n1,0,1\n0,5,1\n", 0, 3, False),
    "words over truth": ("a,b,y\n1,2,True\n3,4,False\n", 1, 2, False),
    "0, 1 over truth": ("0,1,y\n1.5,2,True\n3,4,False\n", 1, 2, False),
    "no header, counting rows": ("1,2,3\n4,5,6\n7,8,9\n", 0, 3, False),
    "no header, words of counting rows": ("1,2,a\n3,4,b\n", 0, 2, False),
    "no header, xor": ("0,1,1\n0,0,0\n1,0,1\n1,1,0\n", 0, 4, False),
    "no header, xor of words": ("0,1,yes\n0,0,no\n1,0,yes\n1,1,no\n", 0, 4, False),
    "no header, a row alone": ("5.1,3.5,a\n", 0, 1, False),
    "words": ("a,b,c\n1,2,3.5\n3,4,4.5\n", 1, 2, False),
    "words over labels": ("a,b,c\n1,2,x\n3,4,y\n", 1, 2, False),
    "words, one of them a label": ("a,b,c\n1,2,a\n3,4,c\n", 1, 2, False),
    "quoted words": ('"a","b, c","y"\n"1","2","x, y"\n"1","3",z\n', 1, 2, False),
    "blank lines above": ("\n  \na,b\n1,2\n3,4\n", 3, 2, False),
    "0, 1, 2 over words": ("0,1,2,species\n5,3,1,a\n4,3,1,b\n4,3,2,c\n", 1, 3, False),
    "0, 1, 2 over few words": ("0,1,2,kind\n5.1,3,1,a\n4.2,3,1,b\n4,3,2,a\n", 1, 3, False),
    "0, 1, 2, 3 over words": ("0,1,2,3\n5.1,3.5,1.4,a\n4.9,3.0,1.4,b\n", 1, 2, False),
    "0, 1 over values": ("0,1,y\n5.1,3.5,1.4\n4.9,3.0,1.4\n", 1, 2, False),
    "years over words": ("2018,2019,2020,y\n1.5,2,3,a\n2,3,4,b\n", 1, 2, False),
    "years over numbers": ("1990,1995,2000,y\n1,2,3,0\n2,3,4,1\n", 1, 2, False),
    "years among words": ("name,2018,2019,y\n1.5,2,3,0\n2,3,4,1\n", 1, 2, False),
    "the label in front": ("label,0,1,2\n1,0.1,0.2,0.3\n0,0.3,0.2,0.1\n", 1, 2, False),
    "pixels": ("label,1x1,1x2\n7,0,0\n2,0,1\n1,3,4\n", 1, 3, False),
    "dates": ("2020-01,2020-02,y\n1.5,2.5,1.5\n3,4,2.5\n", 1, 2, False),
    "the index of pandas": (",0,1,y\n0,5.1,3,a\n1,4,2,b\n2,3,3,a\n", 1, 3, False),
    "the index of pandas over numbers": (",0,1,2\n0,5.1,3,1.5\n1,4,2,2.5\n", 1, 2, False),
    "a comment that is the header": ("# a,b\n1,2\n3,4\n", 1, 2, False),
    "a comment above the header": ("# by me, on Monday\na,b\n1,2\n3,4\n", 2, 2, False),
    "a comment above examples": ("# by me\n1,2\n3,4\n", 0, 2, False),
    "doubt: 0, 1, 2, 3 over values": ("0,1,2,3\n5.1,3.5,1.4,0.2\n4.9,3,1.4,0.3\n", 1, 2, True),
    "doubt: 0, 1, 2, 3 over labels": ("0,1,2,3\n5.1,3.5,1.4,0\n4.9,3,1.4,1\n", 1, 2, True),
    "doubt: years over values": ("2018,2019,2020,2021\n1.5,2,3,2\n2,3,4,1\n", 1, 2, True),
    "doubt: 1, 2, 3 over values": ("1,2,3\n4.5,5.1,6\n7.1,1.8,9\n", 0, 3, True),
    "doubt: 0, 1, 2, 3, 4 over whole": ("0,1,2,3,4\n5,3,1,0,1\n4,9,1,1,0\n", 0, 3, True),
    "doubt: a rare word over words": ("5.1,3.5,c\n4.9,3.0,b\n4.7,3.2,b\n", 0, 3, True),
    "doubt: whole numbers, a rare word": ("7,9,c\n4,3,b\n4,3,b\n", 1, 2, True),
    "doubt: one word that begins with a digit": ("1st,y\n5.1,a\n4.9,b\n", 1, 2, True),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_header_or_example(file, name):
    content, line, examples, doubtful = FILES[name]
    path = file(content)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        data = datasets.table(path)
    assert (data.header, len(data.x), len(data.y)) == (line, examples, examples)
    assert bool(said) == doubtful == any("taken as" in note for note in data.notes)
    if doubtful:
        text = str(said[0].message)
        assert f"pass header={bool(line)} to confirm, or header={not line}" in text
        assert said[0].filename == __file__


@pytest.mark.parametrize("name", [name for name in FILES if "comment" not in name])
def test_what_is_told_is_not_guessed(file, name):
    content, line, examples, _ = FILES[name]
    path, rows = file(content), examples + bool(line)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(datasets.table(path, header=True).x) == rows - 1 if rows > 1 else True
        if not line:
            assert len(datasets.table(path, header=False).x) == rows


def test_a_label_far_below_tells(file):
    """The word of the first row stands again only in the last row."""
    rows = [f"{i}.5,{i}.25,{'ab'[i % 2]}" for i in range(3000)]
    head = "7,9,rare\n"
    again = datasets.table(file(head + "\n".join([*rows, "1,2,rare"])))
    assert again.header == 0 and again.classes == ("a", "b", "rare") and again.y[0] == 2
    with pytest.warns(UserWarning, match="taken as names"):
        assert datasets.table(file(head + "\n".join(rows))).header == 1


def test_an_example_above_keeps_its_place(file):
    data = datasets.table(file("9.5,8.5,b\n1,2,a\n3,4,b\n"))
    np.testing.assert_array_equal(data.x, [[9.5, 8.5], [1, 2], [3, 4]])
    np.testing.assert_array_equal(data.y, [1, 0, 1])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("red,1,x\nblue,2,y\n", "line 2, column 'x0': 'blue' is not a number; features must be"),
        ("a,b,y\nred,1,x\nblue,2,y\n", "line 2, column 'a': 'red' is not a number; features must"),
        ("label,0,1\ncat,0.1,0.2\ndog,0.3,0.2\n", "column 'label': 'cat' is not a number"),
        ("5.l,a\n1,b\n1,a\n", "line 1, column 'x0': '5.l' is not a number, but the line is no"),
        ("5.l,2,a\n1,2,b\n1,2,a\n", "line 1, column 'x0': '5.l' is not a number, but the line"),
        (",2,a\n1,2,b\n5,2,a\n", "line 1, column 'x0': a missing value"),
        ("a,b,c\n", "no examples after the header"),
    ],
)
def test_words_that_are_no_header(file, content, message):
    with pytest.raises(ValueError, match=message):
        datasets.table(file(content))


def test_names_that_are_told_to_be_an_example(file):
    with pytest.raises(ValueError, match=r"line 1, column 'x0': 'a' .*header=False says that the"):
        datasets.table(file("a,b\n1,2\n"), header=False)
