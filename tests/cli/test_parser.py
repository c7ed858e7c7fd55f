"""Options: help, choices, and mistakes reported in one line."""

import pytest

from jaxbrain.__main__ import main
from jaxbrain.cli.parser import RULES, make_parser
from tests import tables
from tests.command_line import assert_mistake, options

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_help(capsys):
    assert main([]) == 0
    said = capsys.readouterr().out
    assert "exit codes: 0 success, 1 a failure, 2 a mistake" in said
    assert all(name in said for name in ("demo", "train", "doctor"))
    for command in ("demo", "train", "doctor"):
        assert main([command, "--help"]) == 0
        assert f"python -m jaxbrain {command}" in capsys.readouterr().out


def test_every_rule_can_be_asked_for():
    """The list is written out, so that --help need not import jax."""
    assert set(RULES) == set(tables.RULES)
    assert make_parser().parse_args(["demo", "--rules", "all"]).rules == RULES
    some = make_parser().parse_args(["demo", "--rules", "pepita, kolen_pollack,pepita"])
    assert some.rules == ("backprop", "pepita", "kolen_pollack")


def test_sizes_and_batches():
    assert options("--hidden", "32,16").hidden == (32, 16)
    assert options("--hidden", "none").hidden == ()
    assert options("--batch-size", "full").batch_size is None
    assert options("--target", "-1").target == -1 and options("--target", "kind").target == "kind"
    assert options("--target", "1_0").target == "1_0"


def test_options_of_a_table():
    found = options("--without", "id", "--without", 2, "--delimiter", "\\t", "--no-header")
    assert found.without == ["id", 2] and found.delimiter == "\t" and found.header is False
    assert options().regression is None and options().header is None
    assert options("--regression").regression is True
    assert options("--classification").regression is False


MISTAKES = [
    (["demo", "--speed", "3"], "there is no option --speed; did you mean --seeds?"),
    (["train", "--learnin-rate=3"], "no option --learnin-rate; did you mean --learning-rate?"),
    (["train", "flowers.csv"], "unexpected word 'flowers.csv'; values follow their option"),
    (["train", "--delimiter", "ab"], "--delimiter: expected one character, or \\t for a tab"),
    (["train", "--rule", "BackProp"], "did you mean backprop?"),
    (["train", "--learning-rate", "1_0"], "a number above 0, got '1_0'"),
    (["train", "--epochs", "9" * 5000], "from 1 to 2^31 - 1"),
    (["train", "--regression", "--classification"], "not allowed with"),
    (["demo", "--rules", "backprop,feed_alignment"],
     "there is no rule 'feed_alignment'; did you mean feedback_alignment?"),
    (["train", "--rule", "predictive_codng"], "did you mean predictive_coding?"),
    (["train", "--rule", "hebb"], "choose one of backprop, feedback_alignment"),
    (["train", "--optimizer", "lion"], "there is no optimizer 'lion'; choose one of adam, adamw"),
    (["train", "--activation", "step"], "choose one of relu, tanh"),
    (["train", "--hidden", "12,x"], "sizes such as 128,64, or none, got '12,x'"),
    (["train", "--hidden", "0"], "sizes such as 128,64"),
    (["train", "--epochs", "0"], "a whole number from 1 to 2^31 - 1, got '0'"),
    (["train", "--batch-size", "all"], "a whole number from 1, or full, got 'all'"),
    (["train", "--learning-rate", "nan"], "a number above 0, got 'nan'"),
    (["train", "--test-fraction", "1"], "from 0 to below 1, got '1'"),
    (["train", "--seed", "-1"], "argument --seed"),
    (["train", "--test-fraction", "0.5", "--train-rows", "3"], "not allowed with"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES]
)
def test_a_mistake_is_reported_in_one_line(words, message, capsys):
    assert_mistake(words, message, capsys)


def test_a_command_that_does_not_exist(capsys):
    assert main(["fly"]) == 2
    assert "no command 'fly'; choose one of demo, train, doctor" in capsys.readouterr().err
    assert main(["trian"]) == 2
    assert "no command 'trian'; did you mean train?" in capsys.readouterr().err
