"""Errors of the command line: one line, and a fix in terms of the options."""

import jax
import pytest

import jaxbrain as jb
from jaxbrain.cli.errors import CommandError, in_command_line, in_options


def test_a_message_is_one_line():
    error = CommandError("two\n  lines", code=1)
    assert str(error) == "two lines" and error.code == 1
    assert CommandError("a mistake").code == 2


def test_the_fix_of_the_library_is_replaced():
    assert in_options(ValueError("no mask; pass mask=..."), "give --mask") == "no mask; give --mask"
    assert in_options(ValueError("no mask"), "give --mask") == "no mask; give --mask"


def test_networks_are_not_written_as_python():
    relu = jb.elementwise(jax.nn.relu)
    net = jb.serial(jb.dense(4), relu, jb.dense(2))
    said = in_options(ValueError(f"no inverse of {relu!r}, in {net!r}, is known; use jb.x"), "no")
    assert said == "no inverse of relu, in the network, is known; no"


@pytest.mark.parametrize(
    ("python", "options"),
    [
        (
            "pass header=True to confirm, or header=False",
            "give --header to confirm, or --no-header",
        ),
        (
            "Pass regression=True, or regression=False for",
            "Give --regression, or --classification for",
        ),
        ('pass delimiter=";"', 'give --delimiter ";"'),
        ('pass delimiter="\\t"', 'give --delimiter "\\t"'),
        ('with without=["a b"], or target="a b"', 'with --without "a b", or --target "a b"'),
        ("without=[0] leaves it out", "--without 0 leaves it out"),
        ("choose another column with target=, or", "choose another column with --target, or"),
        ("table: delimiter cannot be", "--delimiter cannot be"),
        ("the target 'without' is x=1", "the target 'without' is x=1"),
    ],
)
def test_arguments_of_the_reader_become_options(python, options):
    assert in_command_line(python) == options
