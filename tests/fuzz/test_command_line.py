"""Random words after `jaxbrain train`: options that hold, or one line without Python."""

import re

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from jaxbrain.__main__ import main
from jaxbrain.cli import train
from jaxbrain.cli.data import load
from tests.command_line import write_csv, write_idx

_OPTIONS = """--data --labels --target --without --header --no-header --delimiter --decimal
--regression --classification --test-fraction --train-rows --hidden --activation --rule --optimizer
--learning-rate --epochs --batch-size --seed --out --no-resume --no-cache --dat --rul --x"""
_VALUES = """xor moons rows.csv words.csv images.idx labels.idx folder nowhere.csv digitz 0 1 2 -1
3.5 1e9 99999999999999 1_0 nan inf none full y size kind , ; . \\t relu rely backprop bakprop adam
sdg 64,32 1,,2 -"""
OPTIONS = _OPTIONS.split()
VALUES = [*_VALUES.split(), "", " ", "a b", "é", "\0", "x" * 5000, "9" * 5000]
WORDS = st.lists(
    st.tuples(st.sampled_from(OPTIONS), st.sampled_from(VALUES)).map(list)
    | st.sampled_from(OPTIONS).map(lambda word: [word])
    | st.sampled_from(VALUES).map(lambda word: ["--data", word]),
    max_size=5,
).map(lambda pairs: [word for pair in pairs for word in pair])
PYTHON = re.compile(r"Traceback|jb\.|jax\.|\bNone\b|=True|=False|Error\b|object at|_[a-z]+ value")


@pytest.fixture
def files(elsewhere, tmp_path):
    write_csv("rows.csv", [["size", "y"], *([i / 7, i % 2] for i in range(20))])
    write_csv("words.csv", [["name", "size", "kind"], *(["n", i, "ab"[i % 2]] for i in range(20))])
    write_idx("images.idx", np.zeros((6, 2, 2)))
    write_idx("labels.idx", np.arange(6) % 3)
    (tmp_path / "folder").mkdir()


def check(words, capsys):
    code, said = main(["train", "--data", "xor", *words]), capsys.readouterr()
    assert code in (0, 2), (code, said.err)
    if code == 2:
        assert said.err.count("\n") == 1 and said.err.startswith("jaxbrain train: error: ")
        message = said.err.replace("\0", "")
        assert not PYTHON.search(message), message
    else:
        assert not said.err


@pytest.fixture
def reads_only(monkeypatch):
    """The command reads its data, and does not train."""
    monkeypatch.setattr(train, "main", lambda options: 0 if load(options) else 1)


SHARED = [hypothesis.HealthCheck.function_scoped_fixture]


@hypothesis.settings(deadline=None, derandomize=True, max_examples=60, suppress_health_check=SHARED)
@hypothesis.given(WORDS)
def test_any_words(files, reads_only, capsys, words):
    check(words, capsys)


@pytest.mark.slow
@hypothesis.settings(deadline=None, max_examples=1_500, suppress_health_check=SHARED)
@hypothesis.given(WORDS)
def test_any_words_for_long(files, reads_only, capsys, words):
    check(words, capsys)
