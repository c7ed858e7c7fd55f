"""Errors that the command line reports in one line instead of a traceback."""


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
    return f"{finding}; {fix}"
