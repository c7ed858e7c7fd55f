"""Errors of the command line: one line, and a fix in terms of the options."""

from jaxbrain.cli.errors import CommandError, in_options


def test_a_message_is_one_line():
    error = CommandError("two\n  lines", code=1)
    assert str(error) == "two lines" and error.code == 1
    assert CommandError("a mistake").code == 2


def test_the_fix_of_the_library_is_replaced():
    assert in_options(ValueError("no mask; pass mask=..."), "give --mask") == "no mask; give --mask"
    assert in_options(ValueError("no mask"), "give --mask") == "no mask; give --mask"
