"""Columns of a table: chosen, left out, and read as Python's csv and float read them."""

import csv
import subprocess
import sys
import warnings

import numpy as np
import pytest

from jaxbrain import datasets
from jaxbrain.core import free_memory

FOUR = "id,a,b,y\n0,1.5,2,x\n1,2.5,3,z\n2,3.5,5,x\n"


@pytest.mark.parametrize(
    ("settings", "features", "target"),
    [
        ({}, ("id", "a", "b"), "y"),
        ({"without": ["id"]}, ("a", "b"), "y"),
        ({"without": [0, -2]}, ("a",), "y"),
        ({"without": ["y"], "target": "b"}, ("id", "a"), "b"),
        ({"without": ("y", 0), "target": 2}, ("a",), "b"),
    ],
)
def test_columns_are_left_out(file, settings, features, target):
    data = datasets.table(file(FOUR), **settings)
    assert data.features == features and data.target == target and data.x.shape[1] == len(features)
    assert any("counts the rows" in note for note in data.notes) == ("id" in features)


def test_a_column_of_words_may_be_left_out(file):
    path = file("name,a,y\nred,1,0\nblue,2,1\n")
    with pytest.raises(ValueError, match=r'leave the column out with without=\["name"\]'):
        datasets.table(path)
    np.testing.assert_array_equal(datasets.table(path, without=["name"]).x, [[1], [2]])
    path = file("red,1,0\nblue,2,1\n")
    with pytest.raises(ValueError, match=r"leave the column out with without=\[0\]"):
        datasets.table(path)
    assert datasets.table(path, without=[0]).header == 0


def test_names_that_are_numbers(file):
    path = file("2019,2020,2021\n1.5,2,0\n3,4.5,1\n")
    assert datasets.table(path, target="2020").features == ("2019", "2021")
    assert datasets.table(path, target=2020, header=True).features == ("2019", "2021")
    with pytest.raises(ValueError, match="column 2020 of 3 columns; pass header=True to take it"):
        datasets.table(path, target=2020)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"without": ["idd"]}, ValueError, "without 'idd' is not in the header; did you mean id?"),
        ({"without": [4]}, ValueError, "without is column 4 of 4 columns"),
        ({"without": "id"}, TypeError, "table: without must be a sequence, got 'id'"),
        ({"without": [1.5]}, TypeError, r"table: without\[0\] must be a name or an index"),
        ({"without": ["y"]}, ValueError, "the target is among the columns to leave out; choose"),
        ({"without": [0, 1, 2]}, ValueError, "no column is left to predict from"),
        ({"target": "why"}, ValueError, "target 'why' is not in the header; choose one of id, a"),
        ({"target": "y", "header": False}, ValueError, "without a header, columns have no names"),
        ({"header": 1}, TypeError, "table: header must be True or False, got 1"),
        ({"regression": "yes"}, TypeError, "table: regression must be True or False, got 'yes'"),
    ],
)
def test_columns_that_cannot_be(file, settings, error, message):
    with pytest.raises(error, match=message.replace("?", r"\?")):
        datasets.table(file(FOUR), **settings)


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("n,y\n0,a\n1,b\n2,a\n", "the feature 'n' counts the rows from 0 to 2; without=[\"n\"]"),
        ("n,y\n1,a\n2,b\n3,a\n", "the feature 'n' counts the rows from 1 to 3"),
        ("1,a\n2,b\n3,a\n", "the feature 'x0' counts the rows from 1 to 3; without=[0] leaves"),
        (
            ",0,y\n0,5,a\n1,6,b\n2,5,a\n",
            "the feature 'x0' counts the rows from 0 to 2; without=[0]",
        ),
        ("a,a,y\n1,2,x\n2,3,z\n", "columns have the same name: 'a'"),
    ],
)
def test_notes(file, content, note):
    assert datasets.table(file(content)).notes[0].startswith(note)


@pytest.mark.parametrize("cells", ["0 1 2 4", "1 2 3 3", "2 3 4 5", "0 2 1 3", "3 2 1 0"])
def test_other_numbers_do_not_count_the_rows(file, cells):
    rows = [f"{cell},{'ab'[i % 2]}" for i, cell in enumerate(cells.split())]
    assert datasets.table(file("n,y\n" + "\n".join(rows))).notes == ()


def test_every_cell_is_what_csv_and_float_read(file):
    """Many blocks of rows, with all features that a number can have."""
    rng = np.random.default_rng(0)
    forms = ["{:.3f}", "{:e}", " {:+.1f} ", '"{:.4g}"', "{:.0f}"]
    rows = [
        [forms[rng.integers(5)].format(v) for v in rng.normal(size=7) * 10.0 ** rng.integers(-6, 6)]
        for _ in range(9000)
    ]
    path = file("\n".join(",".join([*row, f"{i / 8}"]) for i, row in enumerate(rows)))
    with open(path, newline="") as content:
        expected = np.array([[float(cell) for cell in row] for row in csv.reader(content)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = datasets.table(path)
    np.testing.assert_array_equal(data.x, expected[:, :-1].astype(np.float32))
    np.testing.assert_array_equal(data.y, expected[:, -1:].astype(np.float32))


def test_a_table_above_the_free_memory_is_refused(file, monkeypatch):
    path = file("\n".join(f"{i},{i}.5" for i in range(40_000)))
    assert len(datasets.table(path).x) == 40_000
    monkeypatch.setattr(free_memory, "free_memory", lambda: 100_000)
    with pytest.raises(ValueError, match=r"the table needs .* of memory; 100,000 bytes are free"):
        datasets.table(path)


_MEASURE = """
import resource, sys
from jaxbrain import datasets
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
open(sys.argv[1]).read(1)
before = peak()
data = datasets.table(sys.argv[1])
print(peak() - before, data.x.nbytes + data.y.nbytes)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="units of ru_maxrss")
@pytest.mark.parametrize("columns", [2, 20])
def test_reading_takes_few_times_the_memory_of_the_array(tmp_path, columns):
    rng, path, size = np.random.default_rng(0), tmp_path / "large.csv", 0
    with path.open("w") as file:
        while size < 50e6:
            rows = rng.normal(size=(20_000, columns))
            size += file.write("".join(",".join(f"{v:.5f}" for v in row) + "\n" for row in rows))
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(path)], capture_output=True, text=True, check=True
    )
    taken, array = map(int, done.stdout.split())
    assert array > size / 3 and taken < 4 * array
