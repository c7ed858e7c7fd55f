"""Errors that the command line reports in one line instead of a traceback."""

import re

_FLAGS = {
    "header=True": "--header",
    "header=False": "--no-header",
    "regression=True": "--regression",
    "regression=False": "--classification",
}
_FLAG = re.compile(r"\b(?:header|regression)=(?:True|False)\b")
_VALUE = re.compile(r'\b(target|without|delimiter|decimal)=\[?("[^"]*"|\d+|)\]?')

_ACTIVATION = re.compile(r"elementwise\(jax\.(?:nn|numpy)\.(\w+)\)")
_NETWORK = re.compile(r"serial\((?:[^()]|\([^()]*\))*\)")


class CommandError(Exception):
    """A mistake in the arguments or the files, or a command that failed.

    Attributes:
      code: the exit code: 2 for a mistake of the user, 1 for a failure.
    """

    def __init__(self, message: object, *, code: int = 2):
        super().__init__(" ".join(str(message).split()))
        self.code = code


def in_options(error: Exception, fix: str) -> str:
    """The message of an error of the library, with a fix in terms of the options.

    Examples:
      >>> in_options(ValueError("pepita needs a hidden layer; use jb.serial(...)"), "give --hidden")
      'pepita needs a hidden layer; give --hidden'
    """
    finding, *_ = str(error).split("; ")
    finding = _NETWORK.sub("the network", _ACTIVATION.sub(r"\1", finding))
    return f"{finding}; {fix}"


def in_command_line(sentence: str) -> str:
    """A sentence about the arguments of ``datasets.table``, with the options instead.

    Examples:
      >>> in_command_line('pass header=False, or without=["id"]')
      'give --no-header, or --without "id"'
    """
    sentence = re.sub(r"^table: ", "--", sentence).replace("pass ", "give ").replace("Pass", "Give")
    sentence = _FLAG.sub(lambda found: _FLAGS[found.group()], sentence)
    return _VALUE.sub(lambda found: f"--{found[1]} {found[2]}".strip(), sentence)
