"""The command `train` run in this process, its options, and files for it to read."""

import csv
import json
from pathlib import Path

import numpy as np

from jaxbrain.__main__ import main
from jaxbrain.cli.parser import make_parser


def train(*words, out="out"):
    return main(["train", "--no-cache", "--out", out, *map(str, words)])


def options(*words):
    return make_parser().parse_args(["train", *map(str, words)])


def results(out="out"):
    return json.loads(Path(out, "run.json").read_text())["results"]


def assert_mistake(words, message, capsys):
    """A command fails with one line that holds the message, and leaves nothing behind."""
    before = sorted(Path().rglob("*"))
    assert main([*words, "--no-cache"]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1 and "error: " in said.err and not said.out
    assert sorted(Path().rglob("*")) == before


def write_csv(path, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    Path(path).write_bytes(header + array.astype(np.uint8).tobytes())


def plane_csv(path, n=60):
    """y = 300 a - 2 b + 5000, in units far from one."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 2)) * [1.0, 40.0] + [3.0, -100.0]
    y = x @ [300.0, -2.0] + 5000.0
    write_csv(path, [["a", "b", "y"], *np.column_stack([x, y]).tolist()])
    return x, y
